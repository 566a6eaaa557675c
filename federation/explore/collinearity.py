"""Variance inflation: by how much a coefficient's variance grows as its column depends on the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from federation.explore.metric import Metric, numeric
from federation.models.algorithm import Parameter, one_of
from federation.models.design import design, require_varying
from federation.models.linear_algebra import solver
from federation.statistics import Missing, Moments

MISSING: Final = Parameter(
    "missing",
    one_of("listwise", "pairwise", "mean"),
    "rows with missing values: pairwise uses what each pair of columns has (the default), listwise leaves "
    "them out, mean puts the column's mean in their place",
)


def vif(
    moments: Moments, inputs: Sequence[str], _targets: Sequence[str], /, missing: Missing = "pairwise"
) -> dict[str, float]:
    """1/(1 - R²) of each column regressed on the others: scatter_jj · (scatter⁻¹)_jj.

    A category takes part with an indicator for each level but the first. Raises `ModelError` naming columns
    that are constant or depend on others exactly (and so have none).
    """
    sums = design(moments, None, inputs, missing)
    require_varying(sums)
    inverse = solver(sums.scatter, sums.terms).diagonal()
    values = np.diagonal(sums.scatter.hi) * inverse
    return dict(zip(sums.terms, values.tolist(), strict=True))


METRICS: Final = (
    Metric(
        "vif",
        "variance inflation: how far each attribute depends on the others (5 or more: collinear)",
        vif,
        (1, None),
        (0, 0),
        (MISSING,),
        suits=numeric,
    ),
)
