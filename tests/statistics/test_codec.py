"""Bytes from anywhere are either the canonical form of a statistic or refused, whatever was done to them."""

import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.statistics import (
    Attribute,
    AttributeType,
    Coded,
    Extra,
    Moments,
    MomentsFormatError,
    Quantum,
    Schema,
    Table,
)


def sample(extras: frozenset[Extra]) -> Moments:
    x = np.array([1.5, 2.0, np.nan, -7.5, 2.0])
    c = Coded(np.array([0, 1, 1, -1, 0], dtype=np.int32), ("v", "ü"))
    d = Coded(np.array([0, 0, 1, 1, 1], dtype=np.int32), ("p", "q"))
    table = Table({"x": x, "c": c, "d": d, "b": np.array([0.0, 1, 1, 0, 1])})
    return Moments(replace(Schema.infer(table), extras=extras)).learn(table)


PLAIN, EXTRA = sample(frozenset()).to_bytes(), sample(frozenset(Extra)).to_bytes()


def refused_or_canonical(data: bytes) -> None:
    try:
        moments = Moments.from_bytes(data)
    except MomentsFormatError:
        return
    assert moments.to_bytes() == data


@pytest.mark.parametrize("canonical", [PLAIN, EXTRA])
@given(st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=1000)
def test_changed_bytes_are_refused_or_another_canonical_statistic(
    canonical: bytes, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(canonical)
    for position, value in changes:
        data[position % len(data)] = value
    refused_or_canonical(bytes(data))


@given(st.integers(0, len(EXTRA)), st.integers(0, len(EXTRA)), st.binary(max_size=20))
@settings(max_examples=500)
def test_cut_and_spliced_bytes_are_refused_or_canonical(start: int, stop: int, middle: bytes) -> None:
    refused_or_canonical(EXTRA[:start] + middle + EXTRA[stop:])


@given(st.binary(max_size=300))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(MomentsFormatError):
        Moments.from_bytes(noise)
    refused_or_canonical(EXTRA[:5] + noise)


@pytest.mark.parametrize("length", range(0, len(EXTRA), 7))
def test_a_truncated_statistic_is_refused(length: int) -> None:
    with pytest.raises(MomentsFormatError):
        Moments.from_bytes(EXTRA[:length])


def test_bytes_after_the_end_are_refused() -> None:
    with pytest.raises(MomentsFormatError, match="follow"):
        Moments.from_bytes(EXTRA + b"\0")


def test_another_version_is_refused_by_name() -> None:
    with pytest.raises(MomentsFormatError, match="format 9"):
        Moments.from_bytes(EXTRA[:4] + b"\x09" + EXTRA[5:])


def test_wider_integers_than_needed_are_refused() -> None:
    zero = Moments(Schema((Attribute("x", AttributeType.CONTINUOUS, Quantum(0)),)))
    head = zero.to_bytes()[:-1] + b"\x01"
    one = head + b"".join(b"\x01" + (1).to_bytes(16, "little") for _ in range(3))
    assert Moments.from_bytes(one).rows == 1
    wide = head + b"\x02" + (1).to_bytes(32, "little") + one[len(head) + 17 :]
    with pytest.raises(MomentsFormatError, match="canonical"):
        Moments.from_bytes(wide)


def bomb(**counts: Any) -> bytes:
    """A few bytes that announce a great deal."""
    attributes = counts.get("attributes", 1)
    names = b"".join(
        struct.pack("<H", 5) + b"%05d" % i + counts.get("letter", b"C") + struct.pack("<hh", 0, 0)
        for i in range(attributes)
    )
    return b"SUFM\x02" + struct.pack("<I", attributes) + names + b"\0\0\0" + counts.get("rest", b"")


ONE = b"\x01" + (1).to_bytes(16, "little")


@pytest.mark.parametrize(
    "data",
    [
        b"SUFM\x02\xff\xff\xff\xff",
        bomb(attributes=10_000, rest=b"\x03" + ONE),
        bomb(letter=b"T", rest=b"\x01" + ONE + b"\x01\x01" + b"\xff\xff\xff\xff"),
        bomb(letter=b"T", rest=b"\x01" + ONE + b"\x01\x01" + b"\x00\x00\xff\x00"),
        bomb(
            letter=b"T",
            attributes=2,
            rest=b"\x01" + ONE + b"\x01\x01" + (b"\0" * 4 + b"\x01" * 3) * 2 + b"\xff" * 8,
        ),
        bomb(rest=b"\x01\xff"),
        bomb(rest=b"\x01\x00"),
    ],
)
def test_announced_sizes_are_checked_against_what_is_there(data: bytes) -> None:
    with pytest.raises(MomentsFormatError):
        Moments.from_bytes(data)


@pytest.mark.parametrize(
    "attribute",
    [
        struct.pack("<H", 0) + b"C" + struct.pack("<hh", 0, 0),
        struct.pack("<H", 1) + b"xQ" + struct.pack("<hh", 0, 0),
        struct.pack("<H", 1) + b"\xffC" + struct.pack("<hh", 0, 0),
        struct.pack("<H", 1) + b"\nC" + struct.pack("<hh", 0, 0),
        struct.pack("<H", 1) + b"xC" + struct.pack("<hh", 0, 23),
        struct.pack("<H", 1) + b"xT" + struct.pack("<hh", 1, 0),
        struct.pack("<H", 900) + b"x" * 900 + b"C" + struct.pack("<hh", 0, 0),
    ],
)
def test_a_schema_that_cannot_be_is_refused(attribute: bytes) -> None:
    with pytest.raises(MomentsFormatError):
        Moments.from_bytes(b"SUFM\x02" + struct.pack("<I", 1) + attribute + b"\0\0\0\0")


def test_the_bytes_of_a_small_statistic_are_pinned() -> None:
    table = Table({"x": np.array([1.0, -2.0])})
    moments = Moments(Schema((Attribute("x", AttributeType.CONTINUOUS, Quantum(1)),))).learn(table)
    expected = b"SUFM\x02" + struct.pack("<IH", 1, 1) + b"xC" + struct.pack("<hh", 1, 0) + b"\0\0\0\x01"
    for value in (2, -2, 20):
        expected += b"\x01" + value.to_bytes(16, "little", signed=True)
    assert moments.to_bytes() == expected


def test_the_bytes_of_a_profile_are_pinned() -> None:
    table = Table({"x": np.array([1.0, -2.0, 0.0, 1.0])})
    attribute = Attribute("x", AttributeType.CONTINUOUS, Quantum(1))
    moments = Moments(Schema((attribute,), frozenset({Extra.PROFILES}))).learn(table)
    expected = b"SUFM\x02" + struct.pack("<IH", 1, 1) + b"xC" + struct.pack("<hh", 1, 0) + b"\x01\0\0\x05"
    for value in (4, 0, 24, 8 + 8 - 64, 16 + 16 + 256):  # rows, and powers of 2, 2 and -4 halves
        expected += b"\x01" + value.to_bytes(16, "little", signed=True)
    two, one = 128 * (4096 + 1), 128 * 4096
    expected += struct.pack("<Iiii", 3, -two, 0, one) + b"\x01" + bytes([1, 1, 2])
    assert moments.to_bytes() == expected
