"""From a request to an endpoint of the ClearML dialect and back: one handler for all of its paths."""

from __future__ import annotations

import re
from typing import Final

from aiohttp import web

from api.access import check_role
from api.app_keys import BODIES, NODE
from api.clearml import registry, wire
from api.clearml.endpoint import ClearmlCall, Endpoint, Request, Version, parse_version
from api.clearml.errors import ApiError, of_problem
from api.clearml.identity import identify, impersonate
from api.cross_origin import preflight
from api.passing import PASSING
from api.problems import Problem
from node.errors import NodeError
from node.node import Node
from node.sessions import Caller

METHODS: Final = ("GET", "POST", "PUT", "OPTIONS")
_PATH: Final = re.compile(
    "|".join(re.sub(r"\{\w+:((?:[^{}]|\{[^{}]*\})+)\}", r"(?:\1)", path) for path in wire.PATHS)
)


def speaks(path: str) -> bool:
    """Whether a path is this dialect's."""
    return _PATH.fullmatch(path) is not None


async def handle(request: web.Request) -> web.StreamResponse:
    """Answer a request to any path in `wire.PATHS`."""
    if request.method == "OPTIONS":
        allowed = preflight(request, METHODS)
        wire.finish(allowed)
        return allowed
    meta = wire.meta_of(request)
    asked = request.match_info.get("version")
    version = meta.asked = parse_version(asked[1:]) if asked else registry.NEWEST
    meta.name = wire.endpoint_name(request)
    endpoint = registry.find(meta.name, version)
    meta.actual = endpoint.version
    PASSING.get().route = f"/{endpoint.name}"
    try:
        node = request.app[NODE]
        caller = await _caller(node, request, endpoint)
        call = await _call(node, request, endpoint, caller, version)
        data = await endpoint.handler(call)
    except NodeError as error:
        raise of_problem(error) from error
    if isinstance(data, (dict, bytes)):
        return wire.answer(request, data)
    wire.finish(data)
    return data


async def _caller(node: Node, request: web.Request, endpoint: Endpoint) -> Caller | None:
    try:
        caller = await identify(node, request, endpoint.name)
    except ApiError:
        if endpoint.access != "open":
            raise
        caller = None
    if caller is None:
        if endpoint.access != "open":
            raise ApiError(401, 20)
        return None
    PASSING.get().user = caller.user.login
    caller = impersonate(node, request, caller)
    if endpoint.access != "open":
        check_role(caller.role, endpoint.access)
    return caller


async def _call(
    node: Node, request: web.Request, endpoint: Endpoint, caller: Caller | None, version: Version
) -> ClearmlCall[Request]:
    wire.check_encoding(request)
    data, items = await wire.parse_body(request, await request.app[BODIES].read(request))
    if items is not None and not endpoint.batch:
        raise ApiError(400, 12, "this endpoint takes no batches")
    if items is None and endpoint.batch:
        items = [data] if data else []
    body = endpoint.request.read(data)
    worker = wire.header(request, "Worker")
    return ClearmlCall(request, node, caller, body, data, items or [], version, worker)


def refusal(request: web.Request, problem: Problem) -> web.Response:
    """A refusal in ClearML's form."""
    return wire.refuse(request, of_problem(problem))
