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
_MAGNITUDE: Final = np.int64(2**63 - 1)
MIN_KEY: Final = (_BIAS - MAX_TWOS - 52) << BITS  # of a magnitude other than zero
MAX_KEY: Final = ((_BIAS - MIN_TWOS + 1) << BITS) - 1


class Grid:
    """Buckets of the multiples of one unit, numbered for counting: 2 · (rank of the magnitude) + (negative).

    Zero is number 0; number 1 is never used.
    """

    def __init__(self, unit: Quantum) -> None:
        self._fives = 5.0**unit.fives
        self._first = (int(np.float64(1.0 / self._fives).view(np.int64)) >> _SHIFT) - 1
        self._offset = self._first + ((_BIAS - _FLOAT_BIAS - unit.twos) << BITS)

    def numbers(self, integers: FloatArray) -> IntArray:
        """The bucket numbers of q (n,); -0.0 must not be among them."""
        values = integers / self._fives if self._fives != 1.0 else integers
        raw = values.view(np.int64)
        numbers = raw & _MAGNITUDE
        numbers >>= _SHIFT
        numbers -= self._first
        np.maximum(numbers, 0, out=numbers)
        numbers <<= 1
        numbers -= raw >> 63
        return numbers

    def keys(self, numbers: IntArray) -> IntArray:
        """The keys of bucket numbers."""
        ranks = numbers >> 1
        keys = np.where(ranks > 0, ranks + self._offset, 0)
        return np.where(numbers & 1, -keys, keys)


def bounds(keys: IntArray, unit: Quantum) -> tuple[FloatArray, FloatArray]:
    """The least and the greatest multiple of the unit in each bucket, as the nearest float64."""
    magnitude = np.abs(keys)
    exponent = (magnitude >> BITS) - _BIAS - BITS
    leading = (1 << BITS) + (magnitude & ((1 << BITS) - 1))
    fives = 5.0**unit.fives
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        shift = (exponent + unit.twos).astype(np.int32)
        least, beyond = (np.ceil(np.ldexp(edge * fives, shift)) for edge in (leading, leading + 1.0))
        smallest, largest = (
            np.ldexp(q / fives, -unit.twos) for q in (least, np.maximum(beyond - 1.0, least))
        )
    smallest, largest = (np.where(keys == 0, 0.0, bound) for bound in (smallest, largest))
    negative = keys < 0
    return np.where(negative, -largest, smallest), np.where(negative, -smallest, largest)
