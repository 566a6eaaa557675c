"""Bytes in and out of the ClearML dialect: paths, bodies, arguments, the envelope.

What is written is never more lenient than the SDK's parser: it repeats for ever what it cannot parse.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import uuid4

from aiohttp import hdrs, web
from pydantic_core import from_json, to_json

from api.bodies import LARGE, parse_json
from api.clearml.endpoint import Version
from api.clearml.errors import RETRY_SECONDS, ApiError
from api.cross_origin import allow

PATHS: Final = (
    r"/{version:v[0-9]{1,6}(?:\.[0-9]{1,6})?}/{endpoint:.*}",
    r"/{endpoint:(?!openapi\.json$)[a-z_]+\.[a-z0-9_]+/?}",
)
"""Where the dialect is. The second form never shadows the paths of others, as a test sees to."""

NDJSON: Final = "application/json-lines"
_FORM: Final = "application/x-www-form-urlencoded"
_NAME: Final = re.compile(r"([A-Za-z0-9_]+\.[A-Za-z0-9_]+)/?")
_NUL: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_LONGEST_NUMBER: Final = 18
_DEEPEST: Final = 16
_COMPRESSED_FROM: Final = 2048
"""Bytes of a reply below which compressing takes longer than sending."""
_UTF8: Final = "utf-8"


@dataclass(slots=True)
class Meta:
    """What of a call every answer tells: `asked` and `actual` are None as long as they are unresolved."""

    id: str
    trx: str
    name: str = ""
    asked: Version | None = None
    actual: Version | None = None


META: Final = web.RequestKey("clearml_meta", Meta)


def meta_of(request: web.Request) -> Meta:
    """The call's meta data, made when they are first asked for."""
    meta = request.get(META)
    if meta is None:
        call_id = uuid4().hex
        meta = request[META] = Meta(call_id, header(request, "Trx") or call_id)
    return meta


def header(request: web.Request, name: str) -> str | None:
    """An X-ClearML-* header, which older clients call X-Trains-*; always proper text."""
    value = request.headers.get(f"X-ClearML-{name}") or request.headers.get(f"X-Trains-{name}")
    return value.encode(errors="replace").decode() if value else None


def endpoint_name(request: web.Request) -> str:
    """`service.action` of the path. Raises `ApiError` 400/0 if the path has another form."""
    match = _NAME.fullmatch(request.match_info["endpoint"])
    if match is None:
        raise ApiError(400, 0, "the path is not /vMAJOR.MINOR/service.action")
    return match[1]


def check_encoding(request: web.Request) -> None:
    """Raise `ApiError` 415 for a compressed body: clients of ClearML send none."""
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() not in ("", "identity"):
        raise ApiError(415, 0, "send the body as it is")


async def parse_body(request: web.Request, data: bytes) -> tuple[dict[str, Any], list[Any] | None]:
    """The body's object with the arguments of query and form merged in, and the items if it is NDJSON.

    Raises `ApiError` and `Problem` 400.
    """
    body: dict[str, Any] = {}
    items: list[Any] | None = None
    arguments = list(request.query.items())
    start = data.lstrip()[:1]
    if request.content_type == NDJSON:
        items = parse_lines(data) if len(data) < LARGE else await asyncio.to_thread(parse_lines, data)
    elif request.content_type == _FORM and start not in (b"{", b""):
        arguments += _form(data)
    elif start:
        value = await parse_json(data)
        if not isinstance(value, dict):
            raise ApiError(400, 12, "the body is not a JSON object")
        body = value
    merge(body, arguments)
    return body, items


def parse_lines(data: bytes) -> list[Any]:
    """The JSON values of an NDJSON body. Raises `ApiError` 400/12 naming the line that is not one.

    NUL characters, as a training's log may hold, are replaced: no database keeps them, and the rest is good.
    """
    if b"\\u0000" in data:
        data = _NUL.sub(rb"\1\\ufffd", data)
    lines = data.split(b"\n")
    try:
        # A line feed never stands inside a JSON value: between two of them it is as good as a comma.
        together: list[Any] = from_json(b"[" + b",".join(line for line in lines if line.strip()) + b"]")
        return together
    except ValueError:
        values = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                values.append(_parse_line(line))
            except (ValueError, RecursionError):
                raise ApiError(400, 12, "a line of the batch is not JSON", line=number) from None
    return values


