"""Squared products: Σ(x·y)² of every two numeric attributes over the rows in which both are present.

With the sums and products they give the moments of one attribute weighted by another. They are kept beside
the strata: a missing value adds nothing, so one packed triangle over all rows says everything. The squares of
values are split into digits (see `powers`) and multiplied like the values themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from federation.statistics.digits import DIGIT, FloatArray, IntArray
from federation.statistics.exact import ExactArray
from federation.statistics.powers import digits_needed, split_digits, square_digits
from federation.statistics.stratum import Index, triangle_of

_FOLD_AFTER: Final = 16  # blocks: sums of up to 102 products of digits stay below 2**62


@dataclass(frozen=True, slots=True)
class SquaredProducts:
    """Σ(x·y)² of d numeric attributes as a packed triangle, in units of the attributes."""

    numeric: int
    sums: ExactArray

    def is_zero(self) -> bool:
        """Whether nothing is counted."""
        return not self.sums.any()

    def add(self, other: SquaredProducts, sign: int = 1) -> SquaredProducts:
        """The sum (or difference) with those of the same attributes."""
        return SquaredProducts(self.numeric, self.sums + other.sums if sign > 0 else self.sums - other.sums)

    def negate(self) -> SquaredProducts:
        """The inverse under addition."""
        return SquaredProducts(self.numeric, -self.sums)

    def scale(self, factors: list[int]) -> SquaredProducts:
        """Every attribute in units finer by its factor."""
        upper = np.triu_indices(self.numeric)
        squared = ExactArray.from_ints(factor * factor for factor in factors)
        return SquaredProducts(self.numeric, self.sums * (squared[upper[0]] * squared[upper[1]]))

    def select(self, numeric: Index) -> SquaredProducts:
        """Only these attributes (ascending positions)."""
        return SquaredProducts(len(numeric), self.sums[triangle_of(numeric, self.numeric)])

    def spread(self, numeric: Index, width: int) -> SquaredProducts:
        """The same among more attributes, which have no values: attribute i becomes numeric[i] of `width`."""
        triangle = triangle_of(numeric, width)
        return SquaredProducts(width, self.sums.place((width * (width + 1) // 2,), triangle))


class SquareAccumulator:
    """Sums squared products over blocks: `add` one after another, and in the end take the `squares`."""

    def __init__(self, columns: int, block: int) -> None:
        """For blocks of at most so many rows (up to 8,192) of so many columns."""
        self._d, self._block, self._blocks = columns, block, 0
        self._total = ExactArray.zeros(columns * (columns + 1) // 2)
        self._arrange(np.ones(columns, dtype=np.int64))

    def _arrange(self, digits: IntArray) -> None:
        """Make room for squares of so many digits: lowest digits of all columns first, then the next."""
        self._digits = digits
        self._columns = [np.flatnonzero(digits > place) for place in range(int(digits.max(initial=1)))]
        ends = np.cumsum([len(columns) for columns in self._columns]).tolist()
        starts = [0, *ends[:-1]]
        self._spans = [slice(*ends_of) for ends_of in zip(starts, ends, strict=True)]
        self._where: list[list[int]] = [[] for _ in range(self._d)]
        for start, columns in zip(starts, self._columns, strict=True):
            for rank, column in enumerate(columns.tolist()):
                self._where[column].append(start + rank)
        self._rows = np.zeros((ends[-1], self._block))
        self._gram = np.zeros((ends[-1], ends[-1]), dtype=np.int64)

    def add(self, n: int, column_of: Callable[[int], FloatArray]) -> None:
        """Add n rows; `column_of` gives a column's integers (n,), NaN where missing, and is asked twice."""
        largest = [float(np.nanmax(np.abs(column_of(i)), initial=0.0)) for i in range(self._d)]
        needed = np.array([digits_needed(value, 2) for value in largest], dtype=np.int64)
        if self._blocks >= _FOLD_AFTER or (needed > self._digits).any():
            self._fold()
            self._arrange(np.maximum(needed, self._digits))
        rows = self._rows[:, :n]
        for i, where in enumerate(self._where):
            rows[where] = _squares(np.nan_to_num(column_of(i)), largest[i], len(where))
        self._gram += (rows @ rows.T).astype(np.int64)
        self._blocks += 1

    def squares(self) -> SquaredProducts:
        """Everything added so far."""
        self._fold()
        return SquaredProducts(self._d, self._total)

    def _fold(self) -> None:
        upper, parts = np.triu_indices(self._d), []
        for shift in range(2 * len(self._columns) - 1):
            square = np.zeros((self._d, self._d), dtype=np.int64)
            for a in range(len(self._columns)):
                b = shift - a
                if 0 <= b < len(self._columns):
                    square[np.ix_(self._columns[a], self._columns[b])] += self._gram[
                        self._spans[a], self._spans[b]
                    ]
            parts.append((square[upper], DIGIT * shift))
        self._total = self._total + ExactArray.from_shifted(parts)
        self._gram[...] = 0
        self._blocks = 0


def _squares(values: FloatArray, largest: float, count: int) -> FloatArray:
    """The digits (count, n) of the squares of integers (n,)."""
    digits = np.empty((digits_needed(largest), len(values)))
    split_digits(values, digits)
    rows = np.zeros((count, len(values)))
    square_digits(digits, rows[: digits_needed(largest, 2)])
    return rows
