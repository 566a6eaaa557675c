"""GET and HEAD of a file: whole or a part of it, or only if it has changed."""

from __future__ import annotations

import mimetypes
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Final

from aiohttp import hdrs, web
from aiohttp.helpers import content_disposition_header

from api.app_keys import NODE
from api.streams import send
from node.file_store import Reading, StoredFile

_BINARY: Final = "application/octet-stream"
# A page among the files may run its scripts, but as nobody: it cannot use the session of who looks at it.
_SANDBOX: Final = "sandbox allow-scripts allow-downloads"


async def download(request: web.Request) -> web.StreamResponse:
    """The file of the path, with Range, If-Range, If-None-Match and If-Modified-Since; ?download saves it."""
    return await send_file(request, await request.app[NODE].files.read(request.match_info["path"]))


async def send_file(request: web.Request, reading: Reading) -> web.StreamResponse:
    """Answer with a file, which is closed then."""
    try:
        return await _answer(request, reading)
    finally:
        await reading.close()


async def _answer(request: web.Request, reading: Reading) -> web.StreamResponse:
    file = reading.file
    headers = _headers(file, attached="download" in request.query)
    if _is_known(request, file):
        return web.Response(status=304, headers=headers)
    part = _range(request, file)
    if part is None:
        headers[hdrs.CONTENT_RANGE] = f"bytes */{file.size}"
        return web.Response(status=416, headers=headers)
    start, stop = part
    response = web.StreamResponse(headers=headers)
    if (start, stop) != (0, file.size):
        response.set_status(206)
        response.headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{stop - 1}/{file.size}"
    response.content_length = stop - start
    if request.method == hdrs.METH_HEAD:
        return response
    return await send(request, response, reading.chunks(start, stop))


def _headers(file: StoredFile, *, attached: bool) -> dict[str, str]:
    kind, encoding = mimetypes.guess_type(file.path)
    headers = {
        # What is compressed is served as it is: told to be encoded, a client would unpack it.
        hdrs.CONTENT_TYPE: _BINARY if encoding or kind is None else kind,
        hdrs.ETAG: f'"{file.digest}"',
        hdrs.LAST_MODIFIED: formatdate(file.modified, usegmt=True),
        hdrs.ACCEPT_RANGES: "bytes",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": _SANDBOX,
    }
    if attached:
        name = file.path.rpartition("/")[2]
        headers[hdrs.CONTENT_DISPOSITION] = content_disposition_header("attachment", filename=name)
    return headers


def _is_known(request: web.Request, file: StoredFile) -> bool:
    """Whether the client has this version already."""
    tags = request.if_none_match
    if tags is not None:
        return any(tag.value in ("*", file.digest) for tag in tags)
    since = request.if_modified_since
    return since is not None and _second(file) <= since


def _range(request: web.Request, file: StoredFile) -> tuple[int, int] | None:
    """From where up to where; None if there is nothing there. What is not one range of bytes means all."""
    whole = 0, file.size
    condition = request.headers.get(hdrs.IF_RANGE)
    if condition is not None and condition != f'"{file.digest}"' and request.if_range != _second(file):
        return whole
    try:
        wanted = request.http_range
    except ValueError:
        return whole
    if wanted.start is None:
        return whole
    start = max(0, file.size + wanted.start) if wanted.start < 0 else wanted.start
    stop = file.size if wanted.stop is None else min(wanted.stop, file.size)
    return (start, stop) if start < stop else None


def _second(file: StoredFile) -> datetime:
    return datetime.fromtimestamp(int(file.modified), UTC)
