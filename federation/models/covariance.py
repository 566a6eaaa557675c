"""Estimators of a covariance matrix and its inverse, where the plain one is singular or too uncertain.

S being the covariance of p columns of n rows, with the divisor n - ddof, and μ = tr(S)/p:

- graph_lasso: see `graphical_lasso`; λ given, or chosen by EBIC.
- l2_reg_thinkhonov: S + λI.
- l2_reg_sig: (1 - α)S + αμI, α given, or chosen for the least expected squared error under normality: rblw,
  α = ((n - 2)/n tr(S²) + tr²(S)) / ((n + 2)(tr(S²) - tr²(S)/p)), the Rao-Blackwell form of Ledoit and Wolf's,
  or oas, α = (tr(S²) + tr²(S)) / ((n + 1)(tr(S²) - tr²(S)/p)), which, as scikit-learn's, leaves out terms of
  2/p; each at most 1. Chen, Wiesel, Eldar and Hero, "Shrinkage algorithms for MMSE covariance estimation"
  (2010), equations 17 and 23.
  Ledoit and Wolf's own α ("A well-conditioned estimator for large-dimensional covariance matrices", 2004) is
  not among these: it assumes no normality and takes Σ|x - x̄|⁴ over the rows instead, whose expansion has
  Σx²y for every two columns. Statistics with conditionals have Σ(xy)², but not that.
- identity_mixture: (1 - α)S + αI.
- eigen_trunc: the q largest eigenvalues of S and their vectors, the inverse being the pseudo-inverse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.models.algorithm import MISSING, Algorithm, Parameter, number, one_of, whole
from federation.models.design import InputColumn, design, require_varying
from federation.models.errors import ModelError, listed
from federation.models.graphical_lasso import choose_by_ebic, graphical_lasso
from federation.models.linear_algebra import solver
from federation.models.prediction import design_matrix
from federation.models.record import to_record
from federation.models.wide_arithmetic import wide
from federation.statistics import Missing, Moments, Table

FloatArray = NDArray[np.float64]
Matrix = tuple[tuple[float, ...], ...]

# Which parameters each type reads, besides those that all do.
_READS: Final[Mapping[str, frozenset[str]]] = {
    "graph_lasso": frozenset({"lambda", "tuning_type", "gamma", "maxiter", "tolerance"}),
    "l2_reg_thinkhonov": frozenset({"lambda"}),
    "l2_reg_sig": frozenset({"alpha", "tuning_type"}),
    "identity_mixture": frozenset({"alpha"}),
    "eigen_trunc": frozenset({"q"}),
}
_TUNINGS: Final[Mapping[str, frozenset[str]]] = {
    "graph_lasso": frozenset({"ebic"}),
    "l2_reg_sig": frozenset({"rblw", "oas"}),
}


@dataclass(frozen=True, slots=True)
class CovarianceModel:
    """An estimate of the covariance of the columns, in the order of terms.

    cxx_est is the covariance, theta its inverse (eigen_trunc: the pseudo-inverse), B[j][k] the coefficient of
    column k in the regression of column j on all others, -theta[j][k]/theta[j][j]. alpha and penalty are the
    α or λ used, given or chosen, None where there is none; ebic_vec and lambda_vec the path of EBIC, empty
    without it.
    """

    algorithm: str
    estimate_type: str
    tuning_type: str | None
    terms: tuple[str, ...]
    cxx_est: Matrix
    theta: Matrix
    B: Matrix
    alpha: float | None
    penalty: float | None
    q: int | None
    ebic_vec: tuple[float, ...]
    lambda_vec: tuple[float, ...]
    ddof: int
    rows: int
    missing: str
    reference_levels: Mapping[str, str]
    means: Mapping[str, float]
    columns: tuple[InputColumn, ...]

    def predict(self, table: Table) -> dict[str, FloatArray]:
        """{"res": (x - x̄)ᵀ theta (x - x̄) of each row}, the square of Mahalanobis' distance from the mean.

        Missing values and errors: `prediction.design_matrix`.
        """
        rows = design_matrix(self.columns, table, self.reference_levels)
        centred = rows - np.array([column.mean for column in self.columns])
        return {"res": np.sum(centred @ np.array(self.theta) * centred, axis=1)}

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `models.from_dict`."""
        return to_record(self)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A covariance (p, p) and its inverse, the α or λ used, and the path of EBIC; see `CovarianceModel`."""

    covariance: FloatArray
    precision: FloatArray
    alpha: float | None = None
    penalty: float | None = None
    scores: tuple[float, ...] = ()
    penalties: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Estimator:
    """How to estimate; parameters as in `fit_covariance`. Raises `ModelError` for those out of range."""

    estimate_type: str = "l2_reg_sig"
    tuning_type: str | None = None
    alpha: float | None = None
    penalty: float | None = None
    q: int | None = None
    gamma: float = 0.5
    maxiter: int = 1000
    tolerance: float = 1e-10

    def __post_init__(self) -> None:
        if self.estimate_type == "l2_reg_sig" and self.alpha is None and self.tuning_type is None:
            object.__setattr__(self, "tuning_type", "oas")
        object.__setattr__(self, "alpha", 0.1 if self.alpha is None else self.alpha)
        object.__setattr__(self, "penalty", 1.0 if self.penalty is None else self.penalty)
        _check_options(
            self.estimate_type,
            self.tuning_type,
            float(self.alpha or 0.0),
            float(self.penalty or 0.0),
            self.gamma,
            self.maxiter,
            self.tolerance,
        )

    def estimate(self, covariance: FloatArray, rows: int, terms: Sequence[str]) -> Estimate:
        """From the plain covariance (p, p) of so many rows; `terms` name its columns in errors."""
        alpha, penalty = float(self.alpha or 0.0), float(self.penalty or 0.0)
        if self.estimate_type == "graph_lasso":
            search = {"maxiter": self.maxiter, "tolerance": self.tolerance}
            return _sparse(covariance, rows, penalty, self.tuning_type, self.gamma, search)
        if self.estimate_type == "eigen_trunc":
            return _truncated(covariance, self.q)
        return _shrunk(covariance, rows, self.estimate_type, self.tuning_type, alpha, penalty, terms)


def estimator_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of `ESTIMATOR` as `Estimator` takes them; raises `ModelError` for any that disagree."""
    kind = given.get("estimate_type", "l2_reg_sig")
    foreign = sorted(set(given) & frozenset().union(*_READS.values()) - _READS[kind])
    if foreign:
        raise ModelError(
            f"{kind} does not read {listed(foreign)}", f"it reads {listed(sorted(_READS[kind]))}"
        )
    for fixed in ("lambda", "alpha"):
        if "tuning_type" in given and fixed in given:
            raise ModelError(f"{given['tuning_type']} chooses {fixed}", f"leave {fixed} out, or tuning_type")
    return {"penalty" if name == "lambda" else name: value for name, value in given.items()}


