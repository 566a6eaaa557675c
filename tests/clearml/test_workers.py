"""Workers over HTTP: who is there, what they do, how their machines fare."""

from __future__ import annotations

import time
from typing import Any

import pytest


async def made(admin: Any, name: str = "a task") -> str:
    return (await admin("tasks.create", name=name, type="training")).data["id"]


async def agents(admin: Any, **filters: Any) -> dict[str, dict[str, Any]]:
    """The workers that are not the node's own, by their ids."""
    found = (await admin("workers.get_all", **filters)).data["workers"]
    return {worker["id"]: worker for worker in found if "user" in worker}


async def report(admin: Any, worker: str = "host:0", **fields: Any) -> Any:
    return await admin("workers.status_report", worker=worker, timestamp=int(time.time() * 1000), **fields)


async def test_a_worker_is_there_until_it_says_good_bye(admin):
    queue = (await admin("queues.create", name="gpu")).data["id"]
    first, second = await made(admin, "first"), await made(admin, "second")
    for task in (first, second):
        await admin("tasks.enqueue", task=task, queue=queue)
    assert (await admin("workers.register", worker="host:0", queues=[queue], tags=["big"])).data == {}
    worker = (await agents(admin))["host:0"]
    waiting = {"id": queue, "name": "gpu", "num_tasks": 2, "next_task": {"id": first, "name": "first"}}
    assert worker["queues"] == [waiting]
    assert worker["tags"] == ["big"] and worker["ip"] == "127.0.0.1"
    assert worker["register_time"].endswith("+00:00") and worker["last_report_time"] is None
    assert worker["user"]["name"] == "admin" and "task" not in worker
    for _ in range(2):
        assert (await admin("workers.unregister", worker="host:0")).data == {}
    assert await agents(admin) == {}


async def test_a_report_tells_what_is_running(admin):
    project = (await admin("projects.create", name="birds")).data["id"]
    task = (await admin("tasks.create", name="a task", type="training", project=project)).data["id"]
    queue = (await admin("queues.create", name="gpu")).data["id"]
    await admin("tasks.started", task=task)
    assert (await report(admin, task=task, queue=queue, queues=[queue])).data == {}
    worker = (await agents(admin))["host:0"]
    assert (worker["task"]["id"], worker["task"]["name"]) == (task, "a task")
    assert worker["task"]["running_time"] >= 0
    assert worker["project"] == {"id": project, "name": "birds"}
    assert (worker["queue"]["id"], worker["last_report_time"] is None) == (queue, False)
    shown = (await admin("tasks.get_by_id", task=task)).data["task"]
    assert shown["last_worker"] == "host:0" and shown["last_worker_report"].endswith("+00:00")
    (in_queue,) = (await admin("queues.get_all_ex")).data["queues"][0]["workers"]
    assert in_queue["name"] == "host:0" and in_queue["task"]["name"] == "a task"
    await report(admin, machine_stats=None)
    worker = (await agents(admin))["host:0"]
    assert "task" not in worker and [one["id"] for one in worker["queues"]] == [queue]


async def test_a_report_without_tags_takes_them_away(admin):
    await admin("workers.register", worker="host:0", tags=["big"], system_tags=["k8s"])
    await report(admin)
    worker = (await agents(admin))["host:0"]
    assert (worker["tags"], worker["system_tags"]) == ([], ["k8s"])


async def test_workers_are_found_by_what_they_are(admin):
    for name, tags in (("a:0", ["big"]), ("a:1", ["big", "old"]), ("b:0", [])):
        await admin("workers.register", worker=name, tags=tags)
    assert set(await agents(admin, tags=["big"])) == {"a:0", "a:1"}
    assert set(await agents(admin, tags=["-old"])) == {"a:0", "b:0"}
    assert set(await agents(admin, worker_pattern="?:0")) == {"a:0", "b:0"}
    assert (await admin("workers.get_count", worker_pattern="a:*")).data == {"count": 2}


async def test_the_node_itself_is_among_the_workers(served, admin):
    (own,) = (await admin("workers.get_all")).data["workers"]
    assert own["id"] == f"{served.node.name}:0" and "task" not in own


