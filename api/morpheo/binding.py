"""From a route to an aiohttp handler in the Morpheo dialect, and how it refuses.

Keys, roles and queries are as in the native dialect; a JSON body that is not as it should be is refused in
the orchestrator's words. The storage service writes `error` where the other calls write `Error`.
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ValidationError

from api import native
from api.basic import CHALLENGE
from api.native.binding import answer
from api.problems import Problem, bad_request, of_validation
from api.routes import Route

STORAGE: Final = "storage"

_PLACES: Final = frozenset(
    {
        "problem",
        "algo",
        "data",
        "prediction",
        "worker",
        "learndone",
        "preddone",
        "learnuplet",
        "preduplet",
        STORAGE,
    }
)
"""The first parts of this dialect's paths."""


def speaks(path: str) -> bool:
    """Whether a path is one of this dialect."""
    return _place(path) in _PLACES


def bind(route: Route) -> Handler:
    """The handler to register: key, role, query and body are checked before the call."""
    return native.bind(route, _validated)


def _validated(model: type[BaseModel], value: Any) -> Any:
    if not isinstance(value, dict):
        raise bad_request("wrong key in posted data: it is not a JSON object")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problem = of_validation(error, "posted data")
        raise bad_request(f"wrong key in posted data. {problem.message}", problem.remedy) from None


def refusal(request: web.Request, problem: Problem) -> web.Response:
    """A refusal in the form of the service that was asked."""
    name = "error" if _place(request.path) == STORAGE else "Error"
    text = f"{problem.message.rstrip('.')}. {problem.remedy}" if problem.remedy else problem.message
    response = answer({name: text}, problem.status)
    if problem.status == 401:
        response.headers[hdrs.WWW_AUTHENTICATE] = CHALLENGE
    return response


def _place(path: str) -> str:
    return path.split("/", 2)[1]
