"""Whoever listens hears of every change of a task's status, whichever call made it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from node.tasks import now
from node.tracking.watchdog import SILENCE


class Heard:
    """What a listener heard of one task."""

    def __init__(self, listener: Any) -> None:
        self._listener = listener

    async def next(self) -> str:
        async with asyncio.timeout(10):
            status: str = (await self._listener.get()).body["status"]
        return status

    def nothing_more(self) -> bool:
        return self._listener.take_waiting() == []


@pytest.fixture
async def task(admin: Any) -> str:
    key: str = (await admin("tasks.create", name="heard of", type="training")).data["id"]
    return key


@pytest.fixture
async def heard(served: Any, task: str) -> AsyncIterator[Heard]:
    with served.node.events.listen([task], ["status"]) as listener:
        yield Heard(listener)


STORIES = [
    (("enqueue", "queued"), ("dequeue", "created"), ("enqueue", "queued"), ("stop", "stopped")),
    (("started", "in_progress"), ("completed", "completed"), ("publish", "published")),
    (("started", "in_progress"), ("failed", "failed"), ("reset", "created")),
    (("started", "in_progress"), ("stopped", "stopped"), ("close", "closed")),
    (("started", "in_progress"), ("ping", None), ("archive", "stopped")),
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: "-".join(call for call, _ in story))
async def test_every_step_of_a_task(admin: Any, task: str, heard: Heard, story: Any) -> None:
    for call, status in story:
        about = {"tasks": [task]} if call == "archive" else {"task": task}
        more = {"queue_name": "gpu"} if call == "enqueue" else {}
        assert (await admin(f"tasks.{call}", **about, **more)).status == 200
        if status is not None:
            assert await heard.next() == status
    assert heard.nothing_more()


@pytest.mark.parametrize("call", ["clear_queue", "delete"])
async def test_a_queue_that_is_emptied(admin: Any, task: str, heard: Heard, call: str) -> None:
    queue = (await admin("queues.create", name="gpu")).data["id"]
    await admin("tasks.enqueue", task=task, queue=queue)
    assert await heard.next() == "queued"
    assert (await admin(f"queues.{call}", queue=queue, force=True)).status == 200
    assert await heard.next() == "created"


async def test_a_model_that_is_published_with_its_task(admin: Any, task: str, heard: Heard) -> None:
    await admin("tasks.completed", task=task, force=True)
    assert await heard.next() == "completed"
    model = (await admin("models.create", name="net", uri="file:///net", task=task)).data["id"]
    done = (await admin("models.set_ready", model=model, publish_task=True)).data
    assert done["published_task"]["id"] == task
    assert await heard.next() == "published"


async def test_a_task_whose_worker_has_vanished(served: Any, admin: Any, task: str, heard: Heard) -> None:
    await admin("tasks.started", task=task)
    assert await heard.next() == "in_progress"
    await served.node.watchdog.look(now() + 2 * SILENCE)
    assert await heard.next() == "stopped"


async def test_the_nodes_own_jobs(served: Any) -> None:
    with served.node.events.listen(kinds=["status"]) as listener:
        job = await served.node.jobs.submit("projects_info", actor=served.node.first_key)
        statuses = []
        async with asyncio.timeout(60):
            while "completed" not in statuses:
                event = await listener.get()
                assert event.task == job.id
                statuses.append(event.body["status"])
    assert statuses == ["in_progress", "completed"]


async def test_members_of_a_federation_hear_it_on_the_bus(
    tmp_path: Any, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start(tmp_path / "founder", role="admin") as it:
        admin = it.client(it.node.first_key)
        await it.node.federations.create("birds", owner="admin")
        words: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        driver = it.node.federations._drivers.find("birds")
        publish = driver.publish

        async def listen(kind: str, payload: bytes) -> None:
            await publish(kind, payload)
            words.put_nowait({"kind": kind, **json.loads(payload)})

        monkeypatch.setattr(driver, "publish", listen)
        task = (await admin("tasks.create", name="heard of", type="training")).data["id"]
        await admin("tasks.started", task=task)
        async with asyncio.timeout(10):
            word = await words.get()
        assert (word["kind"], word["task"], word["status"]) == ("task", task, "in_progress")
