"""Lasso and elastic net, from sums alone.

With n rows, the model minimises

    1/(2n) Σ(y - b₀ - x·b)² + λ Σ (η v_j |b_j| + ½ (1 - η) v_j² b_j²),

b₀ being free. With v_j = 1 that is scikit-learn's `ElasticNet(alpha=λ, l1_ratio=η)`, and with η = 1 its
`Lasso(alpha=λ)`; η = 0 is `Ridge(alpha=n·λ)`. Standardised, v_j is the standard deviation (dividing by n) of
column j, which is the same after `StandardScaler`, with the coefficients in the original units. Zou and
Hastie, "Regularization and variable selection via the elastic net" (2005).

The solution is that of the conditions of Karush, Kuhn and Tucker: found by `active_set`, then solved
once more in double-double for the columns that are in the model. The minimum does not depend on where the
search starts, so there are no initial weights to give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.models.active_set import minimise
from federation.models.algorithm import MISSING, Algorithm, Parameter, flag, number, whole
from federation.models.design import Design, InputColumn, about_zero, design, require_common_rows
from federation.models.errors import ModelError
from federation.models.linear import INTERCEPT
from federation.models.linear_algebra import solver
from federation.models.penalty_grid import (
    ETA_GRID,
    LAMBDA_GRID,
    LASSO,
    Grid,
    aicc,
    choose,
    degrees_of_freedom,
    take_grid,
)
from federation.models.prediction import linear_prediction
from federation.models.record import to_record
from federation.models.standardised import Standardised, standardised
from federation.models.wide_arithmetic import add, dot, negate, pick, product, slice_rows, wide
from federation.statistics import DoubleDouble, Missing, Moments, Table

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PenalisedModel:
    """A fitted lasso or elastic net; coef stands in the order of terms, 0 for columns not in the model.

    penalty and eta are λ and η, given or chosen; aicc and df, the degrees of freedom of the slopes, belong to
    the penalised fit, as in `penalty_grid` (aicc is None if there are too few rows for it). Debiased, coef
    and r2 are those of least squares on the selected columns instead. steps counts the
    proximal steps that were needed.
    """

    algorithm: str
    target: str
    terms: tuple[str, ...]
    coef: tuple[float, ...]
    penalty: float
    eta: float
    r2: float
    aicc: float | None
    df: float
    steps: int
    rows: int
    standardize: bool
    debias: bool
    missing: str
    reference_levels: Mapping[str, str]
    means: Mapping[str, float]
    target_mean: float
    columns: tuple[InputColumn, ...]

    @property
    def selected(self) -> tuple[str, ...]:
        """Names of the columns whose coefficient is not 0."""
        slopes = self.coef[len(self.terms) - len(self.columns) :]
        return tuple(column.term for column, slope in zip(self.columns, slopes, strict=True) if slope)

    def predict(self, table: Table) -> dict[str, FloatArray]:
        """{"res": predicted target of each row}; missing values and errors: `prediction.weighted_sum`."""
        return {"res": linear_prediction(self, table)}

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `models.from_dict`."""
        return to_record(self)


