"""A real node behind a real socket, and small clients that speak its two dialects."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from api.app import make_app
from api.bodies import Bodies
from api.server import Server
from api.symetry.signing import Signed, content_md5, sign
from node.config import NodeConfig
from node.keys import AccessKey
from node.node import Node


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> dict[str, str]:
        return self.json["error"]


async def sent(session: aiohttp.ClientSession, method: str, url: Any, **more: Any) -> Answer:
    async with session.request(method, url, **more) as response:
        return Answer(response.status, dict(response.headers), await response.text())


@dataclass
class Native:
    """HTTP Basic and JSON."""

    session: aiohttp.ClientSession
    url: str
    key: AccessKey | None

    async def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        headers = dict(more.pop("headers", {}))
        if self.key is not None:
            token = base64.b64encode(f"{self.key.access_key}:{self.key.secret_key}".encode()).decode()
            headers.setdefault("Authorization", f"Basic {token}")
        if body is not None:
            more["data"] = json.dumps(body).encode()
        return await sent(self.session, method, self.url + path, headers=headers, **more)

    async def finished(self, job: dict[str, Any]) -> dict[str, Any]:
        while job["completed"] is None:
            job = (await self("GET", f"/api/jobs/{job['id']}?wait=30")).json
        return job


@dataclass
class Symetry:
    """Signed requests; `path` is what follows /symetry/rest/{cid}."""

    session: aiohttp.ClientSession
    url: str
    key: AccessKey
    headers: dict[str, str] = field(default_factory=dict)
    full_url: bool = False

    async def __call__(self, method: str, path: str, body: Any = None, **overrides: str | None) -> Answer:
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.raw(method, f"/symetry/rest/{self.key.access_key}{path}", data, **overrides)

    async def raw(self, method: str, target: str, data: bytes, **overrides: str | None) -> Answer:
        path, _, query = target.partition("?")
        headers = {"sym-date": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S};123456"}
        if data:
            headers["Content-MD5"] = content_md5(data)
        changed = {
            name.replace("_", "-"): value for name, value in overrides.items() if name != "Authorization"
        }
        headers |= {name: value for name, value in changed.items() if value is not None}
        for name, value in changed.items():
            if value is None:
                headers.pop(name, None)
        signed = Signed(
            method,
            headers.get("Content-MD5", ""),
            headers.get("sym-date", ""),
            self.key.access_key,
            query,
            data,
        )
        headers["Authorization"] = sign(
            signed, self.key.secret_key, self.url + path if self.full_url else path
        )
        if "Authorization" in overrides:
            given = overrides["Authorization"]
            headers["Authorization"] = given or ""
            if given is None:
                del headers["Authorization"]
        url = URL(self.url + target, encoded=True)
        return await sent(self.session, method, url, headers=headers, data=data or None)

    async def finished(self, started: Answer) -> Answer:
        """The answer of the job that `started` names, once it is no longer running."""
        assert started.status == 202, started.text
        while (answer := await self("GET", f"/jobs/{started.headers['sym-job-id']}")).status == 202:
            pass
        return answer


@dataclass
class Running:
    node: Node
    url: str
    native: Native
    symetry: Symetry
    anonymous: Native


@asynccontextmanager
async def running(home: Path, **settings: Any) -> AsyncIterator[Running]:
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(Node(NodeConfig(home=home, workers=1, **settings)))
        server = await stack.enter_async_context(Server(node, "127.0.0.1", 0))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        key = node.first_key
        yield Running(
            node,
            server.url,
            Native(session, server.url, key),
            Symetry(session, server.url, key),
            Native(session, server.url, None),
        )


@pytest.fixture
def make_native() -> Callable[..., Any]:
    """A native client of any server."""

    @asynccontextmanager
    async def make(url: str, key: AccessKey) -> AsyncIterator[Native]:
        async with aiohttp.ClientSession() as session:
            yield Native(session, url, key)

    return make


@pytest.fixture
def start() -> Callable[..., Any]:
    return running


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path / "home") as it:
        yield it


@pytest.fixture
def as_user(served: Running) -> Callable[[str, str], Awaitable[tuple[Native, Symetry]]]:
    """Clients of a new user with a role."""

    async def make(user: str, role: str) -> tuple[Native, Symetry]:
        key = await served.node.keys.create(user, role)
        session = served.native.session
        return Native(session, served.url, key), Symetry(session, served.url, key)

    return make


@pytest.fixture
def small_bodies() -> Bodies:
    return Bodies(most=1000, held_most=2500, seconds=0.2)


@pytest.fixture
def app_of() -> Callable[..., Any]:
    return make_app


IRIS = [
    # sepal_length, sepal_width, petal_length, petal_width of some rows, and whether it is virginica
    (5.1, 3.5, 1.4, 0.2, 0), (4.9, 3.0, 1.4, 0.2, 0), (4.7, 3.2, 1.3, 0.2, 0), (5.4, 3.9, 1.7, 0.4, 0),
    (7.0, 3.2, 4.7, 1.4, 0), (6.4, 3.2, 4.5, 1.5, 0), (6.9, 3.1, 4.9, 1.5, 0), (5.5, 2.3, 4.0, 1.3, 0),
    (6.3, 3.3, 6.0, 2.5, 1), (5.8, 2.7, 5.1, 1.9, 1), (7.1, 3.0, 5.9, 2.1, 1), (6.3, 2.9, 5.6, 1.8, 1),
    (6.5, 3.0, 5.8, 2.2, 1), (7.6, 3.0, 6.6, 2.1, 1), (4.9, 2.5, 4.5, 1.7, 1), (7.3, 2.9, 6.3, 1.8, 1),
]  # fmt: skip


@pytest.fixture
def iris() -> dict[str, Any]:
    """A DataFrame as SymetryML's clients send it: cells as text."""
    return {
        "attributeNames": ["sepal_length", "sepal_width", "petal_length", "petal_width", "virginica"],
        "attributeTypes": ["C", "C", "C", "C", "B"],
        "data": [[str(cell) for cell in row] for row in IRIS],
    }


@pytest.fixture(scope="session")
def big_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that takes long enough to learn that its job can be met running."""
    path = tmp_path_factory.mktemp("big") / "big.csv"
    path.write_bytes(b"a,b,c\n" + b"1.5,2.25,3\n" * 5_000_000)
    return path
