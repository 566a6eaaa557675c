"""The two kinds of uplet: what a learnuplet and a preduplet are called as tasks, and where they are kept."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

import sqlalchemy as sa

from node.store.uplet_tables import learnuplets, preduplets
from node.tasks import TaskStatus

_S = TaskStatus


class UpletKind(StrEnum):
    """The kind of an uplet, which is that of its task."""

    LEARN = "learnuplet"
    PREDICT = "preduplet"

    @property
    def type(self) -> str:
        """ClearML's type of the task."""
        return "training" if self is UpletKind.LEARN else "inference"

    @property
    def table(self) -> sa.Table:
        """What stands beside the task."""
        return learnuplets if self is UpletKind.LEARN else preduplets


class UpletStatus(StrEnum):
    """What uplets call the states of a task."""

    TODO = "todo"
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


STATES: Final[dict[UpletStatus, tuple[TaskStatus, ...]]] = {
    UpletStatus.TODO: (_S.CREATED, _S.QUEUED),
    UpletStatus.PENDING: (_S.IN_PROGRESS,),
    UpletStatus.DONE: (_S.COMPLETED, _S.PUBLISHED, _S.PUBLISHING, _S.CLOSED),
    UpletStatus.FAILED: (_S.FAILED, _S.STOPPED, _S.UNKNOWN),
}
"""A queued uplet can be taken by a worker; a created one waits for the model that it starts from."""

STATUS: Final = {state: status for status, states in STATES.items() for state in states}


class Moved(NamedTuple):
    """An uplet whose status changed, and to what."""

    kind: UpletKind
    task: str
    status: TaskStatus


@dataclass(frozen=True, slots=True)
class Ready:
    """An uplet that a worker may take now."""

    kind: UpletKind
    uuid: str


def ready(moved: Iterable[Moved]) -> list[Ready]:
    """Those that became ready."""
    return [Ready(kind, uuid_of(task)) for kind, task, status in moved if status is _S.QUEUED]


def uuid_of(task: str) -> str:
    """The uuid of the uplet with this task: the same number with dashes."""
    return str(uuid.UUID(task))


def task_of(key: str) -> str | None:
    """The id of an uplet's task; None for what is not a uuid as it is shown."""
    try:
        number = uuid.UUID(key)
    except ValueError:
        return None
    return number.hex if str(number) == key else None
