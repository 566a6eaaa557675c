"""Integers split into digits small enough that float64 matrix multiplication of them is exact.

Digits are balanced, base 2**20: all but a column's highest are at most 2**19 in magnitude. A sum of
products of two digit columns over a block is at most the product of their Euclidean norms (Cauchy and
Schwarz), and so is every partial sum of it; a column gets as many digits as keep the norm of its highest
below 2**26, so all of them are whole numbers below 2**53 and BLAS is exact in whatever order it adds.
(Ozaki, Ogita, Oishi and Rump, "Error-free transformations of matrix multiplication by using fast routines
of matrix multiplication and its applications", 2012, do this for matrices of real numbers.) A column pays
only for the digits that its values need, and nothing is ever clipped.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# Not powers of two: numbers that far apart fall into the same few lines of a cache.
SMALL_BLOCK: Final = 2040  # rows: a block of 100 columns stays near the cache; up to 4,096 are exact
LARGE_BLOCK: Final = 8184  # rows: for few columns the calls cost more than the work; up to 8,192 are exact
DIGIT: Final = 20  # bits
_WORTH_THREE: Final = 64  # columns: below this, one large product is faster than three small ones
_HIGHEST_NORM: Final = 25.5  # log2 of the norm that the highest digit may have; rounding adds less than 0.5


def block_for(columns: int) -> int:
    """How many rows to take at a time."""
    return SMALL_BLOCK if columns >= _WORTH_THREE else LARGE_BLOCK


def norms(integers: FloatArray) -> FloatArray:
    """log2 of the Euclidean norm of each row of (d, n), or a little more; NaN or inf if the row has one."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        squares: FloatArray = np.vecdot(integers, integers)
        logs: FloatArray = 0.5 * np.log2(squares)
    for i in np.flatnonzero(np.isinf(squares)):
        logs[i] = np.log2(np.abs(integers[i]).max()) + 0.5 * np.log2(integers.shape[1])
    return logs


def digits_for(logs: FloatArray) -> IntArray:
    """How many digits a column needs whose norm has this logarithm."""
    return 1 + np.ceil(np.maximum(logs - _HIGHEST_NORM, 0.0) / DIGIT).astype(np.int64)


def _add_exactly(total: IntArray, part: FloatArray) -> None:
    """Add in int64: a sum over blocks may exceed what a float64 holds exactly."""
    np.add(total, part, out=total, dtype=np.int64, casting="unsafe")


def _matrix(cells: FloatArray, rows: int, columns: int) -> FloatArray:
    """The first cells as a matrix whose rows follow one another without gaps: numpy is faster with these."""
    return cells[: rows * columns].reshape(rows, columns)


