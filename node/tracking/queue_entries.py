"""Which tasks wait in which queue, in their order: functions of a connection.

Every change leaves a row of metrics: how long the queue is now, and how long its tasks have waited.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from node.store.schema import queue_entries, queue_metrics
from node.tasks import now
from node.tracking.errors import AlreadyQueued, NotQueued

METRICS_KEPT = 90 * 86_400.0
"""Seconds for which is known how long a queue was."""

_c = queue_entries.c


@dataclass(frozen=True, slots=True)
class Entry:
    """A task that waits, since the unix second `added`."""

    task: str
    added: float


def waiting(connection: sa.Connection, queue: str, limit: int | None = None) -> list[Entry]:
    """The entries of a queue, the next one first."""
    query = sa.select(_c.task, _c.added).where(_c.queue == queue).order_by(_c.position).limit(limit)
    return [Entry(row.task, row.added) for row in connection.execute(query)]


def length(connection: sa.Connection, queue: str) -> int:
    """How many tasks wait in a queue."""
    return int(connection.scalar(sa.select(sa.func.count()).where(_c.queue == queue)) or 0)


def append(connection: sa.Connection, queue: str, task: str) -> None:
    """Put a task at the end of a queue. Raises AlreadyQueued if it waits, here or elsewhere."""
    if connection.scalar(sa.select(_c.queue).where(_c.task == task)) is not None:
        raise AlreadyQueued(f"the task {task} waits in a queue already", "take it out of that queue first")
    last = connection.scalar(sa.select(sa.func.max(_c.position)).where(_c.queue == queue)) or 0
    row = {"task": task, "queue": queue, "position": last + 1, "added": now()}
    connection.execute(queue_entries.insert().values(row))
    _measure(connection, queue)


def withdraw(connection: sa.Connection, task: str, queue: str | None = None) -> bool:
    """Take a task out of this queue, or out of any; whether it waited there."""
    found = connection.scalar(sa.select(_c.queue).where(_c.task == task))
    if found is None or queue not in (None, found):
        return False
    connection.execute(queue_entries.delete().where(_c.task == task))
    _measure(connection, found)
    return True


def withdraw_all(connection: sa.Connection, tasks: Sequence[str]) -> None:
    """Take those of these tasks that wait out of their queues."""
    for task in connection.scalars(sa.select(_c.task).where(_c.task.in_(tasks))).all():
        withdraw(connection, task)


def pop(connection: sa.Connection, queue: str, task: str | None = None) -> Entry | None:
    """Take the next task out of a queue; nothing if there is none, or if it is not the one wanted."""
    head = next(iter(waiting(connection, queue, 1)), None)
    if head is None or task not in (None, head.task):
        return None
    withdraw(connection, head.task)
    return head


def clear(connection: sa.Connection, queue: str) -> list[str]:
    """Take all tasks out of a queue; which these were."""
    gone = [entry.task for entry in waiting(connection, queue)]
    connection.execute(queue_entries.delete().where(_c.queue == queue))
    _measure(connection, queue)
    return gone


def move(connection: sa.Connection, queue: str, task: str, by: int | None, *, forward: bool) -> int:
    """Move a task `by` places towards the head of its queue or its end, or (None) all the way; its place
    then, from 0. Raises NotQueued."""
    order = [entry.task for entry in waiting(connection, queue)]
    if task not in order:
        raise NotQueued(f"the task {task} does not wait in the queue {queue}", "see the queue's entries")
    before = order.index(task)
    steps = len(order) if by is None else by
    after = max(0, before - steps) if forward else min(len(order) - 1, before + steps)
    order.insert(after, order.pop(before))
    positions = sa.select(_c.position).where(_c.queue == queue).order_by(_c.position)
    places = list(connection.scalars(positions))
    low, high = sorted((before, after))
    for key, position in zip(order[low : high + 1], places[low : high + 1], strict=True):
        connection.execute(queue_entries.update().where(_c.task == key).values(position=position))
    return after


def _measure(connection: sa.Connection, queue: str) -> None:
    at = now()
    found = connection.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.avg(at - _c.added), 0.0)).where(_c.queue == queue)
    ).one()
    old = (queue_metrics.c.queue == queue) & (queue_metrics.c.time < at - METRICS_KEPT)
    connection.execute(queue_metrics.delete().where(old))
    row = {"queue": queue, "time": at, "length": found[0], "waiting": max(0.0, float(found[1]))}
    connection.execute(queue_metrics.insert().values(row))
