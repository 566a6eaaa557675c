"""POST /: any number of files in one multipart form, each under the path that its field's name says."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from multipart import MultipartSegment

from api.app_keys import NODE
from api.forms import form_parts
from api.passing import PASSING

MAX_FILES: Final = 10_000
"""Files in one request."""


async def upload(request: web.Request) -> web.Response:
    """Keep all files of the form, or none if it does not arrive whole; answers the list of their paths."""
    async with request.app[NODE].files.upload(PASSING.get().user) as arriving:
        arriving.expect(request.content_length or 0)
        async for event in form_parts(request, MAX_FILES):
            if isinstance(event, MultipartSegment):
                await arriving.begin(event.name)
            else:
                await arriving.write(event)
        files = await arriving.commit()
    return web.json_response([file.path for file in files])