def _parse_line(line: bytes) -> Any:
    try:
        return from_json(line)
    except ValueError:
        # Half surrogate pairs, as a training's log may hold: they are replaced, the rest is good.
        value = json.loads(line.decode(errors="replace"))
        return from_json(json.dumps(value, ensure_ascii=False).encode(errors="replace"))


def _form(data: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(data.decode(), keep_blank_values=True, errors="strict", max_num_fields=1000)
    except ValueError:
        raise ApiError(400, 12, "the body is neither JSON nor a form") from None


def merge(body: dict[str, Any], arguments: Iterable[tuple[str, str]]) -> None:
    """Merge arguments of a query or form into a body: `a.b` nests, `x[]` is a list, digits are a number.

    An argument given several times is a list too. Raises `ApiError` 400/12 for a name that is too deep, and
    for NUL characters.
    """
    given: dict[str, list[Any]] = {}
    for name, text in arguments:
        if "\x00" in name or "\x00" in text:
            raise ApiError(400, 12, "an argument has a NUL character")
        given.setdefault(name, []).append(_argument(text))
    for name, values in given.items():
        path = name.removesuffix("[]").split(".")
        if len(path) > _DEEPEST:
            raise ApiError(400, 12, "an argument's name is nested too deeply")
        place = body
        for part in path[:-1]:
            inner = place.get(part)
            if not isinstance(inner, dict):
                inner = place[part] = {}
            place = inner
        place[path[-1]] = values if name.endswith("[]") or len(values) > 1 else values[0]


def _argument(text: str) -> str | int:
    if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER and str(int(text)) == text:
        return int(text)
    return text


def encoded(value: dict[str, Any]) -> bytes:
    """JSON as clients can read it: what is no number is null."""
    return to_json(value, inf_nan_mode="null")


def answer(request: web.Request, data: dict[str, Any] | bytes) -> web.Response:
    """A success: the whole envelope around the data, which may be in JSON already."""
    return _enveloped(request, 200, 0, "OK", {}, data if isinstance(data, bytes) else encoded(data))


def refuse(request: web.Request, error: ApiError) -> web.Response:
    """A refusal in the same envelope; its HTTP status is the result code."""
    response = _enveloped(request, error.status, error.subcode, error.message, error.data, b"{}")
    if error.status == 429:
        response.headers[hdrs.RETRY_AFTER] = str(RETRY_SECONDS)
    return response


def _enveloped(
    request: web.Request,
    code: int,
    subcode: int,
    message: str,
    error_data: dict[str, Any],
    data: bytes,
) -> web.Response:
    meta = meta_of(request)
    told = {
        "id": meta.id,
        "trx": meta.trx,
        "endpoint": {
            "name": meta.name,
            "requested_version": _written(meta, meta.asked),
            "actual_version": _written(meta, meta.actual),
        },
        "result_code": code,
        "result_subcode": subcode,
        "result_msg": message.encode(errors="replace").decode(),
        "error_stack": None,
        "error_data": error_data,
    }
    body = b'{"meta":%b,"data":%b}' % (encoded(told), data)
    response = web.Response(body=body, status=code, content_type="application/json", zlib_executor_size=LARGE)
    if len(body) >= _COMPRESSED_FROM and "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "").lower():
        response.enable_compression(web.ContentCoding.gzip)
    finish(response)
    return response


def finish(response: web.StreamResponse) -> None:
    """What every reply of the dialect has, downloads too.

    The connection closes: the SDK forks while its connections are open, and parent and child would read each
    other's answers.
    """
    response.force_close()
    response.headers[hdrs.SERVER] = "clearml"
    allow(response)


def _written(meta: Meta, version: Version | None) -> str | float | None:
    """Versions are text, but to clients that ask for one before 2.1."""
    if version is None:
        return None
    text = f"{version[0]}.{version[1]}"
    return float(text) if meta.asked is not None and meta.asked < (2, 1) else text
