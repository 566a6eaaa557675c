"""Deleting what tasks and models reported, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from node.events.writing import POINTS
from node.store.event_tables import event_logs, event_series


def delete(connection: sa.Connection, tasks: Sequence[str]) -> int:
    """Everything of these tasks or models; returns how many series and log lines that were."""
    mine = event_series.c.task.in_(tasks)
    numbers = sa.select(event_series.c.id).where(mine)
    for table in dict.fromkeys(POINTS.values()):
        connection.execute(sa.delete(table).where(table.c.series.in_(numbers)))
    series = connection.execute(sa.delete(event_series).where(mine)).rowcount
    return series + connection.execute(sa.delete(event_logs).where(event_logs.c.task.in_(tasks))).rowcount
