"""A node with its file host behind a real socket, and a small client of it."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict
from yarl import URL

from api.server import FileServer
from node.config import NodeConfig
from node.file_store import FileStore, StoredFile
from node.node import Node


@dataclass
class Reply:
    status: int
    headers: CIMultiDict[str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Host:
    """The file host of a node, spoken to with the node's first key."""

    node: Node
    url: str
    session: aiohttp.ClientSession
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.node.config.home

    async def __call__(self, method: str, path: str, data: Any = None, **headers: str) -> Reply:
        """`path` is sent as it is written, percent signs included."""
        if isinstance(data, bytes):
            data = io.BytesIO(data)
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        url = URL(self.url + path, encoded=True)
        async with self.session.request(method, url, data=data, headers=sent) as response:
            return Reply(response.status, CIMultiDict(response.headers), await response.read())

    async def post(self, *files: tuple[str, bytes], **headers: str) -> Reply:
        body, kind = form(*files)
        return await self("POST", "/", body, Content_Type=kind, **headers)

    def contents(self) -> set[str]:
        """The digests that lie on the disk."""
        return {path.name for path in (self.home / "files" / "contents").rglob("*") if path.is_file()}

    def arriving(self) -> list[str]:
        return [path.name for path in (self.home / "files" / "incoming").iterdir()]


def form(*files: tuple[str, bytes], boundary: str = "b0undary") -> tuple[bytes, str]:
    """A form as the SDK sends it: the path as the field's name, only quotes and line ends are escaped."""
    body = b""
    for path, data in files:
        name = path.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        body += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode() + data
        body += b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


@pytest.fixture(name="form")
def form_of() -> Callable[..., tuple[bytes, str]]:
    return form


@asynccontextmanager
async def hosting(home: Path, **settings: Any) -> AsyncIterator[Host]:
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(Node(NodeConfig(home=home, workers=1, **settings)))
        server = await stack.enter_async_context(FileServer(node, "127.0.0.1", 0))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        host = Host(node, server.url, session)
        host.headers = basic(node.first_key.access_key, node.first_key.secret_key)
        yield host


def basic(access_key: str, secret_key: str) -> dict[str, str]:
    return {"Authorization": aiohttp.encode_basic_auth(access_key, secret_key)}


@pytest.fixture
def start_host() -> Callable[..., Any]:
    return hosting


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with hosting(tmp_path / "home") as it:
        yield it


@pytest.fixture
def as_role(host: Host) -> Callable[..., Any]:
    """The same host, spoken to with a new key of a role."""

    async def make(role: str) -> Host:
        key = await host.node.keys.create(role, role)
        return Host(host.node, host.url, host.session, basic(key.access_key, key.secret_key))

    return make


async def stored(files: FileStore, *contents: tuple[str, bytes], owner: str = "ada") -> list[StoredFile]:
    async with files.upload(owner) as upload:
        for path, data in contents:
            await upload.begin(path)
            await upload.write(data)
        return await upload.commit()


@pytest.fixture
def store_files() -> Callable[..., Any]:
    return stored


@pytest.fixture
def read_file() -> Callable[..., Any]:
    async def read(files: FileStore, path: str) -> bytes:
        reading = await files.read(path)
        try:
            return b"".join([part async for part in reading.chunks(0, reading.file.size)])
        finally:
            await reading.close()

    return read


@pytest.fixture
def until() -> Callable[..., Any]:
    """Wait until something is so, at most half a minute."""

    async def wait(met: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not met():  # noqa: ASYNC110 - what it waits for is told by nobody
                await asyncio.sleep(0.001)

    return wait
