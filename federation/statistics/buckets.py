"""The log-linear buckets of histograms: a value belongs to the one that its leading 8 significant bits name.

What is looked at is the float64 nearest to the value q · 2**-twos · 5**-fives, its exponent unbounded. So a
bucket does not depend on the unit in which the value is counted: rescaling moves nothing, and statistics in
different units add up exactly. A bucket is 1/128 to 1/256 as wide as its values are large; distinct multiples
of a unit below 128 of them never share one.

A bucket's key is signed and ordered as its values are: 0 for zero, else ±(128 · (exponent + 4096) + the seven
bits that follow the leading one).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from federation.statistics.digits import FloatArray, IntArray
from federation.statistics.quantum import MAX_TWOS, MIN_TWOS, Quantum

BITS: Final = 7  # of the significand after the leading one
_SHIFT: Final = 52 - BITS
_BIAS: Final = 4096
_FLOAT_BIAS: Final = 1023
_NEGATIVE: Final = 1 << (63 - _SHIFT)  # where negative values stand in a table of all buckets
_SPARE: Final = 3  # octaves of room beyond the largest value so far
MIN_KEY: Final = (_BIAS - MAX_TWOS - 52) << BITS  # of a magnitude other than zero
MAX_KEY: Final = ((_BIAS - MIN_TWOS + 1) << BITS) - 1


class BucketCounts:
    """How often multiples of one unit fell into each bucket: `add` them, and in the end take the `counts`."""

    def __init__(self, unit: Quantum) -> None:
        self._fives = 5.0**unit.fives
        self._first = _place(1.0 / self._fives)
        self._offset = (_BIAS - _FLOAT_BIAS - unit.twos) << BITS
        self._zeros = 0
        self._counts: IntArray = np.zeros((2, 0), dtype=np.int64)  # positive and negative, by magnitude

    def add(self, integers: FloatArray, largest: float, table: IntArray, weights: IntArray | int = 1) -> None:
        """Count q (n,), each `weights` times; `integers` is overwritten. No q is larger in magnitude than
        `largest`, and `table` is a `bucket_table`.
        """
        if self._fives != 1.0:
            integers /= self._fives
        bits = integers.view(np.uint64)
        np.right_shift(bits, _SHIFT, out=bits)  # sign, exponent and leading bits
        np.add.at(table, bits.view(np.int64), weights)
        width = _place(largest / self._fives) + 1 - self._first
        if width > self._counts.shape[1]:
            counts = np.zeros((2, width + (_SPARE << BITS)), dtype=np.int64)
            counts[:, : self._counts.shape[1]] = self._counts
            self._counts = counts
        for start, held in zip((0, _NEGATIVE), self._counts, strict=True):
            self._zeros += int(table[start])
            table[start] = 0
            if width > 0:
                counted = table[start + self._first : start + self._first + width]
                least = int((counted != 0).argmax())  # most columns are far from the smallest magnitudes
                held[least:width] += counted[least:]
                counted[least:] = 0

    def add_zeros(self, count: int) -> None:
        """Count zero so many times more."""
        self._zeros += count

    def counts(self) -> tuple[IntArray, IntArray]:
        """The keys of the buckets that hold something, ascending, and how much (k,)."""
        positive, negative = (np.flatnonzero(part) for part in self._counts)
        keys = [-(negative[::-1] + self._first + self._offset), positive + self._first + self._offset]
        held = [self._counts[1, negative[::-1]], self._counts[0, positive]]
        if self._zeros:
            keys.insert(1, np.zeros(1, dtype=np.int64))
            held.insert(1, np.array([self._zeros], dtype=np.int64))
        return np.concatenate(keys), np.concatenate(held)


def bucket_table() -> IntArray:
    """Room in which `BucketCounts` of any unit count, one after another; they leave it empty.

    Of its 4 MB little more is ever touched than the buckets that occur.
    """
    return np.zeros(2 * _NEGATIVE, dtype=np.int64)


def _place(value: float) -> int:
    return int(np.float64(value).view(np.int64)) >> _SHIFT


def bounds(keys: IntArray, twos: IntArray, fives: IntArray) -> tuple[FloatArray, FloatArray]:
    """The least and the greatest multiple of 2**-twos · 5**-fives in each bucket, as the nearest float64.

    All three broadcast.
    """
    magnitude = np.abs(keys)
    exponent = (magnitude >> BITS) - _BIAS - BITS
    leading = (1 << BITS) + (magnitude & ((1 << BITS) - 1))
    scale = 5.0**fives
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        shift = (exponent + twos).astype(np.int32)
        least, beyond = (np.ceil(np.ldexp(edge * scale, shift)) for edge in (leading, leading + 1.0))
        smallest, largest = (np.ldexp(q / scale, -twos) for q in (least, np.maximum(beyond - 1.0, least)))
    smallest, largest = (np.where(keys == 0, 0.0, bound) for bound in (smallest, largest))
    negative = keys < 0
    return np.where(negative, -largest, smallest), np.where(negative, -smallest, largest)
