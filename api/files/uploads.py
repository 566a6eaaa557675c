"""POST /: any number of files in one multipart form, each under the path that its field's name says."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import hdrs, web
from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser
from multipart import parse_options_header as parse_header

from api.app_keys import NODE
from api.passing import PASSING
from api.problems import Problem, bad_request
from node.file_store import Upload

STALL_SECONDS: Final = 60.0
"""How long nothing may arrive of an upload; how long the whole takes is not limited."""
MAX_FILES: Final = 10_000
"""Files in one request."""
MAX_HEADER: Final = 16 * 2**10
"""Bytes of one header of a part: it holds the path twice, as the field's name and as the file's."""


async def upload(request: web.Request) -> web.Response:
    """Keep all files of the form, or none if it does not arrive whole; answers the list of their paths."""
    kind, options = parse_header(request.headers.get(hdrs.CONTENT_TYPE, ""))
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not 0 < len(boundary) <= 200 or not boundary.isascii():
        raise bad_request(
            "A file comes as multipart/form-data with a boundary.", "Name each part by the file's path."
        )
    async with request.app[NODE].files.upload(PASSING.get().user) as arriving:
        arriving.expect(request.content_length or 0)
        try:
            await _receive(request, boundary, arriving)
        except ParserLimitReached as error:
            raise Problem(413, "too_large", f"The form is too large: {error}.", "Send fewer files.") from None
        except MultipartError as error:
            raise bad_request(f"The form is broken: {error}.", "Send it again.") from None
        except web.RequestPayloadError as error:
            raise bad_request(f"The body is broken: {error}.", "Send it again.") from None
        files = await arriving.commit()
    return web.json_response([file.path for file in files])


async def _receive(request: web.Request, boundary: str, arriving: Upload) -> None:
    parser = PushMultipartParser(boundary, max_header_size=MAX_HEADER, max_segment_count=MAX_FILES)
    with parser:
        while data := await _more(request):
            for event in parser.parse(data):
                if isinstance(event, MultipartSegment):
                    await arriving.begin(event.name)
                elif event is not None:
                    await arriving.write(event)


async def _more(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(STALL_SECONDS):
            return await request.content.readany()
    except TimeoutError:
        raise Problem(
            408, "timeout", f"Nothing of the upload arrived for {STALL_SECONDS:g} s.", "Send it again."
        ) from None
