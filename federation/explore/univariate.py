"""What is known of one attribute, under SymetryML's keys.

Population moments (divided by n). stderr is stddev/√n; meanMarginErrorC95 is the half-width of the normal
95 % interval of the mean, 1.96 standard errors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from scipy import special

from federation.explore.metric import Metric, numeric
from federation.explore.sums import column, real, single
from federation.models.errors import ModelError
from federation.statistics import Moments


def univariate(moments: Moments, name: str) -> dict[str, float]:
    """count, mean, variance, stddev, stderr, meanMarginErrorC95 over the rows in which `name` is present.

    `name` is a numeric attribute or an indicator `category$level`. Raises `ModelError` for another name and
    if the attribute is missing in every row.
    """
    sums = single(moments, column(moments, name))
    if sums.count <= 0:
        raise ModelError(f"attribute {name!r} has no value in {moments.rows} rows: learn rows that have it")
    variance = real(sums.variance)
    stderr = math.sqrt(variance / sums.count)
    return {
        "count": float(sums.count),
        "mean": real(sums.total / sums.count),
        "variance": variance,
        "stddev": math.sqrt(variance),
        "stderr": stderr,
        "meanMarginErrorC95": float(special.ndtri(0.975)) * stderr,
    }


def _uni(moments: Moments, inputs: Sequence[str], _targets: Sequence[str], /) -> dict[str, float]:
    return univariate(moments, inputs[0])


METRICS: Final = (
    Metric("uni", "one attribute: count, mean, variance", _uni, (1, None), each=True, suits=numeric),
)