@pytest.mark.parametrize(
    ("call", "fields", "code"),
    [
        ("register", {}, (400, 12)),
        ("register", {"worker": "a", "queues": ["none"]}, (400, 701)),
        ("register", {"worker": "a", "timeout": 0}, (400, 12)),
        ("register", {"worker": "a\u0000"}, (400, 12)),
        ("register", {"worker": ""}, (400, 16)),
        ("status_report", {"worker": "a"}, (400, 12)),
        ("status_report", {"worker": "a", "timestamp": 1, "task": "none"}, (400, 101)),
        ("status_report", {"worker": "a", "timestamp": 1, "queue": "none"}, (400, 701)),
        ("get_metric_keys", {}, (400, 1005)),
        ("get_stats", {"from_date": 2, "to_date": 1, "interval": 40, "items": []}, (400, 12)),
        ("get_stats", {"from_date": 0, "to_date": 9e9, "interval": 40, "items": []}, (400, 12)),
        ("get_stats", {"from_date": 0, "to_date": 1, "interval": 40, "items": [{"key": "x"}]}, (400, 12)),
    ],
)
async def test_what_is_refused_leaves_no_trace(admin, call, fields, code):
    assert (await admin(f"workers.{call}", **fields)).code == code
    assert await agents(admin) == {}


async def test_workers_are_known_after_a_restart_and_forgotten_in_time(tmp_path, start):
    home = tmp_path / "elsewhere"
    async with start(home) as it:
        client = it.client(it.node.first_key)
        await client("workers.register", worker="long", timeout=600)
        await client("workers.register", worker="short", timeout=1)
    async with start(home) as it:
        client = it.client(it.node.first_key)
        deadline = time.monotonic() + 20
        while set(found := await agents(client)) != {"long"}:
            assert time.monotonic() < deadline, found


async def test_how_machines_fare(admin):
    begin = int(time.time()) - 100
    machine = {"cpu_usage": [10, 30], "memory_used": 5.0, "gpu_usage": [None], "disk_read": "x", "other": 1}
    await report(admin, machine_stats=machine)
    await report(admin, worker="host:1", machine_stats={"memory_used": 7.0})
    assert (await admin("workers.get_metric_keys")).data["categories"] == [
        {"name": "cpu", "metric_keys": ["cpu_usage"]},
        {"name": "memory", "metric_keys": ["memory_used"]},
    ]
    span = {"from_date": begin, "to_date": begin + 200, "interval": 1}
    items = [{"key": "cpu_usage", "category": name} for name in ("avg", "max")]
    (worker,) = (
        await admin("workers.get_stats", items=items, worker_ids=["host:0"], split_by_resource=True, **span)
    ).data["workers"]
    (metric,) = worker["metrics"]
    average, most = metric["stats"]
    assert average["dates"] == [1000 * (begin + 40 * n) for n in range(5)]
    assert sorted(average["values"]) == [0, 0, 0, 0, 20] and max(most["values"]) == 30
    cores = {one["name"]: max(one["values"]) for one in average["resource_series"]}
    assert cores == {"cpu0": 10, "cpu1": 30}
    reply = await admin("workers.get_stats", items=items[:1], split_by_variant=True, **span)
    split = reply.data["workers"][0]["metrics"]
    assert {one["variant"]: max(one["stats"][0]["values"]) for one in split} == {"cpu0": 10, "cpu1": 30}
    memory = (await admin("workers.get_stats", items=[{"key": "memory_used"}], **span)).data["workers"]
    assert [one["worker"] for one in memory] == ["host:0", "host:1"]


async def test_how_many_workers_had_work(admin):
    begin = int(time.time()) - 100
    task = await made(admin)
    await report(admin, task=task)
    await report(admin, worker="host:1")
    told = (
        await admin("workers.get_activity_report", from_date=begin, to_date=begin + 200, interval=100)
    ).data
    assert sum(told["total"]["counts"]) == 2 and sum(told["active"]["counts"]) == 1
    assert told["total"]["dates"] == told["active"]["dates"] == [1000 * begin, 1000 * (begin + 100)]


async def test_whether_somebody_watches_a_queue(admin):
    queue = (await admin("queues.create", name="gpu")).data["id"]

    async def enqueued(**fields: Any) -> dict[str, Any]:
        return (await admin("tasks.enqueue", task=await made(admin), queue=queue, **fields)).data

    assert "queue_watched" not in await enqueued()
    assert (await enqueued(verify_watched_queue=True))["queue_watched"] is False
    await admin("workers.register", worker="host:0", queues=[queue])
    assert (await enqueued(verify_watched_queue=True))["queue_watched"] is True
    several = await admin(
        "tasks.enqueue_many", ids=[await made(admin)], queue=queue, verify_watched_queue=True
    )
    assert several.data["queue_watched"] is True
