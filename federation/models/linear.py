"""Linear regression by least squares and by ridge, from sums alone.

With centred sums of products S (inputs), s (inputs with target) and n rows:

- least squares: S b = s; intercept ȳ - x̄·b; RSS = Σ(y - ȳ)² - b·s; σ² = RSS / df; Var b = σ² S⁻¹;
  Var intercept = σ² (1/n + x̄·S⁻¹·x̄). Without an intercept, sums about zero take the place of centred ones
  and R² compares with Σy², as NIST's StRD and statsmodels do.
- ridge: minimises Σ(y - b₀ - x·b)² + λ Σ w_j b_j², the intercept free: (S + λ diag w) b = s, with w_j = 1,
  which is scikit-learn's `Ridge(alpha=λ)`; standardised, w_j is the population variance of column j, which
  is `Ridge(alpha=λ)` after `StandardScaler`, with the coefficients in the original units. Hoerl and
  Kennard, "Ridge regression: biased estimation for nonorthogonal problems" (1970).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from federation.models.algorithm import MISSING, Algorithm, Parameter, flag, number
from federation.models.design import (
    Design,
    InputColumn,
    about_zero,
    design,
    require_common_rows,
    require_varying,
)
from federation.models.errors import ModelError
from federation.models.linear_algebra import solver
from federation.models.penalty_grid import LAMBDA_GRID, Grid, choose, take_grid
from federation.models.prediction import linear_prediction
from federation.models.record import to_record
from federation.models.standardised import require_varying_target, standardised
from federation.models.wide_arithmetic import add, dot, negate, pick, times, wide
from federation.statistics import DoubleDouble, Missing, Moments, Table

FloatArray = NDArray[np.float64]

INTERCEPT: Final = "(intercept)"
# Residuals below 1e-13 of the target's spread are what is left of the float64 digits of the data, not of
# the model.
PERFECT: Final = 1e-26


@dataclass(frozen=True, slots=True)
class LinearModel:
    """A fitted linear regression; coef, std_error, t, p and the 95 % limits stand in the order of terms.

    algorithm is "mlr" or "ridge". What a fit does not define is None: ridge estimates are biased, so they
    have no std_error, t, p, limits, sigma, df or f; a perfect fit (RSS = 0) has standard errors of 0 and no
    t, p or f. rows and df are the rows used and the residual degrees of freedom; means are those of the
    columns.
    """

    algorithm: str
    target: str
    terms: tuple[str, ...]
    coef: tuple[float, ...]
    std_error: tuple[float, ...] | None
    t: tuple[float, ...] | None
    p: tuple[float, ...] | None
    ci_low: tuple[float, ...] | None
    ci_high: tuple[float, ...] | None
    r2: float
    adjusted_r2: float | None
    sigma: float | None
    rows: int
    df: int | None
    f: float | None
    f_p: float | None
    reference_levels: Mapping[str, str]
    means: Mapping[str, float]
    target_mean: float
    missing: str
    penalty: float
    standardize: bool
    columns: tuple[InputColumn, ...]

    def predict(self, table: Table) -> dict[str, FloatArray]:
        """{"res": predicted target of each row}; missing values and errors: `prediction.weighted_sum`."""
        return {"res": linear_prediction(self, table)}

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `models.from_dict`."""
        return to_record(self)


@dataclass(frozen=True, slots=True)
class _Solution:
    """Intercept and slopes, residual and total sum of squares, and Var b / σ² (None for ridge)."""

    coef: DoubleDouble
    rss: float
    tss: float
    variances: FloatArray | None


def fit_linear(
    moments: Moments,
    target: str,
    inputs: Sequence[str],
    *,
    missing: Missing = "listwise",
    ridge: float = 0.0,
    standardize: bool = False,
    intercept: bool = True,
) -> LinearModel:
    """Regress `target` on `inputs`: least squares, or ridge with penalty λ = `ridge` > 0.

    Inputs are as in `design.design`. Raises `ModelError` for constant or dependent columns, a constant
    target, too few rows, and everything that `design.design` refuses.
    """
    _check_options(missing, ridge, standardize, intercept)
    sums = design(moments, target, inputs, missing)
    others = moments.rows - sums.rows if missing == "listwise" else 0
    return regress(
        sums,
        target,
        missing=missing,
        ridge=ridge,
        standardize=standardize,
        intercept=intercept,
        others=others,
    )


