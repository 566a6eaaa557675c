"""Densities: how many values of an attribute fall into each of some bins of equal width.

The counts come from the attribute's histogram. Where that is exact (values of less than 128 units, see
`statistics.Histogram`) they are those of the rows; else a value may be counted 1/256 of itself away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from federation.explore.metric import Metric, needed, numeric
from federation.explore.samples import is_category
from federation.explore.sums import column
from federation.models.algorithm import Parameter, number, whole
from federation.models.errors import ModelError
from federation.statistics import Histogram, Moments

MOST_BINS: Final = 100_000


def density(
    moments: Moments,
    inputs: Sequence[str],
    _targets: Sequence[str],
    /,
    bins: int | None = None,
    low: float | None = None,
    high: float | None = None,
) -> dict[str, Any]:
    """min, max, width and histogram, the counts (bins,) of bins from min to max, the last closed.

    Bin k holds values x with floor((x - min)/width) = k. Without low and high, min and max are the least and
    the greatest value. Raises `ModelError` without profiles in the statistics.
    """
    name = inputs[0]
    if column(moments, name).level is not None:
        raise ModelError(f"{name!r} is a level", "ask uni for its one count")
    histogram = moments.histogram(name)
    return _binned(histogram, needed("bins", bins), *_edges(name, histogram, low, high))


def conditional_density(
    moments: Moments,
    inputs: Sequence[str],
    targets: Sequence[str],
    /,
    bins: int | None = None,
    low: float | None = None,
    high: float | None = None,
) -> dict[str, Any]:
    """{"category$level": density} of each level of the category that the statistics are split by, or of one.

    All have the same bins: without low and high, those between the least and the greatest value of all rows.
    Raises `ModelError` if the target is not that category or a level of it, or without profiles.
    """
    name, given = inputs[0], targets[0]
    if column(moments, name).level is not None:
        raise ModelError(f"{name!r} is a level", f"ask gain or chi2 how it goes with {given!r}")
    split = moments.schema.split
    chosen = None if is_category(moments, given) else column(moments, given)
    if split is None or (given if chosen is None else chosen.attribute) != split:
        raise ModelError(
            f"the statistics have no histogram of {name!r} for each level of {given!r}",
            "condition on the category that the schema is split by"
            + (f", {split!r}" if split else " (this one is not split)"),
        )
    start, stop = _edges(name, moments.histogram(name), low, high)
    parts = moments.parts() if chosen is None else {str(chosen.level): moments.part(str(chosen.level))}
    return {
        moments.schema.indicator(split, level): _binned(
            part.histogram(name), needed("bins", bins), start, stop
        )
        for level, part in parts.items()
    }


def _edges(name: str, histogram: Histogram, low: float | None, high: float | None) -> tuple[float, float]:
    """Where the bins begin and end."""
    if histogram.count == 0:
        raise ModelError(f"attribute {name!r} has no value", "learn rows that have it")
    start = histogram.minimum if low is None else low
    stop = histogram.maximum if high is None else high
    if low is None and high is None and start == stop:
        stop = start + 1.0  # a constant fills the first of its bins
    if not start < stop:
        raise ModelError(f"the bins of {name!r} go from {start} to {stop}", "choose low less than high")
    return start, stop


def _binned(histogram: Histogram, bins: float, start: float, stop: float) -> dict[str, Any]:
    if not 1 <= bins <= MOST_BINS:
        raise ModelError(f"bins is {bins:g}", f"choose from 1 to {MOST_BINS:,}")
    counts = histogram.fixed(int(bins), start, stop)
    return {"min": start, "max": stop, "width": (stop - start) / bins, "histogram": counts.tolist()}


_BINS: Final = (
    Parameter("bins", whole, "how many bins (needed)"),
    Parameter("low", number, "where the first bin begins (the least value)"),
    Parameter("high", number, "where the last bin ends (the greatest value)"),
)
METRICS: Final = (
    Metric(
        "density",
        "counts of an attribute's values in bins of equal width",
        density,
        (1, None),
        (0, 0),
        _BINS,
        each=True,
        suits=numeric,
    ),
    Metric(
        "conditional_density",
        "the same for each level of the category that the statistics are split by",
        conditional_density,
        (1, None),
        (1, 1),
        _BINS,
        each=True,
        suits=numeric,
    ),
)