def fit_penalised(
    moments: Moments,
    target: str,
    inputs: Sequence[str],
    *,
    penalty: float = 1.0,
    eta: float = 1.0,
    grid: Grid | None = None,
    standardize: bool = False,
    intercept: bool = True,
    debias: bool = False,
    maxiter: int = 1000,
    tolerance: float = 1e-10,
    missing: Missing = "listwise",
) -> PenalisedModel:
    """Regress `target` on `inputs` with penalty λ = `penalty` and mixture η, or those best in `grid`.

    Inputs are as in `design.design`. `maxiter` and `tolerance` are those of `active_set.minimise`. Raises
    `ModelError` for parameters out of range, constant columns, a constant target, a search that does not
    reach the minimum, and everything that `design.design` refuses.
    """
    _check_options(penalty, eta, standardize, intercept, maxiter, tolerance, missing)
    sums = design(moments, target, inputs, missing)
    problem = standardised(sums, target, standardize=standardize, intercept=intercept)
    start = np.zeros(len(sums.columns))
    if grid is not None:
        best = choose(problem, grid, intercept=intercept, maxiter=maxiter, tolerance=tolerance)
        penalty, eta, start = best.penalty, best.eta, best.coef
    absolute, squared = problem.penalties(penalty, eta)
    found = minimise(problem.quadratic, absolute, squared, start, maxiter=maxiter, tolerance=tolerance)
    if not found.converged:
        raise ModelError(
            f"{found.steps} proximal steps did not reach a minimum to {tolerance:g}",
            "raise maxiter, tolerance or lambda"
            + (", or use missing='listwise' or 'mean'" if missing == "pairwise" else ""),
        )
    active = np.flatnonzero(found.coef)
    freedom = degrees_of_freedom(problem.quadratic, squared, active)
    slopes = _polished(sums, problem, found.coef, penalty, eta, intercept=intercept)
    unexplained = _unexplained(sums, slopes, intercept=intercept)
    score = aicc(unexplained, problem.target_scale**2 * sums.rows, sums.rows, freedom, intercept)
    if debias:
        slopes = _solved(sums, active, np.zeros(len(active)), np.zeros(len(active)), intercept=intercept)
        unexplained = _unexplained(sums, slopes, intercept=intercept)
    first = add(sums.target_mean, negate(dot(slopes, sums.means)))
    return PenalisedModel(
        algorithm="lasso" if eta == 1.0 else "elasticnet",
        target=target,
        terms=((INTERCEPT,) if intercept else ()) + sums.terms,
        coef=((float(first.hi),) if intercept else ()) + tuple(slopes.hi.tolist()),
        penalty=penalty,
        eta=eta,
        r2=1.0 - unexplained,
        aicc=score if np.isfinite(score) else None,
        df=freedom,
        steps=found.steps,
        rows=sums.rows,
        standardize=standardize,
        debias=debias,
        missing=missing,
        reference_levels=sums.reference_levels,
        means={column.term: column.mean for column in sums.columns},
        target_mean=float(sums.target_mean.hi),
        columns=sums.columns,
    )


def _polished(
    sums: Design, problem: Standardised, coef: FloatArray, penalty: float, eta: float, *, intercept: bool
) -> DoubleDouble:
    """The slopes in real units, solved in double-double; as found where the columns are dependent."""
    active = np.flatnonzero(coef)
    pull = sums.rows * penalty * eta * problem.spread[active] * np.sign(coef[active])
    ridge = sums.rows * penalty * (1.0 - eta) * problem.spread[active] ** 2
    try:
        slopes = _solved(sums, active, pull, ridge, intercept=intercept)
    except ModelError:
        return wide(coef * problem.unit)
    # Nearly dependent columns may have been found with rounding errors that change a sign.
    same = np.array_equal(np.sign(slopes.hi), np.sign(coef)) or eta == 0.0
    return slopes if same else wide(coef * problem.unit)


def _solved(
    sums: Design, active: NDArray[np.intp], pull: FloatArray, ridge: FloatArray, *, intercept: bool
) -> DoubleDouble:
    """Slopes b with (S + diag ridge) b = s - pull on the active columns, 0 on the others."""
    scatter, cross, _ = (sums.scatter, sums.cross, None) if intercept else about_zero(sums)
    slopes = DoubleDouble(np.zeros(len(sums.columns)), np.zeros(len(sums.columns)))
    if active.size:
        matrix = add(pick(scatter, *np.ix_(active, active)), wide(np.diag(ridge)))
        right = add(pick(cross, active), wide(-pull))
        solved = solver(matrix, [sums.terms[j] for j in active]).solve(pick(right, slice(None), None))
        slopes.hi[active], slopes.lo[active] = solved.hi[:, 0], solved.lo[:, 0]
    return slopes


