"""Ready uplets are pushed to a compute service: each at least once, whoever is away, fails or hangs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from node.errors import BadRequest
from node.uplets import dispatch
from node.uplets.uplets import Uplets


class Compute:
    """A compute service that is told how to answer; `answers` by uuid, else 202."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, list[int]] = {}
        self.always = 202
        self.hanging: asyncio.Event | None = None
        self.changed = asyncio.Condition()
        self.port = 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._post)
        self._runner = web.AppRunner(app, shutdown_timeout=0.01)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def uuids(self) -> list[str]:
        return [body["uuid"] for _, body in self.heard]

    async def until(self, met: Callable[[], object]) -> None:
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(met)

    async def _post(self, request: web.Request) -> web.Response:
        body = await request.json()
        async with self.changed:
            self.heard.append((request.path, body))
            self.changed.notify_all()
        if self.hanging is not None:
            await self.hanging.wait()
        status = self.answers[body["uuid"]].pop(0) if self.answers.get(body["uuid"]) else self.always
        return web.json_response({"message": f"said {status}"}, status=status)


@pytest.fixture
async def compute() -> AsyncIterator[Compute]:
    service = Compute()
    await service.start()
    yield service
    await service.stop()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of some milliseconds: how long they are is no matter of these tests."""
    monkeypatch.setattr(dispatch, "PAUSES", (0.01, 0.05))
    monkeypatch.setattr(dispatch, "ANSWER_SECONDS", 0.3)


@pytest.fixture
def node_with(start: Any, tmp_path: Path, compute: Compute) -> Any:
    @asynccontextmanager
    async def launch(**settings: Any) -> AsyncIterator[Any]:
        async with start(tmp_path / "home", compute=compute.url, **settings) as it:
            yield it, it.client(it.node.first_key)

    return launch


async def until(met: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not met():  # noqa: ASYNC110 - of a node, of which nobody tells
            await asyncio.sleep(0.005)


async def waiting(node: Any) -> list[str]:
    return [uplet.uuid for kind in dispatch.PATHS for uplet, _ in await node.uplets.ready(kind, 1000)]


async def until_pushed(node: Any) -> None:
    async with asyncio.timeout(30):
        while await waiting(node):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def three(client: Any) -> list[str]:
    """Three learnuplets that are ready, of three algorithms."""
    await client.problem(size=1)
    await client.data("D1", "D2")
    for algo in "ABC":
        await client.algo(algo)
    return [uplet["uuid"] for uplet in await client.learnuplets(rank=0)]


async def test_what_becomes_ready_is_pushed_as_it_is_shown(node_with: Any, compute: Compute) -> None:
    async with node_with() as (it, client):
        await client.problem(size=1)
        await client.data("D1", "D2")
        await client.algo("A")
        first, second = await client.learnuplets()
        await compute.until(lambda: len(compute.heard) == 1)
        assert compute.heard == [("/learn", first)]
        await client.learn(first)
        await compute.until(lambda: len(compute.heard) == 2)
        assert compute.heard[1] == ("/learn", {**second, "model_start": first["model_end"]})
        await client.ok("POST", "/prediction", {"data": "X", "problem": "P"})
        await compute.until(lambda: len(compute.heard) == 3)
        assert compute.heard[2] == ("/pred", (await client.preduplets())[0])
        assert it.node.problems() == {}


async def test_a_service_that_is_down_holds_up_nobody_and_gets_all_when_it_is_there(
    node_with: Any, compute: Compute
) -> None:
    await compute.stop()
    async with node_with() as (it, client):
        uuids = await three(client)
        await until(lambda: "compute" in it.node.problems())
        problem = it.node.problems()["compute"]
        assert compute.url in problem
        health = (await client("GET", "/healthz")).json
        assert health == {"status": "degraded", "problems": ["compute"]}
        info = (await client("GET", "/api/node")).json
        assert (info["compute"], info["problems"]) == (compute.url, {"compute": problem})
        await compute.start()
        await compute.until(lambda: len(compute.heard) == 3)
        assert sorted(compute.uuids()) == sorted(uuids)
        await until(lambda: it.node.problems() == {})


async def test_a_node_that_starts_again_pushes_what_was_not_accepted(
    node_with: Any, compute: Compute
) -> None:
    await compute.stop()
    async with node_with() as (_, client):
        uuids = await three(client)
    await compute.start()
    async with node_with() as (it, _):
        await until_pushed(it.node)
    assert sorted(compute.uuids()) == sorted(uuids)
    async with node_with() as (it, client):
        await client.algo("Z")
        await until_pushed(it.node)
    assert len(compute.heard) == 4  # what was accepted is not pushed again


async def test_a_node_that_dies_before_it_notes_that_one_was_accepted_pushes_it_again(
    node_with: Any, compute: Compute, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least once: never to have been pushed is worse than twice."""

    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    with monkeypatch.context() as dying:
        dying.setattr(Uplets, "pushed", never)
        async with node_with() as (_, client):
            uuids = await three(client)
            await compute.until(lambda: compute.heard)
    async with node_with() as (it, _):
        await until_pushed(it.node)
    assert sorted(set(compute.uuids())) == sorted(uuids)
    assert len(compute.heard) == 4


