"""The file store below HTTP: no path without contents, no contents without a path, whatever dies when."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from pathlib import Path
from typing import Any

import pytest

from node.config import NodeConfig
from node.errors import NotFound, Unavailable
from node.file_store import FileStore
from node.file_store.disk import DiskBlobs
from node.node import Node
from node.store import Store


class Died(BaseException):
    """The process ends here."""


class Failing(DiskBlobs):
    """A disk that fails as told, before or after it did what it was asked."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.fails: dict[str, BaseException] = {}

    def put(self, digest: str, file: Path) -> None:
        self._fail("before put")
        super().put(digest, file)
        self._fail("after put")

    def remove(self, digest: str) -> None:
        self._fail("before remove")
        super().remove(digest)
        self._fail("after remove")

    def _fail(self, when: str) -> None:
        if when in self.fails:
            raise self.fails[when]

    def kept(self) -> int:
        return sum(path.is_file() for path in self._folder.rglob("*"))


@pytest.fixture
async def place(tmp_path: Path) -> Failing:
    return Failing(tmp_path / "contents")


async def opened(tmp_path: Path, place: DiskBlobs) -> tuple[Store, FileStore]:
    store = Store(f"sqlite:///{tmp_path / 'db'}")
    await store.open()
    files = FileStore(store, place, tmp_path / "incoming")
    await files.open()
    return store, files


@pytest.mark.parametrize("when", ["before put", "after put", "before remove", "after remove"])
async def test_what_a_death_leaves_half_done_the_next_start_removes(
    tmp_path: Path, place: Failing, when: str, store_files: Any, read_file: Any
) -> None:
    store, files = await opened(tmp_path, place)
    await store_files(files, ("kept", b"1"), ("replaced", b"2"))
    place.fails = {when: Died()}
    with pytest.raises(Died):
        await store_files(files, ("replaced", b"3"))
    await store.close()  # without a word to the file store, as a death would

    place.fails = {}
    store, files = await opened(tmp_path, place)
    assert await read_file(files, "kept") == b"1"
    assert await read_file(files, "replaced") == (b"2" if "put" in when else b"3")
    assert place.kept() == 2
    assert files.used == 2
    await files.close()
    await store.close()


@pytest.mark.parametrize("when", ["before put", "after put"])
async def test_a_disk_that_refuses_changes_nothing(
    tmp_path: Path, place: Failing, when: str, store_files: Any, read_file: Any
) -> None:
    store, files = await opened(tmp_path, place)
    await store_files(files, ("a", b"1"))
    place.fails = {when: OSError("the disk is on fire")}
    with pytest.raises(Unavailable, match="on fire"):
        await store_files(files, ("a", b"2"))
    assert await read_file(files, "a") == b"1"
    assert (place.kept(), files.used) == (1, 1)
    await files.close()
    await store.close()


async def test_contents_that_cannot_be_removed_are_removed_at_the_next_start(
    tmp_path: Path, place: Failing, store_files: Any
) -> None:
    store, files = await opened(tmp_path, place)
    await store_files(files, ("a", b"1"))
    place.fails = {"before remove": OSError("busy")}
    assert await files.delete(["a"]) == ["a"]
    assert place.kept() == 1
    await files.close()
    place.fails = {}
    files = FileStore(store, place, tmp_path / "incoming")
    await files.open()
    assert (place.kept(), files.used) == (0, 0)
    await files.close()
    await store.close()


async def test_lost_contents_are_named(tmp_path: Path, store_files: Any) -> None:
    async with Node(NodeConfig(home=tmp_path / "home", workers=1)) as node:
        (file,) = await store_files(node.files, ("a/b", b"1"))
        (tmp_path / "home" / "files" / "contents" / file.digest[:2] / file.digest).unlink()
        with pytest.raises(Unavailable, match="'a/b' are missing"):
            await node.files.read("a/b")


async def test_what_is_pinned_is_removed_only_afterwards(
    tmp_path: Path, place: Failing, store_files: Any
) -> None:
    store, files = await opened(tmp_path, place)
    (file,) = await store_files(files, ("a", b"1"))
    async with files.pinned():
        await files.delete(["a"])
        with pytest.raises(NotFound):
            await files.find("a")
        with files.open_content(file.digest) as stream:
            assert stream.read() == b"1"
    assert (place.kept(), files.used) == (0, 0)
    await files.close()
    await store.close()


async def test_a_restart_finds_everything(tmp_path: Path, store_files: Any, read_file: Any) -> None:
    config = NodeConfig(home=tmp_path / "home", workers=1)
    async with Node(config) as node:
        await store_files(node.files, ("a", b"1"), ("b/c", b"22"))
    async with Node(config) as node:
        assert await read_file(node.files, "b/c") == b"22"
        assert node.files.used == 3
        found = await node.files.find("/a")
        assert (found.digest, found.owner) == (hashlib.sha256(b"1").hexdigest(), "ada")


async def test_one_that_is_cancelled_leaves_nothing(tmp_path: Path, place: Failing, until: Any) -> None:
    store, files = await opened(tmp_path, place)

    async def upload() -> None:
        async with files.upload("ada") as upload:
            await upload.begin("a")
            while True:
                await upload.write(b"x" * 2**20)

    task = asyncio.create_task(upload())
    await until(lambda: list((tmp_path / "incoming").iterdir()))
    task.cancel()
    await asyncio.wait([task])
    assert list((tmp_path / "incoming").iterdir()) == []
    assert files._room.coming == 0
    await files.close()
    await store.close()


async def test_random_comings_and_goings_keep_contents_and_paths_together(
    tmp_path: Path, place: Failing, store_files: Any, read_file: Any
) -> None:
    import random

    store, files = await opened(tmp_path, place)

    async def client(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(25):
            path, data = f"p{rng.randrange(3)}", bytes([rng.randrange(4)]) * 10
            match rng.randrange(4):
                case 0:
                    await files.delete([path])
                case 1:
                    with contextlib.suppress(NotFound):
                        assert len(await read_file(files, path)) == 10
                case _:
                    await store_files(files, (path, data), (f"q{rng.randrange(3)}", data))

    await asyncio.gather(*(client(seed) for seed in range(6)))
    digests = {
        (await files.find(f"{k}{n}")).digest for k in "pq" for n in range(3) if await there(files, f"{k}{n}")
    }
    assert place.kept() == len(digests)
    assert files.used == 10 * len(digests)
    await files.close()
    await store.close()


async def there(files: FileStore, path: str) -> bool:
    try:
        await files.find(path)
    except NotFound:
        return False
    return True
