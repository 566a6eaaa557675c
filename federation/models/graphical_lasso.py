"""Sparse inverse covariances: the graphical lasso, and the choice of its penalty.

Θ minimises tr(SΘ) - ln det Θ + λ Σ_{j≠k} |Θ_jk| for a covariance S. The estimate W = Θ⁻¹ is found column by
column, each a lasso on W without that column (Friedman, Hastie and Tibshirani, "Sparse inverse covariance
estimation with the graphical lasso", 2008); the diagonal is not penalised, so that W's is S's. λ may be
chosen by EBIC = n (tr(SΘ) - ln det Θ) + E ln n + 4 E γ ln p, E being the pairs with Θ_jk ≠ 0 (Foygel and
Drton, "Extended Bayesian information criteria for Gaussian graphical models", 2010).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federation.models.active_set import Quadratic, minimise
from federation.models.errors import ModelError

FloatArray = NDArray[np.float64]

PATH: Final = 20  # penalties tried by EBIC, from the one that leaves no pair down to a hundredth of it


@dataclass(frozen=True, slots=True)
class Sparse:
    """W and Θ, each (p, p), for one λ."""

    penalty: float
    covariance: FloatArray
    precision: FloatArray


@dataclass(frozen=True, slots=True)
class Path:
    """The penalties tried, largest first, their EBIC, and the estimate with the lowest."""

    penalties: tuple[float, ...]
    scores: tuple[float, ...]
    best: Sparse


def graphical_lasso(
    covariance: FloatArray, penalty: float, *, maxiter: int, tolerance: float, start: FloatArray | None = None
) -> Sparse:
    """W and Θ for S = `covariance` and λ = `penalty` above 0, beginning at W = `start`.

    The passes increase ln det W among the W that are positive definite, have S's diagonal, and elsewhere
    differ from S by at most λ; `start` must be one of them, or nearly so. At most `maxiter` passes over the
    columns are made, until none changes a correlation by more than `tolerance`; raises `ModelError` if they
    do not suffice.
    """
    unit = np.sqrt(np.diagonal(covariance))
    scaled = covariance / unit[:, None] / unit
    weights = penalty / unit[:, None] / unit
    p = len(unit)
    estimate = (_nearby(covariance, penalty) if start is None else start) / unit[:, None] / unit
    np.fill_diagonal(estimate, 1.0)
    slopes = np.zeros((p, p))
    for _ in range(maxiter):
        change = 0.0
        for j in range(p):
            rest = np.flatnonzero(np.arange(p) != j)
            inner = estimate[rest[:, None], rest]
            found = minimise(
                Quadratic(inner, scaled[rest, j]),
                weights[rest, j],
                np.zeros(p - 1),
                slopes[j, rest],
                maxiter=1000,
                tolerance=tolerance,
            )
            column = inner @ found.coef
            moved = float(np.max(np.abs(column - estimate[rest, j]), initial=0.0))
            change = max(change, moved if found.converged else np.inf)
            slopes[j, rest] = found.coef
            estimate[rest, j] = estimate[j, rest] = column
        if change <= tolerance:
            precision = _precision(estimate, slopes) / unit[:, None] / unit
            return Sparse(penalty, estimate * unit[:, None] * unit, precision)
        if not np.isfinite(change):
            break
    raise ModelError(
        f"{maxiter} passes of the graphical lasso did not converge to {tolerance:g}",
        "raise maxiter, tolerance or lambda",
    )


def choose_by_ebic(
    covariance: FloatArray, rows: int, gamma: float, *, maxiter: int, tolerance: float
) -> Path:
    """Follow the path of λ, each estimate starting at the last; γ = `gamma` is from 0 (BIC) to 1.

    To be compared, estimates need half as many digits as the one that is chosen.
    """
    p = len(covariance)
    largest = float(np.max(np.abs(covariance - np.diag(np.diagonal(covariance))), initial=0.0))
    if not largest > 0.0:
        raise ModelError(
            "no two of the inputs covary", "there is no path to choose lambda on, so give lambda"
        )
    penalties = largest * np.logspace(0.0, -2.0, PATH)
    found: list[Sparse] = []
    scores = []
    start, last = np.diag(np.diagonal(covariance)), largest
    for penalty in penalties.tolist():
        # Between S and a W that is near it by the last λ is one that is near by this.
        start, last = covariance + penalty / last * (start - covariance), penalty
        estimate = graphical_lasso(
            covariance, penalty, maxiter=maxiter, tolerance=tolerance**0.5, start=start
        )
        start = estimate.covariance
        edges = np.count_nonzero(np.triu(estimate.precision, 1))
        _, determinant = np.linalg.slogdet(estimate.precision)
        misfit = float(np.sum(covariance * estimate.precision)) - float(determinant)
        scores.append(rows * misfit + edges * (np.log(rows) + 4.0 * gamma * np.log(p)))
        found.append(estimate)
    rough = found[int(np.argmin(scores))]
    best = graphical_lasso(
        covariance, rough.penalty, maxiter=maxiter, tolerance=tolerance, start=rough.covariance
    )
    return Path(tuple(penalties.tolist()), tuple(map(float, scores)), best)


def _nearby(covariance: FloatArray, penalty: float) -> FloatArray:
    """A matrix between S and its diagonal that differs from S by at most λ; definite though S may not be."""
    difference = np.diag(np.diagonal(covariance)) - covariance
    return covariance + min(1.0, penalty / max(float(np.abs(difference).max()), penalty)) * difference


def _precision(estimate: FloatArray, slopes: FloatArray) -> FloatArray:
    """Θ from the regressions of each column on the others; what one of two finds 0 is 0."""
    diagonal = 1.0 / (np.diagonal(estimate) - np.sum(estimate * slopes, axis=1))
    precision = -slopes * diagonal[:, None]
    both = (slopes != 0.0) & (slopes.T != 0.0)
    result: FloatArray = np.where(both, (precision + precision.T) / 2.0, 0.0)
    np.fill_diagonal(result, diagonal)
    return result
