"""A backup of a node under load is one moment of it, and what is made of it is the same node."""

from __future__ import annotations

import asyncio
import io
import json
import os
import tarfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api.server import Server
from federation.statistics import Schema, Table
from node.backup import Archive, BackupError, check, of_stopped, restore
from node.config import NodeConfig
from node.files import HomeError
from node.node import Node

SCHEMA = Schema.from_dict({"attributes": [{"name": "x", "type": "C", "quantum": "1"}]})

SECONDS = 30


def written(archive: Archive, file: Path) -> Path:
    with file.open("wb") as stream:
        stream.writelines(archive.chunks())
    assert file.stat().st_size == archive.size
    return file


async def backup(node: Node, file: Path) -> Path:
    async with node.backup() as archive:
        return await asyncio.to_thread(written, archive, file)


@asynccontextmanager
async def running(home: Path, **settings: Any) -> AsyncIterator[Node]:
    async with Node(NodeConfig(home=home, workers=1, **settings)) as node:
        await node.announce("http://127.0.0.1:1", "http://127.0.0.1:2")
        yield node


async def test_what_is_restored_is_the_same_node(tmp_path: Path, store_files: Any, read_file: Any) -> None:
    async with running(tmp_path / "home") as node:
        await node.projects.create("p", owner="admin", schema=SCHEMA)
        digest = (await node.projects.learn("p", learned_table())).digest
        key = await node.keys.create("ada", "user")
        await store_files(node.files, ("a/b", b"1"), ("c", b"22"))
        file = await backup(node, tmp_path / "it.tar")
        await store_files(node.files, ("a/b", b"later"))
        await node.projects.delete("p")
        before = node
    assert check(file).about["files"] == 2

    restore(file, tmp_path / "again")
    assert secret_modes(tmp_path / "again") == {0o600}
    async with running(tmp_path / "again") as node:
        assert node.node_id == before.node_id
        assert node.first_key == before.first_key
        assert node.keys.find(key.access_key) == key
        assert [info.digest for info in await node.projects.list()] == [digest]
        assert await read_file(node.files, "a/b") == b"1"
        assert node.files.used == 3


def learned_table(rows: int = 100) -> Table:
    return Table({"x": np.arange(float(rows))})


def secret_modes(home: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in home.rglob("*") if path.is_file()}


async def test_a_backup_under_load_has_every_content_that_it_names(
    tmp_path: Path, store_files: Any, read_file: Any
) -> None:
    """Writers replace files all the time; each version of `n/*` is told by `n/number`, written with it."""
    async with running(tmp_path / "home") as node:
        stop = asyncio.Event()

        async def writer(name: str) -> None:
            number = 0
            while not stop.is_set():
                number += 1
                body = f"{name} {number} ".encode()
                await store_files(
                    node.files, (f"{name}/1", body + b"1" * 5000), (f"{name}/2", body + b"2" * 5000)
                )
                if number % 5 == 0:
                    await node.files.delete_folder(name)

        writers = [asyncio.create_task(writer(name)) for name in "abcd"]
        files = []
        for number in range(4):
            commits = node.store.commits
            files.append(await backup(node, tmp_path / f"{number}.tar"))
            while node.store.commits < commits + 20:  # noqa: ASYNC110 - commits are not announced
                await asyncio.sleep(0.001)
        stop.set()
        await asyncio.gather(*writers)
        left = await node.files.count()
        assert len(list((tmp_path / "home" / "backup").iterdir())) == 0

    for number, file in enumerate(files):
        check(file)
        restore(file, tmp_path / f"again{number}")
        async with running(tmp_path / f"again{number}") as node:
            for name in "abcd":
                found = await node.store.read(lambda c, name=name: paths_below(c, name))
                assert found in ([], [f"{name}/1", f"{name}/2"])
                if found:
                    first, second = [await read_file(node.files, path) for path in found]
                    assert first.split()[1] == second.split()[1]
    assert left <= 8


def paths_below(connection: Any, folder: str) -> list[str]:
    from node.file_store import rows

    return rows.below(connection, folder)


async def test_a_stopped_node_gives_the_same_and_a_running_one_only_itself(
    tmp_path: Path, store_files: Any
) -> None:
    async with running(tmp_path / "home") as node:
        await store_files(node.files, ("a", b"1"))
        with pytest.raises(HomeError, match="another node"), of_stopped(tmp_path / "home"):
            pass
        first = check(await backup(node, tmp_path / "running.tar"))
    with of_stopped(tmp_path / "home") as archive:
        second = check(written(archive, tmp_path / "stopped.tar"))
    assert set(first.parts) == set(second.parts)
    with pytest.raises(BackupError, match="holds no node"), of_stopped(tmp_path):
        pass


async def test_a_node_with_its_records_in_a_server_says_how_to_back_it_up(tmp_path: Path) -> None:
    from node.backup import taken

    config = NodeConfig(home=tmp_path, database_url="postgresql://nowhere/db")
    with pytest.raises(BackupError) as refused, taken(config, lambda _: io.BytesIO()):
        pass
    assert "pg_dump" in refused.value.remedy


@pytest.fixture
async def made(tmp_path: Path, store_files: Any) -> Path:
    async with running(tmp_path / "home") as node:
        await store_files(node.files, ("a", os.urandom(50_000)))
        return await backup(node, tmp_path / "it.tar")


