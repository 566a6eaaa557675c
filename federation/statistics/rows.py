"""A table seen through a schema: the integers that its values are, and the codes of its levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from federation.statistics.accumulate import CodeArray
from federation.statistics.digits import FloatArray, IntArray
from federation.statistics.errors import LearnError
from federation.statistics.schema import Attribute, AttributeType, Schema
from federation.statistics.stratum import Levelled
from federation.statistics.table import Coded, Table, number_label

MAX_LEVEL: Final = 1000  # characters in the name of a level


class Rows:
    """Numeric columns and those with levels, both in order of name."""

    def __init__(self, schema: Schema, table: Table, numbers: Sequence[int]) -> None:
        """`numbers` are those of the rows in error messages. Raises `LearnError` for a column that is not
        there or of the wrong kind.
        """
        self.count, self._numbers = table.rows, numbers
        self.numeric = sorted(schema.numeric, key=lambda attribute: attribute.name)
        self.values = [_numbers(table, attribute) for attribute in self.numeric]
        coded = {name: levels_of(table, name) for name in Levelled.of(schema).names}
        self.codes: list[CodeArray] = [column.codes for column in coded.values()]
        self.levels = {name: column.levels for name, column in coded.items()}
        plain = [attribute.unit.multiplier for attribute in self.numeric]
        self._factors = [np.float64(1.0 if factor is None else factor) for factor in plain]
        self._wild = [i for i, factor in enumerate(plain) if factor is None]
        self._binary = [i for i, a in enumerate(self.numeric) if a.type is AttributeType.BINARY]

    def recode(self, known: dict[str, dict[str, int]]) -> None:
        """Let codes be those of the known levels, of which this table has no others."""
        self.codes = [
            np.array([*(known[name][level] for level in levels), -1], dtype=np.int32)[codes]
            for codes, (name, levels) in zip(self.codes, self.levels.items(), strict=True)
        ]

    def fill(self, integers: FloatArray, start: int, stop: int) -> None:
        """Put rows start to stop into `integers` (d, stop - start); NaN where missing."""
        for row, values, factor in zip(integers, self.values, self._factors, strict=True):
            np.multiply(values[start:stop], factor, out=row)
        if self._binary:
            self._refuse_non_binary(integers, start)
        np.rint(integers, out=integers)
        for i in self._wild:
            integers[i] = self.numeric[i].unit.to_integers(self.values[i][start:stop])

    def integers(self, column: int, start: int, stop: int, out: FloatArray | None = None) -> FloatArray:
        """The integers of one column in rows start to stop, perhaps in `out`; NaN where missing."""
        values = self.values[column][start:stop]
        if column in self._wild:
            return self.numeric[column].unit.to_integers(values)
        scaled: FloatArray = np.multiply(values, self._factors[column], out=out)
        return np.rint(scaled, out=scaled)

    def _refuse_non_binary(self, integers: FloatArray, start: int) -> None:
        values = integers[self._binary]
        wrong = ~((values == 0.0) | (values == 1.0) | np.isnan(values))
        if wrong.any():
            at = int(np.flatnonzero(wrong.any(axis=0))[0])
            column = self._binary[int(np.flatnonzero(wrong[:, at])[0])]
            raise self._error(column, start + at, "is neither 0 nor 1, but the column is binary")

    def refuse_infinite(self, integers: FloatArray, columns: IntArray, start: int) -> None:
        """Raise `LearnError` for the first infinite value of these columns, (k, n), if there is one."""
        wrong = np.isinf(integers)
        if not wrong.any():
            return
        at = int(np.flatnonzero(wrong.any(axis=0))[0])
        column = int(columns[np.flatnonzero(wrong[:, at])[0]])
        if np.isinf(self.values[column][start + at]):
            raise self._error(column, start + at, "is infinite; leave it empty if it is missing")
        unit = self.numeric[column].unit
        what = f"is too large to be counted in units of {unit}; choose a coarser quantum"
        raise self._error(column, start + at, what)

    def _error(self, column: int, row: int, what: str) -> LearnError:
        name, value = self.numeric[column].name, float(self.values[column][row])
        number = self._numbers[row]
        error = LearnError(f"column {name!r}, row {number}: {value!r} {what}")
        error.row = number
        return error


def _numbers(table: Table, attribute: Attribute) -> FloatArray:
    column = column_of(table, attribute.name)
    if isinstance(column, Coded):
        raise LearnError(
            f"column {attribute.name!r} holds text, but its type is {attribute.type.value}; "
            "make it a category (T) or a text (S), or give numbers"
        )
    return column


def levels_of(table: Table, name: str) -> Coded:
    """A column as levels, each once and none empty; raises `LearnError` for one that cannot travel."""
    column = column_of(table, name)
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


def column_of(table: Table, name: str) -> FloatArray | Coded:
    """A column of a table; raises `LearnError` naming those that there are."""
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
