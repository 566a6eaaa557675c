"""A server's data copied while it is written to are what another server goes on with."""

import asyncio
from pathlib import Path

from transport.credentials import NKey
from transport.nats_bus import NatsBus
from transport.server import EmbeddedServer
from transport.server_copy import copy_server
from transport.subjects import state

SLOTS = 6
COPIES = 8


async def test_every_value_is_there_none_older_than_the_copy(
    tmp_path: Path, server: EmbeddedServer, admin: NKey
) -> None:
    """Large values, so that chunks are replaced and blocks begun and gone all the time."""
    committed = dict.fromkeys(range(SLOTS), 0)
    before: list[dict[int, int]] = []
    bus = await NatsBus.connect([server.url], admin, tls_fingerprint=server.fingerprint)
    await bus.provision("fed")
    stop = asyncio.Event()

    async def write(slot: int) -> None:
        while not stop.is_set():
            number = committed[slot] + 1
            await bus.put(state("fed", "stats", "p", str(slot)), b"%08d" % number + bytes(200_000))
            committed[slot] = number

    def copy(target: Path) -> None:
        with server.held_still():
            copy_server(tmp_path / "nats", target)

    writers = [asyncio.create_task(write(slot)) for slot in range(SLOTS)]
    for number in range(COPIES):
        while min(committed.values()) < 4 * (number + 1):  # noqa: ASYNC110 - the writers go on by themselves
            await asyncio.sleep(0.01)
        before.append(dict(committed))
        await asyncio.to_thread(copy, tmp_path / f"copy{number}")
    stop.set()
    await asyncio.gather(*writers)
    await bus.close()
    await server.stop()

    for number, known in enumerate(before):
        async with EmbeddedServer(tmp_path / f"copy{number}", admin.public) as again:
            assert (again.port, again.fingerprint) == (server.port, server.fingerprint)
            bus = await NatsBus.connect([again.url], admin, tls_fingerprint=again.fingerprint)
            for slot, least in known.items():
                subject = state("fed", "stats", "p", str(slot))
                value = await bus.get(subject)
                assert value is not None
                assert int(value[:8]) >= least
                await bus.put(subject, b"and on it goes")
                assert await bus.get(subject) == b"and on it goes"
            await bus.close()
