"""The store: one writer thread with group commit, readers beside it.

A write is a function of a connection. It runs in a savepoint of its own, so that one that fails takes nothing
else with it; writes that wait together share one commit, and each caller hears of the end only after that
commit is on disk. What the writes mean is told by the services that bring them.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from pydantic_core import from_json

from node.errors import BadRequest, Unavailable
from node.store.functions import pattern_found
from node.store.migrations import MigrationError, prepare_schema

T = TypeVar("T")
Work = Callable[[sa.Connection], T]

MAX_GROUP = 256
"""Writes in one commit at most: bounds how long the first of them waits for the last."""

READERS = 4

READ_SECONDS = 30
"""How long PostgreSQL may take to read something; SQLite's slow functions have limits of their own."""

_NUL_ERRORS = ("NUL (0x00)", "\\u0000")
"""PostgreSQL's words, and its driver's, for a text that they cannot hold."""

MAX_RECALLED = 1024
"""Answers of `recall` kept at most."""

FREE_PAGES = 256
"""Free pages of the file that are left for what comes next: 1 MB."""

PAGES_AT_ONCE = 2000
"""Freed pages of the file that one write hands back at most, so that no other waits long behind it."""


class StoreError(Unavailable):
    """The database refused a commit, or is not one that this program can use."""


