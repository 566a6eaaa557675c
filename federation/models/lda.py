"""Linear discriminant analysis of two classes, from sums alone, with the numbers that SymetryML's model has.

For a 0/1 target t with n₁ = Σt, n₀ = n - n₁ and class means m₁, m₀, let d = m₁ - m₀ and let C be the pooled
covariance within classes, (S - (n₁n₀/n) d dᵀ) / (n - 2), S the centred sums of products. Then β = C⁻¹d; a
row scores resZ = β·x and is put on the side of m₁ if it passes z0 = β·(m₁ + m₀)/2. (Fisher, "The use of
multiple measurements in taxonomic problems", 1936.) d = n·Σ(x - x̄)(t - t̄) / (n₁n₀), so the same formulas
apply to any numeric target, each row counting t times for the first class and 1 - t times for the other.

C may be a regularised estimate instead (`covariance`), which also serves where C is singular: β is then the
estimate's inverse times d.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.models.algorithm import MISSING, Algorithm
from federation.models.classes import require_varying_within
from federation.models.covariance import ESTIMATOR, Estimator, estimator_options
from federation.models.design import Design, InputColumn, design, require_varying
from federation.models.errors import ModelError, listed
from federation.models.linear_algebra import solver
from federation.models.prediction import weighted_sum
from federation.models.record import to_record
from federation.models.wide_arithmetic import add, dot, negate, pick, times, wide
from federation.statistics import DoubleDouble, Missing, Moments, Table
from federation.statistics.double_double import divide

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LdaModel:
    """A fitted discriminant; weights β stand in the order of terms.

    z0 is the threshold halfway between the classes; β·m₁ is always above it, C being positive definite, so
    that SymetryML's z1LTz0 is false. z0_prior is the threshold that takes the classes' shares of the rows
    into account, z0 + ln(n₀/n₁); None unless n₁ and n₀ are both positive. overall_contribution is Mahalanobis
    distance of the class means. n1 and n0 are the rows of each class. estimate_type says how C was estimated,
    None for the plain one, and alpha and penalty with which α or λ.
    """

    algorithm: str
    target: str
    terms: tuple[str, ...]
    weights: tuple[float, ...]
    z0: float
    z0_prior: float | None
    overall_contribution: float
    n1: float
    n0: float
    rows: int
    estimate_type: str | None
    alpha: float | None
    penalty: float | None
    reference_levels: Mapping[str, str]
    means: Mapping[str, float]
    missing: str
    columns: tuple[InputColumn, ...]

    def predict(self, table: Table) -> dict[str, FloatArray]:
        """Scores of each row, as SymetryML names them.

        "resZ" = β·x; "res" 1 or 0, the side of z0; "resU" the same with z0_prior; "normZ" = 1/(1 + exp(1 -
        resZ/z0)), which is not a calibrated probability (absent if z0 = 0); "z0" the threshold, repeated.
        Missing values and errors: see `prediction.weighted_sum`.
        """
        score = weighted_sum(self.columns, self.weights, table, self.reference_levels)
        result = {"resZ": score, "res": _passes(score, self.z0), "z0": np.full_like(score, self.z0)}
        if self.z0_prior is not None:
            result["resU"] = _passes(score, self.z0_prior)
        if self.z0 != 0.0:
            with np.errstate(over="ignore"):  # exp(...) = inf makes a normZ of 0, which is right
                result["normZ"] = 1.0 / (1.0 + np.exp(1.0 - score / self.z0))
        return result

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `models.from_dict`."""
        return to_record(self)


