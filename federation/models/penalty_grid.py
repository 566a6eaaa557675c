"""Choosing the penalty of a regression by AICc over a grid of λ and η, without looking at rows again.

AICc = n ln(RSS/n) + 2 k n/(n - k - 1), k counting the variance, the intercept and the degrees of freedom of
the slopes (Hurvich and Tsai, "Regression and time series model selection in small samples", 1989). These are
the columns in the model for the lasso, and the trace of X(XᵀX + nλ(1 - η)V)⁻¹Xᵀ over those columns where the
penalty has a squared part (Zou, Hastie and Tibshirani, "On the degrees of freedom of the lasso", 2007).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from federation.models.active_set import Quadratic, factor, minimise
from federation.models.algorithm import Parameter, flag, number, whole
from federation.models.errors import ModelError
from federation.models.standardised import Standardised

FloatArray = NDArray[np.float64]

# RSS/TSS below it is rounding of float64 sums: such fits are all equally perfect.
_PERFECT: Final = 1e-14


@dataclass(frozen=True, slots=True)
class Grid:
    """λ = 10**min_lambda_power … 10**max_lambda_power, evenly in the logarithm; η evenly from min to max."""

    min_lambda_power: float = -10.0
    max_lambda_power: float = 3.0
    num_lambda: int = 100
    min_eta: float = 0.0
    max_eta: float = 1.0
    num_eta: int = 11

    def __post_init__(self) -> None:
        if not -300.0 <= self.min_lambda_power <= self.max_lambda_power <= 300.0:
            raise ModelError(
                f"the powers of lambda go from {self.min_lambda_power:g} to {self.max_lambda_power:g}",
                "they must ascend and lie between -300 and 300",
            )
        if not 0.0 <= self.min_eta <= self.max_eta <= 1.0:
            raise ModelError(
                f"eta goes from {self.min_eta:g} to {self.max_eta:g}", "it must ascend between 0 and 1"
            )
        for name, count in (("num_lambda", self.num_lambda), ("num_eta", self.num_eta)):
            if not 1 <= count <= 10_000:
                raise ModelError(f"{name} is {count}", "choose from 1 to 10000")

    @property
    def penalties(self) -> FloatArray:
        """The λ, largest first, as a path is followed."""
        return np.logspace(self.max_lambda_power, self.min_lambda_power, self.num_lambda)

    @property
    def etas(self) -> FloatArray:
        """The η, largest first: of equally good models the sparser one is found first."""
        return np.linspace(self.min_eta, self.max_eta, self.num_eta)[::-1]


@dataclass(frozen=True, slots=True)
class Choice:
    """The λ and η with the lowest AICc, and the coefficients there in standard units."""

    penalty: float
    eta: float
    aicc: float
    coef: FloatArray


def aicc(relative_rss: float, total: float, rows: int, freedom: float, intercept: bool) -> float:
    """AICc of a fit whose RSS is `relative_rss` · `total`; infinite if the rows do not suffice for it."""
    k = freedom + int(intercept) + 1
    if rows - k - 1 <= 0:
        return math.inf
    return rows * math.log(max(relative_rss, _PERFECT) * total / rows) + 2.0 * k * rows / (rows - k - 1)


def degrees_of_freedom(problem: Quadratic, squared: FloatArray, active: NDArray[np.intp]) -> float:
    """The trace of G (G + diag β)⁻¹ over the active columns; their number if they are dependent."""
    if not active.size or not np.any(squared[active]):
        return float(active.size)
    lower = factor(problem, squared, active)
    if lower is None:
        return float(active.size)
    inverse, _ = lapack.dtrtri(lower, lower=1)
    diagonal = np.square(np.tril(inverse)).sum(axis=0)
    return float(active.size - squared[active] @ diagonal)


def choose(problem: Standardised, grid: Grid, *, intercept: bool, maxiter: int, tolerance: float) -> Choice:
    """Follow the path of λ for every η, each fit starting at the last; raises `ModelError` if none converges.

    Where the minimum is not reached, and where the rows do not suffice for the degrees of freedom, a fit is
    no candidate.
    """
    best: Choice | None = None
    total = problem.target_scale**2 * problem.rows
    complete = _Complete(problem)
    for eta in grid.etas.tolist():
        coef = np.zeros(len(problem.unit))
        for penalty in grid.penalties.tolist():
            absolute, squared = problem.penalties(penalty, eta)
            freedom: float | None = None
            solved = complete.solve(coef, absolute, penalty * (1.0 - eta)) if np.all(coef) else None
            if solved is not None:
                coef, freedom = solved
            else:
                found = minimise(
                    problem.quadratic, absolute, squared, coef, maxiter=maxiter, tolerance=tolerance
                )
                if not found.converged:
                    break
                coef = found.coef
            residual, least = problem.residual(coef), best.aicc if best else math.inf
            if aicc(residual, total, problem.rows, 0.0, intercept) >= least:
                continue  # whatever the degrees of freedom are
            if freedom is None:
                freedom = degrees_of_freedom(problem.quadratic, squared, np.flatnonzero(coef))
            score = aicc(residual, total, problem.rows, freedom, intercept)
            if score < least:
                best = Choice(penalty, eta, score, coef)
    if best is None:
        raise ModelError(
            f"no lambda of the grid gives a model that {problem.rows} rows can judge",
            "learn more rows, raise max_lambda_power, or give lambda yourself",
        )
    return best


class _Complete:
    """Fits in which every column takes part: the systems of all λ and η have the same eigenvectors."""

    def __init__(self, problem: Standardised) -> None:
        self._problem = problem
        self._weight = problem.spread * problem.unit / problem.target_scale
        scaled = problem.quadratic.gram / self._weight[:, None] / self._weight
        self._values, self._vectors = np.linalg.eigh(scaled)

    def solve(
        self, last: FloatArray, absolute: FloatArray, squared: float
    ) -> tuple[FloatArray, float] | None:
        """The fit whose coefficients have the `last` one's signs, and its degrees of freedom.

        `squared` is λ(1 - η). None if there is no such fit, or rounding would spoil it.
        """
        gram, cross = self._problem.quadratic.gram, self._problem.quadratic.cross
        if not self._values[0] + squared > 1e-14 * self._values[-1]:
            return None
        pulled = cross - absolute * np.sign(last)
        coordinates = self._vectors.T @ (pulled / self._weight) / (self._values + squared)
        coef: FloatArray = self._vectors @ coordinates / self._weight
        off = pulled - gram @ coef - squared * self._weight**2 * coef
        if np.any(coef * last <= 0.0) or not np.max(np.abs(off)) <= 1e-9 * np.max(np.abs(cross)):
            return None
        return coef, float(np.sum(self._values / (self._values + squared)))


def take_grid(options: dict[str, Any], defaults: Mapping[str, float] | None = None) -> Grid | None:
    """Move the parameters of the grid out of `options`; None without `aicc`.

    `defaults` fixes fields. Raises `ModelError` for parameters of a grid that is not asked for, and for a
    lambda beside it.
    """
    wanted = options.pop("aicc", False)
    names = {field.name for field in fields(Grid)}
    given = {name: options.pop(name) for name in sorted(names & set(options))}
    if not wanted:
        if given:
            raise ModelError(
                f"{next(iter(given))!r} belongs to the grid of aicc", "set aicc=true, or leave it out"
            )
        return None
    fixed = [name for name in ("lambda", "alpha", "eta") if name in options]
    if fixed:
        raise ModelError(f"aicc chooses {fixed[0]}", f"leave {fixed[0]} out, or set aicc=false")
    return Grid(**(given | dict(defaults or {})))


LASSO: Final[Mapping[str, float]] = {"min_eta": 1.0, "max_eta": 1.0, "num_eta": 1}
LAMBDA_GRID: Final = (
    Parameter("aicc", flag, "whether to choose the penalty by AICc over a grid (false without it)"),
    Parameter("min_lambda_power", number, "the grid's smallest lambda is 10 to this power (-10)"),
    Parameter("max_lambda_power", number, "the grid's largest lambda is 10 to this power (3)"),
    Parameter("num_lambda", whole, "how many values of lambda the grid has (100)"),
)
ETA_GRID: Final = (
    Parameter("min_eta", number, "the grid's smallest eta (0)"),
    Parameter("max_eta", number, "the grid's largest eta (1)"),
    Parameter("num_eta", whole, "how many values of eta the grid has (11)"),
)
