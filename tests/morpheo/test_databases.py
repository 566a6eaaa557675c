"""The whole of a problem's life on each kind of database."""

from __future__ import annotations

import pytest


@pytest.fixture
async def client(start, tmp_path, store_url):
    async with start(tmp_path / "home", database_url=store_url) as it:
        yield it.client(it.node.first_key)


async def test_a_problem_is_learned_and_predicts(client):
    await client.problem(size=2, tests=["T1", "T2"])
    await client.algo("A")
    await client.data("D1", "D2", "D3", "T1")
    await client.algo("B")
    for algo in ("A", "B"):
        for rank in (0, 1):
            (uplet,) = await client.learnuplets(algo=algo, rank=rank)
            done = await client.learn(uplet, perf=0.5 + rank)
            assert (done["status"], done["perf"]) == ("done", 0.5 + rank)
    await client.ok("POST", "/prediction", {"data": ["X", "Y"], "problem": "P"})
    best = (await client.learnuplets(algo="A"))[1]["model_end"]
    first, _ = await client.preduplets(model=best, status="todo")
    assert (await client.claim(first)).status == 200
    assert (await client.claim(first)).status == 400
    done = {"status": "done", "prediction_storage_uuid": "S"}
    await client.ok("POST", f"/preddone/{first['uuid']}", done)
    assert [uplet["status"] for uplet in await client.preduplets()] == ["done", "todo"]


async def test_every_filter_is_understood(client):
    await client.problem()
    await client.data("D")
    await client.algo()
    await client.learn((await client.learnuplets())[0])
    await client.ok("POST", "/prediction", {"data": "D", "problem": "P"})
    for collection in ("problem", "algo", "data", "learnuplet", "preduplet"):
        ((document,),) = (await client.ok("GET", f"/{collection}")).values()
        for name, value in document.items():
            shown = value[0] if isinstance(value, list) else value
            if shown is None or isinstance(shown, dict):
                continue
            (found,) = (await client.ok("GET", f"/{collection}", params={name: str(shown)})).values()
            assert found == [document], (collection, name)
            for other in ("none", "-1", "0.125", "\u0000", "é" * 300, "1" * 30):
                (found,) = (await client.ok("GET", f"/{collection}", params={name: other})).values()
                assert found == [], (collection, name, other)
