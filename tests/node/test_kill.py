"""kill -9 at any moment: nothing acknowledged is lost, nothing counted twice, no process left behind."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from federation.statistics import Moments, Schema

NODES = 2
KILLS_PER_NODE = 26
SECONDS = 60

HARNESS = Path(__file__).with_name("kill_harness.py")


class Process:
    """The harness, from outside."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._ids = itertools.count()
        self._answers: dict[object, asyncio.Future[dict]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, str(HARNESS), str(self._home), stdin=-1, stdout=-1
        )
        self._answers = {"ready": asyncio.get_running_loop().create_future()}
        self._reading = asyncio.create_task(self._read())

    async def ready(self) -> None:
        await asyncio.wait_for(asyncio.shield(self._answers["ready"]), SECONDS)

    def order(self, **order: object) -> asyncio.Future[dict]:
        """Send an order; the future is its acknowledgement, or cancelled if the node died first."""
        number = next(self._ids)
        future = self._answers[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": number, **order}).encode() + b"\n")
        return future

    async def ask(self, **order: object) -> dict:
        return await asyncio.wait_for(self.order(**order), SECONDS)

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        assert self._reading is not None
        await self._reading  # an acknowledgement that was written before the kill counts

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            if line.endswith(b"\n"):
                answer = json.loads(line)
                future = self._answers[answer.pop("id")]
                if not future.done():  # else nobody waits for it any more
                    future.set_result(answer)
        for future in self._answers.values():
            future.cancel()


class Ledger:
    """What must be in the node: what was acknowledged, and of the rest what turns out to be there."""

    def __init__(self, schema: Schema, learned: Callable[[int, int], Moments]) -> None:
        self._learned = learned
        self.tables = Moments(schema)
        self.in_flight: dict[tuple[int, int], asyncio.Future[dict]] = {}
        self.submitted: set[str] = set()
        self.acknowledged = 0

    def settle(self) -> list[tuple[int, int]]:
        """Count what was acknowledged; the rest is open: it may have been committed or not."""
        unknown = []
        for table, future in self.in_flight.items():
            if future.done() and not future.cancelled():
                self.tables = self.tables + self._learned(*table)
                self.acknowledged += 1
            else:
                unknown.append(table)
        self.in_flight.clear()
        return unknown

    def resolve(self, unknown: list[tuple[int, int]], digest: str) -> None:
        """Find out which of the open ones were committed: exactly one choice gives this digest."""
        for size in range(len(unknown) + 1):
            for chosen in itertools.combinations(unknown, size):
                total = self.tables
                for table in chosen:
                    total = total + self._learned(*table)
                if total.digest() == digest:
                    self.tables = total
                    return
        raise AssertionError("the node's statistics are those of no set of tables that it was given")


async def caught_up(process: Process, ledger: Ledger, unknown: list[tuple[int, int]]) -> dict:
    """The state of a node that has started again; whatever was open until then is settled."""
    await process.ready()
    state = await process.ask(do="state")
    ledger.resolve(unknown, state["digests"]["tables"])
    unknown.clear()
    assert ledger.submitted <= set(state["tasks"])
    return state


async def torture(
    home: Path, files: list[Path], seed: int, schema: Schema, learned: Callable[[int, int], Moments]
) -> tuple[Ledger, dict]:
    rng = random.Random(seed)
    ledger = Ledger(schema, learned)
    process = Process(home)
    serial = itertools.count(1000 * seed)
    unknown: list[tuple[int, int]] = []
    for _ in range(KILLS_PER_NODE):
        await process.start()
        submissions: list[asyncio.Future[dict]] = []
        state = None
        if rng.random() < 0.75:  # the other kills may strike the start itself
            state = await caught_up(process, ledger, unknown)
        try:
            async with asyncio.timeout(rng.uniform(0.0, 1.2)):
                state = state or await caught_up(process, ledger, unknown)
                unfinished = sum(status != "completed" for _, status in state["tasks"].values())
                chosen = [rng.choice(files) for _ in range(2 - unfinished)]
                submissions += [process.order(do="file", path=str(path)) for path in chosen]
                while True:
                    table = (next(serial), rng.randrange(1, 400))
                    ledger.in_flight[table] = process.order(do="table", seed=table[0], rows=table[1])
                    if rng.random() < 0.7:
                        await asyncio.shield(ledger.in_flight[table])
        except TimeoutError:
            pass
        await process.kill()
        unknown += ledger.settle()
        ledger.submitted |= {f.result()["task"] for f in submissions if f.done() and not f.cancelled()}
    await process.start()
    await process.ready()
    await process.ask(do="finish")
    state = await process.ask(do="state")
    ledger.resolve(unknown, state["digests"]["tables"])
    await process.kill()
    return ledger, state


async def test_fifty_kills_lose_nothing_and_count_nothing_twice(
    tmp_path: Path, schema: Schema, table, csv_file, direct
) -> None:
    def learned(seed: int, rows: int) -> Moments:
        return Moments(schema).learn(table(rows, seed))

    contents = [table(rows, seed) for seed, rows in enumerate((5_000, 20_000, 60_000), start=1)]
    files = [csv_file(rows, f"file{number}.csv") for number, rows in enumerate(contents)]
    moments = {str(path): direct(rows) for path, rows in zip(files, contents, strict=True)}
    results = await asyncio.gather(
        *(torture(tmp_path / f"home{n}", files, n, schema, learned) for n in range(1, NODES + 1))
    )
    assert NODES * KILLS_PER_NODE >= 50
    for ledger, state in results:
        assert ledger.acknowledged > 0
        assert ledger.submitted <= set(state["tasks"])
        assert {status for _, status in state["tasks"].values()} == {"completed"}
        expected = Moments(schema)
        for path, _ in state["tasks"].values():
            expected = expected + moments[path]
        assert state["digests"]["files"] == expected.digest()
        assert state["digests"]["tables"] == ledger.tables.digest()
    print(
        f"{NODES * KILLS_PER_NODE} kills, "
        f"{sum(ledger.acknowledged for ledger, _ in results)} tables acknowledged, "
        f"{sum(len(state['tasks']) for _, state in results)} files learned"
    )


async def test_a_killed_node_takes_its_workers_with_it(tmp_path: Path, table, csv_file) -> None:
    process = Process(tmp_path / "home")
    await process.start()
    await process.ready()
    await process.ask(do="file", path=str(csv_file(table(100))))
    await process.ask(do="finish")
    [worker] = (await process.ask(do="state"))["workers"]
    await process.kill()
    await asyncio.to_thread(wait_until_gone, worker)


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    pytest.fail(f"process {pid} outlived its node")
