"""What browsers want to know before pages of other sites may ask.

Any page may: it has to bring a token of its own, for no cookie goes with what a page asks of another site.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import hdrs, web

SECONDS = 86400
"""How long a browser may remember the answer."""


def allow(response: web.StreamResponse) -> None:
    """Let the page that asked see this answer."""
    response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = "*"


def preflight(request: web.Request, methods: Sequence[str]) -> web.Response:
    """The answer to OPTIONS: these methods, and whatever headers the page wants to send."""
    wanted = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, "*")
    response = web.Response(
        headers={
            hdrs.ACCESS_CONTROL_ALLOW_METHODS: ", ".join(methods),
            hdrs.ACCESS_CONTROL_ALLOW_HEADERS: wanted,
            hdrs.ACCESS_CONTROL_MAX_AGE: str(SECONDS),
        }
    )
    allow(response)
    return response
