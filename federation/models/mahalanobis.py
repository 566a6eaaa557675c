"""How far a row is from the rows learned, in standard deviations: Mahalanobis distance, from sums alone.

d² = (x - x̄)·C⁻¹(x - x̄) with the covariance C, which divides by n - 1 (Mahalanobis, "On the generalised
distance in statistics", 1936). Of p normal columns d² follows a chi-square distribution of p degrees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from federation.models.algorithm import MISSING, Algorithm
from federation.models.design import InputColumn, design, require_varying
from federation.models.errors import ModelError
from federation.models.normal import squared_distances, whitening
from federation.models.prediction import design_matrix
from federation.models.record import to_record
from federation.statistics import Missing, Moments, Table

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MahalanobisModel:
    """`factor` (p, p) turns rows less their means into rows of covariance 1, so that d is their length."""

    algorithm: str
    terms: tuple[str, ...]
    factor: tuple[tuple[float, ...], ...]
    rows: int
    reference_levels: Mapping[str, str]
    means: Mapping[str, float]
    missing: str
    columns: tuple[InputColumn, ...]

    def predict(self, table: Table) -> dict[str, FloatArray]:
        """{"res": the distance d, "p": the share of a normal population that is as far or farther}.

        Missing values and errors: see `prediction.weighted_sum`.
        """
        centre = np.array([column.mean for column in self.columns])
        rows = design_matrix(self.columns, table, self.reference_levels) - centre
        squared = squared_distances(rows, np.array(self.factor))
        return {"res": np.sqrt(squared), "p": special.chdtrc(len(self.terms), squared)}

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `models.from_dict`."""
        return to_record(self)


def fit_mahalanobis(
    moments: Moments, inputs: Sequence[str], *, missing: Missing = "listwise"
) -> MahalanobisModel:
    """The distance from the mean of `inputs`, as in `design.design`.

    Raises `ModelError` for constant or dependent columns, too few rows, and what `design.design` refuses.
    """
    sums = design(moments, None, inputs, missing)
    p = len(sums.columns)
    require_varying(sums)
    if sums.rows <= p:
        raise ModelError(
            f"{sums.rows} rows for {p} columns",
            f"at least {p + 1} are needed; leave inputs out or learn more rows",
        )
    factor = whitening(sums.scatter, sums.rows - 1.0, sums.terms)
    return MahalanobisModel(
        algorithm="mahalanobis",
        terms=sums.terms,
        factor=tuple(map(tuple, factor.tolist())),
        rows=sums.rows,
        reference_levels=sums.reference_levels,
        means={column.term: column.mean for column in sums.columns},
        missing=missing,
        columns=sums.columns,
    )


def _mahalanobis(moments: Moments, target: str, inputs: Sequence[str], /, **options: Any) -> MahalanobisModel:
    return fit_mahalanobis(moments, inputs, **options)


ALGORITHMS: Final = (
    Algorithm(
        "mahalanobis",
        "anomalies by their distance from the mean in standard deviations",
        _mahalanobis,
        MahalanobisModel,
        (MISSING,),
        has_target=False,
    ),
)
