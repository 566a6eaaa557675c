"""Uplets as rows of `tasks`: made, taken, ended, given back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from node.store.schema import tasks
from node.tasks import TaskStatus, now
from node.tracking import projects, task_edits, task_values
from node.tracking.errors import BadFieldValue, InvalidProjectName, PathTooDeep
from node.tracking.names import SHORTEST
from node.uplets.kinds import Moved, UpletKind, task_of

FOLDER: Final = "Morpheo"
"""The project of tasks in which each problem has one of its own."""

OPEN: Final = (TaskStatus.CREATED, TaskStatus.QUEUED, TaskStatus.IN_PROGRESS)
"""The states of an uplet that has no result yet."""


def project_of(connection: sa.Connection, problem: str, user: str) -> str | None:
    """The project of tasks of a problem, made if there is none; None if no folder can have its name."""
    name = problem if len(problem) >= SHORTEST else f"problem {problem}"
    try:
        return projects.ensure(connection, f"{FOLDER}/{name}", user)
    except (InvalidProjectName, PathTooDeep, BadFieldValue):
        return None


def new(
    kind: UpletKind,
    name: str,
    owner: str,
    project: str | None,
    parameters: Mapping[str, Any],
    *,
    ready: bool,
) -> dict[str, Any]:
    """The row of a new uplet's task; `parameters` are what is told of it in other dialects."""
    at = now()
    told = {key: {"value": str(value)} for key, value in parameters.items() if value is not None}
    return {
        "id": uuid.uuid4().hex,
        "kind": kind.value,
        "name": name,
        "type": kind.type,
        "project_id": project,
        "owner": owner,
        "status": (TaskStatus.QUEUED if ready else TaskStatus.CREATED).value,
        "priority": 0,
        "attempts": 0,
        "current": 0,
        "maximum": 0,
        "created": at,
        "status_changed": at,
        "last_update": at,
        "last_change": at,
        "last_changed_by": owner,
        "parameters": dict(parameters),
        "document": {"hyperparams": task_edits.named_parameters({kind.value: told})},
    }


def insert(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> list[Moved]:
    """Store the rows of new uplets' tasks; those that are ready."""
    connection.execute(tasks.insert(), rows)
    for row in rows:
        task_values.keep(connection, row["id"], {}, row["document"])
    queued = [row for row in rows if row["status"] == TaskStatus.QUEUED]
    return [Moved(UpletKind(row["kind"]), row["id"], TaskStatus.QUEUED) for row in queued]


def take(connection: sa.Connection, kind: UpletKind, key: str, worker: str, user: str) -> Moved | None:
    """Give a ready uplet to a worker: one of many that ask at once gets it, the others None."""
    task, at = task_of(key), now()
    mine = (tasks.c.id == task) & (tasks.c.kind == kind.value) & (tasks.c.status == TaskStatus.QUEUED.value)
    values = {
        "started": at,
        "completed": None,
        "active_duration": None,
        "last_worker": worker,
        "last_worker_report": at,
    }
    taken = tasks.update().where(mine).values(values | _changed(TaskStatus.IN_PROGRESS, user, at))
    if task is None or connection.execute(taken).rowcount != 1:
        return None
    beside = kind.table
    connection.execute(beside.update().where(beside.c.task == task).values(worker=worker, holder=user))
    return Moved(kind, task, TaskStatus.IN_PROGRESS)


def make_ready(connection: sa.Connection, kind: UpletKind, task: str, user: str) -> Moved:
    """What a created uplet waited for is there."""
    values = _changed(TaskStatus.QUEUED, user, now())
    connection.execute(tasks.update().where(tasks.c.id == task).values(values))
    return Moved(kind, task, TaskStatus.QUEUED)


def end(
    connection: sa.Connection, kind: UpletKind, task: str, result: Mapping[str, Any] | None, user: str
) -> Moved:
    """It is completed with a result, or failed without one."""
    status = TaskStatus.FAILED if result is None else TaskStatus.COMPLETED
    at = now()
    error = "its worker reported that it failed" if result is None else None
    values = _changed(status, user, at) | {
        "completed": at,
        "active_duration": sa.cast(at - tasks.c.started, sa.BigInteger),
        "result": None if result is None else dict(result),
        "error": error,
        "status_message": error or "",
    }
    connection.execute(tasks.update().where(tasks.c.id == task).values(values))
    return Moved(kind, task, status)


def release(connection: sa.Connection, kind: UpletKind, task: str, user: str) -> Moved | None:
    """Take an uplet from a worker that is silent or gives it back: the next may take it. None if no worker
    has it."""
    mine = (tasks.c.id == task) & (tasks.c.kind == kind.value)
    values = _changed(TaskStatus.QUEUED, user, now()) | {
        "started": None,
        "last_worker": None,
        "attempts": tasks.c.attempts + 1,
    }
    running = tasks.c.status == TaskStatus.IN_PROGRESS.value
    if connection.execute(tasks.update().where(mine & running).values(values)).rowcount != 1:
        return None
    beside = kind.table
    nobody = {"worker": None, "holder": None, "pushed": None}
    connection.execute(beside.update().where(beside.c.task == task).values(nobody))
    return Moved(kind, task, TaskStatus.QUEUED)


def _changed(status: TaskStatus, user: str, at: float) -> dict[str, Any]:
    """The columns that tell of a change of status."""
    return {
        "status": status.value,
        "status_changed": at,
        "last_update": at,
        "last_change": at,
        "last_changed_by": user,
    }
