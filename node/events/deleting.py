"""Deleting what tasks and models reported, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from node.events.writing import POINTS
from node.store.event_tables import event_logs, event_scalars, event_series

AT_ONCE = 50_000
"""Points that one `thin_out` deletes."""


def delete(connection: sa.Connection, owners: Sequence[str]) -> int:
    """Everything of these tasks or models; returns how many series and log lines that were."""
    mine = event_series.c.task.in_(owners)
    numbers = sa.select(event_series.c.id).where(mine)
    for table in dict.fromkeys(POINTS.values()):
        connection.execute(sa.delete(table).where(table.c.series.in_(numbers)))
    series = connection.execute(sa.delete(event_series).where(mine)).rowcount
    return series + connection.execute(sa.delete(event_logs).where(event_logs.c.task.in_(owners))).rowcount


def series_numbers(connection: sa.Connection, owners: Sequence[str]) -> list[int]:
    """The series of these tasks or models."""
    return list(connection.scalars(sa.select(event_series.c.id).where(event_series.c.task.in_(owners))))


def thin_out(connection: sa.Connection, series: int) -> bool:
    """Delete some of a series' scalars; returns whether there are more. For a series that goes as a whole:
    its summary is not brought up to date."""
    c = event_scalars.c
    end = connection.scalar(
        sa.select(c.iteration).where(c.series == series).order_by(c.iteration).offset(AT_ONCE).limit(1)
    )
    if end is None:
        return False
    connection.execute(sa.delete(event_scalars).where((c.series == series) & (c.iteration < end)))
    return True