def _unexplained(sums: Design, slopes: DoubleDouble, *, intercept: bool) -> float:
    """RSS / TSS, of any slopes: Σy² - 2 b·s + b·S b over Σy²."""
    scatter, cross, total = (sums.scatter, sums.cross, sums.target_scatter) if intercept else about_zero(sums)
    fitted = pick(product(slice_rows(scatter), pick(slopes, slice(None), None)), slice(None), 0)
    rss = float(add(total, dot(slopes, add(fitted, negate(add(cross, cross))))).hi) / float(total.hi)
    if rss < -1e-12:
        raise ModelError(
            "the pairwise sums explain more than there is, as those of no table can",
            "use missing='listwise' or 'mean'",
        )
    return max(0.0, rss)


def _check_options(
    penalty: float,
    eta: float,
    standardize: bool,
    intercept: bool,
    maxiter: int,
    tolerance: float,
    missing: str,
) -> None:
    if not 0.0 <= penalty < np.inf:
        raise ModelError(f"lambda is {penalty!r}", "it must be a finite number, 0 or more")
    if not 0.0 <= eta <= 1.0:
        raise ModelError(f"eta is {eta!r}", "it must lie between 0 (ridge) and 1 (lasso)")
    if maxiter < 1:
        raise ModelError(f"maxiter is {maxiter}", "it must be 1 or more")
    if not 0.0 < tolerance < 1.0:
        raise ModelError(f"tolerance is {tolerance!r}", "it must lie between 0 and 1")
    if not intercept and standardize:
        raise ModelError("standardised columns are centred, so that there is an intercept", "leave one out")
    if not intercept:
        require_common_rows(missing)


def _lasso(moments: Moments, target: str, inputs: Sequence[str], /, **options: Any) -> PenalisedModel:
    grid = take_grid(options, LASSO)
    return _fit(moments, target, inputs, grid, options)


def _elastic_net(moments: Moments, target: str, inputs: Sequence[str], /, **options: Any) -> PenalisedModel:
    grid = take_grid(options)
    return _fit(moments, target, inputs, grid, {"eta": 0.5} | options)


def _fit(
    moments: Moments, target: str, inputs: Sequence[str], grid: Grid | None, options: dict[str, Any]
) -> PenalisedModel:
    centred = options.pop("centerY", True) or options.get("standardize", False)
    if "lambda" in options:
        options["penalty"] = options.pop("lambda")
    return fit_penalised(moments, target, inputs, grid=grid, intercept=centred, **options)


CENTER_Y: Final = Parameter(
    "centerY",
    flag,
    "whether to centre the columns and the target, and so have an intercept (true); standardize does anyway",
)
_PARAMETERS: Final = (
    MISSING,
    Parameter("lambda", number, "the penalty, 0 or more (1 without it): alpha of scikit-learn"),
    Parameter("standardize", flag, "whether to penalise the coefficients of standardised columns (false)"),
    CENTER_Y,
    Parameter("debias", flag, "whether to fit the selected columns by least squares in the end (false)"),
    Parameter("maxiter", whole, "proximal steps at most (1000)"),
    Parameter(
        "tolerance", number, "to which the conditions for a minimum hold, relative to the covariances (1e-10)"
    ),
    *LAMBDA_GRID,
)

ALGORITHMS: Final = (
    Algorithm(
        "lasso",
        "linear regression with a penalty on absolute coefficients, which selects inputs",
        _lasso,
        PenalisedModel,
        _PARAMETERS,
    ),
    Algorithm(
        "elasticnet",
        "linear regression with a mixture of the penalties of lasso and ridge",
        _elastic_net,
        PenalisedModel,
        (*_PARAMETERS, Parameter("eta", number, "the mixture, from 0 (ridge) to 1 (lasso); 0.5"), *ETA_GRID),
    ),
)
