"""Bodies that are taken as they come, never held as a whole: multipart forms, and plain bytes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, TypeVar
from urllib.parse import unquote

from aiohttp import hdrs, web
from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser
from multipart import parse_options_header as parse_header

from api.problems import Problem, bad_request
from node.file_store import Upload

T = TypeVar("T")

STALL_SECONDS: Final = 60.0
"""How long nothing may arrive of a body; how long the whole takes is not limited."""
MOST_PARTS: Final = 16
MOST_DATA: Final = 2**20
LONGEST_FILE_NAME: Final = 255
MAX_HEADER: Final = 16 * 2**10
"""Bytes of one header of a part: a file's may hold a path twice, as the field's name and as the file's."""


_EXTENDED_NAME: Final = re.compile(r";\s*filename\*\s*=\s*utf-8'[\w-]*'([^;\s\"]+)", re.IGNORECASE)


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


async def data_and_file(
    request: web.Request, upload: Upload, path: str, take: Callable[[bytes], Awaitable[T]]
) -> tuple[T, str]:
    """A form of a field `data` and a `file`, which goes to the path of the upload as it comes.

    take: is given `data` once it is whole. Gives what that gave, and what the client calls the file. Raises
    `Problem`: as `form_parts`, 400 if one of them is lacking, 413 for more than 1 MB of data.
    """
    taken: list[T] = []
    names: list[str] = []
    field, data = "", bytearray()

    async def end_of_part() -> None:
        if field == "data":
            taken.append(await take(bytes(data)))

    async for event in form_parts(request, MOST_PARTS):
        if isinstance(event, MultipartSegment):
            await end_of_part()
            field = str(event.name)
            if (field == "data" and taken) or (field == "file" and names):
                raise bad_request(f"The form has two parts {field!r}.", "Send one of each.")
            if field == "file":
                names.append(_file_name(event))
                await upload.begin(path)
        elif field == "file":
            await upload.write(event)
        elif field == "data":
            data += event
            if len(data) > MOST_DATA:
                raise Problem(413, "too_large", f"data is larger than {MOST_DATA:,} bytes.", "Shorten it.")
    await end_of_part()
    if not (taken and names):
        raise bad_request(f"The form has no part {'file' if taken else 'data'!r}.", "Send data and file.")
    return taken[0], names[0]


def _file_name(part: MultipartSegment) -> str:
    """What the client calls the file, without its folders. `filename*` (RFC 8187) wins: some clients send it
    for names that are not ASCII."""
    given = part.filename or ""
    if extended := _EXTENDED_NAME.search(part.header("Content-Disposition", "")):
        given = unquote(extended[1])
    name = re.split(r"[/\\]", given)[-1]
    if "\0" in name or len(name) > LONGEST_FILE_NAME:
        raise bad_request("The file has a name that cannot be.", "Give at most 255 characters, none NUL.")
    return name or "file"


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
