"""Reading and clearing logs, by time. Functions of a connection; times are unix milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from node.store.event_tables import event_logs

_c = event_logs.c


@dataclass(frozen=True, slots=True)
class LogEvent:
    """A line of a task's log; `number` orders lines of the same time."""

    number: int
    timestamp: int
    level: str | None
    worker: str | None
    metric: str | None
    message: str


_COLUMNS = (_c.id, _c.timestamp, _c.level, _c.worker, _c.metric, _c.message)


def page(
    connection: sa.Connection, task: str, size: int, *, earlier: bool, beyond: int | None = None
) -> list[LogEvent]:
    """The next `size` lines from the end backwards (`earlier`) or from the beginning, beyond a time (which is
    left out); never a part of the lines of one time, so that the next page can begin beyond it."""
    mine = _c.task == task
    if beyond is not None:
        mine &= _c.timestamp < beyond if earlier else _c.timestamp > beyond
    order = (_c.timestamp.desc(), _c.id.desc()) if earlier else (_c.timestamp, _c.id)
    rows = _read(connection, sa.select(*_COLUMNS).where(mine).order_by(*order).limit(size))
    if len(rows) == size and rows:
        last = rows[-1]
        same = (_c.task == task) & (_c.timestamp == last.timestamp)
        same &= _c.id < last.number if earlier else _c.id > last.number
        rows += _read(connection, sa.select(*_COLUMNS).where(same).order_by(*order))
    return rows


def slice_of(
    connection: sa.Connection, task: str, size: int, *, descending: bool, after: tuple[Any, ...] | None = None
) -> list[LogEvent]:
    """Exactly the next `size` lines after a (time, number)."""
    mine = _c.task == task
    if after is not None:
        stamp, number = after
        beyond = _c.timestamp < stamp if descending else _c.timestamp > stamp
        further = _c.id < number if descending else _c.id > number
        mine &= beyond | ((_c.timestamp == stamp) & further)
    order = (_c.timestamp.desc(), _c.id.desc()) if descending else (_c.timestamp, _c.id)
    return _read(connection, sa.select(*_COLUMNS).where(mine).order_by(*order).limit(size))


def every(connection: sa.Connection, task: str) -> list[LogEvent]:
    """The whole log, in order."""
    return _read(connection, sa.select(*_COLUMNS).where(_c.task == task).order_by(_c.timestamp, _c.id))


def count(connection: sa.Connection, task: str) -> int:
    return connection.execute(
        sa.select(sa.func.count()).select_from(event_logs).where(_c.task == task)
    ).scalar_one()


def clear(
    connection: sa.Connection,
    task: str,
    before: int | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> int:
    """Delete a task's lines before a time, of these metrics or of all but those; returns how many."""
    doomed = _c.task == task
    if before is not None:
        doomed &= _c.timestamp < before
    metric = sa.func.coalesce(_c.metric, "")
    if include:
        doomed &= metric.in_(include)
    if exclude:
        doomed &= metric.not_in(exclude)
    return connection.execute(sa.delete(event_logs).where(doomed)).rowcount


def _read(connection: sa.Connection, query: sa.Select[Any]) -> list[LogEvent]:
    return [LogEvent(*row) for row in connection.execute(query)]
