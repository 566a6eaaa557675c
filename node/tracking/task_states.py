"""What may be done with a task in which status, and where that leads: the whole table, and nothing else.

The statuses and what follows which are ClearML's; `force` skips the check, but where it would do harm (a
task twice in queues, parameters changed under a task that has ended).
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from node.tasks import TaskStatus
from node.tracking.errors import AlreadyQueued, UndeletableTask, WrongStatus

_S = TaskStatus

FOLLOWING: dict[TaskStatus, frozenset[TaskStatus]] = {
    _S.CREATED: frozenset({_S.QUEUED, _S.IN_PROGRESS}),
    _S.QUEUED: frozenset({_S.CREATED, _S.IN_PROGRESS, _S.STOPPED}),
    _S.IN_PROGRESS: frozenset({_S.STOPPED, _S.FAILED, _S.CREATED, _S.COMPLETED}),
    _S.STOPPED: frozenset(
        {
            _S.CLOSED,
            _S.CREATED,
            _S.FAILED,
            _S.QUEUED,
            _S.IN_PROGRESS,
            _S.PUBLISHED,
            _S.PUBLISHING,
            _S.COMPLETED,
        }
    ),
    _S.CLOSED: frozenset({_S.CREATED, _S.FAILED, _S.PUBLISHED, _S.PUBLISHING, _S.STOPPED}),
    _S.FAILED: frozenset({_S.CREATED, _S.STOPPED, _S.PUBLISHED, _S.QUEUED}),
    _S.COMPLETED: frozenset({_S.PUBLISHED, _S.IN_PROGRESS, _S.CREATED}),
    _S.PUBLISHING: frozenset({_S.PUBLISHED}),
    _S.PUBLISHED: frozenset(),
    _S.UNKNOWN: frozenset(),
}
"""What may follow each status; a task may always be told what it is already."""


class Step(StrEnum):
    """What is done with a task."""

    ENQUEUE = "enqueue"
    DEQUEUE = "dequeue"
    STARTED = "started"
    STOP = "stop"
    STOPPED = "stopped"
    FAILED = "failed"
    COMPLETED = "completed"
    CLOSE = "close"
    PUBLISH = "publish"
    RESET = "reset"
    ARCHIVE = "archive"
    EDIT = "edit"
    DELETE = "delete"
    EDIT_PARAMETERS = "edit the parameters of"
    EDIT_ARTIFACTS = "edit the artifacts of"
    PING = "ping"


_TARGETS = {
    Step.STARTED: _S.IN_PROGRESS,
    Step.STOP: _S.STOPPED,
    Step.STOPPED: _S.STOPPED,
    Step.FAILED: _S.FAILED,
    Step.COMPLETED: _S.COMPLETED,
    Step.CLOSE: _S.CLOSED,
    Step.PUBLISH: _S.PUBLISHED,
    Step.RESET: _S.CREATED,
}
"""Where the steps lead that only change the status."""

_EDITABLE: dict[tuple[Step, bool], frozenset[TaskStatus]] = {
    (Step.EDIT, False): frozenset({_S.CREATED}),
    (Step.EDIT, True): frozenset(_S),
    (Step.EDIT_PARAMETERS, False): frozenset({_S.CREATED}),
    (Step.EDIT_PARAMETERS, True): frozenset({_S.CREATED, _S.QUEUED, _S.IN_PROGRESS}),
    (Step.EDIT_ARTIFACTS, False): frozenset({_S.CREATED, _S.QUEUED, _S.IN_PROGRESS}),
    (Step.EDIT_ARTIFACTS, True): frozenset({_S.CREATED, _S.QUEUED, _S.IN_PROGRESS}),
    (Step.PING, False): frozenset(_S),
    (Step.PING, True): frozenset(_S),
}
"""The statuses in which the steps that change no status may be taken, without and by force."""

_ENQUEUEABLE = frozenset({_S.CREATED, _S.STOPPED})


def next_status(
    step: Step,
    status: TaskStatus,
    *,
    force: bool = False,
    archived: bool = False,
    before_queue: TaskStatus | None = None,
) -> TaskStatus | None:
    """The status after a step; None if the task is gone then.

    archived: whether the task is in the archive, from which it may always be deleted. before_queue: the
    status it goes back to when taken out of a queue. Raises WrongStatus, AlreadyQueued, UndeletableTask.
    """
    match step:
        case Step.DELETE:
            if not (force or archived or status is _S.CREATED):
                raise UndeletableTask(
                    f"the task is {status} and not archived", "archive it first, or delete it by force"
                )
            return None
        case Step.ENQUEUE:
            if status is _S.QUEUED:
                raise AlreadyQueued("the task waits in a queue already", "take it out of that queue first")
            return _S.QUEUED if force else _checked(step, status, _ENQUEUEABLE, _S.QUEUED)
        case Step.DEQUEUE:
            waiting = status in (_S.QUEUED, _S.IN_PROGRESS)
            return (before_queue or _S.CREATED) if waiting else status
        case Step.ARCHIVE:
            if status is _S.QUEUED:
                return before_queue or _S.CREATED
            return _S.STOPPED if status is _S.IN_PROGRESS else status
        case Step.EDIT | Step.EDIT_PARAMETERS | Step.EDIT_ARTIFACTS | Step.PING:
            return _checked(step, status, _EDITABLE[step, force], status)
    target = _TARGETS[step]
    if force:
        return target
    allowed = {before for before, after in FOLLOWING.items() if target in after}
    if step is not Step.PUBLISH:  # what is published stays so, and is not published again
        allowed.add(target)
    return _checked(step, status, allowed, target)


def _checked(
    step: Step, status: TaskStatus, allowed: Collection[TaskStatus], target: TaskStatus
) -> TaskStatus:
    if status not in allowed:
        expected = ", ".join(sorted(allowed))
        raise WrongStatus(f"cannot {step} a task that is {status}", f"it would have to be {expected}")
    return target
