"""What becomes of an uplet whose task is changed elsewhere (by ClearML's clients): functions of a connection.

Its result comes from a worker alone, so that no such change completes it. One that is to run once more
forgets what it had before.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from node.store.uplet_tables import learnuplets
from node.tasks import TaskStatus
from node.tracking.errors import WrongStatus
from node.uplets.kinds import STATES, UpletKind, UpletStatus

KINDS: Final = frozenset(kind.value for kind in UpletKind)

_DONE: Final = STATES[UpletStatus.DONE]
_RUNNING: Final = (TaskStatus.QUEUED, TaskStatus.IN_PROGRESS)
_FORGOTTEN: Final = {
    UpletKind.LEARN: ("worker", "holder", "pushed", "perf", "train_perf", "test_perf"),
    UpletKind.PREDICT: ("worker", "holder", "pushed", "prediction_storage_uuid"),
}


def follow(connection: sa.Connection, kind: str, task: str, before: TaskStatus, after: TaskStatus) -> None:
    """Bring the uplet after its task, which is about to be moved. Raises WrongStatus if it may not be."""
    if after in _DONE and before not in _DONE:
        raise WrongStatus(f"the {kind} {task} is done when a worker posts its result", "or stop it")
    if after in _RUNNING and kind == UpletKind.LEARN:
        start = sa.select(learnuplets.c.model_start).where(learnuplets.c.task == task)
        if connection.scalar(start) is None:
            raise WrongStatus(f"the {kind} {task} waits for the model of the one before", "wait for it")
    again = after is TaskStatus.CREATED or (after in _RUNNING and before is not TaskStatus.QUEUED)
    if again and before is not after:
        table = UpletKind(kind).table
        forgotten = dict.fromkeys(_FORGOTTEN[UpletKind(kind)], sa.null())
        connection.execute(table.update().where(table.c.task == task).values(forgotten))