def regress(
    sums: Design,
    target: str,
    *,
    missing: Missing,
    ridge: float = 0.0,
    standardize: bool = False,
    intercept: bool = True,
    others: int = 0,
) -> LinearModel:
    """`fit_linear` from the sums themselves, which leave out so many `others` of the rows learned."""
    require_varying(sums)
    require_varying_target(sums, target)
    count = len(sums.columns) + int(intercept)
    df = sums.rows - count
    if df <= 0 and ridge == 0.0:
        more = f" or use missing='mean' ({others} rows have a missing value)" if others else ""
        raise ModelError(
            f"{sums.rows} rows for {count} coefficients",
            f"at least {count + 1} are needed; leave inputs out, "
            f"learn more rows{more}, or fit ridge regression",
        )
    solution = _ridge(sums, ridge, standardize, intercept) if ridge else _least_squares(sums, intercept)
    r2 = 1.0 - solution.rss / solution.tss
    terms = ((INTERCEPT,) if intercept else ()) + sums.terms
    tests = _NO_TESTS
    if solution.variances is not None:
        tests = _tests(solution, solution.variances, df, len(sums.columns))
    return LinearModel(
        algorithm="ridge" if ridge else "mlr",
        target=target,
        terms=terms,
        coef=_floats(solution.coef.hi),
        **tests,
        r2=r2,
        adjusted_r2=None if ridge else 1.0 - (1.0 - r2) * (sums.rows - int(intercept)) / df,
        rows=sums.rows,
        df=None if ridge else df,
        reference_levels=sums.reference_levels,
        means={column.term: column.mean for column in sums.columns},
        target_mean=float(sums.target_mean.hi),
        missing=missing,
        penalty=float(ridge),
        standardize=standardize,
        columns=sums.columns,
    )


def _least_squares(sums: Design, intercept: bool) -> _Solution:
    scatter, cross, total = sums.scatter, sums.cross, sums.target_scatter
    if not intercept:
        scatter, cross, total = about_zero(sums)
    system = solver(scatter, sums.terms)
    stacked = DoubleDouble(*(np.stack(parts, axis=1) for parts in zip(cross, sums.means, strict=True)))
    solved = system.solve(stacked)
    slopes = pick(solved, slice(None), 0)
    rss = _residual(total, slopes, cross)
    variances = system.diagonal()
    if not intercept:
        return _Solution(slopes, rss, float(total.hi), variances)
    leverage = dot(sums.means, pick(solved, slice(None), 1)).hi
    variances = np.concatenate([[1.0 / sums.rows + leverage], variances])
    return _Solution(_with_intercept(sums, slopes), rss, float(total.hi), variances)


def _ridge(sums: Design, penalty: float, standardize: bool, intercept: bool) -> _Solution:
    scatter, cross, total = sums.scatter, sums.cross, sums.target_scatter
    if not intercept:
        scatter, cross, total = about_zero(sums)
    spread = np.diagonal(sums.scatter.hi) / sums.rows if standardize else np.ones(len(sums.columns))
    weights = penalty * spread
    system = solver(add(scatter, wide(np.diag(weights))), sums.terms)
    slopes = pick(system.solve(DoubleDouble(cross.hi[:, None], cross.lo[:, None])), slice(None), 0)
    # S b = s - λ w b, so RSS = Σy² - 2 b·s + b·S b = Σy² - b·s - λ Σ w b².
    pulled = add(cross, times(wide(weights), slopes))
    rss = _residual(total, slopes, pulled)
    return _Solution(_with_intercept(sums, slopes) if intercept else slopes, rss, float(total.hi), None)


def _residual(total: DoubleDouble, slopes: DoubleDouble, cross: DoubleDouble) -> float:
    rss = float(add(total, negate(dot(slopes, cross))).hi)
    if not rss >= -1e-12 * float(total.hi):
        raise ModelError(
            "the pairwise sums explain more than there is, as those of no table can",
            "use missing='listwise' or 'mean'",
        )
    return rss if rss > PERFECT * float(total.hi) else 0.0


def _with_intercept(sums: Design, slopes: DoubleDouble) -> DoubleDouble:
    first = add(sums.target_mean, negate(dot(slopes, sums.means)))
    return DoubleDouble(np.append(first.hi, slopes.hi), np.append(first.lo, slopes.lo))


_NO_TESTS: Final[Mapping[str, Any]] = dict.fromkeys(
    ("std_error", "t", "p", "ci_low", "ci_high", "sigma", "f", "f_p")
)


