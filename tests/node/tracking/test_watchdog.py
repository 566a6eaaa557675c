"""Work outside the node of which nothing is heard any more."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from node.events import Events
from node.store import Store
from node.store.schema import tasks as rows
from node.tasks import now
from node.tracking import watchdog
from node.tracking.tasks import Tasks
from node.tracking.watchdog import INTERVAL, REASON, SILENCE, Watchdog


@pytest.fixture
def events(store: Store) -> Events:
    return Events(store)


@pytest.fixture
def dog(store: Store, events: Events) -> Watchdog:
    """Of a node that has run for long."""
    return Watchdog(store, events, {}, since=0.0)


async def running(tasks: Tasks, **fields: Any) -> str:
    key: str = (await tasks.create({"name": "train", "type": "training", **fields}, "ann"))["id"]
    await tasks.started(key, "ann")
    return key


async def test_a_silent_task_is_stopped_and_says_why(tasks: Tasks, events: Events, dog: Watchdog) -> None:
    key = await running(tasks)
    heard = (await tasks.get(key))["last_update"]
    assert await dog.look(heard + SILENCE) == []
    with events.listen([key], ["status"]) as listener:
        assert await dog.look(heard + SILENCE + 0.001) == [key]
        assert (await listener.get()).body == {"status": "stopped", "error": None}
    task = await tasks.get(key)
    assert (task["status"], task["status_reason"], task["status_message"]) == ("stopped", REASON, REASON)
    assert task["completed"] >= heard and "active_duration" in task
    assert await dog.look(heard + 3 * SILENCE) == []


async def test_who_says_something_in_time_goes_on(tasks: Tasks, dog: Watchdog) -> None:
    key = await running(tasks)
    soon = now() + SILENCE - 1
    await tasks.ping(key)
    assert await dog.look(soon) == []
    assert (await tasks.get(key))["status"] == "in_progress"


async def test_what_does_not_run_is_left_alone(tasks: Tasks, dog: Watchdog) -> None:
    made = (await tasks.create({"name": "not yet", "type": "training"}, "ann"))["id"]
    done = await running(tasks)
    await tasks.completed(done, "ann")
    assert await dog.look(now() + 2 * SILENCE) == []
    assert [(await tasks.get(key))["status"] for key in (made, done)] == ["created", "completed"]


async def test_the_nodes_own_jobs_are_not_its_business(tasks: Tasks, store: Store, dog: Watchdog) -> None:
    job = await running(tasks)
    await store.write(lambda c: c.execute(rows.update().where(rows.c.id == job).values(kind="fit")))
    assert await dog.look(now() + 2 * SILENCE) == []


async def test_nobody_could_be_heard_while_the_node_was_down(
    tasks: Tasks, store: Store, events: Events
) -> None:
    key = await running(tasks)
    restarted = now() + 2 * SILENCE
    dog = Watchdog(store, events, {}, since=restarted)
    assert await dog.look(restarted + 1) == []
    assert await dog.look(restarted + SILENCE) == [key]


async def test_public_tasks_end_too(tasks: Tasks, dog: Watchdog) -> None:
    key = await running(tasks)
    await tasks.set_public(key, public=True)
    assert await dog.look(now() + 2 * SILENCE) == [key]
    assert (await tasks.get(key))["status"] == "stopped"


async def test_work_of_another_kind_goes_to_the_next_worker(
    tasks: Tasks, store: Store, events: Events
) -> None:
    key = await running(tasks)
    await store.write(lambda c: c.execute(rows.update().where(rows.c.id == key).values(kind="learnuplet")))
    released = []

    async def release(task: str) -> None:
        released.append(task)

    dog = Watchdog(store, events, {"learnuplet": release}, since=0.0)
    assert await dog.look(now() + 2 * SILENCE) == [key]
    assert released == [key]
    assert (await tasks.get(key))["status"] == "in_progress"  # what becomes of it, release decides


async def test_it_looks_again_and_again(
    tasks: Tasks, dog: Watchdog, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [await running(tasks), await running(tasks)]
    paused = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)

    monkeypatch.setattr(watchdog.asyncio, "sleep", pause)
    monkeypatch.setattr(watchdog, "now", lambda: now() + 2 * SILENCE)
    with events.listen(keys, ["status"]) as listener:
        watching = asyncio.ensure_future(dog.watch())
        try:
            assert {(await listener.get()).task, (await listener.get()).task} == set(keys)
        finally:
            watching.cancel()
    assert set(paused) == {INTERVAL}