def fit_covariance(
    moments: Moments,
    inputs: Sequence[str],
    *,
    estimate_type: str = "l2_reg_sig",
    tuning_type: str | None = None,
    alpha: float | None = None,
    penalty: float | None = None,
    q: int | None = None,
    gamma: float = 0.5,
    ddof: int = 0,
    maxiter: int = 1000,
    tolerance: float = 1e-10,
    missing: Missing = "listwise",
) -> CovarianceModel:
    """Estimate the covariance of `inputs` (as in `design.design`) by one of the types above.

    Without `alpha` and tuning, l2_reg_sig is tuned by oas and identity_mixture takes 0.1; λ = `penalty` is 1
    without it. Raises `ModelError` for parameters out of range or that the type does not read, constant
    columns, and everything that `design.design` refuses.
    """
    estimator = Estimator(estimate_type, tuning_type, alpha, penalty, q, gamma, maxiter, tolerance)
    sums = design(moments, None, inputs, missing)
    require_varying(sums)
    if not 0 <= ddof < sums.rows:
        raise ModelError(
            f"ddof is {ddof}", f"it must lie between 0 and {sums.rows - 1}, one less than the rows"
        )
    estimate = estimator.estimate(sums.scatter.hi / (sums.rows - ddof), sums.rows, sums.terms)
    return CovarianceModel(
        algorithm="covest",
        estimate_type=estimate_type,
        tuning_type=estimator.tuning_type,
        terms=sums.terms,
        cxx_est=_rows(estimate.covariance),
        theta=_rows(estimate.precision),
        B=_rows(_regressions(estimate.precision)),
        alpha=estimate.alpha,
        penalty=estimate.penalty,
        q=q,
        ebic_vec=estimate.scores,
        lambda_vec=estimate.penalties,
        ddof=ddof,
        rows=sums.rows,
        missing=missing,
        reference_levels=sums.reference_levels,
        means={column.term: column.mean for column in sums.columns},
        columns=sums.columns,
    )


def _sparse(
    covariance: FloatArray,
    rows: int,
    penalty: float,
    tuning_type: str | None,
    gamma: float,
    search: Mapping[str, Any],
) -> Estimate:
    if tuning_type is None:
        found = graphical_lasso(covariance, penalty, **search)
        return Estimate(found.covariance, found.precision, penalty=penalty)
    path = choose_by_ebic(covariance, rows, gamma, **search)
    best = path.best
    return Estimate(best.covariance, best.precision, None, best.penalty, path.scores, path.penalties)


def _shrunk(
    covariance: FloatArray,
    rows: int,
    estimate_type: str,
    tuning_type: str | None,
    alpha: float,
    penalty: float,
    terms: Sequence[str],
) -> Estimate:
    p = len(covariance)
    if estimate_type == "l2_reg_thinkhonov":
        shrunk = covariance + penalty * np.eye(p)
    else:
        mean = float(np.trace(covariance)) / p
        if tuning_type is not None:
            alpha = _least_error(covariance, rows, tuning_type)
        centre = mean if estimate_type == "l2_reg_sig" else 1.0
        shrunk = (1.0 - alpha) * covariance + alpha * centre * np.eye(p)
    precision = solver(wide(shrunk), terms).full()
    if estimate_type == "l2_reg_thinkhonov":
        return Estimate(shrunk, precision, penalty=penalty)
    return Estimate(shrunk, precision, alpha=alpha)


