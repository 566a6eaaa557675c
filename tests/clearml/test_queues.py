"""Queues over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest


async def made(admin: Any, name: str = "gpu", **fields: Any) -> str:
    return (await admin("queues.create", name=name, **fields)).data["id"]


async def filled(admin: Any, count: int) -> tuple[str, list[str]]:
    """A queue and the tasks in it."""
    queue = await made(admin)
    tasks = []
    for number in range(count):
        task = (await admin("tasks.create", name=f"task {number}", type="training")).data["id"]
        assert (await admin("tasks.enqueue", task=task, queue=queue)).data["queued"] == 1
        tasks.append(task)
    return queue, tasks


async def seen(admin: Any, queue: str) -> dict[str, Any]:
    return (await admin("queues.get_by_id", queue=queue)).data["queue"]


async def test_a_queue_is_as_it_was_made(admin):
    queue = await made(admin, tags=["a"], system_tags=["default"], display_name="Big ones")
    shown = await seen(admin, queue)
    assert (shown["name"], shown["display_name"], shown["tags"]) == ("gpu", "Big ones", ["a"])
    assert shown["created"].endswith("+00:00") and len(shown["user"]) == 32
    assert shown["entries"] == []
    assert (await admin("queues.get_default")).data == {"id": queue, "name": "gpu"}
    changed = await admin("queues.update", queue=queue, name="cpu", tags=[])
    assert changed.data == {"updated": 1, "fields": {"name": "cpu", "tags": []}}
    assert (await seen(admin, queue))["name"] == "cpu"


@pytest.mark.parametrize(
    ("call", "fields", "code"),
    [
        ("create", {"name": "gpu"}, (400, 801)),
        ("create", {"name": "x"}, (400, 800)),
        ("create", {}, (400, 12)),
        ("get_by_id", {"queue": "none"}, (400, 701)),
        ("get_next_task", {"queue": "none"}, (400, 701)),
        ("get_num_entries", {"queue": "none"}, (400, 701)),
        ("delete", {"queue": "none"}, (400, 701)),
        ("get_default", {}, (400, 707)),
        ("get_queue_metrics", {"from_date": 0, "to_date": 1, "interval": 0}, (400, 12)),
    ],
)
async def test_what_is_refused(admin, call, fields, code):
    await made(admin)
    assert (await admin(f"queues.{call}", **fields)).code == code


async def test_tasks_come_out_in_their_order_each_once(admin):
    queue, tasks = await filled(admin, 5)
    assert [entry["task"] for entry in (await seen(admin, queue))["entries"]] == tasks
    assert (await admin("queues.get_num_entries", queue=queue)).data == {"num": 5}
    assert (await admin("queues.peek_task", queue=queue)).data == {"task": tasks[0]}
    assert (await admin("queues.get_next_task", queue=queue, task=tasks[1])).data == {}
    replies = await asyncio.gather(*(admin("queues.get_next_task", queue=queue) for _ in range(8)))
    taken = [reply.data["entry"]["task"] for reply in replies if reply.data]
    assert sorted(taken) == sorted(tasks)
    assert (await admin("queues.peek_task", queue=queue)).data == {}


async def test_the_next_task_with_whose_it_is(admin):
    queue, (task,) = await filled(admin, 1)
    told = (await admin("queues.get_next_task", queue=queue, get_task_info=True)).data
    assert told["entry"]["task"] == task and told["entry"]["added"].endswith("+00:00")
    owner = (await admin("tasks.get_by_id", task=task)).data["task"]
    assert told["task_info"] == {"company": owner["company"], "user": owner["user"]}


async def test_tasks_are_moved_within_their_queue(admin):
    queue, (a, b, c) = await filled(admin, 3)

    async def move(way: str, task: str, **count: int) -> tuple[int, list[str]]:
        place = (await admin(f"queues.move_task_{way}", queue=queue, task=task, **count)).data["position"]
        return place, [entry["task"] for entry in (await seen(admin, queue))["entries"]]

    assert await move("to_front", c) == (0, [c, a, b])
    assert await move("to_back", c) == (2, [a, b, c])
    assert await move("forward", b) == (0, [b, a, c])
    assert await move("backward", b, count=9) == (2, [a, c, b])
    reply = await admin("queues.move_task_forward", queue=queue, task="none")
    assert reply.code == (400, 703)


async def test_tasks_put_in_and_taken_out_by_themselves(admin):
    queue, (task,) = await filled(admin, 1)
    assert (await admin("queues.add_task", queue=queue, task=task)).code == (400, 706)
    assert (await admin("queues.remove_task", queue=queue, task=task)).data == {"removed": 1}
    assert (await admin("queues.remove_task", queue=queue, task=task)).code == (400, 703)
    assert (await admin("queues.add_task", queue=queue, task=task)).data == {"added": 1}
    await admin("queues.remove_task", queue=queue, task=task, update_task_status=True)
    assert (await admin("tasks.get_by_id", task=task)).data["task"]["status"] == "created"


async def test_a_queue_that_is_not_empty_is_deleted_by_force(admin):
    queue, tasks = await filled(admin, 2)
    assert (await admin("queues.delete", queue=queue)).code == (400, 702)
    assert (await admin("queues.delete", queue=queue, force=True)).data == {"deleted": 1}
    left = (await admin("tasks.get_all", id=tasks)).data["tasks"]
    assert {task["status"] for task in left} == {"created"}


async def test_a_queue_is_cleared(admin):
    queue, tasks = await filled(admin, 2)
    assert (await admin("queues.clear_queue", queue=queue)).data == {"removed_tasks": tasks}
    assert (await seen(admin, queue))["entries"] == []


async def test_lists_have_the_tasks_that_wait(admin):
    queue, tasks = await filled(admin, 3)
    glue = await made(admin, "pods", system_tags=["k8s-glue"])
    (shown,) = (await admin("queues.get_all", max_task_entries=2)).data["queues"]
    assert [entry["task"] for entry in shown["entries"]] == tasks[:2]
    hidden = (await admin("queues.get_all", name="^pods$")).data["queues"]
    assert [found["id"] for found in hidden] == [glue]
    (shown,) = (await admin("queues.get_all_ex", only_fields=["name", "entries.task.name"])).data["queues"]
    assert shown["entries"][0]["task"] == {"id": tasks[0], "name": "task 0"}
    assert shown["name"] == "gpu" and "created" not in shown
    (shown,) = (await admin("queues.get_all_ex", id=[queue])).data["queues"]
    assert shown["entries"][0]["task"] == {"id": tasks[0], "name": "task 0"}
    assert set(shown["user"]) == {"id"}


async def test_metadata(admin):
    queue = await made(admin, metadata=[{"key": "a.b", "value": "1"}])
    item = {"key": "c", "type": "str", "value": "2"}
    await admin("queues.add_or_update_metadata", queue=queue, metadata=[item])
    assert (await seen(admin, queue))["metadata"] == {"a.b": {"key": "a.b", "value": "1"}, "c": item}
    await admin("queues.delete_metadata", queue=queue, keys=["a.b"])
    assert (await seen(admin, queue))["metadata"] == {"c": item}
    await admin("queues.add_or_update_metadata", queue=queue, metadata=[], replace_metadata=True)
    assert (await seen(admin, queue)).get("metadata", {}) == {}


async def test_how_long_a_queue_was(admin):
    queue, _ = await filled(admin, 3)
    about = {"from_date": 1e9, "to_date": 4e9, "interval": 4_000_000_000}
    of_one = (await admin("queues.get_queue_metrics", queue_ids=[queue], **about)).data["queues"]
    assert [(one["queue"], one["dates"]) for one in of_one] == [(queue, [10**12])]
    (of_all,) = (await admin("queues.get_queue_metrics", **about)).data["queues"]
    assert of_all["queue"] == "all" and of_all["queue_lengths"] == of_one[0]["queue_lengths"]
