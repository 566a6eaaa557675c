"""Lists of problems, algorithms, data and uplets, by the values of their fields: functions of a connection.

A filter is a field's name and a text. A field of text has to be that text, a number that number, a list has
to have the text among its items; filters are taken together. What no field has finds nothing.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import sqlalchemy as sa

from node.store.schema import tasks
from node.store.uplet_tables import (
    algos,
    data_problems,
    learnuplets,
    preduplets,
    problems,
    test_data,
    trained_data,
    training_data,
)
from node.tasks import TaskStatus
from node.uplets.documents import Algo, Data, Document, Learnuplet, Preduplet, Problem
from node.uplets.kinds import STATES, STATUS, UpletKind, UpletStatus, task_of, uuid_of

D = TypeVar("D", bound=Document)

Filters = Iterable[tuple[str, str]]
Condition = sa.ColumnElement[bool]
Field = Callable[[str], Condition]
Lists = Mapping[str, list[str]]

_WHOLE: Final = re.compile(r"-?\d{1,18}")


@dataclass(frozen=True, slots=True)
class Inner:
    """A list in a document: the table that has its items, by `key`, in the order of `order`."""

    key: sa.Column[Any]
    item: sa.Column[Any]
    order: sa.Column[Any]


@dataclass(frozen=True, slots=True)
class Collection(Generic[D]):
    """rows: a query of all; order: theirs; id: what the items of `lists` are found by, for each list; fields:
    what may be asked for; document: from a row and its lists."""

    rows: sa.Select[Any]
    order: sa.Column[Any]
    lists: tuple[tuple[sa.Column[Any], Inner], ...]
    fields: Mapping[str, Field]
    document: Callable[..., D]


def find(connection: sa.Connection, collection: Collection[D], filters: Filters = ()) -> list[D]:
    """Those that all filters let through, oldest first."""
    wanted: Condition = sa.true()
    for name, value in filters:
        field = collection.fields.get(name)
        if field is None or "\x00" in value or not _is_text(value):
            return []
        wanted &= field(value)
    return select(connection, collection, wanted)


def select(
    connection: sa.Connection, collection: Collection[D], wanted: Condition, limit: int | None = None
) -> list[D]:
    """Those for which a condition holds, oldest first."""
    query = collection.rows.where(wanted).order_by(collection.order).limit(limit)
    rows = connection.execute(query).all()
    lists = [_items(connection, query, key, inner) for key, inner in collection.lists] if rows else []
    return [collection.document(row, *lists) for row in rows]


def _items(connection: sa.Connection, query: sa.Select[Any], key: sa.Column[Any], inner: Inner) -> Lists:
    """The items of a list of all that a query finds, by key."""
    keys = query.with_only_columns(key).subquery()
    found = sa.select(inner.key, inner.item).where(inner.key.in_(sa.select(keys)))
    items: dict[str, list[str]] = defaultdict(list)
    for owner, item in connection.execute(found.order_by(inner.key, inner.order)):
        items[owner].append(item)
    return items


# --- fields ---------------------------------------------------------------------------------------------


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(column: sa.Column[Any]) -> Field:
    return lambda value: column == value


def _whole(column: sa.Column[Any]) -> Field:
    return lambda value: column == int(value) if _WHOLE.fullmatch(value) else sa.false()


def _time(column: sa.Column[Any]) -> Field:
    """A time that is told in whole seconds."""

    def match(value: str) -> Condition:
        if not _WHOLE.fullmatch(value):
            return sa.false()
        return sa.and_(column >= int(value), column < int(value) + 1)

    return match


def _number(column: sa.Column[Any]) -> Field:
    def match(value: str) -> Condition:
        try:
            number = float(value)
        except ValueError:
            return sa.false()
        return column == number if math.isfinite(number) else sa.false()

    return match


def _item(inner: Inner, key: sa.Column[Any]) -> Field:
    """One of the items of a list."""
    return lambda value: sa.select(inner.key).where(inner.key == key, inner.item == value).exists()


def _uplet(value: str) -> Condition:
    task = task_of(value)
    return sa.false() if task is None else tasks.c.id == task


def _status(value: str) -> Condition:
    if value not in set(UpletStatus):
        return sa.false()
    return tasks.c.status.in_(STATES[UpletStatus(value)])


def _truth(column: sa.Column[Any]) -> Field:
    """A field that is shown only where it is true."""
    return lambda value: column.is_(True) if value in ("true", "True") else sa.false()


# --- the five -------------------------------------------------------------------------------------------

_TESTS = Inner(test_data.c.problem, test_data.c.data, test_data.c.position)
_TRAINED = Inner(trained_data.c.task, trained_data.c.data, trained_data.c.position)
_GIVEN_FOR = Inner(data_problems.c.data, data_problems.c.problem, data_problems.c.number)

PROBLEMS: Final = Collection(
    rows=sa.select(problems),
    order=problems.c.created,
    lists=((problems.c.uuid, _TESTS),),
    fields={
        "uuid": _text(problems.c.uuid),
        "workflow": _text(problems.c.workflow),
        "test_dataset": _item(_TESTS, problems.c.uuid),
        "size_train_dataset": _whole(problems.c.size_train_dataset),
        "timestamp_upload": _time(problems.c.created),
        "lower_is_better": _truth(problems.c.lower_is_better),
    },
    document=lambda row, tests: Problem(
        row.uuid,
        row.workflow,
        tests.get(row.uuid, []),
        row.size_train_dataset,
        int(row.created),
        row.lower_is_better,
    ),
)

ALGOS: Final = Collection(
    rows=sa.select(algos),
    order=algos.c.created,
    lists=(),
    fields={
        "uuid": _text(algos.c.uuid),
        "problem": _text(algos.c.problem),
        "name": _text(algos.c.name),
        "timestamp_upload": _time(algos.c.created),
    },
    document=lambda row: Algo(row.uuid, row.problem, row.name, int(row.created)),
)

DATA: Final = Collection(
    rows=sa.select(training_data),
    order=training_data.c.created,
    lists=((training_data.c.uuid, _GIVEN_FOR),),
    fields={
        "uuid": _text(training_data.c.uuid),
        "problems": _item(_GIVEN_FOR, training_data.c.uuid),
        "timestamp_upload": _time(training_data.c.created),
    },
    document=lambda row, given_for: Data(row.uuid, given_for.get(row.uuid, []), int(row.created)),
)


def _learnuplet(row: sa.Row[Any], trained: Lists, tests: Lists) -> Learnuplet:
    return Learnuplet(
        uuid=uuid_of(row.task),
        problem=row.problem,
        workflow=row.workflow,
        algo=row.algo,
        model_start=row.model_start,
        model_end=row.model_end,
        train_data=trained.get(row.task, []),
        test_data=tests.get(row.problem, []),
        worker=row.worker,
        perf=row.perf,
        train_perf=row.train_perf,
        test_perf=row.test_perf,
        status=STATUS[TaskStatus(row.status)],
        rank=row.rank,
        timestamp_creation=int(row.created),
        timestamp_done=_ended(row),
    )


def _preduplet(row: sa.Row[Any]) -> Preduplet:
    return Preduplet(
        uuid=uuid_of(row.task),
        problem=row.problem,
        workflow=row.workflow,
        data=row.data,
        model=row.model,
        worker=row.worker,
        status=STATUS[TaskStatus(row.status)],
        prediction_storage_uuid=row.prediction_storage_uuid,
        timestamp_request=int(row.created),
        timestamp_done=_ended(row),
    )


def _ended(row: sa.Row[Any]) -> int | None:
    return None if row.completed is None else int(row.completed)


_OF_TASKS = (tasks.c.status, tasks.c.created, tasks.c.completed)

LEARNUPLETS: Final = Collection(
    rows=sa.select(learnuplets, *_OF_TASKS, algos.c.problem, problems.c.workflow)
    .join(tasks, tasks.c.id == learnuplets.c.task)
    .join(algos, algos.c.uuid == learnuplets.c.algo)
    .join(problems, problems.c.uuid == algos.c.problem),
    order=tasks.c.number,
    lists=((learnuplets.c.task, _TRAINED), (algos.c.problem, _TESTS)),
    fields={
        "uuid": _uplet,
        "problem": _text(algos.c.problem),
        "workflow": _text(problems.c.workflow),
        "algo": _text(learnuplets.c.algo),
        "model_start": _text(learnuplets.c.model_start),
        "model_end": _text(learnuplets.c.model_end),
        "train_data": _item(_TRAINED, learnuplets.c.task),
        "test_data": _item(_TESTS, algos.c.problem),
        "worker": _text(learnuplets.c.worker),
        "perf": _number(learnuplets.c.perf),
        "status": _status,
        "rank": _whole(learnuplets.c.rank),
        "timestamp_creation": _time(tasks.c.created),
        "timestamp_done": _time(tasks.c.completed),
    },
    document=_learnuplet,
)

PREDUPLETS: Final = Collection(
    rows=sa.select(preduplets, *_OF_TASKS, problems.c.workflow)
    .join(tasks, tasks.c.id == preduplets.c.task)
    .join(problems, problems.c.uuid == preduplets.c.problem),
    order=tasks.c.number,
    lists=(),
    fields={
        "uuid": _uplet,
        "problem": _text(preduplets.c.problem),
        "workflow": _text(problems.c.workflow),
        "data": _text(preduplets.c.data),
        "model": _text(preduplets.c.model),
        "worker": _text(preduplets.c.worker),
        "status": _status,
        "prediction_storage_uuid": _text(preduplets.c.prediction_storage_uuid),
        "timestamp_request": _time(tasks.c.created),
        "timestamp_done": _time(tasks.c.completed),
    },
    document=_preduplet,
)

COLLECTIONS: Final[Mapping[str, Collection[Any]]] = {
    "problem": PROBLEMS,
    "algo": ALGOS,
    "data": DATA,
    UpletKind.LEARN.value: LEARNUPLETS,
    UpletKind.PREDICT.value: PREDUPLETS,
}
