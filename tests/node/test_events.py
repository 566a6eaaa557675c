"""What tasks say: stored for those who ask later, told to those who listen now."""

from __future__ import annotations

import asyncio
from pathlib import Path

import sqlalchemy as sa

from federation.statistics import Schema
from node.events import BACKLOG
from node.node import Node
from node.store.schema import tasks


async def test_a_listener_hears_a_task_from_queue_to_completion(
    node: Node, schema: Schema, table, csv_file
) -> None:
    await node.projects.create("flights", owner="ann", schema=schema)
    path: Path = csv_file(table(1000))
    with node.events.listen() as events:
        async with asyncio.timeout(30):
            task = await node.jobs.submit(
                "learn", actor=node.first_key, project="flights", parameters={"path": str(path)}
            )
            heard = []
            while not heard or heard[-1].body.get("status") != "completed":
                heard.append(await events.get())
    assert {event.task for event in heard} == {task.id}
    assert [e.body["status"] for e in heard if e.kind == "status"] == ["in_progress", "completed"]
    assert {"progress", "log", "scalar"} <= {event.kind for event in heard}
    [line] = await node.jobs.log(task.id)
    assert line.message == "1000 rows of flights.csv read"
    row = await node.store.read(lambda c: c.execute(sa.select(tasks).where(tasks.c.id == task.id)).one())
    known = [one for variants in row.document["last_metrics"].values() for one in variants.values()]
    counts = {one["metric"]: one["count"] for one in known}
    assert counts["rows per second"] == 1
    assert 1 <= counts["progress"] <= 100
    assert [one["value"] for one in known if one["metric"] == "progress"] == [100]


async def test_a_listener_that_sleeps_loses_the_oldest_and_holds_nobody_up(node: Node) -> None:
    with node.events.listen() as events:
        for number in range(BACKLOG + 10):
            node.events.tell("t", "progress", {"current": number})
        assert len(events) == BACKLOG
        assert (await events.get()).body == {"current": 10}
        assert (events.take_lost(), events.take_lost()) == (10, 0)


async def test_a_listener_hears_only_of_the_tasks_and_kinds_it_asked_for(node: Node) -> None:
    with node.events.listen(tasks=["a"], kinds=["scalar"]) as events:
        for task in ("a", "b"):
            node.events.log(task, "a line")
            node.events.scalar(task, "loss", 1, 0.5)
        assert len(events) == 1
        heard = await events.get()
    assert (heard.task, heard.kind) == ("a", "scalar")
    assert heard.body == {"metric": "loss", "variant": "loss", "iteration": 1, "value": 0.5}