async def test_what_the_service_refuses_is_noted_and_not_sent_again(node_with: Any, compute: Compute) -> None:
    compute.always = 400
    async with node_with() as (it, client):
        uuids = await three(client)
        await until_pushed(it.node)
        compute.always = 202
        await client.algo("Z")
        await until_pushed(it.node)
        assert len(compute.heard) == len(set(compute.uuids())) == 4
        task = uuids[0].replace("-", "")
        async with asyncio.timeout(30):
            while not (lines := await it.node.events.log_lines(task)):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        assert "answered 400" in lines[0].message
        assert "said 400" in lines[0].message
        assert (await client.learnuplets(uuid=uuids[0]))[0]["status"] == "todo"  # who polls may have it
        assert it.node.problems() == {}


@pytest.mark.parametrize("status", [500, 503, 429, 302])
async def test_what_fails_is_tried_again_and_others_pass_it(
    node_with: Any, compute: Compute, status: int
) -> None:
    async with node_with() as (it, client):
        await client.problem()
        await client.data("D")
        compute.always = status
        await client.algo("A")
        (bad,) = [uplet["uuid"] for uplet in await client.learnuplets(algo="A")]
        await compute.until(lambda: len(compute.heard) >= 2)
        await until(lambda: f"answered {status}" in it.node.problems().get("compute", ""))
        compute.answers[bad] = [status] * 6
        compute.always = 202
        await client.algo("B")
        await compute.until(lambda: len(set(compute.uuids())) == 2)
        await until_pushed(it.node)
        assert compute.uuids().count(bad) >= 3
        await until(lambda: it.node.problems() == {})


async def test_a_service_that_hangs_is_asked_again(node_with: Any, compute: Compute) -> None:
    compute.hanging = asyncio.Event()
    async with node_with() as (it, client):
        uuids = await three(client)
        await until(lambda: "no answer within" in it.node.problems().get("compute", ""))
        compute.hanging.set()
        await until_pushed(it.node)
        assert set(compute.uuids()) == set(uuids)


async def test_a_service_that_dies_over_a_request_is_sent_it_again(node_with: Any, compute: Compute) -> None:
    compute.hanging = asyncio.Event()
    async with node_with() as (it, client):
        await client.problem()
        await client.data("D")
        await client.algo()
        await compute.until(lambda: compute.heard)
        await compute.stop()
        compute.hanging = None
        await compute.start()
        await until_pushed(it.node)
        assert len(compute.heard) >= 2


async def test_an_uplet_that_is_given_back_is_pushed_again(node_with: Any, compute: Compute) -> None:
    async with node_with() as (it, client):
        await client.problem()
        await client.data("D")
        await client.algo()
        await until_pushed(it.node)
        (uplet,) = await client.learnuplets()
        await client.claim(uplet)
        assert await it.node.uplets.release(uplet["uuid"].replace("-", ""))
        await until_pushed(it.node)
        assert compute.uuids() == [uplet["uuid"]] * 2


async def test_many_are_pushed_in_the_order_in_which_they_were_made(node_with: Any, compute: Compute) -> None:
    await compute.stop()
    async with node_with() as (it, client):
        await client.problem()
        await client.data("D")
        await client.algo()
        await client.learn((await client.learnuplets())[0])
        items = [f"X{number}" for number in range(250)]
        await client.ok("POST", "/prediction", {"data": items, "problem": "P"})
        compute.always = 202
        await compute.start()
        await until_pushed(it.node)
        predicted = [body["data"] for path, body in compute.heard if path == "/pred"]
        assert list(dict.fromkeys(predicted)) == items


async def test_a_node_stops_while_a_service_hangs(node_with: Any, compute: Compute) -> None:
    compute.hanging = asyncio.Event()
    async with node_with() as (_, client):
        await three(client)
        await compute.until(lambda: compute.heard)
        begun = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - begun < 10
    compute.hanging.set()


@pytest.mark.parametrize(
    "url",
    ["", "compute", "ftp://x", "http://", "http://u:p@x", "http://x?y=1", "http://x#y", "http://x:99999999"],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(BadRequest, match="--compute"):
        raise_from(url)


def raise_from(url: str) -> None:
    try:
        dispatch.service_url(url)
    except BadRequest as error:
        assert "u:p" not in str(error)
        raise BadRequest(error.remedy) from None


def test_an_address_may_have_a_path() -> None:
    assert str(dispatch.service_url("https://x.example/base/") / "learn") == "https://x.example/base/learn"
    assert json.dumps(str(dispatch.service_url("http://[::1]:80/") / "pred"))


async def test_what_is_given_back_while_it_is_pushed_is_pushed_again(
    node_with: Any, compute: Compute, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its service may know that somebody had it, and have dropped it."""
    monkeypatch.setattr(dispatch, "ANSWER_SECONDS", 30)
    compute.hanging = asyncio.Event()
    async with node_with() as (it, client):
        await client.problem(size=1)
        await client.data("D1")
        await client.algo("A")
        (uplet,) = await client.learnuplets()
        await compute.until(lambda: len(compute.heard) == 1)
        assert (await client.claim(uplet)).status == 200
        assert await it.node.uplets.release(uplet["uuid"].replace("-", ""))
        compute.hanging.set()
        await compute.until(lambda: len(compute.heard) == 2)
        assert compute.uuids() == [uplet["uuid"]] * 2
        await until_pushed(it.node)


async def test_what_is_taken_while_it_is_pushed_is_not_pushed_again(
    node_with: Any, compute: Compute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "ANSWER_SECONDS", 30)
    compute.hanging = asyncio.Event()
    async with node_with() as (_, client):
        first, *others = await three(client)
        await compute.until(lambda: len(compute.heard) == 1)
        assert (await client.claim({"uuid": first, "rank": 0})).status == 200
        compute.hanging.set()
        await compute.until(lambda: len(compute.heard) == 3)
        assert compute.uuids() == [first, *others]
