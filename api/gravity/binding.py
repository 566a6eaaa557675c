"""From a route to an aiohttp handler in the Gravity dialect: its key, its envelope, its refusals.

Every answer is {"data", "isError", "errorMessage"}, whatever its status.
"""

from __future__ import annotations

from typing import Any, Final, cast

from aiohttp import web
from aiohttp.typedefs import Handler

from api.app_keys import NODE
from api.native.binding import answer
from api.passing import PASSING
from api.problems import Problem
from api.routes import OpenHandler, Route
from node.deployments import DeploymentKey

KEY: Final = web.RequestKey("deployment_key", DeploymentKey)
"""The key by which a request came."""

HEADER: Final = "x-api-key"
_PREFIX: Final = "/api/v1/"


def speaks(path: str) -> bool:
    """Whether a path is one of this dialect."""
    return path.startswith(_PREFIX)


def bind(route: Route) -> Handler:
    """The handler to register: but for open routes, the key is checked before the call."""
    handler = cast("OpenHandler", route.handler)
    if route.access == "open":
        return handler

    async def handle(request: web.Request) -> web.StreamResponse:
        key = await request.app[NODE].deployment_keys.check(request.headers.get(HEADER, ""))
        if key is None:
            raise Problem(
                401,
                "unauthorized",
                f"The {HEADER} is missing, unknown or revoked.",
                "Send a key of the deployment, as `suffice deployment key` made it.",
            )
        request[KEY] = key
        PASSING.get().user = key.user
        return await handler(request)

    return handle


def enveloped(data: Any) -> web.Response:
    """An answer that is no refusal."""
    return answer({"data": data, "isError": False, "errorMessage": None})


def refusal(_request: web.Request, problem: Problem) -> web.Response:
    """A refusal, with its HTTP status."""
    between = " " if problem.message.endswith(".") else ": "
    message = f"{problem.message}{between}{problem.remedy}" if problem.remedy else problem.message
    return answer({"data": None, "isError": True, "errorMessage": message}, problem.status)
