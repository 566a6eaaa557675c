"""Principal components of the covariance or correlation matrix, from sums alone.

Covariances divide by n - 1, as scikit-learn's PCA does. Eigenvectors come from LAPACK's symmetric solver;
the sign of each is chosen so that its largest weight is positive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.models.algorithm import MISSING, Algorithm, Parameter, flag, whole
from federation.models.design import InputColumn, design, require_varying
from federation.models.errors import ModelError
from federation.models.prediction import weighted_sum
from federation.models.record import to_record
from federation.statistics import AttributeType, Missing, Moments, Table

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PcaModel:
    """The leading components: components[k][j] is the weight of term j in component k.

    explained_variance are the eigenvalues, largest first, explained_ratio their shares of the total
    variance. scales are the columns' standard deviations (n - 1) if the correlation matrix was used, else
    1. Categories are taken with an indicator for every level; `categories` lists them.
    """

    algorithm: str
    terms: tuple[str, ...]
    components: tuple[tuple[float, ...], ...]
    explained_variance: tuple[float, ...]
    explained_ratio: tuple[float, ...]
    means: Mapping[str, float]
    scales: Mapping[str, float]
    correlation: bool
    rows: int
    missing: str
    categories: tuple[str, ...]
    columns: tuple[InputColumn, ...]

    def predict(self, table: Table) -> dict[str, FloatArray]:
        """{"pc1": scores on the first component, …}; missing values and errors: `prediction.weighted_sum`."""
        expanded = dict.fromkeys(self.categories)
        scores = {}
        for number, component in enumerate(self.components, start=1):
            weights = [weight / self.scales[term] for term, weight in zip(self.terms, component, strict=True)]
            centre = sum(weight * column.mean for weight, column in zip(weights, self.columns, strict=True))
            scores[f"pc{number}"] = weighted_sum(self.columns, weights, table, expanded) - centre
        return scores

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `models.from_dict`."""
        return to_record(self)


def fit_pca(
    moments: Moments,
    inputs: Sequence[str],
    *,
    missing: Missing = "listwise",
    correlation: bool = False,
    dimensions: int | None = None,
) -> PcaModel:
    """Principal components of `inputs` (as in `design.design`): all, or the first `dimensions`.

    Raises `ModelError` for constant columns if `correlation`, fewer than two rows, and what `design.design`
    refuses.
    """
    sums = design(moments, None, inputs, missing, drop_reference=False)
    p = len(sums.columns)
    if sums.rows < 2:
        raise ModelError("one row has no variance", "learn at least two rows")
    if dimensions is not None and not 1 <= dimensions <= p:
        raise ModelError(f"dimensions is {dimensions}", f"choose from 1 to {p}, the number of columns")
    covariance = sums.scatter.hi / (sums.rows - 1)
    scales = np.ones(p)
    if correlation:
        require_varying(sums)
        scales = np.sqrt(np.diagonal(covariance))
    matrix = covariance / np.outer(scales, scales)
    total = float(np.trace(matrix))
    if not total > 0.0:
        raise ModelError(f"every input is constant in the {sums.rows} rows used", "name inputs that vary")
    values, vectors = np.linalg.eigh(matrix)
    values, vectors = values[::-1][:dimensions], vectors[:, ::-1][:, :dimensions].T
    if values[-1] < -1e-9 * values[0]:
        raise ModelError(
            "pairwise covariances are not those of one table here", "use missing='listwise' or 'mean'"
        )
    values = np.maximum(values, 0.0)
    largest = np.abs(vectors).argmax(axis=1)
    vectors = vectors * np.where(vectors[np.arange(len(vectors)), largest] < 0.0, -1.0, 1.0)[:, None]
    schema = moments.schema
    return PcaModel(
        algorithm="pca",
        terms=sums.terms,
        components=tuple(tuple(row) for row in vectors.tolist()),
        explained_variance=tuple(values.tolist()),
        explained_ratio=tuple((values / total).tolist()),
        means={column.term: column.mean for column in sums.columns},
        scales=dict(zip(sums.terms, scales.tolist(), strict=True)),
        correlation=correlation,
        rows=sums.rows,
        missing=missing,
        categories=tuple(
            name for name in inputs if name in schema and schema[name].type is AttributeType.CATEGORY
        ),
        columns=sums.columns,
    )


def _pca(moments: Moments, target: str, inputs: Sequence[str], /, **options: Any) -> PcaModel:
    return fit_pca(moments, inputs, **options)


ALGORITHMS: Final = (
    Algorithm(
        "pca",
        "principal components of the inputs",
        _pca,
        PcaModel,
        (
            MISSING,
            Parameter("correlation", flag, "whether to standardise the columns first"),
            Parameter("dimensions", whole, "how many components to keep (all without it)"),
        ),
        has_target=False,
    ),
)