def damage(file: Path, at: float) -> None:
    """Change more than a block of what is at this part of the whole."""
    data = bytearray(file.read_bytes())
    place = int(len(data) * at)
    data[place : place + 600] = bytes(byte ^ 0x55 for byte in data[place : place + 600])
    file.write_bytes(data)


def cut(file: Path, at: float) -> None:
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * at)])


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("at", [0.1, 0.3, 0.5, 0.7, 0.95])
async def test_damage_is_found_and_leaves_nothing(tmp_path: Path, made: Path, at: float) -> None:
    damage(made, at)
    with pytest.raises(BackupError):
        check(made)
    with pytest.raises(BackupError):
        restore(made, tmp_path / "again")
    assert names_in(tmp_path) == ["home", "it.tar"]


@pytest.mark.parametrize("at", [0.0, 0.01, 0.5, 0.9])
async def test_a_part_of_a_backup_is_none(tmp_path: Path, made: Path, at: float) -> None:
    cut(made, at)
    with pytest.raises(BackupError):
        restore(made, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def forged(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    import hashlib

    told = [
        {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in members
    ]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        manifest = json.dumps({"format": 1, "parts": told}).encode()
        for name, data in (("manifest.json", manifest), *members):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            if name != "manifest.json":
                entry.type, entry.linkname = kind, "/etc/passwd"
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        forged(("../outside", b"x")),
        forged(("/outside", b"x")),
        forged(("a/../../outside", b"x")),
        forged(("link", b""), kind=tarfile.SYMTYPE),
        forged(("link", b""), kind=tarfile.LNKTYPE),
        b"",
        b"no tar",
        b"x" * 100_000,
    ],
)
def test_a_forged_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "it.tar").write_bytes(content)
    with pytest.raises(BackupError):
        restore(tmp_path / "it.tar", tmp_path / "deep" / "again")
    assert not (tmp_path / "outside").exists()
    assert not (tmp_path / "deep" / "again").exists()


async def test_an_occupied_folder_is_left_alone(tmp_path: Path, made: Path) -> None:
    with pytest.raises(BackupError, match="is not empty"):
        restore(made, tmp_path / "home")
    (tmp_path / "empty").mkdir()
    restore(made, tmp_path / "empty")
    assert (tmp_path / "empty" / "identity.seed").exists()


async def test_a_restored_member_goes_on_where_its_backup_was(tmp_path: Path) -> None:
    """It has sent more since, under numbers that it does not remember: still the others listen to it."""
    async with running(tmp_path / "jfk", name="jfk") as jfk:
        async with running(tmp_path / "ewr", name="ewr", role="admin") as ewr:
            await ewr.federations.create("air", owner="admin")
            issued = await ewr.federations.invite("air")
            await jfk.federations.join(issued.invitation, owner="admin", wait=SECONDS)
            await ewr.projects.create("p", owner="admin", schema=SCHEMA, federation="air")
            await ewr.projects.learn("p", learned_table())
            await rows_come_to(jfk, "ewr", 100)
            await jfk.projects.create("p", owner="admin", federation="air")
            await jfk.projects.learn("p", learned_table(50))
            await rows_come_to(ewr, "jfk", 50)
            file = await backup(ewr, tmp_path / "ewr.tar")
            for total in (200, 300, 400):
                await ewr.projects.learn("p", learned_table())
                await rows_come_to(jfk, "ewr", total)
        restore(file, tmp_path / "again")
        async with running(tmp_path / "again", name="ewr", role="admin") as ewr:
            await rows_come_to(jfk, "ewr", 100)
            await rows_come_to(ewr, "jfk", 50)
            await ewr.projects.learn("p", learned_table())
            await rows_come_to(jfk, "ewr", 200)
            await jfk.projects.learn("p", learned_table(50))
            await rows_come_to(ewr, "jfk", 100)
            assert not ewr.config.restored_path.exists()


async def rows_come_to(node: Node, member: str, rows: int) -> None:
    """Until `node` holds so many rows of a member in project p."""

    async def held() -> list[int]:
        status = await node.federations.status("air")
        return [
            rows
            for each in status.members
            if each.name == member
            for project, (_, rows, _) in each.contributions.items()
            if project == "p"
        ]

    async with asyncio.timeout(SECONDS):
        while await held() != [rows]:  # noqa: ASYNC110 - the other end moves it
            await asyncio.sleep(0.02)


async def test_only_an_admin_gets_it_over_http_and_it_is_whole(
    tmp_path: Path, store_files: Any, as_http: Callable[..., Any]
) -> None:
    async with running(tmp_path / "home") as node, Server(node, "127.0.0.1", 0) as server:
        await store_files(node.files, ("a", os.urandom(3_000_000)))
        status, body = await as_http(server.url + "/api/backup", node.first_key)
        (tmp_path / "it.tar").write_bytes(body)
        assert status == 200
        assert check(tmp_path / "it.tar").about["files"] == 1
        superuser = await node.keys.create("eve", "superuser")
        assert (await as_http(server.url + "/api/backup", superuser))[0] == 403


@pytest.fixture
def as_http() -> Callable[..., Any]:
    import aiohttp

    async def get(url: str, key: Any) -> tuple[int, bytes]:
        headers = {"Authorization": aiohttp.encode_basic_auth(key.access_key, key.secret_key)}
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
            return response.status, await response.read()

    return get
