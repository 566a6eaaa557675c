"""Paging through all events of a kind that a task has, by iteration. Functions of a connection."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Any

import sqlalchemy as sa

from node.events.documents import document, log_document
from node.events.kinds import Document, EventKind, Variants
from node.events.logs import count as count_log
from node.events.logs import slice_of
from node.events.series import series_of
from node.events.writing import IN_MOST, POINTS
from node.store.event_tables import event_scalars

REPORTED = {
    EventKind.SCALAR: (EventKind.SCALAR, EventKind.SINGLE),
    EventKind.VECTOR: (EventKind.VECTOR,),
    EventKind.PLOT: (EventKind.PLOT,),
    EventKind.IMAGE: (EventKind.IMAGE,),
}
"""The kinds of series that hold what was reported as a kind."""

_CHUNK = 50
"""Points of a series read at once at least."""

_ARMS = 50
"""Series that one statement reads."""

_NO_SERIES = -1
"""Stands in a statement for series that there are not."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read page by page, and where: all events of these kinds that a task or model has, one kind
    after the other, each by iteration and then by series (log lines by time), in the kind with the index
    `stage` behind the place `after`."""

    task: str
    kinds: tuple[EventKind, ...]
    descending: bool = False
    metrics: tuple[Variants, ...] = ()
    stage: int = 0
    after: tuple[Any, ...] | None = None


def page(connection: sa.Connection, reading: Reading, size: int) -> tuple[list[Document], Reading]:
    """The next `size` events, and where one is then; no events at the end."""
    events: list[Document] = []
    while len(events) < size:
        found, after = _page(connection, reading, size - len(events))
        events += found
        if found:
            reading = replace(reading, after=after)
        elif reading.stage + 1 < len(reading.kinds):
            reading = replace(reading, stage=reading.stage + 1, after=None)
        else:
            break
    return events, reading


def count(connection: sa.Connection, reading: Reading) -> int:
    """How many events there are in all, before the place and behind it."""
    total = 0
    for kind in reading.kinds:
        if kind is EventKind.LOG:
            total += count_log(connection, reading.task)
            continue
        rows = series_of(connection, [reading.task], REPORTED[kind], reading.metrics)
        if POINTS[kind] is event_scalars:
            total += sum(row["count"] for row in rows)
            continue
        c, numbers = POINTS[kind].c, [row["id"] for row in rows]
        for start in range(0, len(numbers), IN_MOST):
            some = c.series.in_(numbers[start : start + IN_MOST])
            total += connection.scalar(sa.select(sa.func.count()).where(some)) or 0
    return total


def _page(
    connection: sa.Connection, reading: Reading, size: int
) -> tuple[list[Document], tuple[Any, ...] | None]:
    """The next events of the kind that it is at, and the place of the last of them."""
    kind, after, descending = reading.kinds[reading.stage], reading.after, reading.descending
    if kind is EventKind.LOG:
        lines = slice_of(connection, reading.task, size, descending=descending, after=after)
        place = (lines[-1].timestamp, lines[-1].number) if lines else None
        return [log_document(reading.task, line) for line in lines], place
    rows = {row["id"]: row for row in series_of(connection, [reading.task], REPORTED[kind], reading.metrics)}
    if not rows:
        return [], None
    table = POINTS[kind]
    keys = _keys(table)
    chunk = max(_CHUNK, 2 * size // len(rows))
    behind = _behind(connection, table, list(rows), chunk, descending, after)
    courses = [_course(connection, table, points, chunk, descending) for points in behind.values()]
    merged = heapq.merge(*courses, key=lambda row: tuple(row[: len(keys)]), reverse=descending)
    found = list(islice(merged, size))
    events = [_of(rows[point.series], point) for point in found]
    return events, tuple(found[-1][: len(keys)]) if found else None


def _of(row: Mapping[str, Any], point: sa.Row[Any]) -> Document:
    return document(row, EventKind(row["kind"]), point)


def _keys(table: sa.Table) -> list[sa.Column[Any]]:
    """What orders the points of a table: the iteration first, as pages go by it."""
    return [table.c.iteration, table.c.series, *([table.c.key] if "key" in table.c else [])]


def _course(
    connection: sa.Connection, table: sa.Table, points: Sequence[sa.Row[Any]], chunk: int, descending: bool
) -> Iterator[sa.Row[Any]]:
    """The points of one series in order, beginning with these, and read in chunks: what a page costs does not
    grow with the points behind it."""
    while points:
        yield from points
        if len(points) < chunk:
            return
        after = tuple(points[-1][: len(_keys(table))])
        number = points[-1].series
        points = _behind(connection, table, [number], chunk, descending, after).get(number, ())


def _behind(
    connection: sa.Connection,
    table: sa.Table,
    numbers: Sequence[int],
    chunk: int,
    descending: bool,
    after: tuple[Any, ...] | None,
) -> dict[int, list[sa.Row[Any]]]:
    """By series, the next points behind a place, `chunk` at most of each."""
    found: dict[int, list[sa.Row[Any]]] = {}
    arms = 1 if len(numbers) == 1 else _ARMS
    statement = _chunks(table, arms, descending, after is not None)
    place = {} if after is None else dict(zip(("iteration", "beside", "key"), after, strict=False))
    for start in range(0, len(numbers), arms):
        some = [*numbers[start : start + arms], *[_NO_SERIES] * arms][:arms]
        asked = {f"number_{arm}": number for arm, number in enumerate(some)} | {"chunk": chunk} | place
        for row in connection.execute(statement, asked):
            found.setdefault(row.series, []).append(row)
    return found


@lru_cache
def _chunks(table: sa.Table, arms: int, descending: bool, placed: bool) -> sa.CompoundSelect[Any]:
    """The next points of some series, of each from a clustered range of its own; made once, as making it
    takes longer than carrying it out."""
    keys = _keys(table)
    rest = [column for column in table.c if column not in set(keys)]
    own = [key for key in keys if key is not table.c.series]
    order = [key.desc() for key in own] if descending else own
    where = []
    if placed:
        values = [
            sa.bindparam("iteration", type_=sa.BigInteger()),
            sa.bindparam("beside"),
            sa.bindparam("key"),
        ]
        at, *besides = zip(keys, values, strict=False)
        further = sa.false()
        for key, value in reversed(besides):
            further = _past(key, value, descending) | ((key == value) & further)
        # The first limits the range that is read, the second where it begins.
        where = [~_past(at[0], at[1], not descending), _past(*at, descending) | further]
    each = [
        sa.select(*keys, *rest)
        .where(table.c.series == sa.bindparam(f"number_{arm}"), *where)
        .order_by(*order)
        .limit(sa.bindparam("chunk"))
        .subquery()
        for arm in range(arms)
    ]
    return sa.union_all(*(sa.select(one) for one in each))


def _past(column: sa.Column[Any], value: Any, descending: bool) -> sa.ColumnElement[bool]:
    past: sa.ColumnElement[bool] = column < value if descending else column > value
    return past
