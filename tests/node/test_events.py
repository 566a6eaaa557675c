"""What tasks say: stored for those who ask later, told to those who listen now."""

from __future__ import annotations

import asyncio
from pathlib import Path

from federation.statistics import Schema
from node.events import BACKLOG
from node.node import Node


async def test_a_listener_hears_a_task_from_queue_to_completion(
    node: Node, schema: Schema, table, csv_file
) -> None:
    await node.projects.create("flights", owner="ann", schema=schema)
    path: Path = csv_file(table(1000))
    async with node.events.listen() as events, asyncio.timeout(30):
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


async def test_a_listener_that_sleeps_loses_the_oldest_and_holds_nobody_up(node: Node) -> None:
    async with node.events.listen() as events:
        for number in range(BACKLOG + 10):
            node.events.tell("t", "progress", {"current": number})
        assert events.qsize() == BACKLOG
        assert (await events.get()).body == {"current": 10}
