"""All metrics by name, and asking one of them with parameters as they come from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from federation.explore import (
    anova,
    bivariate,
    collinearity,
    contingency,
    decomposition,
    density,
    hypotheses,
    univariate,
)
from federation.explore.metric import Metric
from federation.models.errors import ModelError, listed
from federation.statistics import Moments, StatisticsError

METRICS: Final[Mapping[str, Metric]] = {
    metric.name: metric
    for module in (
        univariate,
        bivariate,
        hypotheses,
        anova,
        contingency,
        collinearity,
        decomposition,
        density,
    )
    for metric in module.METRICS
}
"""All metrics, by name."""


def explore(
    metric: str,
    moments: Moments,
    inputs: Sequence[str],
    targets: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The values of `metric`, one of `METRICS`; for a metric of single attributes a map of each input's.

    Parameters may be text, as REST clients send them. Raises `ModelError` for an unknown metric, attribute or
    parameter, listing those there are, and for what the statistics do not hold.
    """
    chosen = find(metric)
    try:
        return chosen.answer(moments, inputs, targets, parameters or {})
    except StatisticsError as error:
        raise ModelError(error.message, error.remedy) from error


def find(metric: str) -> Metric:
    """The metric of this name; raises `ModelError` listing those there are."""
    if not isinstance(metric, str) or metric not in METRICS:
        raise ModelError(f"there is no metric {metric!r}", f"there are {listed(tuple(METRICS), most=99)}")
    return METRICS[metric]
