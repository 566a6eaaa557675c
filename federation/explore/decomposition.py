"""Principal components, singular values, and the choice of columns that do not depend on each other.

The singular values are those of the centred table (rows, columns), and come from the eigenvalues of its
scatter matrix, so that a value below 1e-7 of the largest is noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from federation.explore.collinearity import MISSING
from federation.explore.metric import Metric, numeric
from federation.models.algorithm import Parameter, flag, number, whole
from federation.models.design import design, require_varying
from federation.models.errors import ModelError
from federation.models.pca import fit_pca
from federation.statistics import Missing, Moments

FloatArray = NDArray[np.float64]

DIMENSIONS: Final = 100  # SymetryML's default
TOLERANCE: Final = 1e-6


def pca(
    moments: Moments,
    inputs: Sequence[str],
    _targets: Sequence[str],
    /,
    missing: Missing = "pairwise",
    correlation: bool = False,
    dimensions: int = DIMENSIONS,
    explained: float = 1.0,
) -> dict[str, Any]:
    """pcaValues (k), pcaExplained (k), pcaVectors {column: its weights (k)}, and pcaSumValues.

    pcaValues are variances (n - 1), largest first, pcaExplained their shares of the total variance
    pcaSumValues. k is the least number of components that explain this share, and at most `dimensions`.
    """
    if not 0.0 < explained <= 1.0:
        raise ModelError(
            f"explained is {explained}", "choose a share of the variance, more than 0 and at most 1"
        )
    if dimensions < 1:
        raise ModelError(f"dimensions is {dimensions}", "keep at least 1")
    model = fit_pca(moments, inputs, missing=missing, correlation=correlation)
    shares = np.cumsum(model.explained_ratio)
    enough = int(np.searchsorted(shares, explained * (1.0 - 1e-12))) + 1
    k = min(enough, dimensions, len(model.terms))
    columns = zip(*model.components[:k], strict=True)
    return {
        "pcaValues": list(model.explained_variance[:k]),
        "pcaExplained": list(model.explained_ratio[:k]),
        "pcaSumValues": sum(model.explained_variance),
        "pcaVectors": {term: list(weights) for term, weights in zip(model.terms, columns, strict=True)},
    }


def svd(
    moments: Moments,
    inputs: Sequence[str],
    _targets: Sequence[str],
    /,
    missing: Missing = "pairwise",
    correlation: bool = False,
) -> dict[str, Any]:
    """singularValues (p), largest first, and beside each the column that weighs most in its right vector.

    Each of the `attributes` is named once: for the largest value for which no other weighs more.
    """
    terms, values, vectors = _decomposed(moments, inputs, missing, correlation)
    named: list[str] = []
    free = np.ones(len(terms), dtype=bool)
    for vector in vectors:
        chosen = int(np.where(free, np.abs(vector), -1.0).argmax())
        free[chosen] = False
        named.append(terms[chosen])
    return {"singularValues": values.tolist(), "attributes": named}


def svdfs(
    moments: Moments,
    inputs: Sequence[str],
    _targets: Sequence[str],
    /,
    missing: Missing = "pairwise",
    tolerance: float = TOLERANCE,
) -> dict[str, Any]:
    """A largest set of columns that do not depend on each other, with the singular values of its rank.

    `rank` is the number of singular values of the standardised columns above `tolerance` times the largest;
    `attributes` are so many columns, most independent first, `dependent` the others. Columns are chosen by
    QR with pivoting of the leading right vectors (Golub, Klema and Stewart, "Rank degeneracy and least
    squares problems", 1976).
    """
    if not 0.0 < tolerance < 1.0:
        raise ModelError(f"tolerance is {tolerance}", "choose more than 0 and less than 1")
    terms, values, vectors = _decomposed(moments, inputs, missing, True)
    rank = int(np.count_nonzero(values > tolerance * values[0]))
    (_, order) = linalg.qr(vectors[:rank], mode="r", pivoting=True)
    return {
        "singularValues": values[:rank].tolist(),
        "attributes": [terms[at] for at in order[:rank]],
        "dependent": [terms[at] for at in order[rank:]],
        "rank": rank,
    }


def _decomposed(
    moments: Moments, inputs: Sequence[str], missing: Missing, correlation: bool
) -> tuple[tuple[str, ...], FloatArray, FloatArray]:
    """Columns, singular values (p,) and right vectors (p, p), one a row."""
    sums = design(moments, None, inputs, missing, drop_reference=False)
    scatter = sums.scatter.hi
    if correlation:
        require_varying(sums)
        scales = np.sqrt(np.diagonal(scatter) / sums.rows)
        scatter = scatter / np.outer(scales, scales)
    values, vectors = np.linalg.eigh(scatter)
    if not values[-1] > 0.0:
        raise ModelError(
            f"every attribute is constant in the {sums.rows} rows used", "name attributes that vary"
        )
    if values[0] < -1e-9 * values[-1]:
        raise ModelError(
            "pairwise sums of products are not those of one table here", "use missing='listwise' or 'mean'"
        )
    return sums.terms, np.sqrt(np.maximum(values[::-1], 0.0)), vectors[:, ::-1].T


_CORRELATION: Final = Parameter("correlation", flag, "whether to standardise the columns first (false)")
METRICS: Final = (
    Metric(
        "pca",
        "principal components",
        pca,
        (1, None),
        (0, 0),
        (
            MISSING,
            _CORRELATION,
            Parameter("dimensions", whole, f"at most so many components ({DIMENSIONS})"),
            Parameter("explained", number, "stop when this share of the variance is explained (1)"),
        ),
        suits=numeric,
    ),
    Metric(
        "svd",
        "singular values of the centred columns",
        svd,
        (1, None),
        (0, 0),
        (MISSING, _CORRELATION),
        suits=numeric,
    ),
    Metric(
        "svdfs",
        "attributes that do not depend on each other, chosen by singular values",
        svdfs,
        (1, None),
        (0, 0),
        (MISSING, Parameter("tolerance", number, f"what counts as zero, of the largest value ({TOLERANCE})")),
        suits=numeric,
    ),
)
