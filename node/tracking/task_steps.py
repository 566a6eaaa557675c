"""Changes of a task's status, each within one write: functions of a connection.

Each takes the task as it is, and returns the fields that it changed. A task that the node's job manager is
running or about to run changes its status through `node.jobs` alone, and is refused here. What a change means
for an uplet is in `node.uplets.following`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from node.jobs.kinds import KINDS
from node.store.schema import tasks
from node.tasks import TaskStatus, now
from node.tracking import documents, projects, queue_entries
from node.tracking.collection import MODELS, TASKS
from node.tracking.documents import Document
from node.tracking.errors import StatusOvertaken, WrongStatus
from node.tracking.task_states import FOLLOWING, Step, next_status
from node.uplets import following

Fields = dict[str, Any]

WORKER_SILENT = 600.0
"""Seconds without a word from its worker after which a task is stopped without asking it."""

STOPPING = "stopping"
"""The status message by which a running task is asked to stop; its worker ends it, and says so."""

ARCHIVED, DEVELOPMENT = "archived", "development"
"""System tags: what is in the archive; what runs where it was written, without a worker."""

DELETED = "__DELETED__"
"""Stands before the id of what is gone, where others refer to it."""

UNQUEUED: Mapping[str, Any] = {"execution.queue": None, "enqueue_status": None}
"""The fields of a task that waits in no queue."""

_ACTIVE = (TaskStatus.QUEUED, TaskStatus.IN_PROGRESS)


def kind_of(connection: sa.Connection, key: str) -> str | None:
    """What runs a task: the node's job manager (one of its KINDS), workers of uplets, or an agent."""
    return connection.scalar(sa.select(tasks.c.kind).where(tasks.c.id == key))


def change(
    connection: sa.Connection,
    task: Document,
    step: Step,
    user: str,
    *,
    force: bool = False,
    reason: str = "",
    message: str = "",
    fields: Mapping[str, Any] | None = None,
    to: TaskStatus | None = None,
    at: float | None = None,
) -> Fields:
    """Take a step, and change other fields with it. to: a status in place of the one the step leads to; at:
    when, if not now.

    Raises WrongStatus, AlreadyQueued, StatusOvertaken.
    """
    before = TaskStatus(task["status"])
    waited = task.get("enqueue_status")
    after = next_status(step, before, force=force, before_queue=TaskStatus(waited) if waited else None)
    after = to or after or before
    kind = kind_of(connection, task["id"])
    if before in _ACTIVE and kind in KINDS:
        raise WrongStatus(
            f"the task {task['id']} is {before}, by the node's own job manager",
            "stop it, or wait for its end",
        )
    if kind in following.KINDS:
        following.follow(connection, kind, task["id"], before, after)
    at = now() if at is None else at
    changes: Fields = {
        "status": after.value,
        "status_reason": reason,
        "status_message": message,
        "status_changed": at,
        "last_update": at,
        "last_change": at,
        "last_changed_by": user,
        **(fields or {}),
    }
    if not documents.update(connection, TASKS, task["id"], changes, tasks.c.status == before.value):
        raise StatusOvertaken(f"the status of the task {task['id']} has changed meanwhile", "look again")
    projects.touch(connection, task.get("project"), at)
    return changes


def started(connection: sa.Connection, task: Document, user: str, **how: Any) -> Fields:
    """It runs. What was running before keeps the time of its start; nobody else takes it from a queue."""
    again = task["status"] == TaskStatus.IN_PROGRESS and task.get("started") is not None
    at = now()
    fields: Fields = {} if again else {"started": at}
    fields |= {"completed": None, "active_duration": None}
    changes = change(connection, task, Step.STARTED, user, fields=fields, at=at, **how)
    queue_entries.withdraw(connection, task["id"])
    return changes


def ended(connection: sa.Connection, task: Document, step: Step, user: str, **how: Any) -> Fields:
    """It has stopped, failed or completed, and when."""
    at = now()
    fields: Fields = {"completed": at, **UNQUEUED}
    if task["status"] == TaskStatus.IN_PROGRESS and task.get("started") is not None:
        fields["active_duration"] = max(0, int(at - task["started"]))
    changes = change(connection, task, step, user, fields=fields, at=at, **how)
    queue_entries.withdraw(connection, task["id"])
    return changes


