"""Problems, algorithms and data, each within one write: functions of a connection."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from node.errors import AlreadyExists, BadRequest, Forbidden
from node.keys import AccessKey, Role
from node.store.uplet_tables import algos, data_problems, problems, test_data, training_data
from node.tasks import now
from node.uplets import collections, learnuplets
from node.uplets.documents import Algo, Data, Problem
from node.uplets.kinds import Moved

IN_MOST = 500
"""Values in one `IN` at most: databases bound the parameters of a statement."""

LARGEST_BATCH = 2**31
"""Items in one batch at most."""


def add_problem(
    connection: sa.Connection,
    uuid: str,
    workflow: str,
    test_dataset: Sequence[str],
    size_train_dataset: int,
    user: str,
    *,
    lower_is_better: bool,
) -> Problem:
    """Raises AlreadyExists, and BadRequest for a batch that is none."""
    if not 1 <= size_train_dataset <= LARGEST_BATCH:
        raise BadRequest(
            f"size_train_dataset of problem {uuid} is {size_train_dataset}",
            f"give an integer from 1 to {LARGEST_BATCH}",
        )
    _check_new(connection, problems, "problem", uuid)
    at = now()
    row = {
        "uuid": uuid,
        "workflow": workflow,
        "size_train_dataset": size_train_dataset,
        "lower_is_better": lower_is_better,
        "owner": user,
        "created": at,
    }
    connection.execute(problems.insert().values(row))
    if test_dataset:
        rows = [{"problem": uuid, "position": i, "data": item} for i, item in enumerate(test_dataset)]
        connection.execute(test_data.insert(), rows)
    return Problem(uuid, workflow, list(test_dataset), size_train_dataset, int(at), lower_is_better)


def add_algo(
    connection: sa.Connection, uuid: str, problem: str, name: str, user: str
) -> tuple[Algo, int, list[Moved]]:
    """The algorithm, how many learnuplets it has, and those that are ready. Raises AlreadyExists, and
    BadRequest if there is no such problem."""
    _check_problems(connection, [problem])
    _check_new(connection, algos, "algo", uuid)
    at = now()
    row = {"uuid": uuid, "problem": problem, "name": name, "owner": user, "created": at}
    connection.execute(algos.insert().values(row))
    count, moved = learnuplets.cover(connection, uuid, user)
    return Algo(uuid, problem, name, int(at)), count, moved


def add_data(
    connection: sa.Connection, uuids: Sequence[str], wanted: Sequence[str], actor: AccessKey
) -> tuple[int, list[Moved]]:
    """Give data for problems, known data for more problems: how many learnuplets that makes, and those that
    are ready.

    Raises BadRequest if there is no such problem, AlreadyExists if nothing is new of an item, Forbidden if
    another user gave it.
    """
    _check_problems(connection, wanted)
    known: dict[str, set[str]] = {}
    for start in range(0, len(uuids), IN_MOST):
        some = list(uuids[start : start + IN_MOST])
        rows = connection.execute(
            sa.select(training_data.c.uuid, training_data.c.owner, data_problems.c.problem)
            .outerjoin(data_problems, data_problems.c.data == training_data.c.uuid)
            .where(training_data.c.uuid.in_(some))
        )
        for uuid, owner, problem in rows:
            if owner != actor.user and actor.role not in (Role.SUPERUSER, Role.ADMIN):
                raise Forbidden(f"the data {uuid} are another user's", "give data of your own")
            known.setdefault(uuid, set()).add(problem)
    old = next((uuid for uuid, before in known.items() if before.issuperset(wanted)), None)
    if old is not None:
        raise AlreadyExists(f"the data {old} are known already", "give them for other problems, or others")
    at = now()
    fresh = [{"uuid": uuid, "owner": actor.user, "created": at} for uuid in uuids if uuid not in known]
    if fresh:
        connection.execute(training_data.insert(), fresh)
    given = [
        {"problem": problem, "data": uuid}
        for uuid in uuids
        for problem in wanted
        if problem not in known.get(uuid, ())
    ]
    connection.execute(data_problems.insert(), given)
    touched = {row["problem"] for row in given}
    made = [
        learnuplets.cover(connection, algo, actor.user)
        for problem in wanted
        if problem in touched
        for algo in connection.scalars(
            sa.select(algos.c.uuid).where(algos.c.problem == problem).order_by(algos.c.created)
        ).all()
    ]
    return sum(count for count, _ in made), [moved for _, ready in made for moved in ready]


def data(connection: sa.Connection, uuids: Sequence[str]) -> list[Data]:
    """Data as they stand, in the order of their uuids here."""
    found = {}
    for start in range(0, len(uuids), IN_MOST):
        some = training_data.c.uuid.in_(list(uuids[start : start + IN_MOST]))
        found.update({item.uuid: item for item in collections.select(connection, collections.DATA, some)})
    return [found[uuid] for uuid in uuids]


def _check_new(connection: sa.Connection, table: sa.Table, what: str, uuid: str) -> None:
    if connection.scalar(sa.select(table.c.uuid).where(table.c.uuid == uuid)) is not None:
        raise AlreadyExists(f"there is a {what} {uuid} already", "choose another uuid")


def _check_problems(connection: sa.Connection, wanted: Sequence[str]) -> None:
    found: set[str] = set()
    for start in range(0, len(wanted), IN_MOST):
        some = list(wanted[start : start + IN_MOST])
        found.update(connection.scalars(sa.select(problems.c.uuid).where(problems.c.uuid.in_(some))))
    missing = next((uuid for uuid in wanted if uuid not in found), None)
    if missing is not None:
        raise BadRequest(f"non-existing related problem: {missing}", "post the problem first")
