"""The store: group commit, savepoints, durability."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from federation.outputs import Put
from node import federation_rows as rows
from node.federation_rows import FederationRow
from node.store import Store, StoreError
from node.store.schema import meta
from node.store.store import READERS


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(f"sqlite:///{tmp_path / 'node.sqlite'}")
    await store.open()
    yield store
    await store.close()


def put(key: str, value: str):
    return lambda connection: connection.execute(meta.insert().values(key=key, value=value)).rowcount


def keys(connection: sa.Connection) -> set[str]:
    return set(connection.scalars(sa.select(meta.c.key).where(meta.c.key != "schema_version")))


def folder(path: Path) -> list[Path]:
    return list(path.iterdir())


async def test_an_acknowledged_write_is_seen_by_another_connection(store: Store, tmp_path: Path) -> None:
    assert await store.write(put("a", "1")) == 1
    with sqlite3.connect(tmp_path / "node.sqlite") as other:
        assert other.execute("select value from meta where key='a'").fetchall() == [("1",)]
    other.close()


async def test_readers_are_opened_and_read_while_a_write_goes_on(store: Store) -> None:
    """On SQLite a statement that wants to write would wait for the writer, and give up on a busy node."""
    gate = threading.Event()

    def hold(connection: sa.Connection) -> None:
        put("a", "")(connection)
        gate.wait()

    writing = store.submit(hold)
    try:
        found = await asyncio.gather(*(store.read(keys) for _ in range(2 * READERS)))
    finally:
        gate.set()
        await writing
    assert found == [set()] * len(found)
    assert await store.read(keys) == {"a"}


async def test_writes_that_wait_together_share_a_commit(store: Store) -> None:
    gate = threading.Event()
    first = store.submit(lambda _: gate.wait())
    rest = [store.submit(put(f"k{i}", "")) for i in range(100)]
    before = store.commits
    gate.set()
    await asyncio.gather(first, *rest)
    assert store.commits - before <= 2
    assert len(await store.read(keys)) == 100


async def test_what_is_recalled_is_read_once_and_again_after_each_commit(store: Store) -> None:
    reads = 0

    def counted(connection: sa.Connection) -> set[str]:
        nonlocal reads
        reads += 1
        return keys(connection)

    for number in range(3):
        await store.write(put(f"k{number}", ""))
        assert await store.recall("keys", counted) == {f"k{n}" for n in range(number + 1)}
        assert await store.recall("keys", counted) == {f"k{n}" for n in range(number + 1)}
    assert reads == 3


async def test_what_is_not_to_be_kept_is_read_every_time(store: Store) -> None:
    answers = iter((b"long", b"s", b"other"))
    found = [await store.recall("key", lambda _: next(answers), lambda it: len(it) < 2) for _ in range(3)]
    assert found == [b"long", b"s", b"s"]


async def test_a_read_that_a_commit_overtakes_is_not_recalled(store: Store) -> None:
    begun, gate = threading.Event(), threading.Event()

    def slow(connection: sa.Connection) -> set[str]:
        found = keys(connection)
        begun.set()
        gate.wait()
        return found

    reading = asyncio.create_task(store.recall("keys", slow))
    await asyncio.to_thread(begun.wait)
    await store.write(put("a", ""))
    gate.set()
    assert await reading == set()
    assert await store.recall("keys", keys) == {"a"}


async def test_a_write_that_fails_takes_no_other_with_it(store: Store) -> None:
    gate = threading.Event()
    first = store.submit(lambda _: gate.wait())

    def half(connection: sa.Connection) -> None:
        put("half", "")(connection)
        raise ValueError("changed my mind")

    writes = [store.submit(put("a", "")), store.submit(half), store.submit(put("b", ""))]
    gate.set()
    await first
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert results[0] == results[2] == 1
    assert isinstance(results[1], ValueError)
    assert await store.read(keys) == {"a", "b"}


async def test_writes_are_carried_out_in_the_order_they_were_submitted(store: Store) -> None:
    seen: list[int] = []
    await asyncio.gather(*(store.submit(lambda _, i=i: seen.append(i)) for i in range(1000)))
    assert seen == list(range(1000))


async def test_a_cancelled_caller_does_not_undo_its_write(store: Store) -> None:
    gate = threading.Event()
    first = store.submit(lambda _: gate.wait())
    task = asyncio.create_task(store.write(put("a", "")))
    await asyncio.sleep(0)
    task.cancel()
    gate.set()
    await first
    await store.write(lambda _: None)
    assert await store.read(keys) == {"a"}


async def test_a_store_of_another_version_is_not_opened(store: Store, tmp_path: Path) -> None:
    await store.write(lambda c: c.execute(meta.update().values(value="999")))
    other = Store(f"sqlite:///{tmp_path / 'node.sqlite'}")
    with pytest.raises(StoreError, match=r"schema version 999, this program knows versions up to"):
        await other.open()
    await other.close()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_bytes(b"not a database at all" * 100)
    store = Store(f"sqlite:///{tmp_path / 'x.sqlite'}")
    with pytest.raises(StoreError, match="cannot open"):
        await store.open()
    await store.close()


async def test_nobody_else_can_read_the_file(store: Store, tmp_path: Path) -> None:
    await store.write(put("a", ""))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in sorted(folder(tmp_path))}
    assert set(modes.values()) == {0o600}, modes


async def test_a_closed_store_refuses_writes(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'node.sqlite'}")
    await store.open()
    last = store.submit(put("a", ""))
    await store.close()
    assert await last == 1
    with pytest.raises(StoreError, match="closed"):
        await store.write(put("b", ""))


async def test_what_a_full_disk_undid_is_not_acknowledged(store: Store) -> None:
    """SQLite undoes the whole transaction when it cannot write, not only the write that was too large."""
    gate = threading.Event()
    first = store.submit(lambda _: gate.wait())

    def too_large(connection: sa.Connection) -> None:
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, limits[1]))
        try:
            put("large", "x" * 8 * 2**20)(connection)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    writes = [store.submit(put("a", "")), store.submit(too_large), store.submit(put("b", ""))]
    gate.set()
    results = await asyncio.gather(first, *writes, return_exceptions=True)
    acknowledged = {key for key, result in zip("_a_b", results, strict=True) if result == 1 and key != "_"}
    assert await store.read(keys) == acknowledged
    assert all(
        isinstance(result, StoreError) and "nothing was committed" in str(result) for result in results
    )
    assert await store.write(put("c", "")) == 1


async def test_a_value_put_while_the_former_one_is_being_sent_stays_to_be_sent(store: Store) -> None:
    row = FederationRow("air", "0" * 32, "admin", True, 0.0, {})
    await store.write(lambda c: rows.save(c, row, b"", [Put(("leave", "a"), b"old")]))
    (sending,) = await store.read(lambda c: rows.waiting(c, "air"))
    await store.write(lambda c: rows.save(c, row, b"", [Put(("leave", "a"), b"new")]))
    await store.write(lambda c: rows.sent(c, sending))
    (left,) = await store.read(lambda c: rows.waiting(c, "air"))
    assert await store.read(lambda c: rows.message(c, left)) == (("leave", "a"), b"new")


async def test_an_error_does_not_show_what_was_to_be_stored(store: Store) -> None:
    await store.write(put("a", "1"))
    with pytest.raises(sa.exc.IntegrityError) as caught:
        await store.write(put("a", "a-secret"))
    assert "a-secret" not in str(caught.value)
