"""The plots and images of the last iterations, and which iterations of images still hold. Functions of a
connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from node.events.documents import document
from node.events.kinds import Document, EventKind, Variants
from node.events.series import series_of
from node.events.writing import POINTS
from node.store.event_tables import event_images, event_plots

PAGE_BYTES = 32 * 2**20
"""Bytes of plots, as they are stored, after which a page ends."""


@dataclass(frozen=True, slots=True)
class LastPlots:
    """What is read page by page, and where: the plots of the last `iterations` iterations of every metric and
    variant, those behind the series with the number `after`; `whole`: all on one page."""

    tasks: tuple[str, ...]
    iterations: int
    metrics: tuple[Variants, ...] = ()
    whole: bool = False
    after: int | None = None


def last_plots(connection: sa.Connection, reading: LastPlots) -> tuple[list[Document], int, LastPlots]:
    """The next plots, those of a series together and the latest first; how many there are on all pages; and
    where one is then. No plots at the end."""
    c = event_plots.c
    rows = series_of(connection, reading.tasks, [EventKind.PLOT], reading.metrics)
    rows.sort(key=lambda row: int(row["id"]))
    total, size, after = 0, 0, reading.after
    found: list[Document] = []
    for row in rows:
        mine = c.series == row["id"]
        last = sa.select(c.iteration).where(mine).order_by(c.iteration.desc()).limit(reading.iterations)
        iterations = connection.scalars(last).all()
        total += len(iterations)
        behind = reading.after is None or row["id"] > reading.after
        if not iterations or not behind or (size > PAGE_BYTES and not reading.whole):
            continue
        points = connection.execute(
            sa.select(event_plots).where(mine & (c.iteration >= iterations[-1])).order_by(c.iteration.desc())
        ).all()
        size += sum(len(point.body) for point in points)
        found += [document(row, EventKind.PLOT, point) for point in points]
        after = row["id"]
    return found, total, replace(reading, after=after)


@dataclass(frozen=True, slots=True)
class Iterations:
    """The events of one iteration."""

    iteration: int
    events: list[Document]


@dataclass(frozen=True, slots=True)
class Courses:
    """Several courses that are read together, of images or of plots."""

    kind: EventKind
    each: tuple[Course, ...]


@dataclass(frozen=True, slots=True)
class Course:
    """Where one reads among the iterations of some metrics of a task: those from `low` to `high` have been
    seen; both None at the beginning."""

    task: str
    metrics: tuple[Variants, ...] = ()
    low: int | None = None
    high: int | None = None


def course(
    connection: sa.Connection, at: Course, kind: EventKind, count: int, *, earlier: bool
) -> tuple[list[Iterations], Course]:
    """The next `count` iterations before or after what has been seen, the latest first, and what has been
    seen then. At the beginning the latest ones, whichever direction."""
    rows = series_of(connection, [at.task], [kind], at.metrics)
    if not rows:
        return [], at
    table = POINTS[kind]
    valid = _valid(connection, kind, rows)
    beyond = None
    if at.low is not None and at.high is not None:
        beyond = table.c.iteration < at.low if earlier else table.c.iteration > at.high
    numbers: set[int] = set()
    order = table.c.iteration if beyond is not None and not earlier else table.c.iteration.desc()
    for row in rows:
        mine = (table.c.series == row["id"]) & (table.c.iteration >= valid[row["id"]])
        if beyond is not None:
            mine &= beyond
        query = sa.select(table.c.iteration).distinct().where(mine).order_by(order).limit(count)
        numbers |= set(connection.scalars(query))
    ascending = beyond is not None and not earlier
    chosen = sorted(numbers, reverse=not ascending)[:count]
    if not chosen:
        return [], at
    found: dict[int, list[Document]] = {number: [] for number in chosen}
    for row in rows:
        mine = (table.c.series == row["id"]) & table.c.iteration.in_(chosen)
        mine &= table.c.iteration >= valid[row["id"]]
        for point in connection.execute(sa.select(table).where(mine)):
            found[point.iteration].append(document(row, kind, point))
    low, high = min(chosen), max(chosen)
    seen = Course(
        at.task,
        at.metrics,
        low if at.low is None else min(low, at.low),
        high if at.high is None else max(high, at.high),
    )
    return [Iterations(number, found[number]) for number in sorted(chosen, reverse=True)], seen


def _valid(connection: sa.Connection, kind: EventKind, rows: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """The lowest iteration of each series whose events still hold.

    A client that keeps only the last files of a variant uses their names again: what an older event at the
    same url showed is gone, and so is all that is older than the last use of the url that was used first.
    """
    return {
        row["id"]: (oldest_valid(connection, row["id"]) if kind is EventKind.IMAGE else -(2**63))
        for row in rows
    }


def oldest_valid(connection: sa.Connection, series: int) -> int:
    """The lowest iteration of a series of images whose files have not been overwritten."""
    c = event_images.c
    last_uses = (
        sa.select(sa.func.max(c.iteration).label("last")).where(c.series == series).group_by(c.url).subquery()
    )
    found = connection.scalar(sa.select(sa.func.min(last_uses.c.last)))
    return -(2**63) if found is None else found
