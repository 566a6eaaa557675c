"""The canonical bytes of a statistic: equal statistics have equal bytes, and no other bytes are accepted.

    "SUFM", u8 version
    the schema's canonical bytes
    u8 strata: 1 = complete, 2 = partial; each in that order:
        rows, sums, products and, if partial, present
        for each category and text, by name: u32 number of levels; each u16 length, UTF-8;
            counts, sums, squares and, if partial, present
        for each pair of categories: u64 number of cells; each u64 first · levels of the second + second;
            counts

Integers are little-endian; an array of exact integers is u8 width, then its elements of width · 128 bits.
A stratum in which nothing is counted is absent.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Final

import numpy as np

from federation.statistics.errors import MomentsFormatError, SchemaError
from federation.statistics.exact import ExactArray
from federation.statistics.quantum import Quantum
from federation.statistics.schema import MAX_ATTRIBUTES, MAX_NAME, Attribute, AttributeType, Schema
from federation.statistics.stratum import Cells, Group, Levelled, Stratum

MAGIC: Final = b"SUFM"
VERSION: Final = 1
MAX_BYTES: Final = 1 << 30
MAX_LEVELS: Final = 1 << 24
MAX_LEVEL_BYTES: Final = 4000


def encode(schema: Schema, complete: Stratum | None, partial: Stratum | None) -> bytes:
    """The canonical bytes of canonical strata."""
    strata = [stratum for stratum in (complete, partial) if stratum is not None]
    flags = (complete is not None) | (partial is not None) << 1
    parts = [MAGIC, bytes([VERSION]), schema.canonical(), bytes([flags])]
    for stratum in strata:
        _encode_stratum(parts, stratum)
    return b"".join(parts)


def decode(data: bytes) -> tuple[Schema, Stratum | None, Stratum | None]:
    """Read `encode` back; raises `MomentsFormatError` for anything that `encode` would not have written.

    Memory grows with the length of the data only: every count is compared with the bytes that are there
    before anything is allocated for it.
    """
    if len(data) > MAX_BYTES:
        raise MomentsFormatError(f"{len(data)} bytes of statistics: at most {MAX_BYTES} are accepted")
    reader = _Reader(data)
    if bytes(reader.take(4)) != MAGIC:
        raise MomentsFormatError("these bytes are not a suffice statistic")
    version = reader.unpack("<B")
    if version != VERSION:
        raise MomentsFormatError(f"statistics of format {version}: this node reads format {VERSION}")
    try:
        schema = reader.schema()
    except (SchemaError, UnicodeDecodeError) as error:
        raise MomentsFormatError(f"the schema is malformed: {error}") from None
    flags = reader.unpack("<B")
    if flags > 3:
        raise MomentsFormatError(f"unknown strata {flags:#x}")
    numeric, levelled = len(schema.numeric), Levelled.of(schema)
    complete = reader.stratum(numeric, levelled, partial=False) if flags & 1 else None
    partial = reader.stratum(numeric, levelled, partial=True) if flags & 2 else None
    reader.finish()
    for stratum in (complete, partial):
        if stratum is not None and (stratum.is_zero() or stratum.compact() is not stratum):
            raise MomentsFormatError(
                "the statistic is not in its canonical form: it has levels or strata without rows"
            )
    if encode(schema, complete, partial) != data:
        raise MomentsFormatError("the statistic is not in its canonical form")
    return schema, complete, partial


def _encode_stratum(parts: list[bytes], stratum: Stratum) -> None:
    _encode_array(parts, ExactArray.from_ints([stratum.rows]))
    for array in (stratum.sums, stratum.products, stratum.present):
        if array is not None:
            _encode_array(parts, array)
    for name in sorted(stratum.groups):
        group = stratum.groups[name]
        parts.append(struct.pack("<I", len(group.levels)))
        for level in group.levels:
            encoded = level.encode()
            parts.append(struct.pack("<H", len(encoded)) + encoded)
        for array in (group.counts, group.sums, group.squares, group.present):
            if array is not None:
                _encode_array(parts, array)
    for a, b in sorted(stratum.pairs):
        cells = stratum.pairs[a, b]
        keys = cells.first.astype(np.uint64) * np.uint64(len(stratum.groups[b].levels)) + cells.second.astype(
            np.uint64
        )
        parts += [struct.pack("<Q", len(keys)), keys.astype("<u8").tobytes()]
        _encode_array(parts, cells.counts)


def _encode_array(parts: list[bytes], array: ExactArray) -> None:
    parts += [bytes([array.width]), array.to_bytes()]


class _Reader:
    """A cursor over the bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._at = 0

    def take(self, count: int) -> memoryview:
        if count > len(self._data) - self._at:
            raise MomentsFormatError(
                f"the statistic ends after {len(self._data)} bytes, in the middle of a field"
            )
        self._at += count
        return self._data[self._at - count : self._at]

    def unpack(self, layout: str) -> int:
        return int(struct.unpack(layout, self.take(struct.calcsize(layout)))[0])

    def text(self, most: int) -> str:
        length = self.unpack("<H")
        if length > most:
            raise MomentsFormatError(f"a text of {length} bytes where at most {most} are allowed")
        try:
            return str(self.take(length), "utf-8")
        except UnicodeDecodeError:
            raise MomentsFormatError("a text is not UTF-8") from None

    def schema(self) -> Schema:
        count = self.unpack("<I")
        if count > MAX_ATTRIBUTES:
            raise MomentsFormatError(f"{count} attributes: at most {MAX_ATTRIBUTES} are allowed")
        attributes = []
        for _ in range(count):
            name = self.text(4 * MAX_NAME)
            letter = str(self.take(1), "latin-1")
            twos, fives = self.unpack("<h"), self.unpack("<h")
            if letter not in {type_.value for type_ in AttributeType}:
                raise MomentsFormatError(f"attribute {name!r} has the unknown type {letter!r}")
            type_ = AttributeType(letter)
            quantum = Quantum(twos, fives) if type_ is AttributeType.CONTINUOUS else None
            attributes.append(Attribute(name, type_, quantum))
        return Schema(tuple(attributes))

    def array(self, *shape: int) -> ExactArray:
        width = self.unpack("<B")
        size = 16 * width
        for extent in shape:
            size *= extent
        return ExactArray.from_bytes(self.take(size), shape, width)

    def stratum(self, d: int, levelled: Levelled, *, partial: bool) -> Stratum:
        triangle = d * (d + 1) // 2
        rows = self.array(1).item()
        sums = self.array(d, d) if partial else self.array(d)
        products = self.array(triangle)
        present = self.array(triangle) if partial else None
        groups = {name: self.group(d, partial=partial) for name in levelled.names}
        pairs = {(a, b): self.cells(len(groups[a].levels), len(groups[b].levels)) for a, b in levelled.pairs}
        return Stratum(rows, sums, products, present, groups, pairs)

    def group(self, d: int, *, partial: bool) -> Group:
        count = self.unpack("<I")
        if count > MAX_LEVELS:
            raise MomentsFormatError(f"{count} levels: at most {MAX_LEVELS} are allowed")
        levels = tuple(self.text(MAX_LEVEL_BYTES) for _ in range(count))
        if any(a >= b for a, b in pairwise(levels)):
            raise MomentsFormatError("levels are not in order")
        counts, sums, squares = self.array(count), self.array(count, d), self.array(count, d)
        return Group(levels, counts, sums, squares, self.array(count, d) if partial else None)

    def cells(self, first: int, second: int) -> Cells:
        count = self.unpack("<Q")
        keys = np.frombuffer(self.take(8 * count), dtype="<u8")
        if count and (int(keys[-1]) >= first * second or not (keys[1:] > keys[:-1]).all()):
            raise MomentsFormatError("the cells of a contingency table are out of range or out of order")
        counts = self.array(count)
        if not counts.nonzero().all():
            raise MomentsFormatError("a contingency table lists an empty cell")
        stride = np.uint64(max(second, 1))
        return Cells((keys // stride).astype(np.intp), (keys % stride).astype(np.intp), counts)

    def finish(self) -> None:
        if self._at != len(self._data):
            raise MomentsFormatError(f"{len(self._data) - self._at} bytes follow the statistic")