def _least_error(covariance: FloatArray, rows: int, tuning_type: str) -> float:
    """The α of rblw or oas; 1 for one column and for a multiple of the identity, which nothing changes."""
    # Relative to the trace, as α is the same in every unit.
    squares = float(np.sum((covariance / np.trace(covariance)) ** 2))
    spread = squares - 1.0 / len(covariance)
    if tuning_type == "rblw":
        above, below = (rows - 2) / rows * squares + 1.0, (rows + 2) * spread
    else:
        above, below = squares + 1.0, (rows + 1) * spread
    return min(1.0, above / below) if below > 0.0 else 1.0


def _truncated(covariance: FloatArray, q: int | None) -> Estimate:
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1], vectors[:, ::-1]
    rank = int(np.count_nonzero(values > 1e-13 * len(values) * values[0]))
    if q is None or not 1 <= q <= rank:
        raise ModelError(
            f"q is {q}", f"eigen_trunc keeps from 1 to {rank} eigenvalues of these inputs; give q"
        )
    kept, leading = values[:q], vectors[:, :q]
    return Estimate((leading * kept) @ leading.T, (leading / kept) @ leading.T)


def _regressions(precision: FloatArray) -> FloatArray:
    """-Θ_jk/Θ_jj; 0 on the diagonal, and for a column that no kept eigenvector has a part in."""
    scale = np.diagonal(precision)[:, None]
    defined = (scale > 0.0) & ~np.eye(len(scale), dtype=bool)
    return np.divide(-precision, scale, out=np.zeros_like(precision), where=defined)


def _rows(matrix: FloatArray) -> Matrix:
    return tuple(tuple(row) for row in matrix.tolist())


def _check_options(
    estimate_type: str,
    tuning_type: str | None,
    alpha: float,
    penalty: float,
    gamma: float,
    maxiter: int,
    tolerance: float,
) -> None:
    tunings = _TUNINGS.get(estimate_type, frozenset())
    if tuning_type is not None and tuning_type not in tunings:
        has = f"it can be tuned by {listed(sorted(tunings))}" if tunings else "it is not tuned"
        raise ModelError(f"tuning_type {tuning_type} does not belong to {estimate_type}", f"{has}")
    if not 0.0 < alpha <= 1.0:
        raise ModelError(f"alpha is {alpha!r}", "it must be above 0 and at most 1")
    if not 0.0 < penalty < np.inf:
        raise ModelError(f"lambda is {penalty!r}", "it must be a finite number above 0")
    if not 0.0 <= gamma <= 1.0:
        raise ModelError(f"gamma is {gamma!r}", "it must lie between 0 and 1")
    if maxiter < 1:
        raise ModelError(f"maxiter is {maxiter}", "it must be 1 or more")
    if not 0.0 < tolerance < 1.0:
        raise ModelError(f"tolerance is {tolerance!r}", "it must lie between 0 and 1")


def _covest(moments: Moments, target: str, inputs: Sequence[str], /, **options: Any) -> CovarianceModel:
    return fit_covariance(moments, inputs, **estimator_options(options))


ESTIMATOR: Final = (
    Parameter(
        "estimate_type",
        one_of("graph_lasso", "l2_reg_thinkhonov", "l2_reg_sig", "identity_mixture", "eigen_trunc"),
        "how to estimate the covariance (l2_reg_sig)",
    ),
    Parameter(
        "tuning_type",
        one_of("ebic", "rblw", "oas"),
        "how to choose lambda of graph_lasso (ebic) or alpha of l2_reg_sig (rblw, oas)",
    ),
    Parameter("alpha", number, "of l2_reg_sig, identity_mixture: the identity's share (by oas, 0.1)"),
    Parameter("lambda", number, "of graph_lasso, l2_reg_thinkhonov: the penalty, above 0 (1)"),
    Parameter("q", whole, "of eigen_trunc: how many eigenvalues to keep"),
)
"""The parameters that choose an estimator and its strength."""

ALGORITHMS: Final = (
    Algorithm(
        "covest",
        "regularised estimates of the covariance matrix and its inverse, and distances by them",
        _covest,
        CovarianceModel,
        (
            MISSING,
            *ESTIMATOR,
            Parameter("gamma", number, "of ebic: how much a pair costs, from 0 (BIC) to 1; 0.5"),
            Parameter("ddof", whole, "the covariances divide by rows less this (0)"),
            Parameter("maxiter", whole, "of graph_lasso: passes over the columns at most (1000)"),
            Parameter("tolerance", number, "of graph_lasso: largest change of the last pass (1e-10)"),
        ),
        has_target=False,
    ),
)
