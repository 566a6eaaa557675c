"""Workers and what they report of their machines, in each kind of database."""

from __future__ import annotations

import time

import pytest
import sqlalchemy as sa

from node.store import Store
from node.store.schema import worker_statistics as figures
from node.tracking import errors, worker_statistics
from node.tracking.queues import Queues
from node.tracking.tasks import Tasks
from node.tracking.worker_statistics import Span
from node.tracking.workers import Workers

ANN = "ann"


@pytest.fixture
def workers(store: Store) -> Workers:
    return Workers(store, "here", 2)


async def test_what_a_worker_reports_is_told_by_intervals(store: Store, workers: Workers) -> None:
    at = int(time.time())
    await workers.report("a", ANN, "", machine={"cpu_usage": [10, 30], "memory_used": 5})
    span = Span(at - 100, at + 100, 50)

    def read(connection: sa.Connection) -> list[worker_statistics.Series]:
        items = [("cpu_usage", "avg"), ("cpu_usage", "min"), ("memory_used", "max")]
        return worker_statistics.series(connection, span, items, [], by_variant=False, by_resource=True)

    average, least, memory = await store.read(read)
    assert (average.dates, average.values) == (span.dates, (0, 0, 20, 0))
    assert least.values[2] == 10 and memory.values[2] == 5
    assert average.resources == {"cpu0": (0, 0, 10, 0), "cpu1": (0, 0, 30, 0)}
    assert await store.read(lambda c: worker_statistics.activity(c, span)) == ([0, 0, 1, 0], [0, 0, 0, 0])
    known = await store.read(lambda c: worker_statistics.metrics(c, ["a"]))
    assert known == {"cpu": ["cpu_usage"], "memory": ["memory_used"]}


async def test_statistics_are_bounded_in_age_and_number(
    store: Store, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count() -> sa.Select[tuple[int]]:
        return sa.select(sa.func.count()).select_from(figures)

    def old(connection: sa.Connection) -> None:
        worker_statistics.keep(connection, "old", 0, {"cpu_usage": [1, 2, 3]}, working=False)

    await store.write(old)
    await workers.report("a", ANN, "")
    assert await store.read(lambda c: c.scalar(count())) == 1
    monkeypatch.setattr(worker_statistics, "MOST", 5)
    for _ in range(4):
        await workers.report("a", ANN, "", machine={"memory_used": 1})
    assert await store.read(lambda c: c.scalar(count())) == 5


@pytest.mark.parametrize(
    "machine", [{"cpu_usage": [None, "x", True, 10**400, float("inf")]}, {"disk_read": {}}, {"other": 1}]
)
async def test_what_is_no_figure_is_left_out(store: Store, workers: Workers, machine: dict) -> None:
    await workers.report("a", ANN, "", machine=machine)
    with pytest.raises(errors.NoStatistics):
        await store.read(lambda c: worker_statistics.metrics(c, []))


async def test_workers_show_what_they_run_and_queues_who_takes_from_them(
    tasks: Tasks, queues: Queues, workers: Workers
) -> None:
    queue = (await queues.create({"name": "gpu"}, ANN))["id"]
    task = (await tasks.create({"name": "train"}, ANN))["id"]
    await tasks.enqueue(task, ANN, queue=queue)
    await workers.register("a", ANN, "1.2.3.4", queues=[queue])
    assert await workers.watches(queue)
    (shown,) = await workers.described(await workers.find(pattern="a"))
    head = {"id": task, "name": "train"}
    assert shown["queues"] == [{"id": queue, "name": "gpu", "num_tasks": 1, "next_task": head}]
    await queues.next(queue)
    await workers.report("a", ANN, "1.2.3.4", task=task)
    (shown,) = await workers.described(await workers.find(pattern="a"))
    assert (shown["task"]["id"], shown["ip"]) == (task, "1.2.3.4")
    assert (await tasks.get(task))["last_worker"] == "a"
    assert [worker.id for worker in await workers.find()] == ["a", "here:0", "here:1"]
    of_all = await queues.metrics([], 0, time.time() + 1, 10**10)
    assert [length for _, _, length in of_all["all"]] == [1]
    await workers.unregister("a")
    assert not await workers.watches(queue)
