"""The normal distribution of some columns, from their sums: its quadratic form and its determinant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from federation.models.errors import ModelError, listed
from federation.models.linear_algebra import solver
from federation.statistics import DoubleDouble

FloatArray = NDArray[np.float64]


def whitening(scatter: DoubleDouble, divisor: float, names: Sequence[str]) -> FloatArray:
    """F (p, p), lower triangular, with F·Fᵀ the inverse of the covariance scatter / divisor.

    Raises `ModelError` naming the columns that depend on others; the diagonal of scatter is positive.
    """
    solved = solver(scatter, names)
    try:
        lower = np.linalg.cholesky(solved.inverse.hi)
    except np.linalg.LinAlgError:
        raise ModelError(
            f"{listed(names)} depend on each other linearly, or nearly so", "leave some of them out"
        ) from None
    factor: FloatArray = np.ldexp(lower, -solved.exponents[:, None]) * np.sqrt(divisor)
    return factor


def squared_distances(centred: FloatArray, factor: FloatArray) -> FloatArray:
    """x·C⁻¹x for each row x of centred (rows, p), with the factor of `whitening`."""
    distances: FloatArray = ((centred @ factor) ** 2).sum(axis=1)
    return distances


def log_determinant(factor: FloatArray) -> float:
    """ln |C|, as a sum of logarithms that neither overflows nor vanishes."""
    return -2.0 * float(np.log(np.diagonal(factor)).sum())