def stop(connection: sa.Connection, task: Document, user: str, reason: str, message: str) -> Fields:
    """End what waits or runs nowhere; ask what runs on a worker to end. A worker of uplets cannot be asked:
    its result is refused when it comes. message: of one that is ended."""
    next_status(Step.STOP, TaskStatus(task["status"]))
    asks = task["status"] == TaskStatus.IN_PROGRESS and _on_worker(task)
    if not asks or kind_of(connection, task["id"]) in following.KINDS:
        return ended(connection, task, Step.STOP, user, reason=reason, message=message)
    at = now()
    asked = {"status_reason": reason, "status_message": STOPPING, "last_update": at}
    asked |= {"last_change": at, "last_changed_by": user}
    documents.update(connection, TASKS, task["id"], asked)
    return {"status": task["status"], **asked}


def _on_worker(task: Document) -> bool:
    recent = now() - task["last_update"] < WORKER_SILENT
    return bool(task.get("last_worker")) and recent and DEVELOPMENT not in task.get("system_tags", ())


def publish(
    connection: sa.Connection, task: Document, user: str, *, models: bool = True, **how: Any
) -> Fields:
    """It is published, and if `models` the models that it wrote are ready for others."""
    at = now()
    if models:
        for item in task.get("models", {}).get("output", ()):
            documents.update(connection, MODELS, item["model"], {"ready": True, "last_update": at})
    return change(connection, task, Step.PUBLISH, user, fields={"published": at}, at=at, **how)


def enqueue(connection: sa.Connection, task: Document, queue: str, user: str, **how: Any) -> Fields:
    """It waits at the end of a queue, and in no other."""
    tags = [tag for tag in task.get("system_tags", ()) if tag != DEVELOPMENT]
    fields: Fields = {"execution.queue": queue, "enqueue_status": task["status"], "system_tags": tags}
    changes = change(connection, task, Step.ENQUEUE, user, fields=fields, **how)
    queue_entries.withdraw(connection, task["id"])
    queue_entries.append(connection, queue, task["id"])
    return changes


def requeue(connection: sa.Connection, task: Document, user: str, **how: Any) -> Fields:
    """A job or an uplet that ran before, or is new, waits for whom it is meant for: it is in no queue."""
    fresh = {"started": None, "completed": None, "active_duration": None}
    changes = change(connection, task, Step.ENQUEUE, user, fields=fresh, **how)
    connection.execute(
        tasks.update()
        .where(tasks.c.id == task["id"])
        .values(attempts=0, current=0, maximum=0, result=None, error=None)
    )
    return changes


def dequeue(
    connection: sa.Connection, task: Document, user: str, to: TaskStatus | None = None, **how: Any
) -> Fields:
    """It leaves its queue for the status `to`, or the one it had before. One that waits or runs nowhere stays
    as it is."""
    before = TaskStatus(task["status"])
    queue_entries.withdraw(connection, task["id"])
    if before not in _ACTIVE:
        return {}
    if to not in (None, before) and to not in FOLLOWING[before]:
        raise WrongStatus(f"cannot dequeue a task to {to} that is {before}", "name a status that may follow")
    return change(connection, task, Step.DEQUEUE, user, fields=UNQUEUED, to=to, **how)


def archive(connection: sa.Connection, task: Document, user: str, **how: Any) -> Fields:
    """It goes to the archive; out of its queue, or stopped."""
    tags = [*(tag for tag in task.get("system_tags", ()) if tag != ARCHIVED), ARCHIVED]
    if task["status"] not in _ACTIVE:
        return tag(connection, task, user, tags)
    ran = task["status"] == TaskStatus.IN_PROGRESS
    fields = {"system_tags": tags, **UNQUEUED, **({"completed": now()} if ran else {})}
    changes = change(connection, task, Step.ARCHIVE, user, fields=fields, **how)
    queue_entries.withdraw(connection, task["id"])
    return changes


def unarchive(connection: sa.Connection, task: Document, user: str) -> Fields:
    """It comes back from the archive."""
    return tag(connection, task, user, [t for t in task.get("system_tags", ()) if t != ARCHIVED])


def tag(connection: sa.Connection, task: Document, user: str, tags: list[str]) -> Fields:
    """It has these system tags."""
    at = now()
    changes = {"system_tags": tags, "last_update": at, "last_change": at, "last_changed_by": user}
    documents.update(connection, TASKS, task["id"], changes)
    return changes
