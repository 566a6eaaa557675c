"""Third and fourth powers of integers summed exactly, by the digits of the values and of their squares.

Digits are balanced, base 2**20, and at most 2**20 in magnitude: over a block of at most 8,192 values a sum of
products of two of them stays within 2**53, so float64 matrix products of them are exact (see `digits`). A
value of K digits has a square of at most 2K; x³ = x² · x and x⁴ = x² · x² are read off the products of those
rows.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from federation.statistics.digits import DIGIT, FloatArray, IntArray
from federation.statistics.exact import ExactArray

POWER_BLOCK: Final = 8192  # values at a time; more would not be exact
_FOLD_AFTER: Final = 16  # blocks: sums of up to 102 products of digits stay below 2**62


def digits_needed(largest: float, power: int = 1) -> int:
    """How many digits the powers of integers of at most this magnitude have."""
    greatest: int = int(largest) ** power
    return max(1, -(-(greatest - 1).bit_length() // DIGIT))


def split_digits(values: FloatArray, rows: FloatArray) -> None:
    """Put the digits of integers (n,), the lowest first, into `rows` (K, n)."""
    rest = values
    for row in rows[:-1]:
        higher = np.rint(rest * 2.0**-DIGIT)
        np.multiply(higher, -(2.0**DIGIT), out=row)
        row += rest
        rest = higher
    rows[-1] = rest


def square_digits(digits: FloatArray, rows: FloatArray) -> None:
    """Put the digits of the squares of integers, given by their digits (K, n), into `rows`.

    There are `digits_needed` of the largest square: 2K or 2K - 1 of them.
    """
    count, last = len(digits), len(rows) - 1
    doubled = 2.0 * digits[1:]
    carry: FloatArray | None = None
    for place, row in enumerate(rows):
        middle, odd = divmod(place, 2)
        if place > 2 * count - 2:
            total = np.zeros_like(row)
        else:
            total = digits[middle] * (doubled[middle] if odd else digits[middle])
        for low in range(max(0, place - count + 1), min(middle, count)):
            total += digits[low] * doubled[place - low - 1]
        if carry is not None:
            total += carry
        if place == last:
            row[...] = total
        else:
            carry = np.rint(total * 2.0**-DIGIT)
            np.multiply(carry, -(2.0**DIGIT), out=row)
            row += total


class PowerSums:
    """Σx³ and Σx⁴ of d columns: `add` values of one, `next_block` when each had its turn, then `sums`."""

    def __init__(self, columns: int) -> None:
        self._totals = [ExactArray.zeros(columns), ExactArray.zeros(columns)]
        self._waiting: IntArray = np.zeros((columns, 2, 4), dtype=np.int64)
        self._blocks = 0
        self._rooms: dict[int, FloatArray] = {}

    def add(self, column: int, values: FloatArray, weights: FloatArray | None, largest: float) -> None:
        """Add up to 8,192 integers of at most this magnitude; each counts `weights` times, together as
        many.
        """
        count, squared, n = digits_needed(largest), digits_needed(largest, 2), len(values)
        if 4 * count > self._waiting.shape[2]:
            room = 4 * count - self._waiting.shape[2]
            self._waiting = np.pad(self._waiting, ((0, 0), (0, 0), (0, room)))
        if count not in self._rooms:
            self._rooms[count] = np.empty((3 * count, POWER_BLOCK))
        rows = self._rooms[count][: squared + count, :n]
        split_digits(values, rows[squared:])
        square_digits(rows[squared:], rows[:squared])
        squares = rows[:squared] if weights is None else rows[:squared] * weights
        products = (squares @ rows.T).astype(np.int64)
        places = np.arange(squared)[:, None] + np.arange(max(squared, count))
        np.add.at(self._waiting[column, 1], places[:, :squared], products[:, :squared])
        np.add.at(self._waiting[column, 0], places[:, :count], products[:, squared:])

    def next_block(self) -> None:
        """Every column has had at most one `add` since the last call."""
        self._blocks += 1
        if self._blocks >= _FOLD_AFTER:
            self._fold()

    def sums(self) -> tuple[ExactArray, ExactArray]:
        """Σx³ (d,) and Σx⁴ (d,) of everything added."""
        self._fold()
        return self._totals[0], self._totals[1]

    def _fold(self) -> None:
        for power in range(2):
            shifted = [
                (self._waiting[:, power, place], DIGIT * place) for place in range(self._waiting.shape[2])
            ]
            self._totals[power] = self._totals[power] + ExactArray.from_shifted(shifted)
        self._waiting[...] = 0
        self._blocks = 0
