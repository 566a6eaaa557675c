"""Two hundred workers race for a thousand uplets over HTTP: each is held by one, and done once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

import aiohttp
import pytest

WORKERS = 200
ALGOS, RANKS, PREDICTIONS = 125, 4, 500
SECONDS = 200


@dataclass
class Race:
    """What all workers share: what may be left to do, and who did what."""

    algos: list[str]
    preduplets: list[dict]
    taken: list[tuple[str, str]] = field(default_factory=list)
    refused: int = 0
    done: Counter = field(default_factory=Counter)

    @property
    def over(self) -> bool:
        return sum(self.done.values()) == ALGOS * RANKS + PREDICTIONS


@pytest.fixture
async def crowd(served):
    """A client with a connection for each worker."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=WORKERS)) as session:
        client = served.client(served.node.first_key)
        client.session = session
        yield client


async def work(client, race, name, chance):
    """Look, try to take, do, until all is done: as a worker that polls."""
    predictions = chance.sample(race.preduplets, len(race.preduplets))
    algos: list[str] = []
    while not race.over:
        if predictions and chance.random() < 0.5:
            candidates = [predictions.pop()]
        else:
            algos = algos or chance.sample(race.algos, len(race.algos))
            found = await client.learnuplets(status="todo", algo=algos.pop())
            candidates = [uplet for uplet in found if uplet["model_start"] is not None]
        for uplet in candidates:
            answer = await client.claim(uplet, name)
            if answer.status == 200:
                race.taken.append((uplet["uuid"], name))
                await finish(client, race, uplet)
            else:
                assert answer.status == 400 and "pending" in answer.error
                race.refused += 1


async def finish(client, race, uplet):
    if "rank" in uplet:
        body = {"status": "done", "perf": uplet["rank"], "train_perf": [], "test_perf": []}
        answer = await client("POST", f"/learndone/{uplet['uuid']}", body)
    else:
        body = {"status": "done", "prediction_storage_uuid": "S"}
        answer = await client("POST", f"/preddone/{uplet['uuid']}", body)
    assert answer.status == 200, answer
    race.done[uplet["uuid"]] += 1


async def test_each_of_a_thousand_uplets_is_done_once(crowd):
    await crowd.problem(size=1)
    await crowd.problem("Q", size=1)
    await crowd.data("D", problems="Q")
    await crowd.algo("first", "Q")
    await crowd.learn((await crowd.learnuplets())[0])
    await crowd.data(*(f"D{i}" for i in range(RANKS)))
    algos = [f"A{i}" for i in range(ALGOS)]
    for algo in algos:
        assert await crowd.algo(algo) == RANKS
    items = [f"X{i}" for i in range(PREDICTIONS)]
    await crowd.ok("POST", "/prediction", {"data": items, "problem": "Q"})
    race = Race(algos, await crowd.preduplets())
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        for number in range(WORKERS):
            group.create_task(work(crowd, race, f"worker {number}", random.Random(number)))

    learned, predicted = await crowd.learnuplets(problem="P"), await crowd.preduplets()
    assert len(race.taken) == len(learned) + len(predicted) == ALGOS * RANKS + PREDICTIONS
    assert {uplet["uuid"]: uplet["worker"] for uplet in learned + predicted} == dict(race.taken)
    assert set(race.done.values()) == {1}
    assert {uplet["status"] for uplet in learned + predicted} == {"done"}
    ends = {(uplet["algo"], uplet["rank"]): uplet["model_end"] for uplet in learned}
    for uplet in learned:
        before = ends.get((uplet["algo"], uplet["rank"] - 1), uplet["algo"])
        assert uplet["model_start"] == before  # each was better than the one before


async def test_one_uplet_goes_to_one_of_two_hundred(crowd):
    await crowd.problem()
    await crowd.data("D")
    await crowd.algo()
    (uplet,) = await crowd.learnuplets()
    answers = await asyncio.gather(*(crowd.claim(uplet, f"worker {i}") for i in range(WORKERS)))
    (winner,) = [i for i, answer in enumerate(answers) if answer.status == 200]
    assert {answer.status for answer in answers} == {200, 400}
    assert (await crowd.learnuplets())[0]["worker"] == f"worker {winner}"
