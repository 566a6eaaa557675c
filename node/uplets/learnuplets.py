"""Learnuplets, each within one write: functions of a connection.

An algorithm's learnuplets are a chain by rank. One that is done hands on the best model of its algorithm so
far to the next that waits; one that fails hands on nothing, so that what waited behind it stays.
"""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa

from node.errors import BadRequest
from node.events import Events
from node.keys import AccessKey
from node.store.schema import tasks
from node.store.uplet_tables import (
    algos,
    data_problems,
    learnuplets,
    problems,
    test_data,
    trained_data,
)
from node.tasks import TaskStatus
from node.tracking import documents, models, task_edits
from node.tracking.collection import MODELS, TASKS
from node.tracking.names import LONGEST
from node.uplets import task_rows
from node.uplets.batches import planned
from node.uplets.kinds import STATES, Moved, UpletKind, UpletStatus, uuid_of
from node.uplets.results import Learned, opened

LEARN = UpletKind.LEARN

_RUNNING = (TaskStatus.QUEUED, TaskStatus.IN_PROGRESS)


def cover(connection: sa.Connection, algo: str, user: str) -> tuple[int, list[Moved]]:
    """Make the learnuplets of all data that the algorithm has still to be trained on: how many, and those
    that are ready."""
    found = sa.select(algos, problems.c.size_train_dataset, problems.c.workflow).join(problems)
    row = connection.execute(found.where(algos.c.uuid == algo)).one()
    fresh = _untrained(connection, row.problem, algo)
    if not fresh:
        return 0, []
    mine = learnuplets.c.algo == algo
    highest = connection.scalar(sa.select(sa.func.max(learnuplets.c.rank)).where(mine))
    running = sa.select(learnuplets.c.task).join(tasks).where(mine, tasks.c.status.in_(_RUNNING)).limit(1)
    start = None if connection.scalar(running) else best_of_algo(connection, algo) or algo
    batches = planned(fresh, row.size_train_dataset, 0 if highest is None else highest + 1, start)
    project = task_rows.project_of(connection, row.problem, user)
    rows = [
        task_rows.new(
            LEARN,
            f"{row.name} {batch.rank}",
            row.owner,
            project,
            {
                "problem": row.problem,
                "workflow": row.workflow,
                "algo": algo,
                "rank": batch.rank,
                "data": len(batch.data),
            },
            ready=batch.model_start is not None,
        )
        for batch in batches
    ]
    moved = task_rows.insert(connection, rows)
    pairs = list(zip(rows, batches, strict=True))
    connection.execute(
        learnuplets.insert(),
        [
            {
                "task": task["id"],
                "algo": algo,
                "rank": batch.rank,
                "model_start": batch.model_start,
                "model_end": str(uuid.uuid4()),
            }
            for task, batch in pairs
        ],
    )
    connection.execute(
        trained_data.insert(),
        [
            {"algo": algo, "data": item, "task": task["id"], "position": position}
            for task, batch in pairs
            for position, item in enumerate(batch.data)
        ],
    )
    return len(batches), moved


def finish(
    connection: sa.Connection,
    key: str,
    learned: Learned | None,
    actor: AccessKey,
    events: Events,
    storage: str,
) -> list[Moved]:
    """It is done, with what was learned, or it failed. storage: the address of the storage service, where the
    model is. Raises BadRequest, Forbidden; nothing has changed then."""
    row = opened(connection, LEARN, key, actor)
    if learned is None:
        return [task_rows.end(connection, LEARN, row.task, None, actor.user)]
    if row.model_start is None:
        raise BadRequest(
            f"no update of learnuplet {key}: it waits for the model of the one before",
            "post the result of that one first",
        )
    figures = {"perf": learned.perf, "train_perf": learned.train_perf, "test_perf": learned.test_perf}
    connection.execute(learnuplets.update().where(learnuplets.c.task == row.task).values(figures))
    events.keep_value(connection, row.task, "perf", learned.perf)
    _keep_model(connection, row, storage)
    result = {"perf": learned.perf, "model": row.model_end}
    moved = task_rows.end(connection, LEARN, row.task, result, actor.user)
    return [moved, *_hand_on(connection, row.algo, row.rank, actor.user)]


def best_of_algo(connection: sa.Connection, algo: str) -> str | None:
    """The best model of an algorithm so far; of equals the first."""
    found = connection.execute(_best(connection, algos.c.uuid == algo)).first()
    return None if found is None else found.model_end


def best_of_problem(connection: sa.Connection, problem: str) -> str | None:
    """The best model of all algorithms of a problem so far; of equals the first."""
    found = connection.execute(_best(connection, algos.c.problem == problem)).first()
    return None if found is None else found.model_end


def _best(connection: sa.Connection, which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    lower = sa.select(problems.c.lower_is_better).join(algos).where(which).limit(1)
    perf = learnuplets.c.perf.asc() if connection.scalar(lower) else learnuplets.c.perf.desc()
    return (
        sa.select(learnuplets.c.model_end)
        .join(tasks, tasks.c.id == learnuplets.c.task)
        .join(algos, algos.c.uuid == learnuplets.c.algo)
        .where(which, learnuplets.c.perf.is_not(None), tasks.c.status.in_(STATES[UpletStatus.DONE]))
        .order_by(perf, tasks.c.number)
        .limit(1)
    )


def _hand_on(connection: sa.Connection, algo: str, rank: int, user: str) -> list[Moved]:
    """Give the best model to the next learnuplet that waits for one."""
    waiting = (learnuplets.c.model_start.is_(None)) & (tasks.c.status == TaskStatus.CREATED.value)
    behind = sa.select(learnuplets.c.task).join(tasks).where(learnuplets.c.algo == algo, waiting)
    following = connection.scalar(
        behind.where(learnuplets.c.rank > rank).order_by(learnuplets.c.rank).limit(1)
    )
    if following is None:
        return []
    start = {"model_start": best_of_algo(connection, algo)}
    connection.execute(learnuplets.update().where(learnuplets.c.task == following).values(start))
    return [task_rows.make_ready(connection, LEARN, following, user)]


def _keep_model(connection: sa.Connection, row: sa.Row[Any], storage: str) -> None:
    """The model of a learnuplet is a model of its task, ready for others. One that ran before has it."""
    key = uuid.UUID(row.model_end).hex
    if documents.read_all(connection, MODELS, [key], documents.WHOLE):
        return
    given = {
        "name": f"model of {row.name}"[:LONGEST],
        "uri": f"{storage}/model/{row.model_end}/blob",
        "comment": f"learnuplet {uuid_of(row.task)}",
        "project": row.project_id,
        "task": row.task,
        "ready": True,
    }
    made = models.create(connection, given, row.owner, key=key)["id"]
    document = documents.get(connection, TASKS, row.task)
    edit = task_edits.model("output", given["name"], made)
    documents.update(connection, TASKS, row.task, edit(document))


def _untrained(connection: sa.Connection, problem: str, algo: str) -> list[str]:
    """The data of a problem that it is not judged on and the algorithm has not been given, oldest first."""
    data = data_problems.c.data
    tested = sa.select(test_data.c.data).where(test_data.c.problem == problem, test_data.c.data == data)
    trained = sa.select(trained_data.c.data).where(trained_data.c.algo == algo, trained_data.c.data == data)
    query = sa.select(data).where(data_problems.c.problem == problem, ~tested.exists(), ~trained.exists())
    return list(connection.scalars(query.order_by(data_problems.c.number)))
