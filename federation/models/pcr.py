"""Principal component regression, from sums alone.

The components are those of the centred columns, divided by their standard deviations (dividing by n) if
standardised: scores t_k = z·v_k with variances d_k, v_k the eigenvectors of the covariance of z. Two types:

- "qfirst": least squares on the first q scores, which do not covary: γ_k = cov(t_k, y)/d_k. Jolliffe,
  "A note on the use of principal components in regression" (1982).
- "full": the lasso, as in `penalised`, over the p columns z and all their scores, each divided by its
  standard deviation if standardised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.models.active_set import minimise
from federation.models.algorithm import MISSING, Algorithm, Parameter, flag, number, one_of, whole
from federation.models.design import Design, InputColumn, design, require_varying
from federation.models.errors import ModelError
from federation.models.linear import INTERCEPT
from federation.models.penalty_grid import LAMBDA_GRID, LASSO, Grid, aicc, choose, take_grid
from federation.models.prediction import linear_prediction, predictions_by_size
from federation.models.record import to_record
from federation.models.standardised import in_standard_units, require_varying_target
from federation.statistics import Missing, Moments, Table

FloatArray = NDArray[np.float64]

# Eigenvalues below this part of the largest are rounding of float64 sums.
_VANISHING: Final = 1e-13


@dataclass(frozen=True, slots=True)
class PcrModel:
    """A fitted regression on principal components; coef are those of the columns in real units.

    components[k][j] is the weight of column j, centred and divided by scales[j], in component k;
    explained_variance[k] the variance (dividing by n) and component_coef[k] the coefficient of its scores.
    Of type "qfirst", path[k - 1] are the intercept and coefficients with k components and path_r2 their R².
    Of type "full", column_coef are the lasso's coefficients of the centred and scaled columns, and penalty
    its λ. aicc is None if there are too few rows for it.
    """

    algorithm: str
    pcr_type: str
    target: str
    terms: tuple[str, ...]
    coef: tuple[float, ...]
    components: tuple[tuple[float, ...], ...]
    explained_variance: tuple[float, ...]
    component_coef: tuple[float, ...]
    column_coef: tuple[float, ...] | None
    path: tuple[tuple[float, ...], ...]
    path_r2: tuple[float, ...]
    penalty: float | None
    r2: float
    aicc: float | None
    rows: int
    standardize: bool
    missing: str
    scales: tuple[float, ...]
    reference_levels: Mapping[str, str]
    means: Mapping[str, float]
    target_mean: float
    columns: tuple[InputColumn, ...]

    def predict(self, table: Table) -> dict[str, FloatArray]:
        """{"res": predicted target of each row}, and {"1": …, "2": …} with so many components ("qfirst").

        Missing values and errors: `prediction.weighted_sum`.
        """
        if self.pcr_type == "full":
            return {"res": linear_prediction(self, table)}
        return predictions_by_size(self, range(1, len(self.path) + 1), table)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `models.from_dict`."""
        return to_record(self)


@dataclass(frozen=True, slots=True)
class _Spectrum:
    """Scales (p,) of the columns, eigenvectors (p, r) and eigenvalues (r,) of their covariance, largest
    first, and the covariance of the scores with the target (r,)."""

    scales: FloatArray
    vectors: FloatArray
    values: FloatArray
    cross: FloatArray


def fit_pcr(
    moments: Moments,
    target: str,
    inputs: Sequence[str],
    *,
    pcr_type: str = "qfirst",
    q: int | None = None,
    standardize: bool = True,
    penalty: float = 1.0,
    grid: Grid | None = None,
    maxiter: int = 1000,
    tolerance: float = 1e-10,
    missing: Missing = "listwise",
) -> PcrModel:
    """Regress `target` on the principal components of `inputs` (as in `design.design`).

    Of type "qfirst": on the first `q`, or as many as have the lowest AICc. Of type "full": the lasso with λ =
    `penalty`, or the best of `grid`, over columns and components; `maxiter` and `tolerance` are those of
    `active_set.minimise`. Raises `ModelError` for parameters out of range, constant columns, a constant
    target, fewer components than `q`, and everything that `design.design` refuses.
    """
    sums = design(moments, target, inputs, missing)
    require_varying(sums)
    require_varying_target(sums, target)
    spectrum = _spectrum(sums, standardize)
    total = float(sums.target_scatter.hi)
    column_coef: FloatArray | None = None
    path: FloatArray = np.zeros((0, len(sums.columns)))
    path_r2: tuple[float, ...] = ()
    if pcr_type == "qfirst":
        gamma = spectrum.cross / spectrum.values
        explained = np.cumsum(gamma * spectrum.cross) * sums.rows / total
        judged = [aicc(1.0 - r2, total, sums.rows, k, True) for k, r2 in enumerate(explained.tolist(), 1)]
        size = _size(q, judged)
        gamma, r2, score = gamma[:size], float(explained[size - 1]), judged[size - 1]
        path = np.cumsum(spectrum.vectors[:, :size] * gamma, axis=1).T / spectrum.scales
        path_r2 = tuple(explained[:size].tolist())
        slopes, chosen = path[-1], None
    else:
        column_coef, gamma, chosen, r2, score = _lasso(
            sums, spectrum, standardize, penalty, grid, maxiter, tolerance
        )
        size = len(gamma)
        slopes = (column_coef + spectrum.vectors @ gamma) / spectrum.scales
    return PcrModel(
        algorithm="pcr",
        pcr_type=pcr_type,
        target=target,
        terms=(INTERCEPT, *sums.terms),
        coef=sums.through_means(slopes),
        components=tuple(tuple(row) for row in spectrum.vectors.T[:size].tolist()),
        explained_variance=tuple(spectrum.values[:size].tolist()),
        component_coef=tuple(gamma.tolist()),
        column_coef=None if column_coef is None else tuple(column_coef.tolist()),
        path=tuple(sums.through_means(row) for row in path),
        path_r2=path_r2,
        penalty=chosen,
        r2=r2,
        aicc=score if np.isfinite(score) else None,
        rows=sums.rows,
        standardize=standardize,
        missing=missing,
        scales=tuple(spectrum.scales.tolist()),
        reference_levels=sums.reference_levels,
        means={column.term: column.mean for column in sums.columns},
        target_mean=float(sums.target_mean.hi),
        columns=sums.columns,
    )


