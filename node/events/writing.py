"""Batches into tables: points are inserted or replaced, summaries follow, all in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from node.events.batch import Batch, Point, Reported, Series
from node.events.kinds import EventKind
from node.events.summaries import Summary, merged, summarise, summary_of
from node.store.event_tables import (
    event_images,
    event_logs,
    event_plots,
    event_scalars,
    event_series,
    event_vectors,
)
from node.store.statements import insert, run, upsert

POINTS: dict[EventKind, sa.Table] = {
    EventKind.SCALAR: event_scalars,
    EventKind.SINGLE: event_scalars,
    EventKind.VECTOR: event_vectors,
    EventKind.PLOT: event_plots,
    EventKind.IMAGE: event_images,
}
"""Where the points of a kind lie: the series first, then what a batch has as rows."""

IN_MOST = 500
"""Values in one `IN` at most: databases bound the parameters of a statement."""

_COUNTED = tuple(Summary.__slots__)
_TOLD = ("worker", "x_axis_label", *_COUNTED)
_LOG_COLUMNS = tuple(column.name for column in event_logs.c if column.name != "id")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a series of scalars after a batch."""

    x_axis_label: str | None
    summary: Summary


def write(connection: sa.Connection, batch: Batch) -> dict[Series, Known]:
    """Insert what a batch has; a point of the same series and iteration (and key) is replaced. Returns
    what is known then of its series of scalars."""
    known = _series_rows(connection, batch.series)
    points: dict[sa.Table, list[tuple[Any, ...]]] = {}
    updates: list[tuple[Any, ...]] = []
    anew: list[Series] = []
    scalars: dict[Series, Known] = {}
    for series, reported in batch.series.items():
        row = known[series]
        summary = summary_of(row)
        if POINTS[series.kind] is event_scalars:
            new = _new_points(connection, row["id"], summary, reported.rows)
            if new is None:
                anew.append(series)
            elif new:
                summary = merged(summary, summarise(new))
        label = reported.x_axis_label or row["x_axis_label"]
        if summary is not None:
            scalars[series] = Known(label, summary)
        updates.append((reported.worker or row["worker"], label, *_columns(summary), row["id"]))
        points.setdefault(POINTS[series.kind], []).extend((row["id"], *point) for point in reported.rows)
    for table, rows in points.items():
        run(connection, upsert(table), rows)
    run(connection, _UPDATE, updates)
    for series in anew:
        number = known[series]["id"]
        scalars[series] = Known(scalars[series].x_axis_label, _counted(connection, number))
        run(connection, _UPDATE_COUNTED, [(*_columns(scalars[series].summary), number)])
    run(connection, _INSERT_LOG, batch.logs)
    return scalars


def _series_rows(
    connection: sa.Connection, wanted: Mapping[Series, Reported]
) -> dict[Series, Mapping[str, Any]]:
    """The rows of `event_series`, made where there are none."""
    found = _find(connection, list(wanted))
    missing = [series for series in wanted if series not in found]
    if missing:
        run(connection, _INSERT_SERIES, [(s.task, s.kind.value, s.metric, s.variant) for s in missing])
        found |= _find(connection, missing)
    return found


_c = event_series.c
_FIND = sa.select(event_series).where(
    (_c.task == sa.bindparam("task"))
    & (_c.kind == sa.bindparam("kind"))
    & _c.metric.in_(sa.bindparam("metrics", expanding=True))
)
"""Built once: building it takes as long as carrying it out."""


def _find(connection: sa.Connection, wanted: Sequence[Series]) -> dict[Series, Mapping[str, Any]]:
    found: dict[Series, Mapping[str, Any]] = {}
    groups: dict[tuple[str, EventKind], dict[tuple[str, str], Series]] = {}
    for series in wanted:
        groups.setdefault((series.task, series.kind), {})[series.metric, series.variant] = series
    for (task, kind), group in groups.items():
        metrics = sorted({metric for metric, _ in group})
        for start in range(0, len(metrics), IN_MOST):
            some = {"task": task, "kind": kind.value, "metrics": metrics[start : start + IN_MOST]}
            for row in connection.execute(_FIND, some).mappings():
                series_of = group.get((row["metric"], row["variant"]))
                if series_of is not None:
                    found[series_of] = dict(row)
    return found


def _new_points(
    connection: sa.Connection, number: int, summary: Summary | None, points: Sequence[Point]
) -> Sequence[Point] | None:
    """Those of the points that the series does not have yet; None if one that it has gets another value or
    time, and so the summary has to be made anew."""
    if summary is None or points[0][0] > summary.last_iteration:
        return points
    c = event_scalars.c
    present: dict[int, tuple[float, int]] = {}
    for start in range(0, len(points), IN_MOST):
        iterations = [point[0] for point in points[start : start + IN_MOST]]
        query = sa.select(c.iteration, c.value, c.timestamp).where(
            (c.series == number) & c.iteration.in_(iterations)
        )
        present |= {row[0]: (row[1], row[2]) for row in connection.execute(query)}
    new = []
    for point in points:
        there = present.get(point[0])
        if there is None:
            new.append(point)
        elif there != point[1:]:
            return None
    return new


def _counted(connection: sa.Connection, number: int) -> Summary:
    """A series' summary, from its points."""
    c = event_scalars.c
    mine = c.series == number
    count, total, earliest, latest = connection.execute(
        sa.select(sa.func.count(), sa.func.sum(c.value), sa.func.min(c.timestamp), sa.func.max(c.timestamp))
        .select_from(event_scalars)
        .where(mine)
    ).one()

    def first(*order: sa.ColumnElement[Any]) -> Any:
        query = sa.select(c.iteration, c.value, c.timestamp).where(mine).order_by(*order).limit(1)
        return connection.execute(query).one()

    lowest, highest = first(c.iteration), first(c.iteration.desc())
    low, high = first(c.value, c.iteration), first(c.value.desc(), c.iteration)
    return Summary(
        count=count,
        total=total,
        first_iteration=lowest.iteration,
        first_value=lowest.value,
        last_iteration=highest.iteration,
        last_value=highest.value,
        last_timestamp=highest.timestamp,
        min_value=low.value,
        min_iteration=low.iteration,
        max_value=high.value,
        max_iteration=high.iteration,
        earliest=earliest,
        latest=latest,
    )


def _columns(summary: Summary | None) -> tuple[Any, ...]:
    return tuple(None if summary is None else getattr(summary, name) for name in _COUNTED)


# --- statements -------------------------------------------------------------------------------------------


def _update(names: Sequence[str]) -> str:
    return (
        f"UPDATE event_series SET {', '.join(f'{chr(34)}{name}{chr(34)} = ?' for name in names)} WHERE id = ?"  # noqa: S608
    )


_INSERT_SERIES = insert(event_series, ("task", "kind", "metric", "variant"))
_INSERT_LOG = insert(event_logs, _LOG_COLUMNS)
_UPDATE = _update(_TOLD)
_UPDATE_COUNTED = _update(_COUNTED)
