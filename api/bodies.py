"""Reading request bodies: bounded in size, in time and in total, and parsed without holding up the loop.

A body is refused by its Content-Length before a byte is read, and by counting when it has none or lies (also
after decompression). All bodies being held at one time have a budget, so that many large ones at once cannot
fill the memory.
"""

from __future__ import annotations

import asyncio
import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # undeclared, but there since 2.6
from typing import Any, Final, NoReturn

from aiohttp import hdrs, web

from api.passing import PASSING, Passing
from api.problems import Problem, bad_request, too_large

MAX_BODY: Final = 64 * 2**20
MAX_HELD: Final = 4 * MAX_BODY
READ_SECONDS: Final = 60.0
LARGE: Final = 64 * 2**10
"""From this many bytes on, hashing and parsing go to a thread; below it takes about a millisecond at most."""

_SPACE = re.compile(r"[ \t\n\r]*")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class Bodies:
    """Reads the bodies of one application's requests and keeps count of what they hold."""

    def __init__(
        self, most: int = MAX_BODY, held_most: int = MAX_HELD, seconds: float = READ_SECONDS
    ) -> None:
        self.most = most
        self.held_most = held_most
        self.seconds = seconds
        self.held = 0

    async def read(self, request: web.Request) -> bytes:
        """The whole body. Raises `Problem`: 413 too large, 503 too many at once, 408 too slow."""
        if not request.can_read_body:
            return b""
        if (request.content_length or 0) > self.most:
            raise too_large(self.most)
        passing = PASSING.get()
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self.seconds):
                while chunk := await request.content.readany():
                    size += len(chunk)
                    if size > self.most:
                        raise too_large(self.most)
                    self._hold(passing, len(chunk))
                    chunks.append(chunk)
        except TimeoutError:
            raise Problem(
                408,
                "timeout",
                f"The request body did not arrive within {self.seconds:g} s.",
                "Send it again.",
            ) from None
        except web.RequestPayloadError as error:
            raise bad_request(f"The request body is broken: {error}.", "Send it again.") from error
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def release(self, passing: Passing) -> None:
        """The request is answered; its body is held no longer."""
        self.held -= passing.held
        passing.held = 0

    def _hold(self, passing: Passing, size: int) -> None:
        if self.held + size > self.held_most:
            raise Problem(
                503,
                "unavailable",
                "The node is receiving too many large requests at once.",
                "Try again shortly.",
            )
        self.held += size
        passing.held += size

    async def expect(self, request: web.Request) -> None:
        """Answer `Expect: 100-continue`, but do not ask for a body that will be refused."""
        if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue" and (
            (request.content_length or 0) <= self.most
        ):
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def parse_json(body: bytes, *, constants: bool = False) -> Any:
    """The JSON value in a body; raises `Problem` 400, also for NUL characters, which no database keeps in a
    text. NaN and Infinity are let in if `constants`."""
    decoder = _LENIENT if constants else _STRICT
    if len(body) < LARGE:
        return _parse(body, decoder)
    return await asyncio.to_thread(_parse, body, decoder)


def _parse(body: bytes, decoder: json.JSONDecoder) -> Any:
    try:
        text = body.decode()
        value = decoder.decode(text) if len(body) < LARGE else _in_steps(text, decoder)
        if _SURROGATE.search(body):
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is not text
        if b"\\u0000" in body and _NUL.search(body):
            raise bad_request("The request body has a text with a NUL character.", "Leave it out.")
    except UnicodeError:
        raise bad_request("The request body is not UTF-8 text.") from None
    except json.JSONDecodeError as error:
        raise bad_request(
            f"The request body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise bad_request("The request body is nested too deeply.") from None
    except ValueError as error:  # a constant that JSON does not have; a number of thousands of digits
        raise bad_request(f"The request body is not JSON: {str(error)[:200]}.") from None
    return value


def _in_steps(text: str, decoder: json.JSONDecoder) -> Any:
    """Decode a large document element by element.

    The C scanner keeps the interpreter lock for as long as one call takes. A table decoded row by row lets
    the event loop's thread run in between.
    """
    value, at = _value(text, _skip(text, 0), decoder, 2)
    if (at := _skip(text, at)) != len(text):
        raise json.JSONDecodeError("Extra data", text, at)
    return value


def _value(text: str, at: int, decoder: json.JSONDecoder, objects: int) -> tuple[Any, int]:
    opening = text[at : at + 1]
    if opening == "[":
        return _array(text, at, decoder)
    if opening == "{" and objects:
        return _object(text, at, decoder, objects)
    return _decode(text, at, decoder)


def _decode(text: str, at: int, decoder: json.JSONDecoder) -> tuple[Any, int]:
    return decoder.raw_decode(text, at)


def _array(text: str, at: int, decoder: json.JSONDecoder) -> tuple[list[Any], int]:
    items: list[Any] = []
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        return items, at + 1
    while True:
        item, at = _decode(text, at, decoder)
        items.append(item)
        at = _skip(text, at)
        if text[at : at + 1] == "]":
            return items, at + 1
        if text[at : at + 1] != ",":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
        at = _skip(text, at + 1)


def _object(text: str, at: int, decoder: json.JSONDecoder, objects: int) -> tuple[dict[str, Any], int]:
    members: dict[str, Any] = {}
    at = _skip(text, at + 1)
    if text[at : at + 1] == "}":
        return members, at + 1
    while True:
        if text[at : at + 1] != '"':
            raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
        name, at = scanstring(text, at + 1, True)
        at = _skip(text, at)
        if text[at : at + 1] != ":":
            raise json.JSONDecodeError("Expecting ':' delimiter", text, at)
        members[name], at = _value(text, _skip(text, at + 1), decoder, objects - 1)
        at = _skip(text, at)
        if text[at : at + 1] == "}":
            return members, at + 1
        if text[at : at + 1] != ",":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
        at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value; write null for a missing number")


_STRICT = json.JSONDecoder(parse_constant=_no_constant)
_LENIENT = json.JSONDecoder()
