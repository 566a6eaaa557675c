"""Whose events are asked for: the tasks and models that there are, and whether they are locked."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from node.errors import BadRequest
from node.events.writing import IN_MOST
from node.store.schema import tasks, tracking_models
from node.tasks import TaskStatus
from node.tracking.errors import UnknownModel, UnknownTask

LOCKED = (TaskStatus.PUBLISHED.value, TaskStatus.PUBLISHING.value)
"""The states of tasks whose events change only for those who say that they know."""


class LockedTask(BadRequest):
    """The task is published: its events stay as they are."""


class LockedModel(BadRequest):
    """The model is ready: its events stay as they are."""


def locked(connection: sa.Connection, ids: Sequence[str], *, of_models: bool) -> dict[str, bool]:
    """Whether each of these tasks or models is locked; those that there are not are left out."""
    table = tracking_models if of_models else tasks
    state = tracking_models.c.ready if of_models else tasks.c.status.in_(LOCKED)
    found: dict[str, bool] = {}
    for start in range(0, len(ids), IN_MOST):
        query = sa.select(table.c.id, state).where(table.c.id.in_(ids[start : start + IN_MOST]))
        found |= {name: bool(is_locked) for name, is_locked in connection.execute(query)}
    return found


def check_open(connection: sa.Connection, owner: str, *, of_model: bool, allow_locked: bool) -> None:
    """Raise UnknownTask, UnknownModel, LockedTask or LockedModel."""
    names(connection, [owner], of_models=of_model)
    if not allow_locked and locked(connection, [owner], of_models=of_model)[owner]:
        refusal = LockedModel if of_model else LockedTask
        raise refusal(f"{owner} is published", "say allow_locked to change its events all the same")


def names(connection: sa.Connection, ids: Sequence[str], *, of_models: bool) -> dict[str, str]:
    """What these tasks or models are called. Raises UnknownTask, UnknownModel."""
    table = tracking_models if of_models else tasks
    found: dict[str, str] = {}
    for start in range(0, len(ids), IN_MOST):
        query = sa.select(table.c.id, table.c.name).where(table.c.id.in_(ids[start : start + IN_MOST]))
        found |= {owner: name for owner, name in connection.execute(query)}  # noqa: C416 (rows are no pairs)
    missing = [owner for owner in ids if owner not in found]
    if missing:
        refusal = UnknownModel if of_models else UnknownTask
        raise refusal(
            f"there is no {'model' if of_models else 'task'} {missing[0][:64]!r}", "list those that there are"
        )
    return found
