"""Minimising a quadratic with an absolute-value penalty: the numerics of lasso and graphical lasso.

The problem is min ½ bᵀG b - cᵀb + Σ α_j |b_j| + ½ Σ β_j b_j², G being positive semidefinite with a positive
diagonal. b is its solution if, g being c - G b - β b, g_j = α_j sign(b_j) where b_j is not 0 and |g_j| ≤ α_j
where it is (the Karush-Kuhn-Tucker conditions).

Two methods work together. Once it is known which b_j are not 0, and their signs, b solves a linear system;
the guess is corrected by the primal-dual active set strategy (Hintermüller, Ito and Kunisch, "The primal-dual
active set strategy as a semismooth Newton method", 2002), which from a near start needs a few systems and
ends at an exact solution, but may fail. Coordinate descent with covariance updates (Friedman, Hastie and
Tibshirani, "Regularization paths for generalized linear models via coordinate descent", 2010) never fails,
and takes over until the guess is good enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Gradients that exceed α by less than this part of the largest |c_j| do so by rounding.
SLACK: Final = 1e-12
_CORRECTIONS: Final = 25  # of the active set before coordinate descent is asked for a better guess
_FIRST_SWEEPS: Final = 8
# A pivot this small means that a column hardly differs from a combination of the others.
_SMALLEST_PIVOT: Final = 1e-7


@dataclass(frozen=True, slots=True)
class Quadratic:
    """G (p, p), its diagonal being about 1, and c (p,) of about the same size."""

    gram: FloatArray
    cross: FloatArray


@dataclass(frozen=True, slots=True)
class Minimum:
    """The solution b (p,), the sweeps of coordinate descent that it took, and whether they sufficed."""

    coef: FloatArray
    sweeps: int
    converged: bool


def minimise(
    problem: Quadratic,
    absolute: FloatArray,
    squared: FloatArray,
    start: FloatArray,
    *,
    maxiter: int,
    tolerance: float,
) -> Minimum:
    """Solve the problem with α = `absolute` and β = `squared`, each (p,), from a first guess `start`.

    Where systems do not lead to the exact solution, at most `maxiter` sweeps are made, until none of them
    changes a coefficient by more than `tolerance`.
    """
    coef, sweeps, batch = start, 0, _FIRST_SWEEPS
    while True:
        exact = _by_active_set(problem, absolute, squared, coef)
        if exact is not None:
            return Minimum(exact, sweeps, True)
        batch = min(batch, maxiter - sweeps)
        coef, made, change = _sweep(problem, absolute, squared, coef, batch, tolerance)
        sweeps += made
        if change <= tolerance or not np.isfinite(change):
            exact = _by_active_set(problem, absolute, squared, coef) if np.isfinite(change) else None
            return Minimum(coef if exact is None else exact, sweeps, bool(np.isfinite(change)))
        if sweeps >= maxiter:
            return Minimum(coef, sweeps, False)
        batch *= 2


def violation(problem: Quadratic, absolute: FloatArray, squared: FloatArray, coef: FloatArray) -> float:
    """By how much a condition of Karush, Kuhn and Tucker is violated at most; 0 at the minimum."""
    gradient = problem.cross - problem.gram @ coef - squared * coef
    at_zero = np.maximum(np.abs(gradient) - absolute, 0.0)
    return float(np.max(np.where(coef == 0.0, at_zero, np.abs(gradient - absolute * np.sign(coef)))))


def factor(problem: Quadratic, squared: FloatArray, active: NDArray[np.intp]) -> FloatArray | None:
    """The lower Cholesky factor of G + diag β on the active columns; None if it is nearly singular."""
    matrix = problem.gram[active[:, None], active]
    matrix.flat[:: len(active) + 1] += squared[active]
    lower, info = lapack.dpotrf(matrix.T, lower=1, clean=0, overwrite_a=1)
    if info or np.any(lower.diagonal() < _SMALLEST_PIVOT):
        return None
    result: FloatArray = lower
    return result


def _by_active_set(
    problem: Quadratic, absolute: FloatArray, squared: FloatArray, start: FloatArray
) -> FloatArray | None:
    """The exact solution, or None if the active sets do not settle or a system is nearly singular."""
    signs = np.sign(start)
    if not np.any(signs):
        signs = np.where(np.abs(problem.cross) > absolute, np.sign(problem.cross), 0.0)
    limit = absolute + SLACK * float(np.max(np.abs(problem.cross), initial=0.0))
    free = absolute == 0.0  # without a penalty the sign does not matter
    for _ in range(_CORRECTIONS):
        active = np.flatnonzero(free | (signs != 0.0))
        coef = np.zeros(len(start))
        if active.size:
            lower = factor(problem, squared, active)
            if lower is None:
                return None
            coef[active] = lapack.dpotrs(lower, (problem.cross - absolute * signs)[active], lower=1)[0]
        gradient = problem.cross - problem.gram @ coef
        entering = np.where(np.abs(gradient) > limit, np.sign(gradient), 0.0)
        corrected = np.where(signs == 0.0, entering, np.where(coef * signs > 0.0, signs, 0.0))
        if np.array_equal(corrected[~free], signs[~free]):
            return coef
        signs = corrected
    return None


def _sweep(
    problem: Quadratic,
    absolute: FloatArray,
    squared: FloatArray,
    start: FloatArray,
    most: int,
    tolerance: float,
) -> tuple[FloatArray, int, float]:
    """Sweeps of coordinate descent: the coefficients, how many were made, the last one's largest change.

    Every other sweep visits only the coefficients that are not 0. The change is infinite if the coefficients
    run away, as they may if G is not positive semidefinite.
    """
    gram = problem.gram
    coef = start.tolist()
    gradient = problem.cross - gram @ start
    diagonal, alpha = gram.diagonal().tolist(), absolute.tolist()
    curvature = (gram.diagonal() + squared).tolist()
    everything = range(len(coef))
    change, partial = np.inf, False
    for made in range(1, most + 1):
        largest = 0.0
        for j in [k for k in everything if coef[k] != 0.0] if partial else everything:
            old = coef[j]
            score = float(gradient[j]) + diagonal[j] * old
            size = abs(score) - alpha[j]
            new = 0.0 if size <= 0.0 else (size if score > 0.0 else -size) / curvature[j]
            if new != old:
                coef[j] = new
                gradient -= gram[j] * (new - old)
                largest = max(largest, abs(new - old))
        if not largest < 1e12:
            return np.array(coef), made, np.inf
        if not partial:
            change = largest
            if change <= tolerance:
                return np.array(coef), made, change
        partial = not partial
    return np.array(coef), most, change
