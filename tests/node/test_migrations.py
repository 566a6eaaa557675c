"""Stores of older versions: opened, brought up to date, and nothing lost."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from node.events import Events
from node.jobs import task_rows
from node.keys import Keys, Role
from node.store import Store, StoreError
from node.store.migrations import STEPS
from node.store.schema import COMPANY, SCHEMA_VERSION, metadata, tasks
from node.tasks import TaskStatus
from node.tracking import documents, vocabulary
from node.tracking.collection import TASKS
from node.tracking.query import read_query
from node.tracking.vocabulary import Scope
from node.users import Users

OLD = sorted(Path(__file__).parent.glob("store_version_*.sql"))
"""What `.dump` of the sqlite3 command gives of a store that each released version made."""


def restored(dump: Path, folder: Path) -> Path:
    path = folder / "node.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(dump.read_text())
    return path


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Store]:
    store = Store(f"sqlite:///{path}")
    try:
        await store.open()
        yield store
    finally:
        await store.close()


def by_name(items: Iterable[Any]) -> list[Any]:
    return sorted(items, key=repr)


def schema_of(connection: sa.Connection) -> dict[str, Any]:
    inspector = sa.inspect(connection)
    return {
        table: {
            "columns": [
                (c["name"], str(c["type"]), c["nullable"], c["default"]) for c in inspector.get_columns(table)
            ],
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "indexes": by_name(inspector.get_indexes(table)),
            "uniques": by_name(inspector.get_unique_constraints(table)),
            "references": by_name(inspector.get_foreign_keys(table)),
        }
        for table in inspector.get_table_names()
    }


def rows_of(path: Path) -> dict[str, set[tuple[Any, ...]]]:
    """The rows of every table, by the columns that version 2 had."""
    with closing(sqlite3.connect(path)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return {name: set(database.execute(f"SELECT * FROM {name}")) for name in tables}  # noqa: S608


def test_every_released_version_is_kept_for_these_tests() -> None:
    assert [path.name for path in OLD] == [f"store_version_{version - 1}.sql" for version in STEPS]
    assert max(STEPS) == SCHEMA_VERSION


@pytest.mark.parametrize("dump", OLD, ids=lambda path: path.stem)
async def test_a_migrated_store_has_the_tables_of_a_new_one(dump: Path, tmp_path: Path) -> None:
    async with opened(restored(dump, tmp_path)) as old, opened(tmp_path / "new.sqlite") as new:
        assert await old.read(schema_of) == await new.read(schema_of)
        problems = await old.read(lambda c: c.exec_driver_sql("PRAGMA foreign_key_check").all())
        assert problems == []


@pytest.mark.parametrize("dump", OLD, ids=lambda path: path.stem)
async def test_a_migrated_store_keeps_every_row(dump: Path, tmp_path: Path) -> None:
    path = restored(dump, tmp_path)
    with closing(sqlite3.connect(path)) as database:
        before = {
            name: (
                columns := ", ".join(f'"{row[1]}"' for row in database.execute(f"PRAGMA table_info({name})")),
                database.execute(f"SELECT {columns} FROM {name}").fetchall(),  # noqa: S608
            )
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall()
            if name not in ("meta", "task_events")  # the latter have moved: see below
        }
    assert len(before["tasks"][1]) == 6
    async with opened(path):
        pass
    with closing(sqlite3.connect(path)) as database:
        for name, (columns, rows) in before.items():
            assert database.execute(f"SELECT {columns} FROM {name}").fetchall() == rows, name  # noqa: S608


async def test_the_jobs_of_version_2_are_tasks_of_clearml(tmp_path: Path) -> None:
    async with opened(restored(Path(__file__).parent / "store_version_2.sql", tmp_path)) as store:
        rows = await store.read(lambda c: c.execute(sa.select(tasks).order_by(tasks.c.number)).all())
        assert [(row.name, row.type) for row in rows] == [
            ("learn flights", "data_processing"),
            ("explore flights", "custom"),
            ("fit flights", "training"),
            ("predict flights", "inference"),
            ("projects_info", "custom"),
            ("project_info flights", "custom"),
        ]
        assert all((row.company, row.document, row.last_changed_by) == (COMPANY, {}, "admin") for row in rows)
        assert [row.status_changed for row in rows[4:]] == [rows[4].started, rows[5].created]
        assert rows[3].status_message == rows[3].error != ""
        waiting = await store.write(task_rows.requeue_interrupted)
        assert [(task.kind, task.status) for task in waiting] == [
            ("projects_info", TaskStatus.QUEUED),
            ("project_info", TaskStatus.QUEUED),
        ]


async def test_what_the_jobs_of_version_2_said_is_kept_as_events(tmp_path: Path) -> None:
    path = restored(Path(__file__).parent / "store_version_2.sql", tmp_path)
    with closing(sqlite3.connect(path)) as database:
        query = "SELECT task, kind, body FROM task_events ORDER BY id"
        said = [(task, kind, json.loads(body)) for task, kind, body in database.execute(query)]
    async with opened(path) as store:
        events = Events(store)
        for task in {task for task, _, _ in said}:
            lines = [body for t, kind, body in said if (t, kind) == (task, "log")]
            found = await events.log_lines(task)
            assert [(line.level, line.message) for line in found] == [
                (body["level"], body["message"]) for body in lines
            ]
            figures = [body for t, kind, body in said if (t, kind) == (task, "scalar")]
            assert [
                (curve.metric, curve.variant, curve.x, curve.y)
                for curve in await events.curves([task], "iter", 0)
            ] == [(b["metric"], b["metric"], [b["iteration"]], [b["value"]]) for b in figures]
            assert [latest.value for latest in await events.latest(task)] == [b["value"] for b in figures]


async def test_the_tasks_of_version_3_are_listed_by_their_system_tags(tmp_path: Path) -> None:
    async with opened(restored(Path(__file__).parent / "store_version_3.sql", tmp_path)) as store:

        def found(*system_tags: str) -> list[str]:
            return [item["name"] for item in pages[system_tags].documents]

        asked: list[tuple[str, ...]] = [("archived",), ("-archived",), ("hidden",)]
        pages = {
            tags: await store.read(
                lambda c, tags=tags: documents.find(
                    c, read_query(TASKS, {"system_tags": list(tags), "search_hidden": True})
                )
            )
            for tags in asked
        }
        assert found("archived") == ["learn flights"]
        assert found("hidden") == ["explore flights"]
        assert len(found("-archived")) == 5


async def test_the_tasks_of_version_3_are_put_in_order_by_their_values(tmp_path: Path) -> None:
    async with opened(restored(Path(__file__).parent / "store_version_3.sql", tmp_path)) as store:

        async def first(name: str) -> list[str]:
            query = read_query(TASKS, {"order_by": [name], "page_size": 2})
            page = await store.read(lambda c: documents.find(c, query))
            return [item["name"] for item in page.documents]

        assert await first("hyperparams.Args.lr.value") == ["fit flights", "predict flights"]
        assert await first("-hyperparams.Args.lr.value") == ["predict flights", "fit flights"]
        assert (await first("last_metrics.m1.v1.max_value"))[0] == "predict flights"
        told = await store.read(lambda c: vocabulary.hyperparameters(c, Scope()))
        args = [("Args", name) for name in ("a.b", "empty", "long", "lr", "name", "unset")]
        assert [(item["section"], item["name"]) for item in told] == [*args, ("Other", "lr")]
        for name, value in (("lr", ["0.25", "0.5"]), ("empty", [""]), ("long", ["x" * 600]), ("unset", [])):
            values = partial(vocabulary.hyperparameter_values, section="Args", name=name, scope=Scope())
            assert await store.read(values) == value


async def test_the_keys_of_version_2_have_users(tmp_path: Path) -> None:
    path = restored(Path(__file__).parent / "store_version_2.sql", tmp_path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("INSERT INTO access_keys VALUES ('K2', 's', 'ann', 'annotator', 2.0)")
        database.execute("INSERT INTO access_keys VALUES ('K3', 's', 'ann', 'superuser', 3.0)")
    async with opened(path) as store:
        users = Users(store)
        await users.load()
        keys = Keys(store, users)
        await keys.load()
        ann = users.find("ann")
        assert ann is not None
        assert (ann.role, ann.name, ann.created, len(ann.id)) == (Role.SUPERUSER, "ann", 2.0, 32)
        assert [(key.access_key, key.role) for key in keys.of(ann)] == [
            ("K2", Role.ANNOTATOR),
            ("K3", Role.SUPERUSER),
        ]
        assert await users.preferences(ann.id) == {}


async def test_only_jobs_of_the_node_itself_are_queued_again_after_a_restart(tmp_path: Path) -> None:
    values = {
        "id": "e" * 32,
        "kind": "external",
        "owner": "admin",
        "status": "in_progress",
        "created": 1.0,
        "parameters": {},
    } | dict.fromkeys(("priority", "attempts", "current", "maximum"), 0)
    async with opened(tmp_path / "node.sqlite") as store:
        await store.write(lambda c: c.execute(tasks.insert().values(values)))
        assert await store.write(task_rows.requeue_interrupted) == []
        assert await store.read(lambda c: c.scalar(sa.select(tasks.c.status))) == "in_progress"


async def test_a_step_that_fails_leaves_the_store_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = restored(OLD[-1], tmp_path)
    before = rows_of(path)

    def fails(_operations: object) -> None:
        raise RuntimeError("the lights went out")

    monkeypatch.setitem(STEPS, SCHEMA_VERSION, (*STEPS[SCHEMA_VERSION], fails))
    with pytest.raises(RuntimeError, match="lights"):
        async with opened(path):
            pass
    assert rows_of(path) == before
    monkeypatch.undo()
    async with opened(path) as store:
        assert len(await store.read(lambda c: c.execute(sa.select(tasks)).all())) == 6


@pytest.mark.parametrize(
    ("version", "refusal"), [(SCHEMA_VERSION + 1, "knows versions up to"), (1, "knows versions from 2")]
)
async def test_a_version_without_a_way_to_this_one_is_refused(
    version: int, refusal: str, tmp_path: Path
) -> None:
    path = restored(OLD[0], tmp_path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE meta SET value = ?", (str(version),))
    before = rows_of(path)
    with pytest.raises(StoreError, match=refusal) as refused:
        async with opened(path):
            pass
    assert "version of suffice" in refused.value.remedy
    assert rows_of(path) == before


@pytest.mark.parametrize("made_by", ["a new store", "a migrated store"])
async def test_deleted_rows_give_their_space_back_to_the_disk(made_by: str, tmp_path: Path) -> None:
    path = tmp_path / "node.sqlite" if made_by == "a new store" else restored(OLD[0], tmp_path)
    meta = metadata.tables["meta"]
    async with opened(path) as store:
        rows = [{"key": f"k{number}", "value": "x" * 10_000} for number in range(2_000)]
        await store.write(lambda c: c.execute(meta.insert(), rows))
        await store.reclaim()
        full = path.stat().st_size
        await store.write(lambda c: c.execute(meta.delete().where(meta.c.key.like("k%"))))
        await store.reclaim()
        assert path.stat().st_size < full / 20
