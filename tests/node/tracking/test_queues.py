"""Queues: first in, first out, each task once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from node.tracking import errors
from node.tracking.collection import QUEUES
from node.tracking.query import read_query
from node.tracking.queues import Queues
from node.tracking.tasks import Tasks

ANN = "ann"


async def filled(tasks: Tasks, queues: Queues, count: int) -> tuple[str, list[str]]:
    queue = (await queues.create({"name": "gpu"}, ANN))["id"]
    keys = [(await tasks.create({"name": f"task {n}"}, ANN))["id"] for n in range(count)]
    for key in keys:
        await tasks.enqueue(key, ANN, queue=queue)
    return queue, keys


async def order(queues: Queues, queue: str) -> list[str]:
    return [entry["task"] for entry in (await queues.get(queue))["entries"]]


async def test_tasks_leave_in_the_order_in_which_they_came(tasks: Tasks, queues: Queues) -> None:
    queue, keys = await filled(tasks, queues, 3)
    assert await queues.next(queue, task=keys[1]) is None
    peeked = await queues.peek(queue)
    assert peeked is not None
    assert peeked.task == keys[0]
    left = [entry.task for _ in keys if (entry := await queues.next(queue)) is not None]
    assert left == keys
    assert await queues.next(queue) is None


async def test_many_agents_get_each_task_once(tasks: Tasks, queues: Queues) -> None:
    queue, keys = await filled(tasks, queues, 10)
    taken = await asyncio.gather(*(queues.next(queue) for _ in range(25)))
    assert sorted(entry.task for entry in taken if entry) == sorted(keys)


async def test_a_task_is_moved_and_stops_at_the_ends(tasks: Tasks, queues: Queues) -> None:
    queue, (a, b, c, d) = await filled(tasks, queues, 4)
    assert await queues.move(queue, c, 1, forward=True) == 1
    assert await order(queues, queue) == [a, c, b, d]
    assert await queues.move(queue, a, 2, forward=False) == 2
    assert await order(queues, queue) == [c, b, a, d]
    assert await queues.move(queue, d, None, forward=True) == 0
    assert await queues.move(queue, c, None, forward=False) == 3
    assert await queues.move(queue, d, 7, forward=True) == 0
    assert await order(queues, queue) == [d, b, a, c]
    await tasks.enqueue((await tasks.create({"name": "late"}, ANN))["id"], ANN, queue=queue)
    assert (await order(queues, queue))[:4] == [d, b, a, c]
    with pytest.raises(errors.NotQueued):
        await queues.move(queue, "nobody", 1, forward=True)


async def test_what_waits_goes_back_where_it_was_when_its_queue_is_cleared_or_deleted(
    tasks: Tasks, queues: Queues
) -> None:
    queue, keys = await filled(tasks, queues, 2)
    assert await queues.clear(queue, ANN) == keys
    statuses = [(await tasks.get(key))["status"] for key in keys]
    assert statuses == ["created", "created"]
    await tasks.enqueue(keys[0], ANN, queue=queue)
    with pytest.raises(errors.QueueNotEmpty, match="1 tasks wait"):
        await queues.delete(queue, ANN)
    assert await queues.delete(queue, ANN, force=True) == 1
    task = await tasks.get(keys[0])
    assert (task["status"], "queue" in task.get("execution", {})) == ("created", False)
    with pytest.raises(errors.UnknownQueue):
        await queues.get(queue)


async def test_entries_are_added_and_removed_whatever_the_status(tasks: Tasks, queues: Queues) -> None:
    queue, (key,) = await filled(tasks, queues, 1)
    with pytest.raises(errors.AlreadyQueued):
        await queues.add(queue, key)
    await queues.remove(queue, key)
    with pytest.raises(errors.NotQueued):
        await queues.remove(queue, key)
    await queues.add(queue, key)
    assert await queues.length(queue) == 1


async def test_a_queue_is_named_once_and_changed(queues: Queues) -> None:
    queue = await queues.create({"name": "gpu", "tags": ["a"]}, ANN)
    with pytest.raises(errors.NameTaken):
        await queues.create({"name": "gpu"}, ANN)
    with pytest.raises(errors.NameTooShort):
        await queues.create({"name": "ab"}, ANN)
    metadata = {"k": {"key": "k", "type": "str", "value": "v"}}
    changed = await queues.update(queue["id"], {"name": "big", "metadata": metadata, "other": 1})
    assert changed == {"name": "big", "metadata": metadata}
    found = (await queues.find(read_query(QUEUES, {"metadata.k.value": "v"}))).documents
    assert [(d["name"], d["tags"], d["entries"]) for d in found] == [("big", ["a"], [])]
    named = await queues.find(read_query(QUEUES, {"only_fields": ["name"]}))
    assert named.documents == [{"id": queue["id"], "name": "big"}]


async def test_there_is_one_default_queue(queues: Queues) -> None:
    with pytest.raises(errors.NoDefaultQueue):
        await queues.default()
    home = await queues.create({"name": "home", "system_tags": ["default"]}, ANN)
    assert (await queues.default())["id"] == home["id"]
    await queues.create({"name": "rival", "system_tags": ["default"]}, ANN)
    with pytest.raises(errors.SeveralDefaultQueues):
        await queues.default()


async def test_a_queue_remembers_how_long_it_was(tasks: Tasks, queues: Queues) -> None:
    queue, _ = await filled(tasks, queues, 3)
    await queues.next(queue)
    created = (await queues.get(queue))["created"]
    metrics = await queues.metrics([queue, "other"], created, created + 1000, 1000)
    ((at, waiting, length),) = metrics[queue]
    assert (at, 0 <= waiting < 100, 0 < length <= 3) == (created, True, True)
    assert metrics["other"] == []
    assert await queues.metrics([queue], created - 100, created - 50, 10) == {queue: []}


@pytest.mark.parametrize("call", ["peek", "next", "length", "get"])
async def test_an_unknown_queue_is_said_to_be_unknown(queues: Queues, call: str) -> None:
    method: Any = getattr(queues, call)
    with pytest.raises(errors.UnknownQueue, match="'nowhere'"):
        await method("nowhere")
