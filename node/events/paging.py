"""Paging through all events of a kind that a task has, by iteration. Functions of a connection."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Any, Literal

import sqlalchemy as sa

from node.events.documents import document, log_document
from node.events.kinds import Document, EventKind, Variants
from node.events.logs import count as count_log
from node.events.logs import slice_of
from node.events.series import series_of
from node.events.writing import POINTS
from node.store.event_tables import event_scalars

REPORTED = {
    EventKind.SCALAR: (EventKind.SCALAR, EventKind.SINGLE),
    EventKind.VECTOR: (EventKind.VECTOR,),
    EventKind.PLOT: (EventKind.PLOT,),
    EventKind.IMAGE: (EventKind.IMAGE,),
}
"""The kinds of series that hold what was reported as a kind."""

Behind = Literal["all", "further", "further or beside", "further or another key"]
"""Which points of a series are behind a place: those of further iterations, those of its iteration too (in
another series), or those of its iteration with a key behind its own."""

_CHUNK = 50
"""Points of a series read at once at least."""


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
        table = POINTS[kind]
        for row in rows:
            query = sa.select(sa.func.count()).select_from(table).where(table.c.series == row["id"])
            total += connection.scalar(query) or 0
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
    courses = [_course(connection, table, number, chunk, descending, after) for number in rows]
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
    connection: sa.Connection,
    table: sa.Table,
    number: int,
    chunk: int,
    descending: bool,
    after: tuple[Any, ...] | None,
) -> Iterator[sa.Row[Any]]:
    """The points of one series in order, read in chunks: what a page costs does not grow with the points
    behind it."""
    keys = _keys(table)
    while True:
        asked: dict[str, Any] = {"number": number, "chunk": chunk}
        where: Behind = "all"
        if after is not None:
            iteration, series, *key = after
            asked |= {"iteration": iteration} | ({"key": key[0]} if key else {})
            if number == series:
                where = "further" if not key else "further or another key"
            else:
                where = "further or beside" if (number > series) != descending else "further"
        rows = connection.execute(_chunk(table, descending, where), asked).all()
        yield from rows
        if len(rows) < chunk:
            return
        after = tuple(rows[-1][: len(keys)])


@lru_cache
def _chunk(table: sa.Table, descending: bool, where: Behind) -> sa.Select[Any]:
    """The next points of a series behind a place; made once, as a page asks it of every series."""
    keys = _keys(table)
    rest = [column for column in table.c if column not in set(keys)]
    own = [key for key in keys if key is not table.c.series]
    order = [key.desc() for key in own] if descending else own
    here = table.c.series == sa.bindparam("number")
    if where != "all":
        at = sa.bindparam("iteration", type_=sa.BigInteger())
        further, same = _past(keys[0], at, descending), keys[0] == at
        match where:
            case "further":
                here &= further
            case "further or beside":
                here &= further | same
            case "further or another key":
                here &= further | (same & _past(keys[2], sa.bindparam("key"), descending))
    return sa.select(*keys, *rest).where(here).order_by(*order).limit(sa.bindparam("chunk"))


def _past(column: sa.Column[Any], value: Any, descending: bool) -> sa.ColumnElement[bool]:
    past: sa.ColumnElement[bool] = column < value if descending else column > value
    return past
