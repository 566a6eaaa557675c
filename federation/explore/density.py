"""Densities: how many values of an attribute fall into each of some bins of equal width.

The counts come from the attribute's histogram. Where that is exact (values of less than 128 units, see
`statistics.Histogram`) they are those of the rows; else a value may be counted 1/256 of itself away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from federation.explore.metric import Metric, needed, numeric
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
        raise ModelError(f"{name!r} is a level: its one count is what uni tells")
    return _binned(name, moments.histogram(name), int(needed("bins", bins)), low, high)


def _binned(
    name: str, histogram: Histogram, bins: int, low: float | None, high: float | None
) -> dict[str, Any]:
    if histogram.count == 0:
        raise ModelError(f"attribute {name!r} has no value: learn rows that have it")
    if not 1 <= bins <= MOST_BINS:
        raise ModelError(f"bins is {bins}: choose from 1 to {MOST_BINS:,}")
    start = histogram.minimum if low is None else low
    stop = histogram.maximum if high is None else high
    if low is None and high is None and start == stop:
        stop = start + 1.0  # a constant fills the first of its bins
    if not start < stop:
        raise ModelError(f"the bins of {name!r} go from {start} to {stop}: choose low less than high")
    return {
        "min": start,
        "max": stop,
        "width": (stop - start) / bins,
        "histogram": histogram.fixed(bins, start, stop).tolist(),
    }


_BINS: Final = (
    Parameter("bins", whole, "how many bins"),
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
)
