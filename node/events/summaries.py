"""What is known of a series of scalars without reading its points, kept right as they come and are replaced.

Pure. A summary is the row of `event_series` under its column names. `merged` adds new points; where a batch
replaces a point by another value, the summary is made anew from the table (`node.events.writing`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from node.events.batch import Point

_value = itemgetter(1)
_time = itemgetter(2)


@dataclass(frozen=True, slots=True)
class Summary:
    """Of one series: `first` and `last` are the points of the lowest and highest iteration, `min` and `max`
    the earliest among the smallest and largest values, `total` the sum; times in unix ms."""

    count: int
    total: float
    first_iteration: int
    first_value: float
    last_iteration: int
    last_value: float
    last_timestamp: int
    min_value: float
    min_iteration: int
    max_value: float
    max_iteration: int
    earliest: int
    latest: int

    @property
    def mean(self) -> float:
        return self.total / self.count


def summary_of(row: Mapping[str, Any]) -> Summary | None:
    """From a row of `event_series`; None if it has no points yet."""
    if not row["count"]:
        return None
    return Summary(**{name: row[name] for name in Summary.__slots__})


def summarise(points: Sequence[Point]) -> Summary:
    """Of at least one point, sorted by iteration and distinct in it."""
    values = [point[1] for point in points]
    low, high = min(points, key=_value), max(points, key=_value)
    first, last = points[0], points[-1]
    times = [point[2] for point in points]
    return Summary(
        count=len(points),
        total=_sum(values),
        first_iteration=first[0],
        first_value=first[1],
        last_iteration=last[0],
        last_value=last[1],
        last_timestamp=last[2],
        min_value=low[1],
        min_iteration=low[0],
        max_value=high[1],
        max_iteration=high[0],
        earliest=min(times),
        latest=max(times),
    )


def merged(a: Summary | None, b: Summary) -> Summary:
    """The summary of the points of both, which have no iteration in common."""
    if a is None:
        return b
    first = a if a.first_iteration < b.first_iteration else b
    last = a if a.last_iteration > b.last_iteration else b
    low = min(a, b, key=lambda one: (one.min_value, one.min_iteration))
    high = min(a, b, key=lambda one: (-one.max_value, one.max_iteration))
    return Summary(
        count=a.count + b.count,
        total=_sum((a.total, b.total)),
        first_iteration=first.first_iteration,
        first_value=first.first_value,
        last_iteration=last.last_iteration,
        last_value=last.last_value,
        last_timestamp=last.last_timestamp,
        min_value=low.min_value,
        min_iteration=low.min_iteration,
        max_value=high.max_value,
        max_iteration=high.max_iteration,
        earliest=min(a.earliest, b.earliest),
        latest=max(a.latest, b.latest),
    )


def _sum(values: Sequence[float]) -> float:
    """Correctly rounded; the largest number where the sum has none."""
    try:
        return math.fsum(values)
    except OverflowError:
        return math.copysign(1.7976931348623157e308, sum(math.copysign(1, v) for v in values))
