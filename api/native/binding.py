"""From a route to an aiohttp handler where keys come by HTTP Basic: roles, bodies, answers, refusals."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final, cast

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from api.access import check_role
from api.app_keys import BODIES, NODE
from api.bodies import parse_json
from api.passing import PASSING
from api.problems import Problem, bad_request, of_validation
from api.routes import Call, CallHandler, OpenHandler, Route
from node.keys import AccessKey
from node.node import Node

_JSON: Final = "application/json"
_MANY_ROWS: Final = 1000
_CHALLENGE: Final = 'Basic realm="suffice", charset="UTF-8"'


def bind(route: Route) -> Handler:
    """The handler to register: open routes as they are, others behind key, role, query and body."""
    if route.access == "open":
        return cast("OpenHandler", route.handler)
    handler = cast("CallHandler", route.handler)

    async def handle(request: web.Request) -> web.StreamResponse:
        node = request.app[NODE]
        _check_origin(request)
        key = authenticate(node, request.headers.get(hdrs.AUTHORIZATION), request.remote)
        PASSING.get().user = key.user
        check_role(key.role, route.access)
        query = None if route.query is None else parse_query(route.query, request)
        body = None
        if route.body is not None and not route.streamed:
            data = await request.app[BODIES].read(request)
            if data or route.body_required:
                body = validated(route.body, await parse_json(data), "request body")
        return await handler(Call(request, node, key, body, query))

    return handle


def authenticate(node: Node, header: str | None, address: str | None) -> AccessKey:
    """The key of an `Authorization: Basic` header. Raises `Problem` 401, the same for either wrong half."""
    key = node.keys.check(*_basic(header or ""), address)
    if key is None:
        raise Problem(
            401,
            "unauthorized",
            "The access key and secret key are missing or do not belong together.",
            "Send HTTP Basic with access_key and secret_key of credentials.json or `suffice keys create`.",
        )
    return key


def _check_origin(request: web.Request) -> None:
    """Raise `Problem` 403 for a page of another site: its browser would send a remembered password along."""
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is not None and origin.partition("://")[2] != request.host:
        raise Problem(
            403,
            "forbidden",
            "The request comes from a page of another site.",
            "Use a page of this node, or none.",
        )


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return user, password


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
        response.headers[hdrs.WWW_AUTHENTICATE] = _CHALLENGE
    return response
