"""Tables in memory, column by column, as they are handed to learning.

A numeric column is a float64 array in which NaN means missing; a column of text is `Coded`: a code per row
into a tuple of levels, -1 meaning missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from federation.statistics.errors import LearnError
from federation.statistics.quantum import Quantum
from federation.statistics.schema import LETTERS, Attribute, AttributeType

Cell: TypeAlias = str | float | int | bool | None
_LEFT_OUT: Final = frozenset({AttributeType.LIST, AttributeType.PATIENT, AttributeType.IGNORE})


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """A column of text: `codes` (rows,) int32 into `levels`, -1 where the value is missing."""

    codes: NDArray[np.int32]
    levels: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "codes", np.ascontiguousarray(self.codes, dtype=np.int32))
        if self.codes.ndim != 1:
            raise LearnError(f"codes must be one-dimensional, not of shape {self.codes.shape}")
        if self.codes.size and not (self.codes.min() >= -1 and self.codes.max() < len(self.levels)):
            raise LearnError(f"codes must lie between -1 (missing) and {len(self.levels) - 1}")

    @classmethod
    def of(cls, values: Sequence[str | None]) -> Coded:
        """Code a list of texts; None and "" are missing."""
        levels: dict[str, int] = {}
        codes = [-1 if not value else levels.setdefault(value, len(levels)) for value in values]
        return cls(np.array(codes, dtype=np.int32), tuple(levels))

    def decode(self) -> list[str | None]:
        """The texts, None where missing."""
        return [None if code < 0 else self.levels[code] for code in self.codes.tolist()]

    def __len__(self) -> int:
        return int(self.codes.size)


Column: TypeAlias = NDArray[np.float64] | Coded


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Named columns of equal length; raises `LearnError` if the lengths differ."""

    columns: Mapping[str, Column]

    def __post_init__(self) -> None:
        checked: dict[str, Column] = {}
        for name, column in self.columns.items():
            checked[name] = column if isinstance(column, Coded) else _floats(name, column)
        lengths = {name: len(column) for name, column in checked.items()}
        if len(set(lengths.values())) > 1:
            shortest, longest = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
            raise LearnError(
                f"columns differ in length: {shortest!r} has {lengths[shortest]} rows, "
                f"{longest!r} has {lengths[longest]}"
            )
        object.__setattr__(self, "columns", checked)

    @classmethod
    def from_rows(
        cls, names: Sequence[str], rows: Sequence[Sequence[Cell]], types: Sequence[str] | None = None
    ) -> Table:
        """Columns from rows of cells; "", None and NaN are missing.

        `types` gives a letter (`AttributeType`) for each name; what is not counted (L, P, X) is left out.
        Without `types` a column whose every present cell reads as a number is numeric, any other is text.
        Raises `LearnError` naming the column and row of a cell that does not fit.
        """
        if len(set(names)) != len(names):
            raise LearnError(f"column names must differ: {list(names)}")
        if types is not None and len(types) != len(names):
            raise LearnError(f"{len(names)} names but {len(types)} types")
        for number, row in enumerate(rows, 1):
            if len(row) != len(names):
                raise LearnError(f"row {number} has {len(row)} cells, but there are {len(names)} columns")
        columns: dict[str, Column] = {}
        for position, name in enumerate(names):
            letter = None if types is None else _letter(name, types[position])
            if letter is None or letter not in _LEFT_OUT:
                columns[name] = _column(name, [row[position] for row in rows], letter)
        return cls(columns)

    @property
    def rows(self) -> int:
        """Number of rows; a table without columns has none."""
        return next((len(column) for column in self.columns.values()), 0)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(self.columns)

    def slice(self, start: int, stop: int | None = None) -> Table:
        """Rows start to stop as views: no values are copied."""
        part = np.s_[start:stop]
        return Table(
            {
                name: Coded(column.codes[part], column.levels) if isinstance(column, Coded) else column[part]
                for name, column in self.columns.items()
            }
        )

    def take(self, rows: NDArray[np.int64]) -> Table:
        """These rows, in this order."""
        return Table(
            {
                name: Coded(column.codes[rows], column.levels) if isinstance(column, Coded) else column[rows]
                for name, column in self.columns.items()
            }
        )

    def batches(self, rows: int) -> Iterator[tuple[int, Table]]:
        """(offset, view of at most `rows` rows) from first to last."""
        for start in range(0, self.rows, rows):
            yield start, self.slice(start, start + rows)

    def infer_attribute(self, name: str, precision: int = 40) -> Attribute:
        """The type and unit that fit one column's values."""
        column = self.columns[name]
        if isinstance(column, Coded):
            return Attribute(name, AttributeType.CATEGORY)
        present = column[~np.isnan(column)]
        if present.size and np.logical_or(present == 0.0, present == 1.0).all():
            return Attribute(name, AttributeType.BINARY)
        return Attribute(name, AttributeType.CONTINUOUS, Quantum.infer(column, precision))


def _floats(name: str, column: NDArray[np.float64]) -> NDArray[np.float64]:
    array = np.asarray(column)
    if array.ndim != 1 or array.dtype.kind not in "fiub":
        raise LearnError(
            f"column {name!r} must be a one-dimensional array of numbers or `Coded` text, "
            f"not {array.dtype} of shape {array.shape}"
        )
    return array.astype(np.float64, copy=False)


def _letter(name: str, letter: str) -> AttributeType:
    try:
        return AttributeType(letter)
    except ValueError:
        raise LearnError(f"column {name!r} has the unknown type {letter!r}; use {LETTERS}") from None


def _column(name: str, cells: list[Cell], type_: AttributeType | None) -> Column:
    if type_ in (AttributeType.CATEGORY, AttributeType.TEXT):
        return Coded.of([_text(cell) for cell in cells])
    numbers = np.empty(len(cells), dtype=np.float64)
    for row, cell in enumerate(cells, 1):
        try:
            numbers[row - 1] = np.nan if cell is None or cell == "" else float(cell)
        except (TypeError, ValueError, OverflowError):
            if type_ is None:
                return Coded.of([_text(other) for other in cells])
            raise LearnError(f"column {name!r}, row {row}: {str(cell)[:80]!r} is not a number") from None
    return numbers


def _text(cell: Cell) -> str | None:
    if cell is None or cell != cell:  # NaN differs from itself
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return number_label(cell)
    return str(cell)


def number_label(value: float) -> str:
    """A number as the name of a level: whole numbers without a fraction, "-0" as "0"."""
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value)