@dataclass(slots=True)
class _Write:
    work: Work[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None

    def settle(self) -> None:
        """Tell the caller; runs in the caller's event loop."""
        if self.future.cancelled():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Store:
    """The node's database. `url` is an SQLAlchemy URL: SQLite in WAL mode, or PostgreSQL."""

    def __init__(self, url: str) -> None:
        self._url = sa.make_url(url)
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")
        self._writer: threading.Thread | None = None
        self._write_engine: sa.Engine | None = None
        self._read_engine: sa.Engine | None = None
        self._recalled: dict[Hashable, tuple[int, Any]] = {}
        self.commits = 0

    async def open(self) -> None:
        """Open or create the database, bringing one of an older version up to date. Raises StoreError if a
        newer version of suffice made it."""
        await asyncio.to_thread(self._open)
        self._writer = threading.Thread(target=self._write_loop, name="store-write", daemon=True)
        self._writer.start()

    async def close(self) -> None:
        """Commit what is queued and close. Further writes are refused."""
        writer, self._writer = self._writer, None
        if writer is not None:
            self._queue.put(None)
            await asyncio.to_thread(writer.join)
        self._readers.shutdown()
        for engine in (self._read_engine, self._write_engine):
            if engine is not None:
                engine.dispose()

    def submit(self, work: Work[T]) -> asyncio.Future[T]:
        """Queue a write now and return its future: writes are carried out in the order of these calls.

        The future ends after the commit. Cancelling it does not take the write back.
        """
        if self._writer is None:
            raise StoreError("the store is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Write(work, loop, future))
        return future

    async def write(self, work: Work[T]) -> T:
        """Carry out `work` in a transaction; returns its result once that is committed. Raises BadRequest for
        a text with a NUL character, if the database cannot hold one (PostgreSQL).

        Work that has begun is never abandoned: a caller that is cancelled waits no longer, but the write
        goes through.
        """
        return await asyncio.shield(self.submit(work))

    async def read(self, work: Work[T]) -> T:
        """Carry out `work`, which only reads, on one consistent snapshot of the database. Raises BadRequest
        as `write` does."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def recall(self, key: Hashable, work: Work[T], keep: Callable[[T], bool] | None = None) -> T:
        """As `read`, or what the same `key` gave since the last commit: nobody else writes here.

        The result is shared by its callers: it must not be changed. keep: whether to remember it.
        """
        commits = self.commits  # as before the read, so that a commit meanwhile makes its result old
        kept = self._recalled.get(key)
        if kept is not None and kept[0] == commits:
            found: T = kept[1]
            return found
        found = await self.read(work)
        if keep is not None and not keep(found):
            return found
        if len(self._recalled) >= MAX_RECALLED:
            self._recalled.clear()
        self._recalled[key] = (commits, found)
        return found

    async def reclaim(self) -> None:
        """Give the space of what was deleted back to the disk, beside other writes, unless it is very little.
        (PostgreSQL does it by itself.)"""
        if self._url.get_backend_name() != "sqlite" or await self.read(_free_pages) < FREE_PAGES:
            return

        def free(connection: sa.Connection) -> int:
            # The driver's own cursor: each row without columns that it fetches is a page set free.
            cursor = connection.connection.cursor()
            cursor.execute(f"PRAGMA incremental_vacuum({PAGES_AT_ONCE})")
            cursor.fetchall()
            return _free_pages(connection)

        while await self.write(free):
            pass
        await asyncio.get_running_loop().run_in_executor(self._readers, self._checkpoint)

    # In threads from here on.

    def _open(self) -> None:
        sqlite = self._url.get_backend_name() == "sqlite"
        if sqlite and self._url.database:
            # Made by us first, so that it and its WAL are readable by nobody else from the start.
            os.close(os.open(Path(self._url.database), os.O_CREAT | os.O_RDWR, 0o600))
        # An error shows the statement; its parameters may be keys and other people's rows.
        # Documents are searched by their keys as they are, not as ASCII would spell them.
        dump = partial(json.dumps, ensure_ascii=False)
        create = partial(
            sa.create_engine,
            self._url,
            hide_parameters=True,
            json_serializer=dump,
            json_deserializer=from_json,
        )
        try:
            self._write_engine = create(pool_size=1, max_overflow=0)
        except ModuleNotFoundError as error:
            raise StoreError(
                f"PostgreSQL needs the package {error.name}", 'install it: pip install "suffice[postgresql]"'
            ) from None
        patience = {} if sqlite else {"options": f"-c statement_timeout={READ_SECONDS}s"}
        self._read_engine = create(pool_size=READERS, max_overflow=0, connect_args=patience)
        if sqlite:
            _prepare_sqlite(self._write_engine, writes=True)
            _prepare_sqlite(self._read_engine, writes=False)
        try:
            prepare_schema(self._write_engine)
        except MigrationError as error:
            raise StoreError(f"the store {self._url!r} {error}", error.remedy) from error
        except sa.exc.DatabaseError as error:
            raise StoreError(f"cannot open the store {self._url!r}: {error.orig}") from error

    def _checkpoint(self) -> None:
        """Carry the WAL over into the file, which ends then where its last page does."""
        assert self._read_engine is not None  # noqa: S101
        connection = self._read_engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        finally:
            connection.close()

    def _read(self, work: Work[T]) -> T:
        assert self._read_engine is not None, "the store is not open"  # noqa: S101
        try:
            with self._read_engine.begin() as connection:
                return work(connection)
        except sa.exc.DataError as error:
            raise _refused(error) from error

    def _write_loop(self) -> None:
        assert self._write_engine is not None  # noqa: S101
        while True:
            group, last = self._next_group()
            if group:
                self._commit(self._write_engine, group)
                for loop in {write.loop for write in group}:
                    mine = [write for write in group if write.loop is loop]
                    if not loop.is_closed():
                        loop.call_soon_threadsafe(_settle_all, mine)
            if last:
                return

    def _next_group(self) -> tuple[list[_Write], bool]:
        group: list[_Write] = []
        item = self._queue.get()
        while True:
            if item is None:
                return group, True
            group.append(item)
            if len(group) == MAX_GROUP:
                return group, False
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return group, False

    def _commit(self, engine: sa.Engine, group: list[_Write]) -> None:
        try:
            with engine.begin() as connection:
                for write in group:
                    try:
                        with connection.begin_nested():
                            write.result = write.work(connection)
                    except Exception as error:
                        write.error = _refused(error) if isinstance(error, sa.exc.DataError) else error
                        if not _in_transaction(connection):
                            # A full disk makes SQLite undo the whole transaction, what came before included.
                            write.error = None
                            raise error.__context__ or error from None
            self.commits += 1
        except Exception as error:
            for write in group:
                write.error = write.error or StoreError(
                    f"nothing was committed: {getattr(error, 'orig', error)}",
                    "nothing has changed; see to the node's disk, then try again",
                )


def _refused(error: sa.exc.DataError) -> Exception:
    """What to tell of a value that the database has refused."""
    if any(words in str(error.orig) for words in _NUL_ERRORS):
        return BadRequest("a text has a NUL character, which the database cannot hold", "leave it out")
    return error


def _settle_all(writes: list[_Write]) -> None:
    for write in writes:
        write.settle()


def _free_pages(connection: sa.Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA freelist_count").scalar_one())


def _in_transaction(connection: sa.Connection) -> bool:
    return getattr(connection.connection.dbapi_connection, "in_transaction", True)


def _prepare_sqlite(engine: sa.Engine, *, writes: bool) -> None:
    """WAL, durable commits, and transactions that begin when SQLAlchemy says so.

    synchronous=FULL syncs the WAL at every commit: what was acknowledged outlives kill -9 and loss of power.
    What shapes the file needs the lock of a writer: a reader, which is opened at any time, leaves it alone.
    """
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

    @sa.event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin or commit by itself
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout=10000")
        if writes:
            cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")  # before the first page is written
            cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()
        connection.create_function("pattern_found", 2, pattern_found, deterministic=True)

    @sa.event.listens_for(engine, "begin")
    def begin_transaction(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)
