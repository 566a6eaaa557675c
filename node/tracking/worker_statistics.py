"""How the machines of workers fare, as they report it: kept for a while, told by intervals.

Each figure of a report is a row: of a worker, a time (whole unix seconds), a metric and a variant (which core
or card). Besides there is in each report whether the worker had a task, under the metric `WORKING`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeGuard

import sqlalchemy as sa

from node.store.schema import worker_statistics
from node.tracking.errors import InvalidRequest, NoStatistics

Metric = Literal[
    "cpu_usage",
    "cpu_temperature",
    "memory_used",
    "memory_free",
    "gpu_usage",
    "gpu_temperature",
    "gpu_fraction",
    "gpu_memory_free",
    "gpu_memory_used",
    "network_tx",
    "network_rx",
    "disk_free_home",
    "disk_free_temp",
    "disk_read",
    "disk_write",
]

Aggregation = Literal["avg", "min", "max"]

METRICS: Final[tuple[str, ...]] = Metric.__args__  # type: ignore[attr-defined]

WORKING: Final = "working"

KEPT: Final = 30 * 86_400
"""Seconds for which statistics are kept."""

MOST: Final = 2_000_000
"""Figures kept at most, of all workers together."""

MOST_VARIANTS: Final = 512
"""Cores or cards of which a report may tell."""

SHORTEST: Final = 40
"""Seconds of an interval at least: workers report about twice a minute."""

MOST_POINTS: Final = 10_000
"""Intervals that an answer may have."""

LARGEST: Final = 1e300
"""What a figure stays below."""

_c = worker_statistics.c


@dataclass(frozen=True, slots=True)
class Series:
    """What came of one aggregation: a value for each date (unix seconds, the begin of its interval); 0 where
    nothing was reported. resources: the same of each variant, if that was asked for."""

    worker: str
    metric: str
    variant: str | None
    aggregation: Aggregation
    dates: tuple[int, ...]
    values: tuple[float, ...]
    resources: Mapping[str, tuple[float, ...]]


def keep(
    connection: sa.Connection, worker: str, at: int, machine: Mapping[str, Any], *, working: bool
) -> None:
    """Keep a report: of each known metric a number, or a list of numbers, one of each core or card. What is
    too old, or more than can be kept, goes."""
    figures = [(WORKING, "", float(working)), *_figures(machine)]
    rows = [
        {"worker": worker, "time": at, "metric": metric, "variant": variant, "value": value}
        for metric, variant, value in figures
    ]
    connection.execute(worker_statistics.insert(), rows)
    connection.execute(worker_statistics.delete().where(_c.time < at - KEPT))
    newest = connection.scalar(sa.select(sa.func.max(_c.id))) or 0
    connection.execute(worker_statistics.delete().where(_c.id <= newest - MOST))


def _figures(machine: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    for metric in METRICS:
        given = machine.get(metric)
        if isinstance(given, list):
            kind = metric.split("_")[0]
            for number, value in enumerate(given[:MOST_VARIANTS]):
                if _is_figure(value):
                    yield metric, f"{kind}{number}", float(value)
        elif _is_figure(given):
            yield metric, "total", float(given)


def _is_figure(value: Any) -> TypeGuard[float]:
    """Not infinite either, nor an integer that no float can hold."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST


def metrics(connection: sa.Connection, workers: Sequence[str]) -> dict[str, list[str]]:
    """The metrics reported by these workers, or by all, by their categories ("cpu"). Raises NoStatistics."""
    query = sa.select(_c.metric).distinct().where(_c.metric != WORKING)
    if workers:
        query = query.where(_c.worker.in_(workers))
    found = set(connection.scalars(query))
    if not found:
        raise NoStatistics("no worker has told of its machine", "wait for a report of a worker")
    by_category: dict[str, list[str]] = {}
    for metric in METRICS:
        if metric in found:
            by_category.setdefault(metric.split("_")[0], []).append(metric)
    return by_category


