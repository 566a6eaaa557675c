"""How the Morpheo dialect refuses: its storage service writes `error` where its other calls write `Error`."""

from __future__ import annotations

from typing import Final

from aiohttp import hdrs, web

from api.native.binding import answer
from api.problems import Problem

STORAGE: Final = "/storage"

_CHALLENGE: Final = 'Basic realm="suffice", charset="UTF-8"'


def speaks(path: str) -> bool:
    """Whether a path is one of this dialect."""
    return path == STORAGE or path.startswith(STORAGE + "/")


def refusal(request: web.Request, problem: Problem) -> web.Response:
    """A refusal in the form of the service that was asked."""
    name = "error" if request.path.startswith(STORAGE) else "Error"
    response = answer({name: f"{problem.message} {problem.remedy}".strip()}, problem.status)
    if problem.status == 401:
        response.headers[hdrs.WWW_AUTHENTICATE] = _CHALLENGE
    return response
