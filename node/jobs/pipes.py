"""How a node and its worker processes talk: frames on a pipe, each a msgpack message and a blob of bytes.

A frame is two lengths (u32 of the message, u64 of the blob, big endian) and the two. Only plain data passes,
never pickles.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import msgpack  # type: ignore[import-untyped]

MAX_MESSAGE: Final = 64 << 20
MAX_BLOB: Final = 1 << 30
CHUNK: Final = 1 << 20

_HEADER: Final = struct.Struct(">IQ")

Message = dict[str, Any]


class BrokenPipeFrameError(Exception):
    """The other end wrote something that is not a frame."""


def frame(message: Message, blob: bytes = b"") -> Iterator[bytes | memoryview]:
    """A frame in pieces of at most CHUNK bytes."""
    packed: bytes = msgpack.packb(message)
    if len(packed) > MAX_MESSAGE or len(blob) > MAX_BLOB:
        raise BrokenPipeFrameError(
            f"a message of {len(packed)} bytes and a blob of {len(blob)} are too large"
        )
    yield _HEADER.pack(len(packed), len(blob)) + packed
    view = memoryview(blob)
    for start in range(0, len(blob), CHUNK):
        yield view[start : start + CHUNK]


def _sizes(header: bytes) -> tuple[int, int]:
    message, blob = _HEADER.unpack(header)
    if message > MAX_MESSAGE or blob > MAX_BLOB:
        raise BrokenPipeFrameError("a frame that announces more than is allowed")
    return message, blob


async def read_frame(reader: asyncio.StreamReader) -> tuple[Message, bytes]:
    """The next frame. Raises asyncio.IncompleteReadError at the end of the pipe."""
    size, blob_size = _sizes(await reader.readexactly(_HEADER.size))
    message: Message = msgpack.unpackb(await reader.readexactly(size))
    blob = bytearray()
    while len(blob) < blob_size:
        blob += await reader.readexactly(min(CHUNK, blob_size - len(blob)))
    return message, bytes(blob)


def read_frame_blocking(pipe: BinaryIO) -> tuple[Message, bytes]:
    """The next frame, for the worker's side. Raises EOFError at the end of the pipe."""
    size, blob_size = _sizes(_read(pipe, _HEADER.size))
    message: Message = msgpack.unpackb(_read(pipe, size))
    return message, _read(pipe, blob_size)


def _read(pipe: BinaryIO, count: int) -> bytes:
    data = pipe.read(count)
    if len(data) < count:
        raise EOFError
    return data
