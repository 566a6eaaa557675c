"""A node whose store is in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as postgresql_types

from federation.statistics import Schema, Table
from node.config import NodeConfig
from node.errors import BadRequest
from node.node import Node
from node.store import Store, StoreError
from node.store.schema import meta
from node.tasks import TaskStatus


async def test_what_a_node_learned_is_there_after_its_restart(
    postgresql, tmp_path: Path, schema: Schema, table: Callable[..., Table], csv_file, direct
) -> None:
    config = NodeConfig(home=tmp_path / "home", workers=1, database_url=postgresql.make_database())
    rows = table(5_000)
    async with Node(config) as node:
        await node.projects.create("flights", owner="admin", schema=schema)
        parameters = {"path": str(csv_file(rows))}
        task = await node.jobs.submit("learn", actor=node.first_key, project="flights", parameters=parameters)
        async with asyncio.timeout(60):
            while not task.finished:
                task = await node.jobs.wait(task.id, 10, seen=task)
        assert (task.status, task.error) == (TaskStatus.COMPLETED, None)
        made = await node.tasks.create({"name": "tracked", "type": "training", "tags": ["x"]}, "admin")
        await node.tasks.started(made["id"], "admin")
        key = node.first_key
    async with Node(config) as node:
        assert node.first_key == key
        assert (await node.projects.info("flights")).digest == direct(rows).digest()
        assert (await node.jobs.get(task.id)).status is TaskStatus.COMPLETED
        found = await node.tasks.find({"tags": ["x"], "status": ["in_progress"]})
        assert [document["name"] for document in found.documents] == ["tracked"]
    assert not (tmp_path / "home" / "node.sqlite").exists()


async def test_what_the_database_cannot_hold_is_a_bad_request(postgresql) -> None:
    store = Store(postgresql.make_database())
    await store.open()
    try:
        for work in (
            lambda c: c.execute(meta.insert().values(key="a\x00", value="")),
            lambda c: c.execute(sa.select(sa.cast({"a": "\x00"}, postgresql_types.JSONB))),
        ):
            for run in (store.read, store.write):
                with pytest.raises(BadRequest, match="NUL"):
                    await run(work)
    finally:
        await store.close()


async def test_a_database_that_cannot_be_reached_is_named_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://ann:secret@/nothing?host={tmp_path}"
    with pytest.raises(StoreError) as refused:
        await Node(NodeConfig(home=tmp_path / "home", workers=1, database_url=url)).start()
    assert "nothing" in str(refused.value) and "secret" not in str(refused.value)
