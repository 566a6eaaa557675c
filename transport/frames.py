"""Frames: small structured messages as msgpack behind a version byte.

Values: None, bool, integers of 64 bits, float, str, bytes, lists (read as tuples), maps with str keys, and
NumPy arrays as (dtype, shape, bytes). Never pickle. A frame is walked over before anything is built from it:
its size, depth and count are bounded and every length lies within the frame, so a hostile one costs no
memory. https://github.com/msgpack/msgpack/blob/master/spec.md
"""

import math
import struct
from dataclasses import dataclass
from typing import Any

import msgpack  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

VERSION = 1
_ARRAY = 1  # the extension type of an array

_DTYPES = tuple(
    np.dtype(name)
    for name in ("|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f4", "<f8", "<f2")
)
_CODES = {dtype.str: code for code, dtype in enumerate(_DTYPES)}
_MAX_DIMENSIONS = 8


class FrameError(ValueError):
    """These bytes are no frame, or this value cannot be put into one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one frame: bytes, levels of nesting, values (each key, element, list and map counts as one)."""

    size: int = 16 * 2**20
    depth: int = 16
    count: int = 100_000


DEFAULT_LIMITS = Limits()


def encode(value: Any, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The frame of `value`; `FrameError` if it holds anything else than the module names or is too large."""
    try:
        body = msgpack.packb(value, default=_pack_array, use_bin_type=True, strict_types=False)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise FrameError(f"this cannot be put into a frame: {error}") from None
    _check(memoryview(body), limits)
    return b"".join((bytes((VERSION,)), body))


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Any:
    """The value of a frame; arrays are read-only views of `data`'s copy. `FrameError` if it is malformed."""
    if not data or data[0] != VERSION:
        raise FrameError(f"not a frame of version {VERSION}: it was sent by another version or damaged")
    body = memoryview(data)[1:]
    _check(body, limits)
    try:
        return msgpack.unpackb(body, raw=False, use_list=False, ext_hook=_unpack_array)
    except FrameError:
        raise
    except (ValueError, TypeError, OverflowError, msgpack.UnpackException) as error:
        raise FrameError(f"malformed frame: {error}") from None


def _pack_array(value: Any) -> msgpack.ExtType:
    if not isinstance(value, np.ndarray):
        raise TypeError(f"a {type(value).__name__} is not among the types that a frame carries")
    little = value.astype(value.dtype.newbyteorder("<"), copy=False)
    code = _CODES.get(little.dtype.str)
    if code is None or value.ndim > _MAX_DIMENSIONS:
        raise TypeError(f"an array of {value.dtype} with {value.ndim} dimensions cannot be sent")
    head = struct.pack(f"<BB{value.ndim}Q", code, value.ndim, *value.shape)
    return msgpack.ExtType(_ARRAY, head + little.tobytes())


def _unpack_array(kind: int, data: bytes) -> NDArray[Any]:
    if kind != _ARRAY or len(data) < 2 or data[0] >= len(_DTYPES) or data[1] > _MAX_DIMENSIONS:
        raise FrameError("an array in the frame has a type or a rank that we do not know")
    dtype, dimensions = _DTYPES[data[0]], data[1]
    start = 2 + 8 * dimensions
    if len(data) < start:
        raise FrameError("an array in the frame ends within its shape")
    shape = struct.unpack_from(f"<{dimensions}Q", data, 2)
    if math.prod(shape) * dtype.itemsize != len(data) - start:
        raise FrameError(f"an array of shape {shape} and {dtype} does not have {len(data) - start} bytes")
    try:
        return np.frombuffer(data, dtype, offset=start).reshape(shape)
    except ValueError as error:  # e.g. a dimension of 2**63 beside one of 0
        raise FrameError(f"an array in the frame cannot be: {error}") from None


# The first byte of a value: how many bytes of length follow, and what is counted.
_BYTES = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_EXTENSIONS = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_FIXED_EXTENSIONS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_LISTS = {0xDC: 2, 0xDD: 4}
_MAPS = {0xDE: 2, 0xDF: 4}
_SCALARS = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8} | {0xCC + i: 1 << i for i in range(4)}
_SCALARS |= {0xD0 + i: 1 << i for i in range(4)}


def _check(body: memoryview, limits: Limits) -> None:
    """Walk over one msgpack value without building anything; `FrameError` if it breaks a limit."""
    if len(body) > limits.size:
        raise FrameError(f"a frame has at most {limits.size} bytes, not {len(body)}")
    at, count = 0, 0
    open_values = [1]  # how many values are still to come at each level
    keys = [False]  # whether a level is a map
    while open_values:
        if open_values[-1] == 0:
            open_values.pop()
            keys.pop()
            continue
        is_key = keys[-1] and open_values[-1] % 2 == 0
        open_values[-1] -= 1
        count += 1
        at, inner, is_map, is_text = _step(body, at)
        if is_key and not is_text:
            raise FrameError("the keys of a map are strings")
        if inner is not None:
            if inner > limits.count - count or len(open_values) > limits.depth:
                raise FrameError(f"a frame has at most {limits.count} values, {limits.depth} levels deep")
            open_values.append(inner)
            keys.append(is_map)
        if count > limits.count:
            raise FrameError(f"a frame has at most {limits.count} values")
    if at != len(body):
        raise FrameError(f"{len(body) - at} bytes follow the end of the frame")


def _step(body: memoryview, at: int) -> tuple[int, int | None, bool, bool]:
    """Past one value's head and bytes: (where the next begins, values within, is a map, is text)."""
    first = _number(body, at, 1)
    at += 1
    if first <= 0x7F or first >= 0xE0:
        return at, None, False, False
    if first <= 0x8F:
        return at, 2 * (first & 0x0F), True, False
    if first <= 0x9F:
        return at, first & 0x0F, False, False
    if first <= 0xBF:
        return _skip(body, at, first & 0x1F), None, False, True
    if first in _SCALARS:
        return _skip(body, at, _SCALARS[first]), None, False, False
    if first in _BYTES:
        width = _BYTES[first]
        return _skip(body, at + width, _number(body, at, width)), None, False, first >= 0xD9
    if first in _LISTS:
        return at + _LISTS[first], _number(body, at, _LISTS[first]), False, False
    if first in _MAPS:
        return at + _MAPS[first], 2 * _number(body, at, _MAPS[first]), True, False
    if first in _FIXED_EXTENSIONS:
        _is_array(body, at)
        return _skip(body, at, 1 + _FIXED_EXTENSIONS[first]), None, False, False
    if first in _EXTENSIONS:
        width = _EXTENSIONS[first]
        _is_array(body, at + width)
        return _skip(body, at + width, 1 + _number(body, at, width)), None, False, False
    raise FrameError(f"byte {first:#04x} begins no value")


def _is_array(body: memoryview, at: int) -> None:
    if _number(body, at, 1) != _ARRAY:
        raise FrameError("an extension in the frame is not an array")


def _number(body: memoryview, at: int, width: int) -> int:
    return int.from_bytes(body[at : _skip(body, at, width)], "big")


def _skip(body: memoryview, at: int, width: int) -> int:
    if at + width > len(body):
        raise FrameError("the frame ends in the middle of a value")
    return at + width
