"""The one record of work, and the states it may pass through (ClearML's, which every dialect maps).

How tasks are run is the business of `node.jobs`; here is only what a task is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class TaskStatus(StrEnum):
    """ClearML's states of a task."""

    CREATED = "created"
    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    STOPPED = "stopped"
    PUBLISHED = "published"
    PUBLISHING = "publishing"
    CLOSED = "closed"
    FAILED = "failed"
    COMPLETED = "completed"
    UNKNOWN = "unknown"

    @property
    def finished(self) -> bool:
        """Whether nothing will run any more unless somebody asks for it again."""
        return self in _FINISHED


_FINISHED = frozenset(
    {TaskStatus.STOPPED, TaskStatus.PUBLISHED, TaskStatus.CLOSED, TaskStatus.FAILED, TaskStatus.COMPLETED}
)

_S = TaskStatus

TRANSITIONS: dict[TaskStatus, frozenset[TaskStatus]] = {
    _S.QUEUED: frozenset({_S.IN_PROGRESS, _S.STOPPED, _S.FAILED}),
    # Back to queued: the worker or the node died, the work starts anew.
    _S.IN_PROGRESS: frozenset({_S.QUEUED, _S.STOPPED, _S.FAILED, _S.COMPLETED}),
}
"""What the node's job manager makes of a job; what else becomes of tasks is told in `node.tracking`."""

EXTERNAL = "external"
"""The kind of a task that clients and agents run, not the node's own job manager."""


def now() -> float:
    """Unix seconds, to the millisecond that dates on the wire have: so that a time a client was shown is the
    one it finds by."""
    return round(time.time(), 3)


class IllegalTransitionError(ValueError):
    """A task was asked to pass between two states that are not neighbours."""


def check_transition(before: TaskStatus, after: TaskStatus) -> None:
    """Raise `IllegalTransitionError` unless a task may go from `before` to `after`."""
    if after not in TRANSITIONS.get(before, ()):
        raise IllegalTransitionError(f"a task that is {before.value} cannot become {after.value}")


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work.

    id: 32 hex digits; number: 1, 2, … in order of submission; current and maximum: progress in units that
    the kind chooses (bytes for a file; 0 of 0 before anything is known); created, started, completed: unix
    seconds; attempts: how often a worker has died over it; priority: higher runs earlier.
    """

    id: str
    number: int
    kind: str
    project: str | None
    owner: str
    status: TaskStatus
    parameters: dict[str, Any]
    priority: int = 0
    attempts: int = 0
    current: int = 0
    maximum: int = 0
    created: float = 0.0
    started: float | None = None
    completed: float | None = None
    result: dict[str, Any] | None = None
    error: str | None = None

    @property
    def finished(self) -> bool:
        return self.status.finished