@dataclass(frozen=True, slots=True)
class Span:
    """A range of unix seconds, cut into intervals of at least `SHORTEST` seconds. The last, which has not
    ended, is left out of statistics. Raises InvalidRequest for one that is empty or has too many."""

    begin: int
    end: int
    interval: int

    def __post_init__(self) -> None:
        if not 0 <= self.begin < self.end < 2**53:
            raise InvalidRequest("the range of dates is empty", "give a from_date before the to_date")
        object.__setattr__(self, "interval", max(SHORTEST, self.interval))
        if (self.end - self.begin) // self.interval > MOST_POINTS:
            raise InvalidRequest("there are too many intervals", f"ask for {MOST_POINTS} at most")

    @property
    def dates(self) -> tuple[int, ...]:
        """When the intervals that have ended began."""
        return tuple(range(self.begin, self.end - self.interval + 1, self.interval))

    def values(self, points: Mapping[int, float]) -> tuple[float, ...]:
        return tuple(points.get(number, 0.0) for number in range(len(self.dates)))

    @property
    def bucket(self) -> sa.ColumnElement[int]:
        """The number of the interval that a row is in. Written out, not bound: PostgreSQL groups by what it
        has selected only if it can see that both are the same."""
        begin, interval = (
            sa.literal_column(str(number), sa.BigInteger) for number in (self.begin, self.interval)
        )
        return (_c.time - begin) // interval

    @property
    def within(self) -> sa.ColumnElement[bool]:
        return (_c.time >= self.begin) & (_c.time < self.end)


_Aggregate = Callable[[sa.Column[float]], sa.ColumnElement[float]]

_AGGREGATIONS: Final[Mapping[Aggregation, _Aggregate]] = {
    "avg": sa.func.avg,
    "min": sa.func.min,
    "max": sa.func.max,
}


def series(
    connection: sa.Connection,
    span: Span,
    items: Iterable[tuple[Metric, Aggregation]],
    workers: Sequence[str],
    *,
    by_variant: bool,
    by_resource: bool,
) -> list[Series]:
    """For each worker (all, if none is named) and each item its values by intervals; of each variant by
    itself if `by_variant`."""
    found = []
    for metric, aggregation in dict.fromkeys(items):
        whole = _points(connection, span, metric, aggregation, workers, split=by_variant)
        parts = _points(connection, span, metric, aggregation, workers, split=True) if by_resource else {}
        for (worker, variant), points in whole.items():
            mine = {
                part: span.values(values)
                for (owner, part), values in parts.items()
                if owner == worker and part is not None and variant in (None, part)
            }
            values = span.values(points)
            found.append(Series(worker, metric, variant, aggregation, span.dates, values, mine))
    return found


def _points(
    connection: sa.Connection,
    span: Span,
    metric: str,
    aggregation: Aggregation,
    workers: Sequence[str],
    *,
    split: bool,
) -> dict[tuple[str, str | None], dict[int, float]]:
    variant = _c.variant if split else sa.null()
    groups = [_c.worker, *([_c.variant] if split else []), span.bucket]
    query = (
        sa.select(
            _c.worker,
            variant.label("variant"),
            span.bucket.label("bucket"),
            _AGGREGATIONS[aggregation](_c.value).label("value"),
        )
        .where(_c.metric == metric, span.within)
        .group_by(*groups)
        .order_by(*groups)
    )
    if workers:
        query = query.where(_c.worker.in_(workers))
    found: dict[tuple[str, str | None], dict[int, float]] = {}
    for row in connection.execute(query):
        found.setdefault((row.worker, row.variant), {})[row.bucket] = row.value
    return found


def activity(connection: sa.Connection, span: Span) -> tuple[list[int], list[int]]:
    """How many workers reported in each interval, and how many of these had a task then."""

    def counts(*conditions: sa.ColumnElement[bool]) -> list[int]:
        query = (
            sa.select(span.bucket.label("bucket"), sa.func.count(_c.worker.distinct()).label("workers"))
            .where(_c.metric == WORKING, span.within, *conditions)
            .group_by(span.bucket)
        )
        found = {row.bucket: row.workers for row in connection.execute(query)}
        return [found.get(number, 0) for number in range(len(span.dates))]

    return counts(), counts(_c.value > 0)