class Stack:
    """The matrix of one block that is multiplied by its transpose.

    Its rows: ones; the d columns' lowest digits; then for each further digit the columns that have it; then
    the presence masks of the columns that are masked.
    """

    def __init__(self, block: int, digits: IntArray, masked: BoolArray) -> None:
        """Room for `block` rows of columns of so many digits each, and for masks of some of them."""
        self.block, self.digits, self.masked = block, digits, masked
        highest = int(digits.max(initial=1))
        self.columns = [np.flatnonzero(digits > level) for level in range(highest)]
        self.spans: list[slice] = []
        start = 1
        for columns in self.columns:
            self.spans.append(slice(start, start + len(columns)))
            start += len(columns)
        self._masks = slice(start, start + int(masked.sum()))
        self.height = self._masks.stop
        # The row that counts where a column is present: its mask, or the ones.
        self.presence = np.where(masked, start - 1 + np.cumsum(masked), 0)
        # In each level, where the next level's columns stand.
        self._next = [
            np.searchsorted(lower, upper)
            for lower, upper in zip(self.columns, self.columns[1:], strict=False)
        ]
        self._rows = np.empty(self.height * block)
        self._by_row: FloatArray | None = None
        self._source = np.empty(len(digits) * block)
        self._change = np.empty(len(digits) * block)
        d = len(digits)
        self._three = d >= _WORTH_THREE and self.height == 1 + 2 * d and len(self.columns) == 2
        if self._three:
            self._both = np.empty((1 + d) * block)
            self._products = [np.empty((size, size)) for size in (1 + d, d, 1 + d)]
        else:
            self._products = [np.empty((self.height, self.height))]

    def integers(self, n: int) -> FloatArray:
        """Where the block's integers go, (d, n); `split` replaces them by their lowest digits."""
        return _matrix(self._rows, self.height, n)[self.spans[0]]

    def fits(self, digits: IntArray, masked: BoolArray) -> bool:
        """Whether these digits and masks have room."""
        return bool((digits <= self.digits).all() and (masked <= self.masked).all())

    def split(self, n: int, counted: BoolArray | None, missing: BoolArray | None) -> FloatArray:
        """The filled matrix (height, n); rows not `counted` must hold zeros, and so must missing values."""
        filled = _matrix(self._rows, self.height, n)
        filled[0] = 1.0 if counted is None else counted
        if missing is not None:
            masks = filled[self._masks]
            np.logical_not(
                missing if self.masked.all() else missing[self.masked], out=masks, casting="unsafe"
            )
            if counted is not None:
                masks[:, ~counted] = 0.0
        for level, within in enumerate(self._next):
            lower, higher = filled[self.spans[level]], filled[self.spans[level + 1]]
            count = len(within)
            change = _matrix(self._change, count, n)
            whole = count == len(lower)
            source = lower
            if not whole:
                source = _matrix(self._source, count, n)
                np.take(lower, within, axis=0, out=source, mode="clip")
            np.multiply(source, 2.0**-DIGIT, out=higher)
            np.rint(higher, out=higher)
            np.multiply(higher, -(2.0**DIGIT), out=change)
            if whole:
                lower += change
            else:
                change += source
                lower[within] = change
        return filled

    def multiply(self, filled: FloatArray, gram: IntArray) -> None:
        """Add the products of every two rows of the filled matrix to `gram` (height, height).

        Of the products of different digits only the sum with their mirror image is meant: it may stand in
        either place.
        """
        if not self._three:
            np.matmul(filled, filled.T, out=self._products[0])
            _add_exactly(gram, self._products[0])
            return
        # LHᵀ + HLᵀ = (L+H)(L+H)ᵀ - LLᵀ - HHᵀ: three products of half the height for one of the whole
        # (Karatsuba). The norm of a row of L+H is below 2**26.5, so this is as exact as the rest.
        n, half = filled.shape[1], self.spans[1].start
        low, high, both = filled[:half], filled[half:], _matrix(self._both, half, n)
        both[0] = filled[0]
        np.add(low[1:], high, out=both[1:])
        of_low, of_high, of_both = self._products
        for rows, product in ((low, of_low), (high, of_high), (both, of_both)):
            np.matmul(rows, rows.T, out=product)
        of_both -= of_low
        of_both[1:, 1:] -= of_high
        _add_exactly(gram[:half, :half], of_low)
        _add_exactly(gram[half:, half:], of_high)
        _add_exactly(gram[half:, :half], of_both[1:])

    def by_row(self, filled: FloatArray) -> FloatArray:
        """The filled matrix row by row, (n, height + …), and after it the elementwise products of every two
        digits of a column, in the order of `pairs`; to be used up before the next block is split.
        """
        if self._by_row is None:
            products = sum(len(self.columns[b]) for _, b in self.pairs)
            self._by_row = np.empty((self.block, self.height + products))
        rows = self._by_row[: filled.shape[1]]
        rows[:, : self.height] = filled.T
        start = self.height
        for a, b in self.pairs:
            lower, higher = rows[:, self.spans[a]], rows[:, self.spans[b]]
            if len(self.columns[a]) != len(self.columns[b]):
                lower = np.take(lower, np.searchsorted(self.columns[a], self.columns[b]), axis=1)
            np.multiply(lower, higher, out=rows[:, start : start + higher.shape[1]])
            start += higher.shape[1]
        return rows

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Every two digit positions, the lower first."""
        highest = len(self.columns)
        return [(a, b) for b in range(highest) for a in range(b + 1)]
