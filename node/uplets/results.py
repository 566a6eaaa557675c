"""What may be posted of an uplet, and by whom: the checks that both kinds share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from node.errors import BadRequest, Forbidden
from node.keys import AccessKey, Role
from node.store.schema import tasks
from node.uplets.kinds import UpletKind, task_of
from node.uplets.task_rows import OPEN

Performances = dict[str, float] | list[float]


@dataclass(frozen=True, slots=True)
class Learned:
    """The performance of a trained model on all test data, and on each item of data: by data, or in order."""

    perf: float
    train_perf: Performances
    test_perf: Performances


def opened(connection: sa.Connection, kind: UpletKind, key: str, actor: AccessKey) -> sa.Row[Any]:
    """The row of an uplet to which this user may post a result: the task's columns, and those beside it.

    Raises BadRequest if there is none, or it has its result, Forbidden if another user's worker has it.
    """
    beside = kind.table
    query = (
        sa.select(tasks.c.owner, tasks.c.name, tasks.c.status, tasks.c.project_id, beside)
        .join(beside, beside.c.task == tasks.c.id)
        .where(tasks.c.id == task_of(key))
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise BadRequest(f"no update of {kind} {key}: there is none", f"list the {kind}s that there are")
    if row.status not in OPEN:
        raise BadRequest(f"no update of {kind} {key}: it has ended", "a result is posted once")
    if row.holder != actor.user and actor.role not in (Role.SUPERUSER, Role.ADMIN):
        raise Forbidden(
            f"the {kind} {key} is not held by a worker of {actor.user!r}", "take it with POST /worker first"
        )
    return row
