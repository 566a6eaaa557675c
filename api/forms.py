"""Bodies that are taken as they come, never held as a whole: multipart forms, and plain bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import hdrs, web
from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser
from multipart import parse_options_header as parse_header

from api.problems import Problem, bad_request

STALL_SECONDS: Final = 60.0
"""How long nothing may arrive of a body; how long the whole takes is not limited."""
MAX_HEADER: Final = 16 * 2**10
"""Bytes of one header of a part: a file's may hold a path twice, as the field's name and as the file's."""


async def form_parts(request: web.Request, most: int) -> AsyncIterator[MultipartSegment | bytearray]:
    """A form of at most so many parts, as it arrives: a part's head, then what it holds, piece by piece.

    Raises `Problem`: 400 for what is no form or does not arrive whole, 413 for too many parts, 408 if nothing
    comes any more.
    """
    kind, options = parse_header(request.headers.get(hdrs.CONTENT_TYPE, ""))
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not 0 < len(boundary) <= 200 or not boundary.isascii():
        raise bad_request(
            "A file comes as multipart/form-data with a boundary.", "Let your client write the form."
        )
    try:
        with PushMultipartParser(boundary, max_header_size=MAX_HEADER, max_segment_count=most) as parser:
            async for data in body_pieces(request):
                for event in parser.parse(data):
                    if event is not None:
                        yield event
    except ParserLimitReached as error:
        raise Problem(413, "too_large", f"The form is too large: {error}.", "Send fewer files.") from None
    except MultipartError as error:
        raise bad_request(f"The form is broken: {error}.", "Send it again.") from None


async def body_pieces(request: web.Request) -> AsyncIterator[bytes]:
    """The body, piece by piece. Raises `Problem`: 400 if it breaks off, 408 if nothing comes any more."""
    try:
        while data := await _more(request):
            yield data
    except web.RequestPayloadError as error:
        raise bad_request(f"The body is broken: {error}.", "Send it again.") from None


async def _more(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(STALL_SECONDS):
            return await request.content.readany()
    except TimeoutError:
        raise Problem(
            408, "timeout", f"Nothing of the body arrived for {STALL_SECONDS:g} s.", "Send it again."
        ) from None