def _spectrum(sums: Design, standardize: bool) -> _Spectrum:
    covariance = sums.scatter.hi / sums.rows
    scales = np.sqrt(np.diagonal(covariance)) if standardize else np.ones(len(covariance))
    values, vectors = np.linalg.eigh(covariance / scales[:, None] / scales)
    if values[0] < -1e-9 * values[-1]:
        raise ModelError(
            "pairwise covariances are not those of one table here", "use missing='listwise' or 'mean'"
        )
    kept = values > _VANISHING * len(values) * values[-1]
    values, vectors = values[kept][::-1], vectors[:, kept][:, ::-1]
    largest = np.abs(vectors).argmax(axis=0)
    vectors = vectors * np.where(vectors[largest, np.arange(len(values))] < 0.0, -1.0, 1.0)
    return _Spectrum(scales, vectors, values, vectors.T @ (sums.cross.hi / sums.rows / scales))


def _size(q: int | None, judged: list[float]) -> int:
    if q is None:
        return int(np.argmin(judged)) + 1
    if not 1 <= q <= len(judged):
        raise ModelError(
            f"q is {q}", f"choose from 1 to {len(judged)}, the number of components that the inputs have"
        )
    return q


def _lasso(
    sums: Design,
    spectrum: _Spectrum,
    standardize: bool,
    penalty: float,
    grid: Grid | None,
    maxiter: int,
    tolerance: float,
) -> tuple[FloatArray, FloatArray, float, float, float]:
    """Coefficients of scaled columns and of scores, λ, R² and AICc."""
    if not 0.0 <= penalty < np.inf:
        raise ModelError(f"lambda is {penalty!r}", "it must be a finite number, 0 or more")
    scaled = sums.scatter.hi / spectrum.scales[:, None] / spectrum.scales
    joined = np.hstack([np.eye(len(scaled)), spectrum.vectors])
    scatter = joined.T @ scaled @ joined
    cross = joined.T @ (sums.cross.hi / spectrum.scales)
    deviations = np.sqrt(np.diagonal(scatter) / sums.rows)
    spread = deviations if standardize else np.ones(len(deviations))
    total = float(sums.target_scatter.hi)
    problem = in_standard_units(scatter, cross, total, spread, sums.rows)
    start = np.zeros(len(scatter))
    if grid is not None:
        best = choose(problem, grid, intercept=True, maxiter=maxiter, tolerance=tolerance)
        penalty, start = best.penalty, best.coef
    found = minimise(
        problem.quadratic, *problem.penalties(penalty, 1.0), start, maxiter=maxiter, tolerance=tolerance
    )
    if not found.converged:
        raise ModelError(
            f"{found.steps} proximal steps did not reach a minimum to {tolerance:g}",
            "raise maxiter, tolerance or lambda",
        )
    coef = found.coef * problem.unit
    unexplained = max(0.0, problem.residual(found.coef))
    score = aicc(unexplained, total, sums.rows, float(np.count_nonzero(coef)), True)
    return coef[: len(scaled)], coef[len(scaled) :], penalty, 1.0 - unexplained, score


def _pcr(moments: Moments, target: str, inputs: Sequence[str], /, **options: Any) -> PcrModel:
    lasso_only = [name for name in options if name in _LASSO_NAMES]
    if options.get("pcr_type", "qfirst") == "full":
        if "q" in options:
            raise ModelError("q belongs to pcr_type=qfirst; full takes every component", "leave q out")
    elif lasso_only:
        raise ModelError(f"{lasso_only[0]} belongs to pcr_type=full", f"set it, or leave {lasso_only[0]} out")
    grid = take_grid(options, LASSO)
    if "lambda" in options:
        options["penalty"] = options.pop("lambda")
    return fit_pcr(moments, target, inputs, grid=grid, **options)


_FULL: Final = (
    Parameter("lambda", number, "of full: the lasso's penalty (1 without it)"),
    Parameter("maxiter", whole, "of full: proximal steps at most (1000)"),
    Parameter("tolerance", number, "of full: to which the conditions for a minimum hold (1e-10)"),
    *LAMBDA_GRID,
)
_LASSO_NAMES: Final = frozenset(parameter.name for parameter in _FULL)

ALGORITHMS: Final = (
    Algorithm(
        "pcr",
        "linear regression on principal components of the inputs",
        _pcr,
        PcrModel,
        (
            MISSING,
            Parameter(
                "pcr_type", one_of("qfirst", "full"), "the first q components, or all by lasso (qfirst)"
            ),
            Parameter("q", whole, "how many components (those with the lowest AICc without it)"),
            Parameter("standardize", flag, "whether to divide columns by their standard deviations (true)"),
            *_FULL,
        ),
    ),
)
