"""Minimising a quadratic with an absolute-value penalty: the numerics of lasso and graphical lasso.

The problem is min ½ bᵀG b - cᵀb + Σ α_j |b_j| + ½ Σ β_j b_j², G being positive semidefinite with a positive
diagonal. b is its solution if, g being c - G b - β b, g_j = α_j sign(b_j) where b_j is not 0 and |g_j| ≤ α_j
where it is (the Karush-Kuhn-Tucker conditions).

Once it is known which b_j are not 0, and their signs, b solves a linear system. The guess is corrected by the
primal-dual active set strategy (Hintermüller, Ito and Kunisch, "The primal-dual active set strategy as a
semismooth Newton method", 2002), which from a near start, as along a path of penalties, needs a system or two
and ends at the exact solution. Where it does not settle, or a system is singular, proximal steps lead on:
each minimises the same sum plus ½ ε ‖b - b_before‖² for an ε with which the strategy settles, as it does for
a large one; their limit is a minimum (Rockafellar, "Monotone operators and the proximal point algorithm",
1976).
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
_CORRECTIONS: Final = 25  # of the active set before a proximal step is taken
# A pivot this small means that a column hardly differs from a combination of the others.
_SMALLEST_PIVOT: Final = 1e-7
_RUN_AWAY: Final = 1e12  # coefficients of which no minimum of a semidefinite problem can consist
_FIRST_PROXIMAL, _LEAST_PROXIMAL, _MOST_PROXIMAL = 1e-2, 1e-9, 1e3


@dataclass(frozen=True, slots=True)
class Quadratic:
    """G (p, p), its diagonal being about 1, and c (p,) of about the same size."""

    gram: FloatArray
    cross: FloatArray


@dataclass(frozen=True, slots=True)
class Minimum:
    """The solution b (p,), the proximal steps that it took, and whether they sufficed."""

    coef: FloatArray
    steps: int
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

    Where no system has the exact solution, at most `maxiter` proximal steps are made, until the conditions
    hold to `tolerance` times the largest |c_j|.
    """
    coef, weight = start, _FIRST_PROXIMAL
    allowed = tolerance * float(np.max(np.abs(problem.cross), initial=0.0))
    for step in range(maxiter):
        exact = _by_active_set(problem, absolute, squared, coef)
        if exact is not None:
            return Minimum(exact, step, True)
        moved = None
        while moved is None and weight < _MOST_PROXIMAL:
            nearby = Quadratic(problem.gram, problem.cross + weight * coef)
            moved = _by_active_set(nearby, absolute, squared + weight, coef)
            weight *= 10.0 if moved is None else 1.0
        if moved is None or not np.max(np.abs(moved)) < _RUN_AWAY:
            return Minimum(coef, step, False)
        if weight * float(np.max(np.abs(moved - coef))) <= allowed:
            return Minimum(moved, step, True)
        coef, weight = moved, max(weight / 10.0, _LEAST_PROXIMAL)
    return Minimum(coef, maxiter, False)


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
