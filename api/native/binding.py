"""From a route to an aiohttp handler where keys come by HTTP Basic: roles, bodies, answers, refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from api.access import check_role
from api.app_keys import BODIES, NODE
from api.basic import CHALLENGE, authenticate, check_origin
from api.bodies import parse_json
from api.passing import PASSING
from api.problems import Problem, bad_request, of_validation
from api.routes import Call, CallHandler, OpenHandler, Route

_JSON: Final = "application/json"
_MANY_ROWS: Final = 1000

Check = Callable[[type[BaseModel], Any], Any]


def bind(route: Route, check: Check | None = None) -> Handler:
    """The handler to register: open routes as they are, others behind key, role, query and body.

    check: what makes the route's model of a JSON body, if it is to be refused in other words.
    """
    if route.access == "open":
        return cast("OpenHandler", route.handler)
    handler = cast("CallHandler", route.handler)

    async def handle(request: web.Request) -> web.StreamResponse:
        node = request.app[NODE]
        check_origin(request)
        key = authenticate(node, request.headers.get(hdrs.AUTHORIZATION), request.remote)
        PASSING.get().user = key.user
        check_role(key.role, route.access)
        query = None if route.query is None else parse_query(route.query, request)
        body = None
        if route.body is not None and not route.streamed:
            data = await request.app[BODIES].read(request)
            if data or route.body_required:
                body = (check or _checked)(route.body, await parse_json(data))
        return await handler(Call(request, node, key, body, query))

    return handle


def _checked(model: type[BaseModel], value: Any) -> Any:
    return validated(model, value, "request body")


def parse_query(model: type[BaseModel], request: web.Request) -> Any:
    """The query as the route's model; a parameter given several times is a list. Raises `Problem` 400."""
    query = request.query
    return validated(
        model,
        {name: query.getall(name) if len(query.getall(name)) > 1 else query[name] for name in query},
        "query",
    )


def validated(model: type[BaseModel], value: Any, where: str) -> Any:
    """The value as the model; raises `Problem` 400 naming its mistakes."""
    if not isinstance(value, dict):
        raise bad_request(f"The {where} is not a JSON object.", "See /docs for this call.")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise of_validation(error, where) from None


def answer(value: Any, status: int = 200) -> web.Response:
    """Plain data as a line of JSON; a number that JSON does not have becomes null."""
    return web.Response(body=to_json(value, inf_nan_mode="null") + b"\n", status=status, content_type=_JSON)


async def answer_columns(columns: Mapping[str, NDArray[Any]], rows: int) -> web.Response:
    """Columns of one value per row; written in a thread where they are long."""

    def write() -> bytes:
        return to_json(
            {"columns": {key: values.tolist() for key, values in columns.items()}}, inf_nan_mode="null"
        )

    body = write() if rows < _MANY_ROWS else await asyncio.to_thread(write)
    return web.Response(body=body, content_type=_JSON)


def refusal(request: web.Request, problem: Problem) -> web.Response:
    """A refusal in the native form."""
    response = answer(
        {"error": {"code": problem.code, "message": problem.message, "remedy": problem.remedy}},
        problem.status,
    )
    if problem.status == 401:
        response.headers[hdrs.WWW_AUTHENTICATE] = CHALLENGE
    return response
