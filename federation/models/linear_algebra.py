"""Solving symmetric positive definite systems whose entries are known as double-doubles.

Two paths lead to the same `Solver`. Ordinarily the inverse comes from a float64 Cholesky factorisation of the
scaled matrix and is corrected by Newton's iteration (Schulz 1933) on residuals computed in double-double;
‖I - A·X‖ < 1 proves on the way that the matrix is not singular. Where float64 does not suffice, the matrix is
inverted by the sweep operator (Goodnight, "A tutorial on the SWEEP operator", 1979) in double-double
throughout, which also finds out which columns depend on which.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from federation.models.errors import ModelError, listed
from federation.models.wide_arithmetic import (
    add,
    exact_bits,
    negate,
    pick,
    product,
    product_with_float,
    scale,
    slice_rows,
    times,
    wide,
)
from federation.statistics.double_double import DoubleDouble, divide

FloatArray = NDArray[np.float64]

# A column is called dependent when the others explain all but this part of its sum of squares: its
# remainder is then below 1e-11 of it, less than what attributes recorded with 40 bits can show.
DEPENDENT: Final = 1e-22
# Sweeping costs p**3 double-double operations in numpy: about a second here, so wider systems are refused
# instead.
MAX_SWEPT: Final = 300
_RESIDUAL_BITS: Final = 58  # of A·X, below one, that a correction of X to float64's last bits has to know
_MAX_STEPS: Final = 8


@dataclass(frozen=True, slots=True)
class Solver:
    """The inverse of a symmetric positive definite matrix A of shape (p, p), ready to be applied.

    Everything is kept for the scaled matrix D⁻¹·A·D⁻¹ with D = 2**exponents.
    """

    inverse: DoubleDouble
    matrix: DoubleDouble
    exponents: NDArray[np.intp]

    def solve(self, b: DoubleDouble) -> DoubleDouble:
        """X with A·X = B for B of shape (p, k), by iterative refinement to about 2**-95·cond(A)."""
        rows = -self.exponents[:, None]
        b = scale(b, rows)
        matrix, preconditioner = slice_rows(self.matrix), slice_rows(self.inverse)
        x = product(preconditioner, b)
        previous = np.inf
        for _ in range(_MAX_STEPS):
            step = product(preconditioner, add(b, negate(product(matrix, x))))
            size = float(np.max(np.abs(step.hi), initial=0.0))
            if not size < previous:
                break
            x = add(x, step)
            if size <= 2.0**-95 * np.max(np.abs(x.hi), initial=0.0):
                break
            previous = size / 2.0
        return scale(x, rows)

    def full(self) -> FloatArray:
        """A⁻¹, shape (p, p)."""
        inverse: FloatArray = np.ldexp(self.inverse.hi, -(self.exponents[:, None] + self.exponents))
        return inverse

    def diagonal(self) -> FloatArray:
        """Diagonal of A⁻¹, shape (p,)."""
        return np.ldexp(np.diagonal(self.inverse.hi), -2 * self.exponents)


def solver(matrix: DoubleDouble, names: Sequence[str]) -> Solver:
    """Invert a symmetric positive definite matrix (p, p) whose diagonal is positive.

    `names` are those of its columns, for the error: raises `ModelError` naming the columns that depend on
    others, or saying that the matrix is not positive definite.
    """
    exponents = (np.frexp(np.diagonal(matrix.hi))[1].astype(np.intp) + 1) // 2
    scaled = scale(scale(matrix, -exponents[:, None]), -exponents[None, :])
    inverse = _newton_inverse(scaled)
    if inverse is None:
        inverse = _swept_inverse(scaled, names)
    return Solver(inverse, scaled, exponents)


def _newton_inverse(matrix: DoubleDouble) -> DoubleDouble | None:
    """The inverse to float64's last bits, or None where float64 cannot find it."""
    p = len(matrix.hi)
    factor, failed = lapack.dpotrf(matrix.hi, lower=1)
    if failed:  # not positive definite
        return None
    lower, failed = lapack.dpotri(factor, lower=1)
    peak = float(np.max(np.diagonal(lower)))
    if failed or not math.isfinite(peak):
        return None
    inverse = np.tril(lower) + np.tril(lower, -1).T
    light = 53 + exact_bits(p) >= _RESIDUAL_BITS + math.log2(p * max(peak, 1.0))
    sliced = None if light else slice_rows(matrix)
    identity = np.eye(p)
    for _ in range(4):
        approximate = product(sliced, wide(inverse)) if sliced else product_with_float(matrix, inverse)
        residual = (identity - approximate.hi) - approximate.lo
        size = float(np.abs(residual).sum(axis=0).max())
        if not size < 0.1:
            return None
        correction = inverse @ residual
        inverse = inverse + (correction + correction.T) / 2.0
        if size < 1e-8:  # the next residual would be its square
            return wide(inverse)
    return None


def _swept_inverse(matrix: DoubleDouble, names: Sequence[str]) -> DoubleDouble:
    p = len(names)
    if p > MAX_SWEPT:
        raise _too_wide(matrix.hi, names)
    start = np.diagonal(matrix.hi).copy()
    a = DoubleDouble(matrix.hi.copy(), matrix.lo.copy())
    for k in range(p):
        pivot = pick(a, k, k)
        if not pivot.hi > DEPENDENT * start[k]:
            if pivot.hi < -1e-12 * start[k]:
                raise ModelError(
                    f"the sums of products of {listed(names)} are not positive definite",
                    "those of "
                    "missing='pairwise' need not be (use 'listwise' or 'mean'), nor those of a discriminant "
                    "whose target is not 0/1",
                )
            raise _dependent(a.hi[:k, k] * np.sqrt(start[:k] / start[k]), names, k)
        row = divide(pick(a, k, slice(None)), DoubleDouble(np.full(p, pivot.hi), np.full(p, pivot.lo)))
        column = pick(a, slice(None), k)
        update = times(
            DoubleDouble(column.hi[:, None], column.lo[:, None]), DoubleDouble(row.hi[None], row.lo[None])
        )
        swept = add(a, negate(update))
        one = divide(wide(np.array(1.0)), DoubleDouble(np.asarray(pivot.hi), np.asarray(pivot.lo)))
        scaled = times(column, DoubleDouble(np.full(p, -one.hi), np.full(p, -one.lo)))
        for part, new_row, new_column, corner in zip(swept, row, scaled, one, strict=True):
            part[k], part[:, k] = new_row, new_column
            part[k, k] = corner
        a = swept
    return a


def _dependent(weights: FloatArray, names: Sequence[str], k: int) -> ModelError:
    others = [name for name, weight in zip(names, weights, strict=False) if abs(weight) > 1e-6]
    return ModelError(
        f"{names[k]!r} is a linear combination of {listed(others)}",
        "leave one of them out, or fit ridge regression",
    )


def _too_wide(matrix: FloatArray, names: Sequence[str]) -> ModelError:
    """Name the columns that weigh in the nearly vanishing combinations of columns of unit length."""
    unit = np.sqrt(np.diagonal(matrix))
    values, vectors = np.linalg.eigh(matrix / np.outer(unit, unit))
    vanishing = np.abs(vectors[:, values < 1e-11 * len(names)]).max(axis=1, initial=0.0)
    involved = [name for name, weight in zip(names, vanishing, strict=True) if weight > 0.05]
    return ModelError(
        f"{listed(involved or list(names))} depend on each other linearly, or nearly so",
        "leave some of them out, or fit ridge regression",
    )
