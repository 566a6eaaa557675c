"""From a table to the two strata of its statistics: values become integers, and rows are sorted by completeness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federation.statistics.accumulate import BLOCK, Accumulator
from federation.statistics.errors import LearnError
from federation.statistics.schema import Attribute, AttributeType, Schema
from federation.statistics.stratum import Stratum
from federation.statistics.table import Coded, Table, number_label

FloatArray = NDArray[np.float64]

MAX_LEVEL: Final = 1000  # characters in the name of a level
_CHUNK: Final = 16 * BLOCK


@dataclass(frozen=True, slots=True)
class Strata:
    """The statistics of rows in which nothing is missing, and of the others; None means no such rows."""

    complete: Stratum | None
    partial: Stratum | None


def summarise(schema: Schema, table: Table, offset: int = 0) -> Strata:
    """Count every row of a table.

    Columns that the schema does not have are passed over; one that it has and the table lacks, a value
    that is infinite or too large for its unit, or text where numbers belong, raises `LearnError` naming the column and
    the row (`offset` + its position in the table).
    """
    return _Learner(schema, table, offset).run()


class _Learner:
    def __init__(self, schema: Schema, table: Table, offset: int) -> None:
        self._table, self._offset = table, offset
        self._numeric = sorted(schema.numeric, key=lambda attribute: attribute.name)
        self._values = [_numbers(table, attribute) for attribute in self._numeric]
        categories = sorted(attribute.name for attribute in schema.categories)
        coded = {name: _levels_of(table, name) for name in categories}
        self._codes = [column.codes for column in coded.values()]
        levels = {name: column.levels for name, column in coded.items()}
        d = len(self._numeric)
        self._complete = Accumulator(d, levels, partial=False)
        self._partial = Accumulator(d, levels, partial=True)
        plain = [attribute.unit.multiplier for attribute in self._numeric]
        self._scale = np.array([1.0 if factor is None else factor for factor in plain])[:, None]
        self._wild = [i for i, factor in enumerate(plain) if factor is None]
        self._binary = [i for i, a in enumerate(self._numeric) if a.type is AttributeType.BINARY]
        self._buffer = np.empty((d, min(BLOCK, max(table.rows, 1))))

    def run(self) -> Strata:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            for chunk in range(0, self._table.rows, _CHUNK):
                stop = min(chunk + _CHUNK, self._table.rows)
                complete = np.concatenate(
                    [self._block(start, min(start + BLOCK, stop)) for start in range(chunk, stop, BLOCK)]
                )
                if len(self._codes) > 1:
                    codes = [column[chunk:stop] for column in self._codes]
                    self._complete.add_cells([column[complete] for column in codes])
                    self._partial.add_cells([column[~complete] for column in codes])
        return Strata(self._complete.stratum(), self._partial.stratum())

    def _block(self, start: int, stop: int) -> NDArray[np.bool_]:
        """Add one block of rows; returns which of them are complete."""
        integers = self._integers(start, stop)
        peaks = np.maximum(integers.max(axis=1), -integers.min(axis=1))
        codes = [column[start:stop] for column in self._codes]
        gap = np.zeros(stop - start, dtype=bool)
        for column in codes:
            if column.size and column.min() < 0:
                gap |= column < 0
        holes = np.flatnonzero(~np.isfinite(peaks))
        if holes.size:
            absent = np.isnan(integers[holes])
            self._refuse_infinite(integers, holes, start)
            gap |= absent.any(axis=0)
        if not gap.any():
            self._complete.add(integers, peaks, None, codes)
            return ~gap
        missing = np.zeros(integers.shape, dtype=bool)
        if holes.size:
            missing[holes] = absent
            integers[missing] = 0.0
            peaks[holes] = np.abs(integers[holes]).max(axis=1)
        whole, part = np.flatnonzero(~gap), np.flatnonzero(gap)
        self._complete.add(integers[:, whole], peaks, None, [column[whole] for column in codes])
        self._partial.add(integers[:, part], peaks, missing[:, part], [column[part] for column in codes])
        return ~gap

    def _integers(self, start: int, stop: int) -> FloatArray:
        integers = self._buffer[:, : stop - start]
        for row, values in zip(integers, self._values, strict=True):
            row[:] = values[start:stop]
        if self._binary:
            self._refuse_non_binary(integers, start)
        integers *= self._scale
        np.rint(integers, out=integers)
        for i in self._wild:
            integers[i] = self._numeric[i].unit.to_integers(self._values[i][start:stop])
        return integers

    def _refuse_non_binary(self, integers: FloatArray, start: int) -> None:
        values = integers[self._binary]
        wrong = ~((values == 0.0) | (values == 1.0) | np.isnan(values))
        if wrong.any():
            i, row = (int(position[0]) for position in np.nonzero(wrong))
            raise self._error(self._binary[i], start + row, "is neither 0 nor 1, but the column is binary")

    def _refuse_infinite(self, integers: FloatArray, holes: NDArray[np.intp], start: int) -> None:
        wrong = np.isinf(integers[holes])
        if not wrong.any():
            return
        i, row = (int(position[0]) for position in np.nonzero(wrong))
        column, at = int(holes[i]), start + row
        if np.isinf(self._values[column][at]):
            raise self._error(column, at, "is infinite; leave it empty if it is missing")
        unit = self._numeric[column].unit
        raise self._error(
            column, at, f"is too large to be counted in units of {unit}; choose a coarser quantum"
        )

    def _error(self, column: int, row: int, what: str) -> LearnError:
        name, value = self._numeric[column].name, float(self._values[column][row])
        return LearnError(f"column {name!r}, row {self._offset + row}: {value!r} {what}")


def _numbers(table: Table, attribute: Attribute) -> FloatArray:
    column = _column(table, attribute.name)
    if isinstance(column, Coded):
        raise LearnError(
            f"column {attribute.name!r} holds text, but its type is {attribute.type.value}; "
            "make it a category (T) or give numbers"
        )
    return column


def _levels_of(table: Table, name: str) -> Coded:
    column = _column(table, name)
    if not isinstance(column, Coded):
        column = _coded(column)
    for level in column.levels:
        if len(level) > MAX_LEVEL:
            raise LearnError(
                f"column {name!r}: level {level[:40]!r}… has {len(level)} characters, at most {MAX_LEVEL}"
            )
        if not level.isascii():
            try:
                level.encode()
            except UnicodeEncodeError:
                raise LearnError(f"column {name!r}: level {level[:40]!r} is not valid Unicode text") from None
    if len(set(column.levels)) < len(column.levels) or "" in column.levels:
        return _distinct(column)
    return column


def _column(table: Table, name: str) -> FloatArray | Coded:
    try:
        return table.columns[name]
    except KeyError:
        there = ", ".join(list(table.columns)[:20]) or "none"
        raise LearnError(f"column {name!r} of the schema is not in the table; its columns: {there}") from None


def _coded(values: FloatArray) -> Coded:
    """Numbers used as a category: each distinct number is a level."""
    distinct, codes = np.unique(values + 0.0, return_inverse=True)  # adding zero makes -0.0 and 0.0 one level
    present = distinct[~np.isnan(distinct)]
    codes = np.where(codes >= len(present), -1, codes)
    return Coded(codes.astype(np.int32), tuple(number_label(float(value)) for value in present))


def _distinct(column: Coded) -> Coded:
    """The same texts with each level once, and "" as missing."""
    index: dict[str, int] = {}
    moved = [-1 if not level else index.setdefault(level, len(index)) for level in column.levels]
    return Coded(np.array([*moved, -1], dtype=np.int32)[column.codes], tuple(index))
