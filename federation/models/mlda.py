"""Linear discriminant analysis of any number of classes, from sums alone.

With class means m_k, the covariance C pooled within the classes and the classes' shares π_k of the rows, a
row x scores δ_k = x·C⁻¹m_k - ½ m_k·C⁻¹m_k + ln π_k, the logarithm of its posterior probability up to a term
that all classes share (Hastie, Tibshirani and Friedman, "The elements of statistical learning", 4.3). C
divides by n - k, the number of rows less that of classes, or by n less another number (scikit-learn divides
by n). Means count from the mean of all rows, where nothing cancels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.models.algorithm import MISSING, Algorithm, Parameter, whole
from federation.models.classes import class_sums, outcome
from federation.models.design import InputColumn
from federation.models.errors import ModelError
from federation.models.linear_algebra import solver
from federation.models.prediction import design_matrix
from federation.models.record import to_record
from federation.models.wide_arithmetic import times, wide
from federation.statistics import SEPARATOR, DoubleDouble, Missing, Moments, Table

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MldaModel:
    """A fitted discriminant of k classes: weights[k] in the order of terms, for columns less their means.

    δ_k = weights[k]·(x - means) + intercepts[k]. class_means[k] are those of the class, counts its rows,
    priors its share. numeric: the classes are the numbers 0 and 1.
    """

    algorithm: str
    target: str
    classes: tuple[str, ...]
    numeric: bool
    terms: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    intercepts: tuple[float, ...]
    class_means: tuple[tuple[float, ...], ...]
    counts: tuple[float, ...]
    priors: tuple[float, ...]
    rows: int
    ddof: int
    reference_levels: Mapping[str, str]
    means: Mapping[str, float]
    missing: str
    columns: tuple[InputColumn, ...]
    separator: str = SEPARATOR

    def predict(self, table: Table) -> dict[str, NDArray[Any]]:
        """{"res": the likeliest class, `target$class`: its probability, …}; see `classes.outcome`.

        Missing values and errors: see `prediction.weighted_sum`.
        """
        centre = np.array([column.mean for column in self.columns])
        centred = design_matrix(self.columns, table, self.reference_levels) - centre
        scores = centred @ np.array(self.weights).T + np.array(self.intercepts)
        return outcome(self.target, self.classes, scores, numeric=self.numeric, separator=self.separator)[0]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `models.from_dict`."""
        return to_record(self)


def fit_mlda(
    moments: Moments,
    target: str,
    inputs: Sequence[str],
    *,
    missing: Missing = "listwise",
    ddof: int | None = None,
) -> MldaModel:
    """Discriminate the classes of `target`, as `classes.target_of` understands it.

    The covariance divides by the rows less `ddof`, by default the number of classes. Raises `ModelError` if
    only one class has rows, for columns that are constant or dependent within the classes, too few rows, and
    everything that `design.design` refuses.
    """
    sums = class_sums(moments, target, inputs, missing)
    k, p = sums.shifts.hi.shape
    if sums.rows - k < p:
        raise ModelError(
            f"{sums.rows} rows for {p} inputs and {k} classes",
            f"at least {p + k} are needed; leave inputs out or learn more rows",
        )
    ddof = k if ddof is None else ddof
    if not 0 <= ddof < sums.rows:
        raise ModelError(f"ddof is {ddof}", f"choose from 0 to {sums.rows - 1}, less than the rows used")
    sums.require_varying()
    shifts = DoubleDouble(sums.shifts.hi.T, sums.shifts.lo.T)
    solved = solver(sums.within, sums.terms).solve(shifts)
    weights = times(wide(np.array(float(sums.rows - ddof))), solved).hi.T
    priors = sums.counts / sums.counts.sum()
    intercepts = np.log(priors) - 0.5 * (weights * sums.shifts.hi).sum(axis=1)
    class_means = sums.means.hi + sums.shifts.hi
    return MldaModel(
        separator=moments.schema.separator,
        algorithm="mlda",
        target=target,
        classes=sums.target.classes,
        numeric=sums.target.numeric,
        terms=sums.terms,
        weights=tuple(map(tuple, weights.tolist())),
        intercepts=tuple(intercepts.tolist()),
        class_means=tuple(map(tuple, class_means.tolist())),
        counts=tuple(sums.counts.tolist()),
        priors=tuple(priors.tolist()),
        rows=sums.rows,
        ddof=ddof,
        reference_levels=sums.reference_levels,
        means={column.term: column.mean for column in sums.columns},
        missing=missing,
        columns=sums.columns,
    )


def _mlda(moments: Moments, target: str, inputs: Sequence[str], /, **options: Any) -> MldaModel:
    return fit_mlda(moments, target, inputs, **options)


ALGORITHMS: Final = (
    Algorithm(
        "mlda",
        "linear discriminant analysis of any number of classes",
        _mlda,
        MldaModel,
        (
            MISSING,
            Parameter(
                "ddof",
                whole,
                "the covariance divides by the rows less ddof (without it, less the number of classes)",
            ),
        ),
    ),
)
