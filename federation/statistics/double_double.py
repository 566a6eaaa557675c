"""Real numbers of about 106 bits as unevaluated sums hi + lo of two float64 arrays.

The error-free transformations are Dekker's (1971) and Knuth's; the division is that of Hida, Li and Bailey,
"Algorithms for quad-double precision floating point arithmetic" (2001).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class DoubleDouble(NamedTuple):
    """hi + lo, where hi is the float64 nearest to the sum; both of one shape."""

    hi: FloatArray
    lo: FloatArray


def two_sum(a: FloatArray, b: FloatArray) -> DoubleDouble:
    """a + b exactly."""
    s = a + b
    t = s - a
    return DoubleDouble(s, (a - (s - t)) + (b - t))


def two_product(a: FloatArray, b: FloatArray) -> DoubleDouble:
    """a · b exactly, for magnitudes below 2**996 whose product does not underflow."""
    p = a * b
    a_high, a_low = _split(a)
    b_high, b_low = _split(b)
    return DoubleDouble(p, ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low)


def divide(a: DoubleDouble, b: DoubleDouble) -> DoubleDouble:
    """a / b to about 2**-104; dividing by zero gives NaN."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        # Significands near one keep every intermediate product inside the range of a float64.
        a_hi, a_exponent = np.frexp(a.hi)
        b_hi, b_exponent = np.frexp(b.hi)
        a_lo, b_lo = np.ldexp(a.lo, -a_exponent), np.ldexp(b.lo, -b_exponent)
        q1 = np.where(b_hi == 0.0, np.nan, a_hi / b_hi)
        q2 = _remainder(a_hi, a_lo, q1, b_hi, b_lo) / b_hi
        first = two_sum(q1, q2)
        q3 = _remainder(a_hi, a_lo, first.hi, b_hi, b_lo, first.lo) / b_hi
        total = two_sum(first.hi, first.lo + q3)
        shift = a_exponent - b_exponent
        return DoubleDouble(np.ldexp(total.hi, shift), np.ldexp(total.lo, shift))


def _remainder(
    a_hi: FloatArray,
    a_lo: FloatArray,
    q: FloatArray,
    b_hi: FloatArray,
    b_lo: FloatArray,
    q_lo: FloatArray | None = None,
) -> FloatArray:
    """(a_hi + a_lo) - (q + q_lo) · (b_hi + b_lo), rounded once it is small."""
    product = two_product(q, b_hi)
    rest: FloatArray = ((a_hi - product.hi) - product.lo) + a_lo - q * b_lo
    if q_lo is not None:
        rest = rest - q_lo * b_hi
    return rest


def _split(a: FloatArray) -> tuple[FloatArray, FloatArray]:
    c = 134217729.0 * a  # 2**27 + 1
    high = c - (c - a)
    return high, a - high
