"""A backup of the node, as it runs."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from aiohttp import hdrs, web

from api.passing import PASSING
from api.routes import Call, Route
from api.streams import in_thread, send


async def backup(call: Call) -> web.StreamResponse:
    """The whole node as a tar; takes as long as it takes."""
    PASSING.get().unhurried()
    async with call.node.backup() as archive:
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", call.node.name) or "node"
        name += f"-{datetime.now(UTC):%Y%m%d-%H%M%S}.tar"
        response = web.StreamResponse(
            headers={
                hdrs.CONTENT_TYPE: "application/x-tar",
                hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}"',
            }
        )
        response.content_length = archive.size
        return await send(call.request, response, in_thread(archive.chunks()))


ROUTES: Final = (
    Route(
        "GET",
        "/api/backup",
        backup,
        "A backup of the running node",
        access="admin",
        answers={200: "A tar: manifest.json with size and SHA-256 of every part, then the parts."},
    ),
)
