"""Anomalies as rows that the leading principal components do not describe: their reconstruction error.

A row less the mean, x, is projected on the components V (q of p); what is left, |x - VᵀVx|², is its squared
error (Shyu et al., "A novel anomaly detection scheme based on principal component classifier", 2003). The
components come from the statistics, so that the rows judged need not be among those learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.models.algorithm import MISSING, Algorithm, Parameter, flag, number, whole
from federation.models.errors import ModelError
from federation.models.pca import PcaModel, fit_pca
from federation.models.prediction import design_matrix
from federation.models.record import to_record
from federation.statistics import Missing, Moments, Table

FloatArray = NDArray[np.float64]

EXPLAINED: Final = 0.95


@dataclass(frozen=True, slots=True)
class ReconstructionModel:
    """The components that a row is described by; `explained` is the share of the variance that is theirs."""

    algorithm: str
    q: int
    explained: float
    rows: int
    pca: PcaModel

    def predict(self, table: Table) -> dict[str, FloatArray]:
        """{"res": squared error}, of standardised columns if the correlation matrix was used.

        Missing values and errors: see `prediction.weighted_sum`.
        """
        pca = self.pca
        means = np.array([column.mean for column in pca.columns])
        scales = np.array([pca.scales[term] for term in pca.terms])
        rows = (design_matrix(pca.columns, table, dict.fromkeys(pca.categories)) - means) / scales
        components = np.array(pca.components)
        return {"res": ((rows - rows @ components.T @ components) ** 2).sum(axis=1)}

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `models.from_dict`."""
        return to_record(self)


def fit_reconstruction(
    moments: Moments,
    inputs: Sequence[str],
    *,
    q: int | None = None,
    explained: float | None = None,
    correlation: bool = False,
    missing: Missing = "listwise",
    algorithm: str = "oospca",
) -> ReconstructionModel:
    """Describe rows by q components, or by as few as explain this share of the variance (0.95).

    Raises `ModelError` if q and explained are both given, if they leave nothing to err about, and for what
    `pca.fit_pca` refuses.
    """
    if q is not None and explained is not None:
        raise ModelError("q and explained both say how many components to keep", "give one of them")
    share = EXPLAINED if explained is None else explained
    if not 0.0 < share < 1.0:
        raise ModelError(f"explained is {share}", "choose a share of the variance between 0 and 1")
    pca = fit_pca(moments, inputs, missing=missing, correlation=correlation)
    p = len(pca.terms)
    if p < 2:
        raise ModelError("one column is described by its one component", "name at least two inputs")
    explained_by = np.cumsum(pca.explained_ratio)
    if q is None:
        q = min(int(np.searchsorted(explained_by, share)) + 1, p - 1)
    if not 1 <= q < p:
        raise ModelError(f"q is {q}", f"choose from 1 to {p - 1}, less than the number of columns")
    kept = replace(
        pca,
        components=pca.components[:q],
        explained_variance=pca.explained_variance[:q],
        explained_ratio=pca.explained_ratio[:q],
    )
    return ReconstructionModel(algorithm, q, float(explained_by[q - 1]), pca.rows, kept)


def _oospca(moments: Moments, target: str, inputs: Sequence[str], /, **options: Any) -> ReconstructionModel:
    return fit_reconstruction(moments, inputs, algorithm="oospca", **options)


def _repca(moments: Moments, target: str, inputs: Sequence[str], /, **options: Any) -> ReconstructionModel:
    return fit_reconstruction(moments, inputs, algorithm="repca", **options)


_PARAMETERS: Final = (
    MISSING,
    Parameter("q", whole, "how many components describe a row (without it, see explained)"),
    Parameter("explained", number, "the share of the variance that the components explain (0.95 without it)"),
    Parameter("correlation", flag, "whether to standardise the columns first"),
)

ALGORITHMS: Final = (
    Algorithm(
        "oospca",
        "anomalies by what the leading principal components leave of a row",
        _oospca,
        ReconstructionModel,
        _PARAMETERS,
        has_target=False,
    ),
    Algorithm("repca", "another name of oospca", _repca, ReconstructionModel, _PARAMETERS, has_target=False),
)
