"""Frames: what goes in comes out; whatever else comes in is a `FrameError`, at no cost."""

import struct
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from transport.frames import VERSION, FrameError, Limits, decode, encode

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner), max_leaves=30
)
arrays = hnp.arrays(
    st.sampled_from(["bool", "int8", "uint8", "<i4", "<i8", "<u8", "<f4", "<f8"]),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0),
)


@given(values)
def test_what_goes_in_comes_out(value: Any) -> None:
    assert decode(encode(value)) == value


@given(arrays)
def test_an_array_keeps_its_type_shape_and_bits(array: np.ndarray) -> None:
    result = decode(encode({"x": [array]}))["x"][0]
    assert (result.dtype, result.shape, result.tobytes()) == (array.dtype, array.shape, array.tobytes())


def test_a_strided_and_a_big_endian_array_arrive() -> None:
    array = np.arange(12, dtype=">f8").reshape(3, 4)[:, ::2]
    np.testing.assert_array_equal(decode(encode(array)), array)


@given(st.binary())
def test_rubbish_is_refused(data: bytes) -> None:
    for attempt in (data, bytes((VERSION,)) + data):
        try:
            decode(attempt)
        except FrameError:
            continue


@given(values | arrays, st.data())
def test_a_changed_frame_is_read_or_refused(value: Any, data: st.DataObject) -> None:
    frame = bytearray(encode(value))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(frame)))
    for mutant in (bytes(frame), bytes(frame[:cut]), bytes(frame) + b"\xc0"):
        try:
            decode(mutant)
        except FrameError:
            continue


@pytest.mark.parametrize(
    "body",
    [
        b"\xdd\xff\xff\xff\xff",  # a list of 2**32 - 1 values that do not come
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\x91" * 1000 + b"\xc0",
        b"\xdc\xff\xff" * 1000,
        b"\x81\x01\x02",  # a key that is a number
        b"\xc1",
        b"\xc0\xc0",
        b"",
        msgpack.packb(msgpack.Timestamp(0, 0)),
        msgpack.packb(msgpack.ExtType(5, b"abc")),
        msgpack.packb(msgpack.ExtType(1, struct.pack("<BBQQ", 10, 2, 2**63, 0))),
        msgpack.packb(msgpack.ExtType(1, struct.pack("<BBQQ", 10, 2, 2**33, 2**33))),
        msgpack.packb(msgpack.ExtType(1, struct.pack("<BBQ", 10, 1, 3) + bytes(23))),
        msgpack.packb("\ud800", unicode_errors="surrogatepass"),
    ],
)
def test_hostile_frames_are_refused(body: bytes) -> None:
    with pytest.raises(FrameError):
        decode(bytes((VERSION,)) + body)


def test_limits_hold_when_reading_and_when_writing() -> None:
    nested: Any = 1
    for _ in range(20):
        nested = [nested]
    for value, limits in (
        (bytes(100), Limits(size=50)),
        ([0] * 100, Limits(count=50)),
        ([[0] * 30, [0] * 30], Limits(count=50)),
        (nested, Limits()),
    ):
        with pytest.raises(FrameError):
            encode(value, limits)
        wide = encode(value, Limits(depth=100))
        with pytest.raises(FrameError):
            decode(wide, limits)


@pytest.mark.parametrize(
    "value", [object(), {1: 2}, 2**64, {"x": {1, 2}}, np.array([object()]), np.array(["a"]), 1j]
)
def test_what_a_frame_does_not_carry_is_refused(value: Any) -> None:
    with pytest.raises(FrameError):
        encode(value)


def test_another_version_is_named() -> None:
    with pytest.raises(FrameError, match="version 1"):
        decode(b"\x02\xc0")
