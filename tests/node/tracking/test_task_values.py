"""Values of tasks as rows: always those of the documents, whoever writes them."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.events import Events
from node.store import Store
from node.store.schema import tasks as task_table
from node.store.value_tables import task_values as rows
from node.store.value_tables import value_paths
from node.tracking import documents, vocabulary
from node.tracking.collection import TASKS
from node.tracking.query import read_query
from node.tracking.task_values import MAX_TEXT
from node.tracking.tasks import Tasks
from node.tracking.vocabulary import Scope
from node.uplets import task_rows
from node.uplets.kinds import UpletKind

ROW = {"kind": "external", "parameters": {}, "created": 0.0} | dict.fromkeys(
    ("priority", "attempts", "current", "maximum"), 0
)
KEYS = st.sampled_from(("lr", "a.b", '"', "é"))
VALUES = st.sampled_from(("0.5", "x", "", "x" * (MAX_TEXT + 1), 2, 1e3, True, None))
ITEMS = st.dictionaries(KEYS, st.dictionaries(KEYS, st.fixed_dictionaries({"value": VALUES}), max_size=2))
FIELDS = st.fixed_dictionaries(
    {}, optional={"hyperparams": ITEMS, "last_metrics": ITEMS, "comment": st.just("c")}
)


def insert(connection: sa.Connection, key: str, **fields: Any) -> None:
    named = {"id": key, "name": "task", "user": "u", "company": "", "status": "created"}
    documents.insert(connection, TASKS, named | fields, **ROW)


def kept(connection: sa.Connection, key: str) -> dict[tuple[str, ...], tuple[float | None, str | None]]:
    """{(field, section, name, leaf): (number, text)}."""
    query = sa.select(rows, value_paths).join(value_paths, value_paths.c.id == rows.c.path)
    found = connection.execute(query.where(rows.c.task == key)).mappings()
    return {
        tuple(row[name] for name in ("field", "section", "name", "leaf")): (row["number"], row["text"])
        for row in found
    }


def check(connection: sa.Connection) -> None:
    """Every task has the rows that it would have if it were made as it is now."""
    for key, document in connection.execute(sa.select(task_table.c.id, task_table.c.document)).all():
        with connection.begin_nested() as changes:
            insert(connection, "f" * 32, **document)
            assert kept(connection, key) == kept(connection, "f" * 32)
            changes.rollback()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=FIELDS, after=FIELDS)
def test_rows_follow_edits(connection: sa.Connection, before: dict[str, Any], after: dict[str, Any]) -> None:
    with connection.begin_nested() as changes:
        insert(connection, "1" * 32, **before)
        documents.update(connection, TASKS, "1" * 32, {"name": "renamed"} | after)
        check(connection)
        documents.delete(connection, TASKS, ["1" * 32])
        assert kept(connection, "1" * 32) == {}
        changes.rollback()


async def test_rows_follow_what_is_reported(store: Store, tasks: Tasks) -> None:
    key = (await tasks.create({"name": "task", "type": "training"}, "ann"))["id"]
    events = Events(store)
    for iteration, value in enumerate((0.5, 0.25, 0.75)):
        scalar = {"type": "training_stats_scalar", "task": key, "iter": iteration, "value": value}
        await events.add([scalar | {"metric": m, "variant": "v"} for m in ("loss", "accuracy")])
        await store.write(check)
    found = await store.read(lambda c: kept(c, key))
    assert sorted((path[3], *pair) for path, pair in found.items()) == sorted(
        2 * [("value", 0.75, ""), ("min_value", 0.25, ""), ("max_value", 0.75, "")]
    )
    await tasks.reset(key, "ann", force=True)
    assert await store.read(lambda c: kept(c, key)) == {}


def test_rows_are_made_for_uplets(connection: sa.Connection) -> None:
    row = task_rows.new(UpletKind.LEARN, "uplet", "ann", None, {"rank": 3}, ready=True)
    task_rows.insert(connection, [row])
    assert list(kept(connection, row["id"]).values()) == [(3.0, "3")]
    check(connection)


@pytest.mark.parametrize("long", ["x" * (MAX_TEXT + 1), "y"])
def test_texts_of_any_length_are_put_in_order_and_told(connection: sa.Connection, long: str) -> None:
    texts = [f"{long}b", "5", f"{long}a", "10"]
    for number, text in enumerate(texts):
        insert(connection, f"{number:032x}", hyperparams={"Args": {"p": {"value": text}}})
    name = "hyperparams.Args.p.value"
    for order, wanted in (
        (name, ["5", "10", f"{long}a", f"{long}b"]),
        (f"-{name}", [f"{long}b", f"{long}a"]),
    ):
        query = read_query(TASKS, {"order_by": [order], "page_size": len(wanted)})
        page = documents.find(connection, query).documents
        assert [d["hyperparams"]["Args"]["p"]["value"] for d in page] == wanted
    for text in texts:
        found = documents.find(connection, read_query(TASKS, {name: [text]})).documents
        assert [d["hyperparams"]["Args"]["p"]["value"] for d in found] == [text]
    told = vocabulary.hyperparameter_values(connection, "Args", "p", Scope())
    assert told == sorted(texts)


def test_names_that_no_task_has_any_more_are_not_told(connection: sa.Connection) -> None:
    insert(connection, "1" * 32, project="p", hyperparams={"Args": {"lr": {"value": "1"}, "none": {}}})
    insert(connection, "2" * 32, hyperparams={"Other": {"lr": {"value": "1"}}})
    everywhere = [("Args", "lr"), ("Args", "none"), ("Other", "lr")]
    for scope, wanted in ((Scope(), everywhere), (Scope(("p",)), everywhere[:2])):
        found = vocabulary.hyperparameters(connection, scope)
        assert [(item["section"], item["name"]) for item in found] == wanted
    documents.delete(connection, TASKS, ["1" * 32])
    assert vocabulary.hyperparameters(connection, Scope()) == [{"section": "Other", "name": "lr"}]
