"""A real node behind a real socket, a model deployed on it, and small clients of its Gravity dialect."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from api.server import Server
from federation.statistics import Coded, Schema, Table
from node.config import NodeConfig
from node.keys import AccessKey, Role
from node.node import Node

SCHEMA = {
    "attributes": [
        {"name": "x", "type": "C", "quantum": "1"},
        {"name": "y", "type": "C", "quantum": "1"},
        {"name": "z", "type": "C", "quantum": "1"},
        {"name": "kind", "type": "T"},
    ]
}


def table(rows: int = 60) -> Table:
    """z = 2 x + 3 y + 5."""
    rng = np.random.default_rng(7)
    x, y = rng.integers(-50, 50, (2, rows)).astype(float)
    kind = Coded(rng.integers(0, 2, rows).astype(np.int32), ("a", "b"))
    return Table({"x": x, "y": y, "z": 2 * x + 3 * y + 5, "kind": kind})


@dataclass
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        """What a call that was not refused answers."""
        assert self.status == 200, self
        assert self.json["isError"] is False and self.json["errorMessage"] is None, self
        assert list(self.json) == ["data", "isError", "errorMessage"]
        return self.json["data"]

    @property
    def error(self) -> str:
        """The text of a refusal, which has the envelope as well."""
        assert self.status >= 400, self
        assert list(self.json) == ["data", "isError", "errorMessage"]
        assert self.json["data"] is None and self.json["isError"] is True
        text: str = self.json["errorMessage"]
        return text


@dataclass
class Client:
    """One who holds a key of a deployment."""

    session: aiohttp.ClientSession
    url: str
    key: str | None

    async def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        headers = dict(more.pop("headers", {}))
        if self.key is not None:
            headers["x-api-key"] = self.key
        if body is not None:
            more["data"] = body if isinstance(body, (bytes, aiohttp.FormData)) else json.dumps(body)
        url = path if "://" in path else self.url + path
        async with self.session.request(method, url, headers=headers, **more) as response:
            return Answer(response.status, response.headers, await response.read())

    async def post(
        self,
        file: bytes | str,
        file_name: str = "example.csv",
        mime: str | None = "text/csv; header=present",
        **more: Any,
    ) -> Answer:
        """Submit a file; `more` is what `data` has beside the mime type."""
        return await self("POST", "/api/v1/jobs", form({"mimeType": mime} | more, file, file_name))

    async def result(self, job: str) -> Answer:
        """What a job's link leads to, fetched without the key."""
        link = (await self("GET", f"/api/v1/jobs/result-link/{job}")).data
        return await Client(self.session, self.url, None)("GET", link)


def form(data: Any, file: bytes | str, name: str = "example.csv") -> aiohttp.FormData:
    """A submission as the vendor's Python client sends it."""
    parts = aiohttp.FormData(quote_fields=False)
    parts.add_field("data", data if isinstance(data, str) else json.dumps(data))
    parts.add_field("file", io.BytesIO(file.encode() if isinstance(file, str) else file), filename=name)
    return parts


@dataclass
class Native:
    """HTTP Basic and JSON."""

    session: aiohttp.ClientSession
    url: str
    key: AccessKey

    async def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        headers = {"Authorization": aiohttp.encode_basic_auth(self.key.access_key, self.key.secret_key)}
        if body is not None:
            more["data"] = body if isinstance(body, (bytes, aiohttp.FormData)) else json.dumps(body)
        async with self.session.request(method, self.url + path, headers=headers, **more) as response:
            return Answer(response.status, response.headers, await response.read())

    async def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = await self(method, path, body, **more)
        assert answer.status in (200, 201), answer
        return answer.json


@dataclass
class Served:
    """A node with the project `sums` and its model `plane`, deployed as `plane` at 20 units per 5 records."""

    node: Node
    url: str
    session: aiohttp.ClientSession
    native: Native
    client: Client

    async def client_of(self, deployment: str = "plane", label: str = "") -> Client:
        """Somebody with a new key."""
        made = await self.native.ok("POST", f"/api/deployments/{deployment}/keys", {"label": label})
        return Client(self.session, self.url, made["key"])

    async def native_of(self, user: str, role: Role) -> Native:
        return Native(self.session, self.url, await self.node.keys.create(user, role))


@asynccontextmanager
async def serving(home: Path, **settings: Any) -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(Node(NodeConfig(home=home, workers=1, **settings)))
        server = await stack.enter_async_context(Server(node, "127.0.0.1", 0))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        native = Native(session, server.url, node.first_key)
        served = Served(node, server.url, session, native, Client(session, server.url, None))
        if not await node.projects.list():
            await node.projects.create("sums", owner="admin", schema=Schema.from_dict(SCHEMA))
            await node.projects.learn("sums", table())
            await node.models.fit("sums", "plane", "mlr", "z", ["x", "y"])
            await native.ok("POST", "/api/deployments", {"name": "plane", "group_size": 5, "price": 20})
            await native.ok("POST", "/api/deployments/plane/versions", {"project": "sums", "model": "plane"})
        served.client = await served.client_of(label="ours")
        yield served


@pytest.fixture
def serve() -> Callable[..., Any]:
    """Start a node in a folder."""
    return serving


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path / "home") as it:
        yield it


@pytest.fixture
def submission() -> Callable[..., aiohttp.FormData]:
    return form


@pytest.fixture
def holder(served: Served) -> Callable[[str | None], Client]:
    """A client with any text for a key."""
    return lambda key: Client(served.session, served.url, key)


@pytest.fixture
def eventually() -> Callable[..., Awaitable[Any]]:
    """A job once it has ended."""

    async def wait(served: Served, client: Client, job: str) -> Any:
        await served.node.jobs.wait(job.replace("-", ""), 30)
        while (found := (await client("GET", f"/api/v1/jobs/{job}")).data)["status"] == "incomplete":
            await served.node.jobs.wait(job.replace("-", ""), 30)
        return found

    return wait