def fit_lda(
    moments: Moments,
    target: str,
    inputs: Sequence[str],
    *,
    missing: Missing = "listwise",
    estimator: Estimator | None = None,
) -> LdaModel:
    """Discriminate the rows with target 1 from those with 0.

    Inputs are as in `design.design`; the target is a numeric attribute (meant: binary) or one indicator
    `species$virginica`. Raises `ModelError` if only one class has rows, for constant columns, without an
    estimator for dependent columns and too few rows, and for everything that `design.design` refuses.
    """
    sums = design(moments, target, inputs, missing)
    require_varying(sums)
    n = wide(np.array(float(sums.rows)))
    n1 = times(n, sums.target_mean)
    n0 = add(n, negate(n1))
    # Counts of a 0/1 target are whole; rounding of the mean must not make a class of 1e-30 rows.
    if min(abs(float(n1.hi)), abs(float(n0.hi))) < 1e-9 or not sums.target_scatter.hi > 0.0:
        raise ModelError(
            f"target {target!r} has one class only in the {sums.rows} rows used "
            f"({float(n1.hi):g} of them are 1)",
            "learn rows of the other class",
        )
    least = 3 if estimator else len(sums.columns) + 2
    if sums.rows < least:
        raise ModelError(
            f"{sums.rows} rows for {len(sums.columns)} inputs",
            f"at least {least} are needed; leave inputs out, learn more rows, or give an estimate_type",
        )
    difference, within = _between_and_within(sums, n, n1, n0)
    require_varying_within(
        target, sums.terms, np.diagonal(within.hi), np.diagonal(sums.scatter.hi), sums.rows
    )
    estimate = None
    if estimator:
        estimate = estimator.estimate(within.hi / (sums.rows - 2), sums.rows, sums.terms)
        beta = wide(estimate.precision @ difference.hi)
    else:
        solved = solver(within, sums.terms).solve(_column(difference))
        beta = times(wide(np.array(float(sums.rows - 2))), pick(solved, slice(None), 0))
    # (m₁ + m₀)/2 = x̄ + (n₀ - n₁)/(2n) d
    shift = divide(add(n0, negate(n1)), times(wide(np.array(2.0)), n))
    middle = dot(beta, add(sums.means, times(shift, difference)))
    z0, first, other = float(middle.hi), float(n1.hi), float(n0.hi)
    return LdaModel(
        algorithm="lda",
        target=target,
        terms=sums.terms,
        weights=tuple(beta.hi.tolist()),
        z0=z0,
        z0_prior=z0 + math.log(other / first) if first > 0.0 and other > 0.0 else None,
        overall_contribution=math.sqrt(max(0.0, float(dot(beta, difference).hi))),
        n1=first,
        n0=other,
        rows=sums.rows,
        estimate_type=estimator.estimate_type if estimator else None,
        alpha=estimate.alpha if estimate else None,
        penalty=estimate.penalty if estimate else None,
        reference_levels=sums.reference_levels,
        means={column.term: column.mean for column in sums.columns},
        missing=missing,
        columns=sums.columns,
    )


def _between_and_within(
    sums: Design, n: DoubleDouble, n1: DoubleDouble, n0: DoubleDouble
) -> tuple[DoubleDouble, DoubleDouble]:
    """d (p,) and the sums of products within classes (p, p)."""
    ratio = divide(n, times(n1, n0))
    difference = times(ratio, sums.cross)
    # (n₁n₀/n) d dᵀ = d cᵀ with c = Σ(x - x̄)(t - t̄); written symmetrically: (n/(n₁n₀)) c cᵀ.
    between = times(ratio, times(_column(sums.cross), DoubleDouble(sums.cross.hi[None], sums.cross.lo[None])))
    return difference, add(sums.scatter, negate(between))


def _column(a: DoubleDouble) -> DoubleDouble:
    return DoubleDouble(a.hi[:, None], a.lo[:, None])


def _passes(score: FloatArray, threshold: float) -> FloatArray:
    return (score >= threshold).astype(np.float64)


def _lda(
    moments: Moments,
    target: str,
    inputs: Sequence[str],
    /,
    *,
    missing: Missing = "listwise",
    **options: Any,
) -> LdaModel:
    if options and "estimate_type" not in options:
        raise ModelError(f"{listed(sorted(options))} belong to a covariance estimate", "name estimate_type")
    estimator = Estimator(**estimator_options(options)) if options else None
    return fit_lda(moments, target, inputs, missing=missing, estimator=estimator)


ALGORITHMS: Final = (
    Algorithm(
        "lda",
        "linear discriminant analysis of two classes",
        _lda,
        LdaModel,
        (
            MISSING,
            replace(
                ESTIMATOR[0], help="how to estimate the covariance in the classes (without it, as it is)"
            ),
            *ESTIMATOR[1:],
        ),
    ),
)
