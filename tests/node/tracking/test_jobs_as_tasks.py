"""Jobs of the node's own job manager, as tasks of ClearML."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from node.config import NodeConfig
from node.node import Node
from node.tasks import TaskStatus
from node.tracking import errors


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with Node(NodeConfig(home=tmp_path / "home", workers=1)) as node:
        yield node


async def ended(node: Node, key: str) -> Any:
    task = await node.jobs.get(key)
    async with asyncio.timeout(30):
        while not task.finished:
            task = await node.jobs.wait(key, 10, seen=task)
    return task


async def submitted(node: Node) -> str:
    return (await node.jobs.submit("projects_info", actor=node.first_key)).id


async def test_a_job_is_a_task_and_is_run_again_by_being_enqueued(node: Node) -> None:
    key = await submitted(node)
    await ended(node, key)
    task = await node.tasks.get(key)
    assert (task["name"], task["status"], task["user"]) == ("projects_info", "completed", "admin")
    assert task["started"] <= task["completed"] == task["last_update"]
    copy = (await node.tasks.clone(key, {"name": "once more"}, "admin"))["id"]
    assert (await node.tasks.get(copy))["status"] == "created"
    await node.tasks.enqueue(copy, "admin", queue="not looked at")
    assert (await ended(node, copy)).result == (await node.jobs.get(key)).result
    await node.tasks.reset(copy, "admin")
    await node.tasks.enqueue(copy, "admin")
    assert (await ended(node, copy)).status is TaskStatus.COMPLETED
    await node.tasks.publish(copy, "admin")
    assert (await node.jobs.get(copy)).status is TaskStatus.PUBLISHED


async def test_a_job_that_waits_or_runs_is_changed_through_the_job_manager_alone(node: Node) -> None:
    running, waiting = await submitted(node), await submitted(node)
    for key in (running, waiting):
        for call in (
            node.tasks.started(key, "admin"),
            node.tasks.failed(key, "admin", force=True),
            node.tasks.completed(key, "admin", force=True),
        ):
            with pytest.raises(errors.WrongStatus, match="job manager"):
                await call
        with pytest.raises(errors.UndeletableTask):
            await node.tasks.delete(key)
    stopped = await node.tasks.stop(waiting, "admin", name="Ann")
    assert (stopped["status"], stopped["status_message"]) == ("stopped", "Stopped by Ann")
    assert (await node.jobs.get(waiting)).status is TaskStatus.STOPPED
    await node.tasks.delete(waiting, force=True)
    with pytest.raises(errors.UnknownTask):
        await node.tasks.get(waiting)
    assert (await ended(node, running)).status is TaskStatus.COMPLETED
    node.runner._core.validate()


async def test_whoever_waits_for_a_job_may_wait_for_a_task_of_a_client(node: Node) -> None:
    key = (await node.tasks.create({"name": "train"}, "admin"))["id"]
    await node.tasks.started(key, "admin")
    assert (await node.jobs.wait(key, 0.01)).status is TaskStatus.IN_PROGRESS
    waiting = asyncio.create_task(node.jobs.wait(key, 30))
    await asyncio.sleep(0)
    await node.tasks.completed(key, "admin")
    async with asyncio.timeout(10):
        assert (await waiting).status is TaskStatus.COMPLETED
