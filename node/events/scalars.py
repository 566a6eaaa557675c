"""Reading scalars: histograms, raw points, latest and single values. Functions of a connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import sqlalchemy as sa

from node.events.buckets import Extent, intervals
from node.events.kinds import EventKind, Variants
from node.events.series import series_of
from node.store.event_tables import event_scalars

Axis = Literal["iter", "timestamp"]

_c = event_scalars.c

_LONG = 8
"""Iterations in a bucket from which reading each as a range is quicker than sorting all of them."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One series drawn: x are iterations or unix ms, y values or their means over buckets."""

    task: str
    metric: str
    variant: str
    x: list[int]
    y: list[float]
    x_axis_label: str | None = None


@dataclass(frozen=True, slots=True)
class PointsPlace:
    """Which points are read page by page, on which axes, and behind which (series, iteration)."""

    task: str
    metric: Variants
    axes: tuple[Axis, ...]
    after: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Points:
    """A page of points: {variant: {axis: [...], "y": [...]}}; `total`: how many points there are on all
    pages, if that was asked."""

    variants: dict[str, dict[str, list[Any]]]
    returned: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Latest:
    """A series' last value, at unix ms, and the mean of its last hundred."""

    metric: str
    variant: str
    iteration: int
    value: float
    timestamp: int
    last_100: float


@dataclass(frozen=True, slots=True)
class SingleValue:
    metric: str
    variant: str
    value: float
    timestamp: int


def curves(
    connection: sa.Connection,
    tasks: Sequence[str],
    axis: Axis,
    samples: int,
    metrics: Sequence[Variants] = (),
) -> list[Curve]:
    """The scalars of tasks or models along an axis, at most about `samples` points each (0: all of them)."""
    rows = series_of(connection, tasks, [EventKind.SCALAR], metrics)
    low, high = ("first_iteration", "last_iteration") if axis == "iter" else ("earliest", "latest")
    extents = [(row["id"], Extent(row["count"], row[low], row[high])) for row in rows]
    lengths = intervals(extents, samples)
    found = []
    for row, (number, extent) in zip(rows, extents, strict=True):
        x, y = _drawn(connection, number, axis, extent, lengths[number])
        found.append(Curve(row["task"], row["metric"], row["variant"], x, y, row["x_axis_label"]))
    return found


def _drawn(
    connection: sa.Connection, number: int, axis: Axis, extent: Extent, length: int
) -> tuple[list[int], list[float]]:
    asked = {"number": number}
    if axis == "iter" and length == 1:
        query = _WHOLE
    elif axis == "iter" and length >= _LONG:
        query = _BY_RANGES
        asked |= {"length": length, "begin": extent.low // length * length, "high": extent.high}
    else:
        query = _BY_GROUPS[axis, extent.low < 0]
        asked |= {"length": length}
    # As the driver has them: objects made for each of very many rows keep the garbage collector busy.
    rows = connection.execute(query, asked).cursor.fetchall()
    return [row[0] for row in rows if row[1] is not None], [row[1] for row in rows if row[1] is not None]


# The statements are made once: a task has many series, and making one costs as much as reading a series.


def _whole(number: sa.ColumnElement[int]) -> sa.Select[Any]:
    return sa.select(_c.iteration, _c.value).where(_c.series == number).order_by(_c.iteration)


def _by_groups(
    number: sa.ColumnElement[int], x: sa.ColumnElement[int], length: sa.ColumnElement[int], below_zero: bool
) -> sa.Select[Any]:
    """The means of buckets, by sorting: quickest where they are many."""
    rest = x % length
    if below_zero:  # SQL's remainder has the sign of what is divided
        rest = (rest + length) % length
    return (
        sa.select((x - rest).label("x"), sa.func.avg(_c.value))
        .where(_c.series == number)
        .group_by(sa.literal_column("x"))
        .order_by(sa.literal_column("x"))
    )


def _by_ranges(
    number: sa.ColumnElement[int],
    begin: sa.ColumnElement[int],
    high: sa.ColumnElement[int],
    length: sa.ColumnElement[int],
) -> sa.Select[Any]:
    """The means of buckets of iterations, each read as a range of the clustered key: nothing is sorted. The
    mean of a bucket without points is null."""
    starts = sa.select(begin.label("x")).cte("starts", recursive=True)
    starts = starts.union_all(sa.select(starts.c.x + length).where(starts.c.x <= high - length))
    mean = (
        sa.select(sa.func.avg(_c.value))
        .where((_c.series == number) & (_c.iteration >= starts.c.x) & (_c.iteration < starts.c.x + length))
        .scalar_subquery()
    )
    return sa.select(starts.c.x, mean).order_by(starts.c.x)


_number, _begin, _high, _length = (
    sa.bindparam(name, type_=sa.BigInteger()) for name in ("number", "begin", "high", "length")
)
_WHOLE = _whole(_number)
_BY_RANGES = _by_ranges(_number, _begin, _high, _length)
_BY_GROUPS = {
    (axis, below_zero): _by_groups(_number, x, _length, below_zero)
    for axis, x in (("iter", _c.iteration), ("timestamp", _c.timestamp))
    for below_zero in (False, True)
}


def points(
    connection: sa.Connection, place: PointsPlace, size: int, *, count: bool
) -> tuple[Points, PointsPlace]:
    """The next `size` points, by series, then iteration; none at the end."""
    rows = series_of(connection, [place.task], [EventKind.SCALAR], [place.metric])
    rows.sort(key=lambda row: int(row["id"]))
    variants: dict[str, dict[str, list[Any]]] = {}
    returned, after = 0, place.after
    for row in rows:
        if returned == size:
            break
        here = _c.series == row["id"]
        if place.after is not None:
            if row["id"] < place.after[0]:
                continue
            if row["id"] == place.after[0]:
                here &= _c.iteration > place.after[1]
        found = connection.execute(
            sa.select(_c.iteration, _c.timestamp, _c.value)
            .where(here)
            .order_by(_c.iteration)
            .limit(size - returned)
        ).cursor.fetchall()
        if found:
            x = {"iter": [point[0] for point in found], "timestamp": [point[1] for point in found]}
            y = {"y": [point[2] for point in found]}
            variants[row["variant"]] = {axis: x[axis] for axis in place.axes} | y
            returned += len(found)
            after = (row["id"], found[-1][0])
    total = sum(row["count"] for row in rows) if count else None
    return Points(variants, returned, total), replace(place, after=after)


def latest(connection: sa.Connection, task: str) -> list[Latest]:
    """The last value of every series of a task, and the mean of its last hundred points."""
    found = []
    for row in series_of(connection, [task], [EventKind.SCALAR]):
        last = (
            sa.select(_c.value).where(_c.series == row["id"]).order_by(_c.iteration.desc()).limit(100)
        ).subquery()
        found.append(
            Latest(
                row["metric"],
                row["variant"],
                row["last_iteration"],
                row["last_value"],
                row["last_timestamp"],
                connection.execute(sa.select(sa.func.avg(last.c.value))).scalar_one(),
            )
        )
    return found


def single_values(connection: sa.Connection, tasks: Sequence[str]) -> dict[str, list[SingleValue]]:
    """The single values of each task or model that has some."""
    found: dict[str, list[SingleValue]] = {}
    for row in series_of(connection, tasks, [EventKind.SINGLE]):
        found.setdefault(row["task"], []).append(
            SingleValue(row["metric"], row["variant"], row["last_value"], row["last_timestamp"])
        )
    return found
