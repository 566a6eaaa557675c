"""The aiohttp application over one node: the route table bound to it, and what every request passes through.

Every request gets an id, a time limit, an access log line (without query, headers or body: they hold secrets)
and its place in the metrics; every refusal gets the form of the dialect whose path was asked for.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import cache
from typing import Any, Final
from uuid import uuid4

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from api import clearml, gravity, morpheo, native, symetry
from api.app_keys import BODIES, DOCUMENT, METRICS, NODE, STOPPING
from api.bodies import Bodies
from api.metrics import Metrics
from api.openapi import document
from api.passing import PASSING, Passing
from api.problems import Problem, bad_request, internal, of_node
from api.routes import Route
from node.errors import NodeError
from node.node import Node

REQUEST_SECONDS: Final = 120.0
"""No request takes longer: what does is a job. Long polls end well before."""

ROUTES: Final[tuple[Route, ...]] = (
    *native.ROUTES,
    *symetry.ROUTES,
    *morpheo.ROUTES,
    *gravity.ROUTES,
)

_DIALECTS: Final = {"native": native, "symetry": symetry, "morpheo": morpheo, "gravity": gravity}
_REFUSALS: Final = {
    "native": native.refusal,
    "symetry": symetry.refusal,
    "clearml": clearml.refusal,
    "morpheo": morpheo.refusal,
    "gravity": gravity.refusal,
}

log = logging.getLogger("suffice.api")
access_log = logging.getLogger("suffice.access")


def make_app(
    node: Node, *, bodies: Bodies | None = None, request_seconds: float = REQUEST_SECONDS
) -> web.Application:
    """The application that speaks every dialect over `node`, which its caller starts and stops."""
    app = web.Application(middlewares=[_middleware(request_seconds)])
    app[NODE] = node
    app[BODIES] = bodies or Bodies()
    app[METRICS] = Metrics()
    written: Callable[[], dict[str, Any]] = cache(lambda: document(ROUTES, clearml.ENDPOINTS))
    app[DOCUMENT] = written
    app[STOPPING] = asyncio.Event()
    app.on_shutdown.append(_say_stopping)
    for route in ROUTES:
        app.router.add_route(
            route.method,
            route.path,
            _DIALECTS[route.dialect].bind(route),
            expect_handler=None if route.streamed else app[BODIES].expect,
        )
    for path in clearml.PATHS:
        for method in clearml.METHODS:
            app.router.add_route(method, path, clearml.handle, expect_handler=app[BODIES].expect)
    return app


async def _say_stopping(app: web.Application) -> None:
    app[STOPPING].set()


def _middleware(request_seconds: float) -> Middleware:
    @web.middleware
    async def surround(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        app = request.app
        PASSING.set(passing := Passing())
        try:
            async with asyncio.timeout(request_seconds) as passing.limit:
                response = await handler(request)
        except Exception as error:
            response = _refusal(request, error)
        finally:
            app[BODIES].release(passing)
        seconds = time.perf_counter() - started
        resource = request.match_info.route.resource
        route = passing.route or (resource.canonical if resource else "unknown")
        sent = response.content_length or 0
        app[METRICS].answered(
            request.method, route, response.status, seconds, request.content_length or 0, sent
        )
        if access_log.isEnabledFor(logging.INFO):
            access_log.info(
                "%s %s %d %d B %.1f ms %s %s",
                request.method,
                route,
                response.status,
                sent,
                seconds * 1e3,
                passing.user,
                request.remote,
            )
        return response

    return surround


def _refusal(request: web.Request, error: Exception) -> web.Response:
    """Any exception in the form of the request's dialect; the unforeseen is logged under an incident's id."""
    problem = _problem(request, error)
    dialect = _dialect(request.path)
    request.app[METRICS].refused(dialect, problem.code)
    response: web.Response = _REFUSALS[dialect](request, problem)
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers[hdrs.ALLOW] = ", ".join(sorted(error.allowed_methods))
    return response


def _dialect(path: str) -> str:
    if path.startswith("/symetry/"):
        return "symetry"
    if morpheo.speaks(path):
        return "morpheo"
    if gravity.speaks(path):
        return "gravity"
    return "clearml" if clearml.speaks(path) else "native"


def _problem(request: web.Request, error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, NodeError):
        return of_node(error)
    if isinstance(error, web.HTTPMethodNotAllowed):
        return Problem(
            405, "method_not_allowed", f"{request.method} is not a method of this path.", "See /docs."
        )
    if isinstance(error, web.HTTPNotFound):
        return Problem(404, "not_found", "There is no such path.", "See /docs for the paths there are.")
    if isinstance(error, web.HTTPException):
        return Problem(error.status, "http_error", error.reason or "The request was refused.")
    if isinstance(error, TimeoutError):
        return Problem(
            503,
            "timeout",
            "The node did not finish in time; whether it did the work is open.",
            "Use a job for it.",
        )
    if isinstance(error, ConnectionError) and (request.transport is None or request.transport.is_closing()):
        return bad_request("The connection ended before the request was whole.", "Send it again.")
    incident = uuid4().hex[:12]
    log.error("incident %s: %s %s", incident, request.method, request.path, exc_info=error)
    return internal(incident)
