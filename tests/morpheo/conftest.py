"""A real node behind a real socket, and small clients of its Morpheo dialect."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from api.server import Server
from node.config import NodeConfig
from node.keys import AccessKey
from node.node import Node

WHOLE = {"perf": 0.5, "train_perf": {"d": 0.5}, "test_perf": {"t": 0.5}}
"""Performances as a worker posts them."""


@dataclass
class Answer:
    status: int
    headers: Any
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> str:
        """The text of a refusal, of which it is all."""
        (text,) = self.json.values()
        assert list(self.json) == ["Error"]
        return text


@dataclass
class Client:
    """HTTP Basic and JSON. A call that is refused is an Answer; `ok` is for those that must not be."""

    session: aiohttp.ClientSession
    url: str
    key: AccessKey | None

    async def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        headers = dict(more.pop("headers", {}))
        if self.key is not None:
            headers["Authorization"] = aiohttp.encode_basic_auth(self.key.access_key, self.key.secret_key)
        if body is not None:
            more["data"] = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.request(method, self.url + path, headers=headers, **more) as response:
            return Answer(response.status, response.headers, await response.text())

    async def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = await self(method, path, body, **more)
        assert answer.status in (200, 201), answer
        return answer.json

    # --- what tests do over and over ----------------------------------------------------------------------

    async def problem(self, uuid: str = "P", size: int = 2, tests: Any = ("T",), **more: Any) -> Any:
        body = {"uuid": uuid, "workflow": "W", "test_dataset": list(tests), "size_train_dataset": size}
        return (await self.ok("POST", "/problem", body | more))["new_problem"]

    async def algo(self, uuid: str = "A", problem: str = "P") -> int:
        body = {"uuid": uuid, "problem": problem, "name": f"algo {uuid}"}
        return (await self.ok("POST", "/algo", body))["new_learnuplets"]

    async def data(self, *uuids: str, problems: Any = "P") -> int:
        body = {"uuid": list(uuids), "problems": problems}
        return (await self.ok("POST", "/data", body))["new_learnuplets"]

    async def learnuplets(self, **filters: Any) -> list[Any]:
        """By rank."""
        found = (await self.ok("GET", "/learnuplet", params=filters))["learnuplets"]
        return sorted(found, key=lambda uplet: uplet["rank"])

    async def preduplets(self, **filters: Any) -> list[Any]:
        return (await self.ok("GET", "/preduplet", params=filters))["preduplets"]

    async def claim(self, uplet: Any, worker: str = "worker") -> Answer:
        kind = "learnuplet" if "rank" in uplet else "preduplet"
        return await self("POST", f"/worker/{kind}/{uplet['uuid']}", {"worker": worker})

    async def learn(self, uplet: Any, perf: float = 0.5) -> Any:
        """Claim a learnuplet and post that it is done; how it is then."""
        assert (await self.claim(uplet)).status == 200
        await self.ok("POST", f"/learndone/{uplet['uuid']}", {"status": "done", **WHOLE, "perf": perf})
        return await self.ok("GET", f"/learnuplet/{uplet['uuid']}")

    async def fail(self, uplet: Any) -> None:
        assert (await self.claim(uplet)).status == 200
        await self.ok("POST", f"/learndone/{uplet['uuid']}", {"status": "failed"})


@dataclass
class Running:
    node: Node
    url: str
    session: aiohttp.ClientSession

    def client(self, key: AccessKey | None) -> Client:
        return Client(self.session, self.url, key)


@asynccontextmanager
async def running(home: Path, **settings: Any) -> AsyncIterator[Running]:
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(Node(NodeConfig(home=home, workers=1, **settings)))
        server = await stack.enter_async_context(Server(node, "127.0.0.1", 0))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        await node.announce(server.url, "")
        yield Running(node, server.url, session)


@pytest.fixture
def start() -> Callable[..., Any]:
    """`async with start(home, ...) as it`: for restarts, and for other settings."""
    return running


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path / "home") as it:
        yield it


@pytest.fixture
def admin(served: Running) -> Client:
    """Shows the node's first key."""
    return served.client(served.node.first_key)


@pytest.fixture
def as_user(served: Running) -> Callable[..., Awaitable[Client]]:
    """A client of a new user with a role."""

    async def make(user: str, role: str = "user") -> Client:
        return served.client(await served.node.keys.create(user, role))

    return make


@pytest.fixture
def anonymous(served: Running) -> Client:
    return served.client(None)
