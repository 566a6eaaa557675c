"""Large values over JetStream: whole, never mixed, whatever happens meanwhile."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transport import jetstream, slots, subjects
from transport.bus import PayloadCorrupt
from transport.credentials import NKey
from transport.frames import FrameError, encode
from transport.nats_bus import NatsBus
from transport.server import EmbeddedServer
from transport.slots import CHUNK, INLINE, Manifest

SUBJECT = "suffice.f.state.statistics.p.n1"
Connect = Callable[..., Awaitable[NatsBus]]


@pytest.fixture
async def bus(connect_as: Connect, admin: NKey) -> NatsBus:
    bus = await connect_as(admin)
    await bus.provision("f")
    return bus


async def stored_chunks(bus: NatsBus) -> int:
    query = json.dumps({"subjects_filter": "suffice.f.chunk.>"}).encode()
    answer = await bus.request(f"$JS.API.STREAM.INFO.{subjects.stream('f')}", query)
    return len(json.loads(answer.data)["state"].get("subjects") or {})


async def test_64_mb_arrive_whole_though_the_reader_is_slow(
    bus: NatsBus, connect_as: Connect, admin: NKey, big: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = await connect_as(admin)
    under_way = most = 0
    original = reader.request

    async def slow_request(*arguments: Any) -> Any:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(3):
            await asyncio.sleep(0)
        try:
            return await original(*arguments)
        finally:
            under_way -= 1

    monkeypatch.setattr(reader, "request", slow_request)
    watch = await reader.watch("suffice.f.state.>")
    await bus.put(SUBJECT, big)
    assert await anext(watch) == SUBJECT
    assert await reader.get(SUBJECT) == big
    assert most <= slots.WINDOW
    assert reader.connected
    assert watch._error is None


async def test_a_reader_never_mixes_two_versions(bus: NatsBus, connect_as: Connect, admin: NKey) -> None:
    reader = await connect_as(admin)
    sizes = (3 * CHUNK, 9 * CHUNK + 1, INLINE, 5 * CHUNK - 1)
    done = asyncio.Event()

    async def write() -> None:
        for version in range(60):
            await bus.put(SUBJECT, bytes([version]) * sizes[version % len(sizes)])
        done.set()

    async def read() -> list[int]:
        seen = []
        while not done.is_set():
            value = await reader.get(SUBJECT)
            if value is not None:
                assert value == value[:1] * sizes[value[0] % len(sizes)]
                seen.append(value[0])
        return seen

    _, seen = await asyncio.gather(write(), read())
    assert seen == sorted(seen)
    assert len(set(seen)) > 5


async def test_a_shorter_value_leaves_no_chunks_of_the_longer(bus: NatsBus) -> None:
    await bus.put(SUBJECT, bytes(20 * CHUNK))
    await bus.put(SUBJECT, bytes(20 * CHUNK))
    assert await stored_chunks(bus) == 40
    await bus.put(SUBJECT, b"small")
    await bus.put(SUBJECT, b"small too")
    async with asyncio.timeout(20):
        while await stored_chunks(bus):  # noqa: ASYNC110 (the server forgets them in its own time)
            await asyncio.sleep(0.05)
    assert await bus.get(SUBJECT) == b"small too"


async def test_a_writer_that_died_halfway_leaves_the_value_before(bus: NatsBus) -> None:
    await bus.put(SUBJECT, b"a" * 10 * CHUNK)
    with pytest.raises(asyncio.TimeoutError):
        async with asyncio.timeout(0.02):
            while True:
                await slots._write_chunks(bus, SUBJECT, b"b" * 10 * CHUNK, await current(bus), os.urandom(8))
    assert await bus.get(SUBJECT) == b"a" * 10 * CHUNK


async def current(bus: NatsBus) -> Manifest:
    stored = await jetstream.last(bus, SUBJECT)
    assert stored is not None
    return Manifest.from_bytes(stored.payload)


async def test_damage_is_an_error_that_names_the_subject(bus: NatsBus) -> None:
    await bus.put(SUBJECT, bytes(5 * CHUNK))
    side = "ab"[(await current(bus)).side]
    await jetstream.store(bus, f"{subjects.chunks(SUBJECT, side)}3", bytes(CHUNK - 1) + b"!")
    with pytest.raises(PayloadCorrupt, match=SUBJECT):
        await bus.get(SUBJECT)
    await jetstream.store(bus, SUBJECT, b"rubbish")
    with pytest.raises(PayloadCorrupt, match=SUBJECT):
        await bus.get(SUBJECT)
    await bus.put(SUBJECT, b"mended")
    assert await bus.get(SUBJECT) == b"mended"


async def test_a_put_goes_through_though_the_server_dies_under_it(
    server: EmbeddedServer,
    bus: NatsBus,
    connect_as: Connect,
    admin: NKey,
    big: bytes,
    until: Callable[..., Awaitable[None]],
) -> None:
    reader = await connect_as(admin)
    watch = await reader.watch("suffice.f.state.>")
    await bus.put(SUBJECT, b"before")
    assert await anext(watch) == SUBJECT
    put = asyncio.create_task(bus.put(SUBJECT, big[: 16 * 2**20]))
    await until(lambda: bus.bytes_sent > 2**20)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    async with asyncio.timeout(30):
        await put
        assert await anext(watch) == SUBJECT
    assert await reader.get(SUBJECT) == big[: 16 * 2**20]
    assert server.restarts == 1


async def test_a_value_put_while_a_watcher_was_cut_off_is_named_to_it(
    server: EmbeddedServer, bus: NatsBus, connect_as: Connect, admin: NKey
) -> None:
    reader = await connect_as(admin)
    watch = await reader.watch("suffice.f.state.>")
    await reader._client.force_reconnect()
    await bus.put(SUBJECT, b"meanwhile")
    async with asyncio.timeout(20):
        assert await anext(watch) == SUBJECT
        assert await reader.get(SUBJECT) == b"meanwhile"


manifests = st.builds(
    Manifest,
    version=st.integers(1, 2**40),
    size=st.integers(1, 2**30),
    digest=st.binary(min_size=32, max_size=32),
    side=st.integers(0, 1),
    chunk=st.integers(1, 2**20),
    extents=st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)),
    mark=st.binary(min_size=8, max_size=8),
    inline=st.none(),
)


@given(manifests)
def test_a_manifest_survives_the_journey(manifest: Manifest) -> None:
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest


@given(manifests, st.data())
def test_a_changed_manifest_is_read_or_refused(manifest: Manifest, data: st.DataObject) -> None:
    fields: list[Any] = [getattr(manifest, name) for name in manifest.__slots__]
    fields[data.draw(st.integers(0, 7))] = data.draw(st.integers() | st.none() | st.binary() | st.text())
    try:
        assert 0 <= Manifest.from_bytes(encode(fields)).size <= 2**30
    except FrameError:
        return
