"""How long the tasks of projects ran, and how much of a machine that was, by intervals of time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from node.store.schema import tasks
from node.tracking import json_sql
from node.tracking.collection import TASKS
from node.tracking.project_statistics import family, labelled
from node.tracking.task_steps import DEVELOPMENT

HOUR: Final = 3600.0
DAY: Final = 86_400.0

MOST_INTERVALS: Final = 1000
"""Intervals that a range of time is told in at most; longer ranges have longer ones."""


@dataclass(slots=True)
class Usage:
    """Seconds, by interval: that tasks ran, and those times the processors and GPUs that each task had.

    assumed_cpus, assumed_gpus: whether a task did not say how many it had; it counts as one processor, and
    no GPU.
    """

    duration: list[float]
    cpus: list[float]
    gpus: list[float]
    assumed_cpus: bool = False
    assumed_gpus: bool = False


@dataclass(frozen=True, slots=True)
class Usages:
    """`starts`: when each interval begins, unix seconds; `length`: of each, in seconds."""

    starts: list[float]
    length: float
    projects: dict[str, Usage] = field(default_factory=dict)


def intervals(start: float, end: float) -> tuple[list[float], float]:
    """When the intervals of a range begin, and how long they are: hours up to two days, else days or more."""
    length = HOUR if end - start <= 2 * DAY else DAY
    length *= max(1, math.ceil((end - start) / length / MOST_INTERVALS))
    return [start + i * length for i in range(math.ceil((end - start) / length))], length


def usages(
    connection: sa.Connection, projects: Sequence[str], start: float, end: float, *, development: bool = True
) -> Usages:
    """What the tasks of each project, and of those below it, used from start to end (unix seconds).

    A task that has not ended counts until it was last heard of. development: with tasks run by hand too.
    """
    starts, length = intervals(start, end)
    blank = [0.0] * len(starts)
    found = {key: Usage(blank.copy(), blank.copy(), blank.copy()) for key in projects}
    held = family(connection, projects)
    until = sa.func.coalesce(tasks.c.completed, tasks.c.last_update)
    query = sa.select(
        tasks.c.project_id,
        tasks.c.started,
        until.label("until"),
        json_sql.number_at(tasks.c.document, ("runtime", "cpu_cores")).label("cpus"),
        json_sql.number_at(tasks.c.document, ("runtime", "gpu_count")).label("gpus"),
    ).where(held.inside(tasks), tasks.c.started < end, until > start)
    if not development:
        query = query.where(sa.not_(labelled(TASKS, DEVELOPMENT)))
    for row in connection.execute(query, execution_options={"yield_per": 1000}):
        for key in held.owners[row.project_id]:
            usage = found[key]
            usage.assumed_cpus |= row.cpus is None
            usage.assumed_gpus |= row.gpus is None
            cpus, gpus = (1.0 if row.cpus is None else row.cpus), row.gpus or 0.0
            first = max(0, int((row.started - start) // length))
            for i in range(first, len(starts)):
                seconds = min(row.until, starts[i] + length, end) - max(row.started, starts[i])
                if seconds <= 0:
                    break
                usage.duration[i] += seconds
                usage.cpus[i] += seconds * cpus
                usage.gpus[i] += seconds * gpus
    return Usages(starts, length, found)