def _tests(solution: _Solution, variances: FloatArray, df: int, slopes: int) -> Mapping[str, Any]:
    """Standard errors, two-sided t tests, 95 % limits, and the F test of all slopes being zero."""
    coef, variance = solution.coef.hi, solution.rss / df
    std_error = np.sqrt(variance * variances)
    margin = special.stdtrit(df, 0.975) * std_error
    tests: dict[str, Any] = dict(_NO_TESTS) | {
        "std_error": _floats(std_error),
        "ci_low": _floats(coef - margin),
        "ci_high": _floats(coef + margin),
        "sigma": math.sqrt(variance),
    }
    if solution.rss > 0.0:
        t = coef / std_error
        f = (solution.tss - solution.rss) / slopes / variance
        tests |= {"t": _floats(t), "p": _floats(2.0 * special.stdtr(df, -np.abs(t)))}
        tests |= {"f": f, "f_p": float(special.fdtrc(slopes, df, f))}
    return tests


def _check_options(missing: str, ridge: float, standardize: bool, intercept: bool) -> None:
    if not 0.0 <= ridge < math.inf:
        raise ModelError(f"the ridge penalty is {ridge!r}", "it must be a finite number, 0 or more")
    if standardize and (ridge == 0.0 or not intercept):
        raise ModelError(
            "standardize belongs to ridge regression with an intercept", "set a penalty, or leave it out"
        )
    if not intercept:
        require_common_rows(missing)


def _floats(values: FloatArray) -> tuple[float, ...]:
    return tuple(values.tolist())


def _mlr(moments: Moments, target: str, inputs: Sequence[str], /, **options: Any) -> LinearModel:
    return fit_linear(moments, target, inputs, **options)


def _ridge_by_name(moments: Moments, target: str, inputs: Sequence[str], /, **options: Any) -> LinearModel:
    grid = take_grid(options, {"min_eta": 0.0, "max_eta": 0.0, "num_eta": 1})
    centred = options.pop("centerY", None)
    if centred is not None:
        if options.get("intercept", centred) != centred:
            raise ModelError(
                "centerY and intercept are two names of one thing, but differ", "give one of them"
            )
        options["intercept"] = centred or options.get("standardize", False)
    given = {options.pop(name) for name in ("alpha", "lambda") if name in options}
    if len(given) > 1:
        raise ModelError("alpha and lambda are two names of one penalty, but differ", "give one of them")
    penalty = given.pop() if given else 1.0
    if grid is not None:
        penalty = _best_penalty(moments, target, inputs, grid, options)
    if penalty <= 0.0:
        raise ModelError(f"the ridge penalty is {penalty:g}", "give a positive one, or use mlr for none")
    return fit_linear(moments, target, inputs, ridge=penalty, **options)


def _best_penalty(
    moments: Moments, target: str, inputs: Sequence[str], grid: Grid, options: Mapping[str, Any]
) -> float:
    """The λ of the grid with the lowest AICc."""
    standardize, intercept = options.get("standardize", False), options.get("intercept", True)
    missing = options.get("missing", "listwise")
    _check_options(missing, 1.0, standardize, intercept)
    sums = design(moments, target, inputs, missing)
    problem = standardised(sums, target, standardize=standardize, intercept=intercept)
    shift = math.log10(sums.rows)  # the grid is of λ here, of λ/n there
    shifted = replace(
        grid,
        min_lambda_power=grid.min_lambda_power - shift,
        max_lambda_power=grid.max_lambda_power - shift,
    )
    return sums.rows * choose(problem, shifted, intercept=intercept, maxiter=1000, tolerance=1e-10).penalty


_INTERCEPT_PARAMETER: Final = Parameter(
    "intercept", flag, "whether to fit one (the default) or go through zero"
)

ALGORITHMS: Final = (
    Algorithm(
        "mlr",
        "multiple linear regression by least squares, with standard errors and tests",
        _mlr,
        LinearModel,
        (MISSING, _INTERCEPT_PARAMETER),
    ),
    Algorithm(
        "ridge",
        "linear regression with a squared penalty on the coefficients",
        _ridge_by_name,
        LinearModel,
        (
            MISSING,
            _INTERCEPT_PARAMETER,
            Parameter("alpha", number, "the penalty, above 0 (1 without it)"),
            Parameter("lambda", number, "another name of alpha"),
            Parameter("standardize", flag, "whether to penalise the coefficients of standardised columns"),
            Parameter("centerY", flag, "another name of intercept; standardize has one anyway"),
            *LAMBDA_GRID,
        ),
    ),
)
