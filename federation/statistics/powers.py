"""Third and fourth powers of integers summed exactly.

Up to 2**41 in magnitude integers are squared modulo 2**64 and the squares split into digits of 40 bits. A sum
of products of two digits is then known twice: modulo 2**64, from int64 that wraps around, and as a float64,
whose error is at most n · 2**-53 times the sum of magnitudes (in whatever order it was added), far below
2**63. Together these say it exactly.

Larger integers are split into balanced digits, base 2**20, and at most 2**20 in magnitude: over a block of at
most 8,192 values a sum of products of two of them stays within 2**53, so float64 matrix products of them are
exact (see `digits`). A value of K digits has a square of at most 2K; x³ = x² · x and x⁴ = x² · x² are read
off the products of those rows.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from federation.statistics.digits import DIGIT, FloatArray, IntArray

POWER_BLOCK: Final = (
    1 << 14
)  # values at a time, so that what is made of them stays in the cache; at most 2**15
_DIGIT_BLOCK: Final = 8192  # of larger ones; more would not be exact
_ONE_DIGIT: Final = 2.0**21  # squares of integers of at most this magnitude are taken as they are
_TWO_DIGITS: Final = 2.0**41
_WIDE: Final = 40  # bits


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
    """Sums third and fourth powers in room of its own."""

    def __init__(self, block: int) -> None:
        """For at most so many values at a time, and at most `POWER_BLOCK`."""
        self._integers, self._low, self._high = (np.empty(block, dtype=np.int64) for _ in range(3))
        self._square, self._rest = np.empty(block), np.empty(block)

    def sums(self, values: FloatArray, largest: float) -> tuple[int, int]:
        """Σx³ and Σx⁴ of integers (n,) of at most this magnitude."""
        if largest > _TWO_DIGITS:
            return self._by_digits(values, largest)
        n = len(values)
        integers, low, square = self._integers[:n], self._low[:n], self._square[:n]
        np.copyto(integers, values, casting="unsafe")
        np.multiply(integers, integers, out=low)
        np.multiply(values, values, out=square)
        if largest <= _ONE_DIGIT:
            return _dot(low, integers, square, values), _dot(low, low, square, square)
        high, rest = self._high[:n], self._rest[:n]
        low <<= 64 - _WIDE
        low >>= 64 - _WIDE
        np.copyto(rest, low)
        square -= rest
        square *= 2.0**-_WIDE
        np.rint(square, out=square)
        np.copyto(high, square, casting="unsafe")
        cubes = _dot(low, integers, rest, values) + (_dot(high, integers, square, values) << _WIDE)
        fourths = _dot(low, low, rest, rest) + (_dot(low, high, rest, square) << (_WIDE + 1))
        return cubes, fourths + (_dot(high, high, square, square) << (2 * _WIDE))

    def _by_digits(self, values: FloatArray, largest: float) -> tuple[int, int]:
        count, squared = digits_needed(largest), digits_needed(largest, 2)
        totals = np.zeros((2, squared + max(squared, count)), dtype=object)
        places = np.arange(squared)[:, None] + np.arange(max(squared, count))
        for start in range(0, len(values), _DIGIT_BLOCK):
            piece = values[start : start + _DIGIT_BLOCK]
            rows = np.empty((squared + count, len(piece)))
            split_digits(piece, rows[squared:])
            square_digits(rows[squared:], rows[:squared])
            products = (rows[:squared] @ rows.T).astype(np.int64)
            np.add.at(totals[1], places[:, :squared], products[:, :squared])
            np.add.at(totals[0], places[:, :count], products[:, squared:])
        cubes, fourths = (sum(int(total) << (DIGIT * i) for i, total in enumerate(row)) for row in totals)
        return cubes, fourths


def weighted_power_sums(values: IntArray, weights: IntArray) -> tuple[int, int]:
    """Σwx³ and Σwx⁴ of integers (n,) below 2**14 in magnitude, for weights of a sum below 2**34."""
    cubed = values * values * values
    half = (1 << 28) - 1
    cubes, fourths = (
        (int(weights @ (power >> 28)) << 28) + int(weights @ (power & half))
        for power in (cubed, cubed * values)
    )
    return cubes, fourths


def _dot(a: IntArray, b: IntArray, near_a: FloatArray, near_b: FloatArray) -> int:
    """Σab exactly, of integers that are given as int64 and as float64."""
    wrapped = int(np.einsum("i,i", a, b))
    return wrapped + (round((float(near_a @ near_b) - wrapped) * 2.0**-64) << 64)
