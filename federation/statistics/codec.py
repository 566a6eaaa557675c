"""The canonical bytes of a statistic: equal statistics have equal bytes, and no other bytes are accepted.

    "SUFM", u8 version
    the schema's canonical bytes
    if the schema is split: u32 number of parts; each, by level: u16 length, UTF-8 (none for the rows in
        which the level is missing), then its counts; else the counts
    counts: u8 what follows: 1 = complete stratum, 2 = partial stratum, 4 = profile,
        8 = squared products
    each stratum:
        rows, sums, products and, if partial, present
        for each category and text, by name: u32 number of levels; each u16 length, UTF-8;
            counts, sums, squares and, if partial, present
        for each pair of categories: u64 number of cells; each u64 first · levels of the second + second;
            counts

    the profile:
        cubes, fourths
        for each numeric attribute, by name: u32 number of buckets; for each of all buckets: i32 key;
            u8 width, then the counts in so many bytes

    the squared products: one array

Integers are little-endian; an array of exact integers is u8 width, then its elements of width · 128 bits.
What counts nothing is absent.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Final

import numpy as np

from federation.statistics.buckets import MAX_KEY, MIN_KEY
from federation.statistics.counts import Counts
from federation.statistics.errors import MomentsFormatError, SchemaError
from federation.statistics.exact import ExactArray
from federation.statistics.profile import Profile
from federation.statistics.quantum import Quantum
from federation.statistics.schema import (
    EXTRA_BITS,
    MAX_ATTRIBUTES,
    MAX_NAME,
    ORDER_BIT,
    SEPARATOR,
    SEPARATOR_BIT,
    Attribute,
    AttributeType,
    Extra,
    Schema,
)
from federation.statistics.split import REST, Parts
from federation.statistics.squares import SquaredProducts
from federation.statistics.stratum import Cells, Group, Levelled, Stratum

MAGIC: Final = b"SUFM"
VERSION: Final = 2
MAX_BYTES: Final = 1 << 30
MAX_LEVELS: Final = 1 << 24
MAX_LEVEL_BYTES: Final = 4000


def encode(schema: Schema, parts: Parts) -> bytes:
    """The canonical bytes of canonical counts."""
    pieces = [MAGIC, bytes([VERSION]), schema.canonical()]
    if schema.split is None:
        _encode_counts(pieces, parts.get(REST, Counts()))
        return b"".join(pieces)
    pieces.append(struct.pack("<I", len(parts)))
    for level in sorted(parts):
        encoded = level.encode()
        pieces.append(struct.pack("<H", len(encoded)) + encoded)
        _encode_counts(pieces, parts[level])
    return b"".join(pieces)


def decode(data: bytes) -> tuple[Schema, dict[str, Counts]]:
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
    parts = reader.parts(schema)
    reader.finish()
    for counts in parts.values():
        for stratum in filter(None, counts.strata):
            if stratum.compact() is not stratum:
                raise MomentsFormatError("the statistic is not in its canonical form: a level has no rows")
        if any(part is not None and part.is_zero() for part in counts.parts):
            raise MomentsFormatError("the statistic is not in its canonical form: a part has no rows")
    if encode(schema, parts) != data:
        raise MomentsFormatError("the statistic is not in its canonical form")
    return schema, parts


def _encode_counts(parts: list[bytes], counts: Counts) -> None:
    parts.append(bytes([sum(1 << i for i, part in enumerate(counts.parts) if part is not None)]))
    for stratum in filter(None, counts.strata):
        _encode_stratum(parts, stratum)
    if counts.profile is not None:
        _encode_profile(parts, counts.profile)
    if counts.squares is not None:
        _encode_array(parts, counts.squares.sums)


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


def _encode_profile(parts: list[bytes], profile: Profile) -> None:
    _encode_array(parts, profile.cubes)
    _encode_array(parts, profile.fourths)
    parts.append(np.bincount(profile.owners, minlength=profile.numeric).astype("<u4").tobytes())
    parts.append(profile.keys.astype("<i4").tobytes())
    _encode_narrow(parts, profile.counts)


def _encode_narrow(parts: list[bytes], array: ExactArray) -> None:
    """As many bytes of each element as the widest needs: histograms have many small counts."""
    wide = np.frombuffer(array.to_bytes(), dtype=np.uint8).reshape(array.size, 16 * array.width)
    width = 1
    while not (wide[:, width:] == np.where(wide[:, width - 1] < 128, 0, 255)[:, None]).all():
        width += 1
    parts += [bytes([width]), wide[:, :width].tobytes()]


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
        bits = self.unpack("<B")
        extras = self.extras(bits & ~ORDER_BIT & ~SEPARATOR_BIT)
        split = self.text(4 * MAX_NAME) or None
        order = self.unpack("<B") if bits & ORDER_BIT else None
        separator = self.text(4) if bits & SEPARATOR_BIT else SEPARATOR
        return Schema(tuple(attributes), extras, split, order, separator)

    def extras(self, bits: int) -> frozenset[Extra]:
        extras = frozenset(extra for extra, bit in EXTRA_BITS.items() if bits & bit)
        if bits != sum(EXTRA_BITS[extra] for extra in extras):
            raise MomentsFormatError(f"unknown extras {bits:#x}")
        return extras

    def parts(self, schema: Schema) -> dict[str, Counts]:
        if schema.split is None:
            counts = self.counts(schema)
            return {} if counts.is_zero() else {REST: counts}
        parts: dict[str, Counts] = {}
        for _ in range(self.unpack("<I")):
            level = self.text(MAX_LEVEL_BYTES)
            if parts and level <= next(reversed(parts)):
                raise MomentsFormatError("the parts of the statistic are not in order")
            if level != REST and schema.split not in schema:
                raise MomentsFormatError(f"there is a part {level!r} of an attribute that is not there")
            parts[level] = self.counts(schema.inner)
            if parts[level].is_zero():
                raise MomentsFormatError(f"nothing is counted in part {level!r}")
        return parts

    def counts(self, schema: Schema) -> Counts:
        flags = self.unpack("<B")
        allowed = 3 + 4 * (Extra.PROFILES in schema.extras) + 8 * (Extra.CONDITIONALS in schema.extras)
        if flags & ~allowed:
            raise MomentsFormatError(f"the statistic has parts {flags:#x} that its schema does not ask for")
        d, levelled = len(schema.numeric), Levelled.of(schema)
        return Counts(
            self.stratum(d, levelled, partial=False) if flags & 1 else None,
            self.stratum(d, levelled, partial=True) if flags & 2 else None,
            self.profile(d) if flags & 4 else None,
            SquaredProducts(d, self.array(d * (d + 1) // 2)) if flags & 8 else None,
        )

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

    def profile(self, d: int) -> Profile:
        cubes, fourths = self.array(d), self.array(d)
        each = np.frombuffer(self.take(4 * d), dtype="<u4").astype(np.int64)
        total = int(each.sum())
        keys = np.frombuffer(self.take(4 * total), dtype="<i4").astype(np.int64)
        owners = np.repeat(np.arange(d), each)
        magnitude = np.abs(keys)
        if not (((magnitude >= MIN_KEY) & (magnitude <= MAX_KEY)) | (keys == 0)).all():
            raise MomentsFormatError("a histogram has a bucket beyond the range of numbers")
        if not ((np.diff(owners) > 0) | (np.diff(keys) > 0)).all():
            raise MomentsFormatError("the buckets of a histogram are out of order")
        counts = self.narrow(total)
        if not counts.nonzero().all():
            raise MomentsFormatError("a histogram lists an empty bucket")
        return Profile(cubes, fourths, owners, keys, counts)

    def narrow(self, count: int) -> ExactArray:
        width = self.unpack("<B")
        if not 1 <= width <= 16:
            raise MomentsFormatError(f"counts of {width} bytes: 1 to 16 are allowed")
        given = np.frombuffer(self.take(count * width), dtype=np.uint8).reshape(count, width)
        wide = np.where(given[:, -1:] < 128, np.uint8(0), np.uint8(255)).repeat(16, axis=1)
        wide[:, :width] = given
        return ExactArray.from_bytes(wide.tobytes(), (count,), 1)

    def finish(self) -> None:
        if self._at != len(self._data):
            raise MomentsFormatError(f"{len(self._data) - self._at} bytes follow the statistic")
