"""Servers, buses and payloads for the tests of the transport."""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from transport.bus import Bus
from transport.credentials import NKey
from transport.memory import MemoryBroker, MemoryBus
from transport.nats_bus import NatsBus
from transport.server import EmbeddedServer
from transport.server_process import find_binary
from transport.tls import ensure_certificate

Connect = Callable[[], Awaitable[Bus]]


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 (conditions on other processes)
            await asyncio.sleep(0.005)


@pytest.fixture(name="until")
def _until() -> Callable[..., Awaitable[None]]:
    return until


@pytest.fixture
def admin() -> NKey:
    return NKey.generate()


@pytest.fixture
async def server(tmp_path: Path, admin: NKey) -> AsyncIterator[EmbeddedServer]:
    async with EmbeddedServer(tmp_path / "nats", admin.public) as running:
        yield running


@pytest.fixture
async def connect_as(server: EmbeddedServer) -> AsyncIterator[Callable[..., Awaitable[NatsBus]]]:
    """Connect to the embedded server with a key; closed at the end of the test."""
    async with AsyncExitStack() as stack:

        async def connect(key: NKey, **options: float) -> NatsBus:
            bus = await NatsBus.connect([server.url], key, tls_fingerprint=server.fingerprint, **options)
            stack.push_async_callback(bus.close)
            return bus

        yield connect


@pytest.fixture
def plain_server(tmp_path: Path) -> Iterator[str]:
    """The URL of a server of somebody else's: no TLS, user and password, JetStream on."""
    yield from _plain_server(tmp_path / "plain", jetstream=True)


@pytest.fixture
def encrypted_server(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """As `plain_server`, but with TLS after the greeting, as is usual: its URL and its fingerprint."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    fingerprint = ensure_certificate(certificate, key, "localhost")
    tls = {"cert_file": str(certificate), "key_file": str(key)}
    for url in _plain_server(tmp_path / "encrypted", jetstream=True, tls=tls):
        yield url.replace("nats://", "tls://"), fingerprint


@pytest.fixture
def server_without_jetstream(tmp_path: Path) -> Iterator[str]:
    yield from _plain_server(tmp_path / "bare", jetstream=False)


def _plain_server(folder: Path, jetstream: bool, **settings_too: object) -> Iterator[str]:
    folder.mkdir()
    settings: dict[str, object] = {
        "host": "127.0.0.1",
        "port": -1,
        "ports_file_dir": str(folder),
        "authorization": {"users": [{"user": "ann", "password": "s3cret"}]},
    }
    settings |= settings_too
    if jetstream:
        settings["jetstream"] = {"store_dir": str(folder / "js")}
    (folder / "server.conf").write_text(json.dumps(settings))
    command = [str(find_binary()), "-c", str(folder / "server.conf")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            ports = folder / f"nats-server_{process.pid}.ports"
            while not ports.exists() or not ports.read_text().endswith("}"):
                assert process.poll() is None, "nats-server did not start"
            yield json.loads(ports.read_text())["nats"][0]
        finally:
            process.terminate()


@pytest.fixture(params=["memory", "nats"])
async def connect(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Connect]:
    """Make one more bus to the same place, in memory or on a server; federation `f` has a store there."""
    async with AsyncExitStack() as stack:
        broker = MemoryBroker()
        key = NKey.generate()
        server = EmbeddedServer(tmp_path / "nats", key.public)
        if request.param == "nats":
            await stack.enter_async_context(server)

        async def connect_one() -> Bus:
            bus: Bus
            if request.param == "memory":
                bus = MemoryBus(broker)
            else:
                bus = await NatsBus.connect([server.url], key, tls_fingerprint=server.fingerprint)
            stack.push_async_callback(bus.close)
            return bus

        await (await connect_one()).provision("f")
        yield connect_one


@pytest.fixture(scope="session")
def big() -> bytes:
    """64 MiB in which no two chunks are alike."""
    return os.urandom(64 * 2**20)
