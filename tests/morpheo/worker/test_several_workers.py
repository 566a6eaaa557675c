"""Several workers of one node: each uplet is done once, whoever dies; and how they hear of work."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from node.sandbox import Limits
from node.tasks import now
from node.tracking.watchdog import SILENCE
from suffice.worker import MorpheoCalls, Outcome, Worker, WorkerSettings, loop

SECONDS = 50  # less than a worker that hears would wait before it looks by itself


async def test_two_workers_do_each_uplet_once(lab):
    problem = await lab.problem([await lab.data([2.0])], 1)
    await lab.register([await lab.data([float(i)]) for i in range(3)], problem)
    algos = [await lab.algo(problem) for _ in range(3)]
    first, second = await lab.start("--until-empty"), await lab.start("--until-empty")
    done = [(await work.end())["done"] for work in (first, second)]
    # One may find nothing while the other has the last of every chain, and end.
    assert sum(done) == 9
    for algo in algos:
        uplets = await lab.client.learnuplets(algo=algo)
        assert [uplet["status"] for uplet in uplets] == ["done"] * 3
        assert len((await lab.model(uplets[-1]["model_end"]))["seen"]) in (1, 2, 3)


def runs_something(folder: Path) -> bool:
    """Wait until a worker has a sandbox, in which it runs something."""
    deadline = time.monotonic() + SECONDS
    while not any(folder.glob("*/sandbox-*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    return time.monotonic() < deadline


async def test_what_a_killed_worker_had_is_done_by_the_next(lab, algorithm):
    algo = await lab.task(program=f"{algorithm}\nimport time; time.sleep(2)")
    first = await lab.start()
    await first.until("begun")
    assert await asyncio.to_thread(runs_something, lab.folder)
    first.process.kill()
    await first.process.communicate()
    (uplet,) = await lab.client.learnuplets(algo=algo)
    assert uplet["status"] == "pending"
    assert await lab.work() == {"done": 0, "failed": 0, "given_back": 0}

    await lab.served.node.watchdog.look(now() + 2 * SILENCE)
    assert await lab.work() == {"done": 1, "failed": 0, "given_back": 0}
    (uplet,) = await lab.client.learnuplets(algo=algo)
    assert uplet["status"] == "done"
    assert list(lab.folder.iterdir()) == []  # also what the first had no time to remove


async def test_a_model_that_a_killed_worker_has_stored_is_replaced(lab):
    algo = await lab.task()
    (uplet,) = await lab.client.learnuplets(algo=algo)
    query = {"uuid": uplet["model_end"], "algo": algo}
    assert (await lab.client("POST", "/storage/model", b"of the first", params=query)).status == 201
    assert await lab.work() == {"done": 1, "failed": 0, "given_back": 0}
    assert len((await lab.model(uplet["model_end"]))["seen"]) == 1


@asynccontextmanager
async def begun(lab):
    """A worker in our own process that has begun with an uplet; `await` it for its outcome."""
    key, has_begun = lab.client.key, threading.Event()
    calls = MorpheoCalls(lab.client.url, key.access_key, key.secret_key, "this one")
    settings = WorkerSettings(Path(sys.executable), Limits(seconds=SECONDS), most=1)
    worker = Worker(calls, settings, lambda _: has_begun.set(), threading.Event())
    working = asyncio.create_task(asyncio.to_thread(worker.run))
    assert await asyncio.to_thread(has_begun.wait, SECONDS)
    try:
        yield working
    finally:
        worker.stop()
        await working


async def test_an_uplet_that_was_stopped_is_dropped(lab, monkeypatch):
    monkeypatch.setattr(loop, "PING_SECONDS", 0.1)
    algo = await lab.task(program="import time; time.sleep(1000)")
    async with begun(lab) as working:
        (uplet,) = await lab.client.learnuplets(algo=algo)
        await lab.client.ok("DELETE", f"/api/jobs/{uplet['uuid'].replace('-', '')}")
        assert await working == Outcome(given_back=1)
    assert [u["status"] for u in await lab.client.learnuplets(algo=algo)] == ["failed"]


@pytest.mark.parametrize("end", ["", "; raise SystemExit(1)"], ids=["done", "failed"])
async def test_a_worker_that_was_thought_dead_does_not_disturb_the_next(lab, algorithm, end):
    algo = await lab.task(program=f"{algorithm}\nimport time; time.sleep(1.5){end}")
    async with begun(lab) as working:
        await lab.served.node.watchdog.look(now() + 2 * SILENCE)
        (uplet,) = await lab.client.learnuplets(algo=algo)
        assert (await lab.client.claim(uplet, "the next")).status == 200
        assert await working == Outcome(given_back=1)
    (uplet,) = await lab.client.learnuplets(algo=algo)
    assert (uplet["status"], uplet["worker"]) == ("pending", "the next")
    assert (await lab.client.ok("GET", "/storage/model"))["length"] == 0


async def test_a_worker_tells_the_log_of_anybodys_task(lab):
    problem = await lab.problem([await lab.data([2.0])], 1)
    await lab.register([await lab.data([1.0])], problem)
    await lab.algo(problem, "raise SystemExit(3)")
    key = await lab.served.node.keys.create("computer", "user")
    assert await lab.work(key=key) == {"done": 0, "failed": 1, "given_back": 0}
    (uplet,) = await lab.client.learnuplets()
    assert "exit code 3" in await lab.log(uplet)


async def test_a_worker_hears_at_once_that_there_is_work(led_lab):
    work = await led_lab.start("--poll", "3600")
    await work.until("hears on NATS")
    algo = await led_lab.task()
    async with asyncio.timeout(SECONDS):
        await work.until("done in")
    (uplet,) = await led_lab.client.learnuplets(algo=algo)
    assert uplet["status"] == "done"
    work.interrupt()
    await work.end(code=130)


async def test_a_worker_without_a_broker_polls(lab):
    work = await lab.start("--poll", "0.2")
    await lab.task()
    await work.until("done in")


async def test_whoever_holds_an_uplet_may_read_what_it_names(lab):
    owner = lab.served.client(await lab.served.node.keys.create("owner", "user"))
    problem = await lab.problem([await lab.data([2.0], owner)], 1)
    await lab.register([await lab.data([1.0], owner)], problem, owner)
    await lab.algo(problem)
    key = await lab.served.node.keys.create("computer", "user")
    assert await lab.work(key=key) == {"done": 1, "failed": 0, "given_back": 0}


async def test_only_its_holder_gives_an_uplet_back(lab):
    algo = await lab.task()
    (uplet,) = await lab.client.learnuplets(algo=algo)
    job = f"/api/jobs/{uplet['uuid'].replace('-', '')}/release"
    assert (await lab.client("POST", job)).status == 400  # nobody has it
    holder = lab.served.client(await lab.served.node.keys.create("holder", "user"))
    other = lab.served.client(await lab.served.node.keys.create("other", "user"))
    await holder.claim(uplet)
    assert (await other("POST", job)).status == 403
    assert (await holder.ok("POST", job))["status"] == "queued"
    assert (await other.claim(uplet)).status == 200
