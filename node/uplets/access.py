"""What a claim on an uplet opens: whose private blobs its worker reads, and which model it may upload.

A blob is opened only where its owner (or a superuser, or an admin) named it himself: gave it for the
problem, posted the problem that it is test data of, or asked for a prediction on it. Or else whoever makes up
a problem could have anybody's data read.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from node.errors import Forbidden
from node.keys import AccessKey, Role
from node.store.schema import tasks, users
from node.store.uplet_tables import (
    algos,
    learnuplets,
    preduplets,
    problems,
    test_data,
    trained_data,
    training_data,
)
from node.tasks import TaskStatus
from node.uplets.kinds import STATES, UpletStatus, task_of

_RUNS = tasks.c.status == TaskStatus.IN_PROGRESS.value
_ASKED = tasks.join(preduplets, preduplets.c.task == tasks.c.id)
_DONE = tasks.c.status.in_(STATES[UpletStatus.DONE])


def opens_data(connection: sa.Connection, uuid: str, owner: str, user: str, uplet: str | None = None) -> bool:
    """Whether a user's worker has an uplet for which the owner's item of data is needed. uplet: only that."""
    this = sa.true() if uplet is None else tasks.c.id == (task_of(uplet) or "")
    found = (needed.where(this) for needed in _needing_data(uuid, owner, user))
    return any(connection.scalar(sa.select(needed.exists())) for needed in found)


def _needing_data(uuid: str, owner: str, user: str) -> Iterator[sa.Select[tuple[str]]]:
    held = tasks.join(learnuplets, learnuplets.c.task == tasks.c.id)
    learning = sa.select(tasks.c.id).where(_RUNS, learnuplets.c.holder == user)
    trained = held.join(trained_data, trained_data.c.task == learnuplets.c.task)
    yield (
        learning.select_from(trained.join(training_data, training_data.c.uuid == trained_data.c.data)).where(
            trained_data.c.data == uuid, _speaks_for(training_data.c.owner, owner)
        )
    )
    posed = held.join(algos, algos.c.uuid == learnuplets.c.algo).join(
        problems, problems.c.uuid == algos.c.problem
    )
    yield (
        learning.select_from(posed.join(test_data, test_data.c.problem == problems.c.uuid)).where(
            test_data.c.data == uuid, _speaks_for(problems.c.owner, owner)
        )
    )
    yield (
        sa.select(tasks.c.id)
        .select_from(_ASKED)
        .where(_RUNS, preduplets.c.holder == user)
        .where(preduplets.c.data == uuid, _speaks_for(tasks.c.owner, owner))
    )


def opens_prediction(connection: sa.Connection, uuid: str, owner: str, user: str) -> bool:
    """Whether a user asked for the prediction that the owner has kept, and the owner posted it for him."""
    asked = (
        sa.select(tasks.c.id)
        .select_from(_ASKED)
        .where(_DONE, tasks.c.owner == user, preduplets.c.prediction_storage_uuid == uuid)
        .where(preduplets.c.holder == owner)
    )
    return bool(connection.scalar(sa.select(asked.exists())))


def makes_model(connection: sa.Connection, uuid: str, actor: AccessKey) -> bool:
    """Whether an actor's worker is learning just this model, and may replace what an earlier try left of it.

    Raises Forbidden where the model is one that another worker, or none, has to make.
    """
    query = sa.select(learnuplets.c.holder, tasks.c.status).join(tasks, tasks.c.id == learnuplets.c.task)
    row = connection.execute(query.where(learnuplets.c.model_end == uuid)).one_or_none()
    if row is None:
        return False
    if row.holder == actor.user and row.status == TaskStatus.IN_PROGRESS:
        return True
    if actor.role in (Role.SUPERUSER, Role.ADMIN):
        return False
    raise Forbidden(
        f"the model {uuid} is that of a learnuplet which no worker of {actor.user!r} has",
        "take it with POST /worker/learnuplet first",
    )


def _speaks_for(namer: sa.ColumnElement[str], owner: str) -> sa.ColumnElement[bool]:
    return (namer == owner) | _rules(namer)


def _rules(user: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether a user is a superuser or an admin."""
    return (
        sa.select(users.c.id)
        .where(users.c.login == user, users.c.role.in_((Role.SUPERUSER.value, Role.ADMIN.value)))
        .exists()
    )
