"""Preduplets, each within one write: functions of a connection."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from node.errors import BadRequest
from node.keys import AccessKey
from node.store.uplet_tables import preduplets, problems
from node.uplets import learnuplets, task_rows
from node.uplets.kinds import Moved, UpletKind
from node.uplets.results import opened

PREDICT = UpletKind.PREDICT


def create(connection: sa.Connection, problem: str, data: Sequence[str], user: str) -> list[Moved]:
    """One preduplet for each item of data, with the best model of the problem. Raises BadRequest if there is
    none."""
    workflow = connection.scalar(sa.select(problems.c.workflow).where(problems.c.uuid == problem))
    model = None if workflow is None else learnuplets.best_of_problem(connection, problem)
    if model is None:
        raise BadRequest("no problem or trained model", "train an algorithm of the problem first")
    project = task_rows.project_of(connection, problem, user)
    rows = [
        task_rows.new(
            PREDICT,
            f"predict {item}",
            user,
            project,
            {"problem": problem, "workflow": workflow, "model": model, "data": item},
            ready=True,
        )
        for item in data
    ]
    moved = task_rows.insert(connection, rows)
    connection.execute(
        preduplets.insert(),
        [
            {"task": row["id"], "problem": problem, "model": model, "data": item}
            for row, item in zip(rows, data, strict=True)
        ],
    )
    return moved


def finish(
    connection: sa.Connection, key: str, prediction: str | None, actor: AccessKey, *, failed: bool
) -> list[Moved]:
    """It is done, and its prediction is kept under this uuid, or it failed. Raises BadRequest, Forbidden;
    nothing has changed then."""
    row = opened(connection, PREDICT, key, actor)
    mine = preduplets.c.task == row.task
    # Who posts it answers for it: it may be a superuser, in a worker's place.
    values = {"prediction_storage_uuid": prediction, "holder": actor.user}
    connection.execute(preduplets.update().where(mine).values(values))
    result = None if failed else {"prediction": prediction}
    return [task_rows.end(connection, PREDICT, row.task, result, actor.user)]
