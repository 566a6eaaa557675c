"""Tasks as rows of the store."""

from __future__ import annotations

import uuid
from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from node.errors import NotFound
from node.jobs.kinds import KINDS
from node.store.schema import tasks
from node.tasks import TRANSITIONS, IllegalTransitionError, Task, TaskStatus, now
from node.tracking import task_values

_COLUMNS = [tasks.c[field.name] for field in fields(Task)]


def _of(row: sa.Row[Any]) -> Task:
    values = dict(row._mapping)  # noqa: SLF001 (SQLAlchemy's public name for it)
    return Task(**{**values, "status": TaskStatus(values["status"])})


def queued(
    kind: str,
    name: str,
    owner: str,
    parameters: dict[str, Any],
    *,
    project: str | None = None,
    priority: int = 0,
) -> dict[str, Any]:
    """The row of a new job that waits to be run."""
    created = now()
    return {
        "id": uuid.uuid4().hex,
        "kind": kind,
        "name": name,
        "type": KINDS[kind].type,
        "project": project,
        "owner": owner,
        "status": TaskStatus.QUEUED.value,
        "priority": priority,
        "attempts": 0,
        "current": 0,
        "maximum": 0,
        "created": created,
        "status_changed": created,
        "last_update": created,
        "last_change": created,
        "last_changed_by": owner,
        "parameters": parameters,
    }


def insert(connection: sa.Connection, values: dict[str, Any]) -> Task:
    """A new task, numbered."""
    number = connection.execute(tasks.insert().values(values)).inserted_primary_key
    assert number is not None  # noqa: S101
    task_values.keep(connection, values["id"], {}, values.get("document", {}))
    return _of(connection.execute(sa.select(*_COLUMNS).where(tasks.c.number == number[0])).one())


def find(connection: sa.Connection, key: str) -> Task:
    """A task by its id or number. Raises NotFound."""
    wanted = tasks.c.number == int(key) if key.isdecimal() and len(key) < 16 else tasks.c.id == key
    row = connection.execute(sa.select(*_COLUMNS).where(wanted)).one_or_none()
    if row is None:
        raise NotFound(f"there is no job {key!r}", "list the jobs to see those that exist")
    return _of(row)


def select(
    connection: sa.Connection, owner: str | None, project: str | None, status: TaskStatus | None, limit: int
) -> list[Task]:
    """Tasks, newest first."""
    query = sa.select(*_COLUMNS).order_by(tasks.c.number.desc()).limit(limit)
    if owner is not None:
        query = query.where(tasks.c.owner == owner)
    if project is not None:
        query = query.where(tasks.c.project == project)
    if status is not None:
        query = query.where(tasks.c.status == status.value)
    return [_of(row) for row in connection.execute(query)]


def payload(connection: sa.Connection, task: str) -> bytes:
    """The table that came with a task; empty if none did."""
    return connection.scalar(sa.select(tasks.c.payload).where(tasks.c.id == task)) or b""


def requeue_interrupted(connection: sa.Connection) -> list[Task]:
    """After a restart: the jobs that were running are queued again. All queued jobs, oldest first."""
    ours = tasks.c.kind.in_(KINDS)
    running = ours & (tasks.c.status == TaskStatus.IN_PROGRESS.value)
    connection.execute(
        tasks.update()
        .where(running)
        .values(status=TaskStatus.QUEUED.value, started=None, current=0, maximum=0, **_changed(""))
    )
    queued = ours & (tasks.c.status == TaskStatus.QUEUED.value)
    return [
        _of(row) for row in connection.execute(sa.select(*_COLUMNS).where(queued).order_by(tasks.c.number))
    ]


def move(connection: sa.Connection, task: str, status: TaskStatus, **values: Any) -> None:
    """Change a task's status. Raises IllegalTransitionError if the table of transitions has no such step."""
    allowed = [before.value for before, after in TRANSITIONS.items() if status in after]
    values |= _changed(values.get("error") or "")
    if status.finished:
        ended = values["status_changed"]
        ran = sa.cast(ended - tasks.c.started, sa.BigInteger)
        values |= {"completed": ended, "payload": None, "active_duration": ran}
    done = connection.execute(
        tasks.update()
        .where((tasks.c.id == task) & tasks.c.status.in_(allowed))
        .values(status=status.value, **values)
    )
    if done.rowcount != 1:
        before = connection.scalar(sa.select(tasks.c.status).where(tasks.c.id == task))
        raise IllegalTransitionError(f"task {task} is {before} and cannot become {status.value}")


def _changed(message: str) -> dict[str, Any]:
    """The columns that tell of a change of status, now."""
    at = now()
    return {"status_changed": at, "last_update": at, "last_change": at, "status_message": message}
