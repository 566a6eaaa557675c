"""Sums and products of double-double arrays, elementwise and as matrices.

The matrix product follows Ozaki, Ogita, Oishi and Rump, "Error-free transformations of matrix multiplication
by using fast routines of matrix multiplication and its applications" (2012): both factors are cut into slices
of so few bits that BLAS multiplies any two of them without rounding. Solving systems is in `linear_algebra`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federation.statistics.double_double import DoubleDouble, two_product, two_sum

FloatArray = NDArray[np.float64]

FULL: Final = 5  # slices that hold the 106 bits of a double-double, for up to 2**13 terms in a sum


def wide(values: FloatArray) -> DoubleDouble:
    """float64 values as double-doubles."""
    return DoubleDouble(values, np.zeros_like(values))


def add(a: DoubleDouble, b: DoubleDouble) -> DoubleDouble:
    """a + b, elementwise, to about 2**-104 even where they cancel (the accurate sum of Li et al. 2002)."""
    high, low = two_sum(a.hi, b.hi), two_sum(a.lo, b.lo)
    first = _fast_two_sum(high.hi, high.lo + low.hi)
    return _fast_two_sum(first.hi, first.lo + low.lo)


def negate(a: DoubleDouble) -> DoubleDouble:
    """-a."""
    return DoubleDouble(-a.hi, -a.lo)


def times(a: DoubleDouble, b: DoubleDouble) -> DoubleDouble:
    """a · b, elementwise, to about 2**-102; magnitudes between 2**-400 and 2**400."""
    product = two_product(a.hi, b.hi)
    return _fast_two_sum(product.hi, product.lo + (a.hi * b.lo + a.lo * b.hi))


def scale(a: DoubleDouble, exponents: NDArray[np.intp]) -> DoubleDouble:
    """a · 2**exponents, exactly."""
    if np.abs(exponents).max(initial=0) > 1022:
        return DoubleDouble(np.ldexp(a.hi, exponents), np.ldexp(a.lo, exponents))
    factors = np.ldexp(1.0, exponents)  # to multiply is ten times as fast
    return DoubleDouble(a.hi * factors, a.lo * factors)


def dot(a: DoubleDouble, b: DoubleDouble) -> DoubleDouble:
    """Σ a · b of two vectors, adding in pairs; the result has shape ()."""
    terms = times(a, b)
    while len(terms.hi) > 1:
        half = (len(terms.hi) + 1) // 2
        rest = len(terms.hi) - half
        folded = add(pick(terms, slice(rest)), pick(terms, slice(half, None)))
        middle = pick(terms, slice(rest, half))
        terms = DoubleDouble(np.append(folded.hi, middle.hi), np.append(folded.lo, middle.lo))
    return DoubleDouble(terms.hi.sum(), terms.lo.sum())


def pick(a: DoubleDouble, *index: object) -> DoubleDouble:
    """The same index into both parts."""
    return DoubleDouble(a.hi[index], a.lo[index])  # type: ignore[index]


@dataclass(frozen=True, slots=True)
class Sliced:
    """A matrix as Σ slices[i] · 2**(exponents - bits·(i + 1)); slices hold integers up to 2**(bits - 1)."""

    slices: tuple[FloatArray, ...]
    exponents: NDArray[np.intp]
    bits: int


def slice_rows(a: DoubleDouble, count: int = FULL) -> Sliced:
    """Cut the left factor of a product; each row has a scale of its own."""
    return _slice(a, count, axis=1, terms=a.hi.shape[1])


def product(a: Sliced, b: DoubleDouble, depth: int = FULL) -> DoubleDouble:
    """The matrix product a @ b, each entry to about 2**-(bits · depth) of the largest term of its sum."""
    right = _slice(b, depth, axis=0, terms=b.hi.shape[0])
    shape = (a.slices[0].shape[0], b.hi.shape[1])
    hi, lo = np.zeros(shape), np.zeros(shape)
    for level in reversed(range(depth)):  # the smallest first
        for i in range(min(level + 1, len(a.slices))):
            exact = a.slices[i] @ right.slices[level - i]
            hi, rest = two_sum(hi, exact * 2.0 ** (-a.bits * (level + 2)))
            lo += rest
    total = two_sum(hi, lo)
    return scale(scale(total, a.exponents), right.exponents)


def product_with_float(a: DoubleDouble, b: FloatArray) -> DoubleDouble:
    """The matrix product a @ b with three multiplications, to about 53 + `exact_bits` bits.

    That is, of the largest term of each sum. The highest bits of both factors are multiplied exactly.
    """
    terms = len(b)
    (a_high, a_low), (b_high, b_low) = _highest(a, 1, terms), _highest(wide(b), 0, terms)
    return two_sum(a_high @ b_high, a_high @ b_low + a_low @ b)


def exact_bits(terms: int) -> int:
    """Of how many bits slices may be, for BLAS to add up so many products of two of them exactly."""
    return (55 - int(np.ceil(np.log2(max(terms, 2))))) // 2


def _highest(a: DoubleDouble, axis: int, terms: int) -> tuple[FloatArray, FloatArray]:
    """The highest bits of a matrix, and what is left."""
    peaks = np.abs(a.hi).max(axis=axis, keepdims=True, initial=0.0)
    unit = np.ldexp(1.0, np.frexp(peaks)[1] + 1 - exact_bits(terms))
    highest = np.rint(a.hi / unit) * unit
    return highest, (a.hi - highest) + a.lo


def _slice(a: DoubleDouble, count: int, axis: int, terms: int) -> Sliced:
    bits = exact_bits(terms)
    peaks = np.abs(a.hi).max(axis=axis, keepdims=True, initial=0.0)
    exponents = np.frexp(peaks)[1].astype(np.intp) + 1
    hi, lo = scale(a, -exponents)
    slices = []
    for i in range(1, count + 1):
        whole = np.rint(hi * 2.0 ** (bits * i))
        slices.append(whole)
        hi, lo = two_sum(hi - whole * 2.0 ** (-bits * i), lo)
    return Sliced(tuple(slices), exponents, bits)


def _fast_two_sum(a: FloatArray, b: FloatArray) -> DoubleDouble:
    """a + b exactly, given |a| >= |b|."""
    s = a + b
    return DoubleDouble(s, b - (s - a))
