"""The file host's application: who may do what, and every refusal as a line of text.

Its clients fork while their connections are open, so each reply closes its connection.
"""

from __future__ import annotations

import logging
import time
from typing import Final
from uuid import uuid4

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from api.access import check_role
from api.app_keys import NODE
from api.clearml.identity import COOKIE, identify
from api.cross_origin import allow, preflight
from api.files.downloads import download
from api.files.removal import delete, delete_many
from api.files.uploads import upload
from api.passing import PASSING, Passing
from api.problems import Problem, internal, of_node
from api.routes import Access
from node.errors import NodeError
from node.node import Node
from node.sessions import Caller

CHALLENGE: Final = 'Basic realm="suffice files", charset="UTF-8"'

_PATH: Final = r"/{path:[\s\S]+}"

_METHODS: Final = ("GET", "HEAD", "POST", "DELETE", "OPTIONS")
_SHOWN: Final = (hdrs.CONTENT_DISPOSITION, hdrs.CONTENT_RANGE, hdrs.ETAG)
"""The headers of an answer that pages of other sites see beside the few that they always do."""

log = logging.getLogger("suffice.files")
access_log = logging.getLogger("suffice.access")


def make_files_app(node: Node) -> web.Application:
    """The application that serves a node's files; it has no limit to how long a request may take."""
    app = web.Application(middlewares=[_surround], client_max_size=2**20)
    app[NODE] = node
    app.on_response_prepare.append(_finish)
    app.router.add_get("/", _ping)
    app.router.add_post("/", _for("user", upload))
    app.router.add_post("/delete_many", _for("user", delete_many))
    app.router.add_get(_PATH, _for("annotator", download))
    app.router.add_delete(_PATH, _for("user", delete))
    app.router.add_options(r"/{path:[\s\S]*}", _preflight)
    return app


async def _ping(_request: web.Request) -> web.Response:
    return web.Response(text="OK")


async def _preflight(request: web.Request) -> web.Response:
    return preflight(request, _METHODS)


def _for(needed: Access, handler: Handler) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        caller = _viewer(request) or await identify(request.app[NODE], request, "files")
        if caller is None:
            raise Problem(401, "unauthorized", "No key was shown.", "Send a key by HTTP Basic, or a token.")
        check_role(caller.role, needed)
        PASSING.get().user = caller.user.login
        return await handler(request)

    return handle


def _viewer(request: web.Request) -> Caller | None:
    """Who looks at a page that shows a file. Reading changes nothing, so the page may be at another port."""
    if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD) or hdrs.AUTHORIZATION in request.headers:
        return None
    return request.app[NODE].sessions.by_token(request.cookies.get(COOKIE, ""))


async def _finish(_request: web.Request, response: web.StreamResponse) -> None:
    response.force_close()
    response.headers[hdrs.CONNECTION] = "close"
    allow(response)
    response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = ", ".join(_SHOWN)


@web.middleware
async def _surround(request: web.Request, handler: Handler) -> web.StreamResponse:
    started = time.perf_counter()
    PASSING.set(passing := Passing())
    try:
        response = await handler(request)
    except Exception as error:
        response = _refusal(request, error)
    if access_log.isEnabledFor(logging.INFO):
        access_log.info(
            "files %s %d %.1f ms %s %s",
            request.method,
            response.status,
            (time.perf_counter() - started) * 1e3,
            passing.user,
            request.remote,
        )
    return response


def _refusal(request: web.Request, error: Exception) -> web.Response:
    problem = _problem(request, error)
    response = web.Response(status=problem.status, text=f"{problem.message} {problem.remedy}".strip() + "\n")
    if problem.status == 401:
        response.headers[hdrs.WWW_AUTHENTICATE] = CHALLENGE
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers[hdrs.ALLOW] = ", ".join(sorted(error.allowed_methods))
    return response


def _problem(request: web.Request, error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, NodeError):
        return of_node(error)
    if isinstance(error, web.HTTPException):
        return Problem(error.status, "http_error", error.reason or "The request was refused.")
    incident = uuid4().hex[:12]
    log.error("incident %s: %s of a file", incident, request.method, exc_info=error)
    return internal(incident)
