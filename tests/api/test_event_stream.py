"""Events as they happen: filtered, authenticated, never held up by a client that is slow."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import WSCloseCode, WSMsgType

from api.server import Server
from node.events import BACKLOG


@pytest.fixture
def header(served: Any) -> dict[str, str]:
    key = served.node.first_key
    token = base64.b64encode(f"{key.access_key}:{key.secret_key}".encode()).decode()
    return {"Authorization": f"Basic {token}"}


async def blocks(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """The events of a stream; comments are left out."""
    kind = ""
    async for raw in response.content:
        line = raw.decode().rstrip("\n")
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        if line.startswith("data: "):
            message = json.loads(line.removeprefix("data: "))
            assert message["kind"] == kind
            yield message


async def job(served: Any) -> dict[str, Any]:
    await served.native("POST", "/api/projects", {"name": "p"})
    return (await served.native("POST", "/api/projects/p/learn", {"path": "/nowhere.csv"})).json


async def test_a_job_is_followed_by_server_sent_events(served: Any, header: dict[str, str]) -> None:
    address = served.url + "/api/events?kind=status,log"
    async with served.native.session.get(address, headers=header) as response, asyncio.timeout(30):
        assert response.content_type == "text/event-stream"
        await response.content.readuntil(b"\n\n")
        task = await job(served)
        heard = []
        async for message in blocks(response):
            heard.append(message)
            if message.get("status") == "failed":
                break
    assert {message["task"] for message in heard} == {task["id"]}
    assert {message["kind"] for message in heard} == {"status", "log"}
    lines = (await served.native("GET", f"/api/jobs/{task['id']}/log")).json["lines"]
    assert [m["message"] for m in heard if m["kind"] == "log"] == [line["message"] for line in lines]


async def test_the_socket_tells_the_same_and_ends_with_the_node(served: Any, header: dict[str, str]) -> None:
    events = served.node.events
    task = await job(served)
    server = Server(served.node, "127.0.0.1", 0)
    await server.start()
    address = f"{server.url}/events?task={task['number']}&kind=scalar"
    async with served.native.session.ws_connect(address, headers=header) as socket, asyncio.timeout(30):
        events.scalar("another", "loss", 1, 1.0)
        events.scalar(task["id"], "loss", 1, 0.5)
        message = await socket.receive_json()
        assert message.pop("time") > 0
        assert message == {
            "kind": "scalar",
            "task": task["id"],
            "metric": "loss",
            "variant": "loss",
            "iteration": 1,
            "value": 0.5,
        }
        await server.stop()
        assert (await socket.receive()).type is WSMsgType.CLOSE
        assert socket.close_code == WSCloseCode.GOING_AWAY


async def test_who_is_too_slow_is_told_how_much_is_missing(served: Any, header: dict[str, str]) -> None:
    async with served.native.session.get(
        served.url + "/api/events?kind=progress", headers=header
    ) as response:
        async with asyncio.timeout(30):
            await response.content.readuntil(b"\n\n")
            for number in range(BACKLOG + 7):
                served.node.events.tell("t", "progress", {"current": number})
            heard = aiter(blocks(response))
            assert await anext(heard) == {"kind": "lost", "lost": 7}
            assert (await anext(heard))["current"] == 7


@pytest.mark.parametrize("path", ["/api/events", "/events"])
async def test_only_those_with_a_key_may_listen_and_only_to_what_there_is(
    served: Any, header: dict[str, str], path: str
) -> None:
    async with served.native.session.get(served.url + path) as response:
        assert response.status == 401
    for query, status in (("kind=gossip", 400), ("task=12345", 404)):
        async with served.native.session.get(f"{served.url}{path}?{query}", headers=header) as response:
            assert response.status == status


async def test_a_socket_that_is_none_is_refused(served: Any, header: dict[str, str]) -> None:
    async with served.native.session.get(served.url + "/events", headers=header) as response:
        assert response.status == 400
