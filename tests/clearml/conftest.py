"""A node behind a socket, a plain client of its ClearML dialect, and scripts that use the real SDK."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from textwrap import dedent
from typing import Any

import aiohttp
import pytest

from api.server import FileServer, Server
from node.config import NodeConfig
from node.keys import AccessKey
from node.node import Node

SCRIPT_SECONDS = 120.0
"""How long a script may take: it hangs if a reply is not as the SDK wants it."""

ON_BOTH = {
    "test_bad_input",
    "test_events",
    "test_jobs",
    "test_many",
    "test_models",
    "test_organization",
    "test_project_removal",
    "test_projects",
    "test_queues",
    "test_reports",
    "test_status_events",
    "test_tasks",
    "test_workers",
}
"""Modules whose tests run on SQLite and on PostgreSQL; the others have SQLite alone."""


@dataclass
class Reply:
    status: int
    headers: Any
    body: dict[str, Any]

    @property
    def meta(self) -> dict[str, Any]:
        return self.body["meta"]

    @property
    def data(self) -> dict[str, Any]:
        assert self.status == 200, self.meta
        return self.body["data"]

    @property
    def code(self) -> tuple[int, int]:
        return self.meta["result_code"], self.meta["result_subcode"]


@dataclass
class Client:
    """`await client("tasks.get_by_id", task=...)`: the reply, whatever it is.

    Like the SDK it sends everything by GET with a JSON body. `auth`: the Authorization header.
    """

    session: aiohttp.ClientSession
    url: str
    auth: str | None

    async def __call__(self, name: str, /, **body: Any) -> Reply:
        return await self.send(name, json.dumps(body | {"method": "get"}))

    async def send(
        self,
        name: str,
        data: str | bytes | None = None,
        *,
        method: str = "GET",
        version: str | None = "2.34",
        headers: dict[str, str] | None = None,
    ) -> Reply:
        path = f"/v{version}/{name}" if version else f"/{name}"
        sent = {"Content-Type": "application/json"} | ({"Authorization": self.auth} if self.auth else {})
        body = data.encode() if isinstance(data, str) else data
        async with self.session.request(
            method, self.url + path, data=body and BytesIO(body), headers=sent | (headers or {})
        ) as response:
            return Reply(response.status, response.headers, await response.json(content_type=None))

    async def batch(self, name: str, items: list[Any]) -> Reply:
        """The items as NDJSON."""
        lines = "\n".join(json.dumps(item) for item in items)
        return await self.send(name, lines, headers={"Content-Type": "application/json-lines"})


def basic(user: str, secret: str) -> str:
    return "Basic " + b64encode(f"{user}:{secret}".encode()).decode()


@dataclass
class Running:
    node: Node
    url: str
    files_url: str
    session: aiohttp.ClientSession

    def client(self, key: AccessKey | None) -> Client:
        """A client that shows key and secret, or nothing."""
        return Client(self.session, self.url, None if key is None else basic(key.access_key, key.secret_key))

    def signed_in(self, user: str, secret: str) -> Client:
        """A client that shows a user name and a password, or any other pair."""
        return Client(self.session, self.url, basic(user, secret))

    def bearer(self, token: str) -> Client:
        return Client(self.session, self.url, f"Bearer {token}")


@asynccontextmanager
async def running(home: Path, **settings: Any) -> AsyncIterator[Running]:
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(Node(NodeConfig(home=home, workers=1, **settings)))
        server = await stack.enter_async_context(Server(node, "127.0.0.1", 0))
        files = await stack.enter_async_context(FileServer(node, "127.0.0.1", 0))
        # No jar: a cookie would sign in requests that are meant to show nothing.
        session = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
        yield Running(node, server.url, files.url, session)


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str | None:
    """A new database on PostgreSQL; None: the node makes its own, on SQLite."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return None
    return request.getfixturevalue("postgresql").make_database()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The modules that ask and change most do so on both databases."""
    if "database_url" in metafunc.fixturenames and metafunc.module.__name__.split(".")[-1] in ON_BOTH:
        if any(mark.args[0] == "database_url" for mark in metafunc.definition.iter_markers("parametrize")):
            return
        metafunc.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
async def served(tmp_path: Path, database_url: str | None) -> AsyncIterator[Running]:
    async with running(tmp_path / "home", database_url=database_url) as it:
        yield it


@pytest.fixture
def start() -> Callable[..., Any]:
    """`async with start(home, ...) as it`: for restarts, and for other settings."""
    return running


@pytest.fixture
def admin(served: Running) -> Client:
    """Shows the node's first key."""
    return served.client(served.node.first_key)


@pytest.fixture
def anonymous(served: Running) -> Client:
    return served.client(None)


@dataclass
class Script:
    """What a script printed."""

    returncode: int
    output: str
    errors: str

    @property
    def result(self) -> Any:
        """What its last line says, as JSON."""
        assert self.returncode == 0, f"{self.output}\n{self.errors}"
        return json.loads(self.output.splitlines()[-1])


@pytest.fixture
def sdk_environment(served: Running, tmp_path: Path) -> dict[str, str]:
    """The environment of a process that uses the SDK or the agent, with nothing of this user's own."""
    home = tmp_path / "sdk"
    home.mkdir()
    key = served.node.first_key
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return kept | {
        "HOME": str(home),
        "CLEARML_CONFIG_FILE": str(home / "clearml.conf"),
        "CLEARML_CACHE_DIR": str(home / "cache"),
        "CLEARML_API_HOST": served.url,
        "CLEARML_WEB_HOST": served.url,
        "CLEARML_FILES_HOST": served.files_url,
        "CLEARML_API_ACCESS_KEY": key.access_key,
        "CLEARML_API_SECRET_KEY": key.secret_key,
        "PYTHONUNBUFFERED": "1",
    }


@pytest.fixture
def sdk(sdk_environment: dict[str, str], tmp_path: Path) -> Callable[..., Any]:
    """`await sdk(code)`: run Python code in a process of its own, and end it if it hangs.

    background: report from a process beside the script's, as the SDK does if it is not told otherwise. That
    process wakes up every five seconds only, whence each flush and close takes as long.
    """

    async def run(
        code: str,
        *arguments: str,
        seconds: float = SCRIPT_SECONDS,
        background: bool = False,
        **environment: str,
    ) -> Script:
        path = tmp_path / "sdk" / "script.py"
        path.write_text(dedent(code))
        settings = {"sdk": {"development": {"report_use_subprocess": background}}}
        (path.parent / "clearml.conf").write_text(json.dumps(settings))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(path),
            *arguments,
            cwd=path.parent,
            env=sdk_environment | environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(seconds):
                output, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Script(process.returncode or 0, output.decode(), errors.decode())

    return run
