"""The file store: paths lead to contents, which are kept once each, and only while a path leads to them.

Whatever moment the process dies at, no path leads to contents that are not there, and no bytes stay without a
path. Before bytes are put in their place their row is committed; the path that leads to them is committed
after them; and bytes are removed only when no committed path leads to them, then their row. So what a crash
leaves is a row without a path, and `open` removes what those name. One content is worked on by one task at a
time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from weakref import WeakValueDictionary

import sqlalchemy as sa

from node.errors import NotFound, Unavailable
from node.file_store import rows
from node.file_store.arriving import Also, Arrived, Room, Upload
from node.file_store.disk import BlobPlace
from node.file_store.stored import StoredFile, clean_path
from node.files import new_private
from node.store import Store

T = TypeVar("T")

THREADS = 8
CHUNK = 2**20
"""Bytes that are read at a time."""
GROUP = 100
"""Contents that are removed at a time."""

log = logging.getLogger(__name__)


class Reading:
    """A file that is being read; to be closed."""

    def __init__(self, file: StoredFile, stream: BinaryIO, threads: ThreadPoolExecutor) -> None:
        self.file = file
        self._stream = stream
        self._threads = threads

    async def chunks(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `stop`. Raises OSError, also if there are fewer."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._stream.seek, start)
        while start < stop:
            data = await loop.run_in_executor(self._threads, self._stream.read, min(CHUNK, stop - start))
            if not data:
                raise OSError(f"{self.file.digest} is shorter than its {self.file.size} bytes")
            start += len(data)
            yield data

    async def save(self, target: Path) -> None:
        """Copy all of it to a new file, mode 0600. Raises OSError."""

        def copy() -> None:
            with new_private(target) as file:
                shutil.copyfileobj(self._stream, file, CHUNK)

        await asyncio.get_running_loop().run_in_executor(self._threads, copy)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, self._stream.close)


class FileStore:
    """The files of a node. `incoming` is a folder of its own for what is arriving; `quota` in bytes."""

    def __init__(self, store: Store, place: BlobPlace, incoming: Path, quota: int | None = None) -> None:
        self._store = store
        self._place = place
        self._incoming = incoming
        self._room = Room(quota)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="files")
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._running: set[asyncio.Task[Any]] = set()
        self._pins = 0

    @property
    def quota(self) -> int | None:
        return self._room.quota

    @property
    def used(self) -> int:
        """Bytes that all contents take; what is still arriving is not among them."""
        return self._room.used

    async def open(self) -> None:
        """Remove what an earlier process left half-way in or out. Raises NodeError without a place."""

        def empty() -> None:
            shutil.rmtree(self._incoming, ignore_errors=True)
            self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)

        await self._run(empty)
        await self._run(self._place.prepare)
        self._room.used = await self._store.read(rows.total)
        await self._sweep()

    async def close(self) -> None:
        """Finish what has begun."""
        while self._running:
            await asyncio.wait(self._running)
        self._threads.shutdown()

    def upload(self, owner: str) -> Upload:
        """Files that arrive together, as an async context; nothing is kept before its `commit`."""

        async def keep(arrived: Mapping[str, Arrived], also: Also | None) -> list[StoredFile]:
            return await self._to_the_end(self._keep(arrived, owner, also))

        return Upload(self._incoming, self._room, self._threads, keep)

    async def find(self, path: str) -> StoredFile:
        """What is kept under a path. Raises NotFound, BadRequest."""
        cleaned = clean_path(path)
        found = await self._store.recall(("file", cleaned), lambda c: rows.find(c, cleaned))
        if found is None:
            raise NotFound(f"there is no file {cleaned!r}", "check its path, or upload it")
        return found

    async def read(self, path: str) -> Reading:
        """Begin to read a file. Raises NotFound, BadRequest, Unavailable."""
        lost = None
        while True:
            file = await self.find(path)
            if file.digest == lost:
                raise Unavailable(
                    f"the contents of {file.path!r} are missing where the node keeps them",
                    "start the node with the disk or bucket that it had, or upload the file again",
                )
            try:
                return Reading(file, await self._run(self._place.open, file.digest), self._threads)
            except FileNotFoundError:
                lost = file.digest  # replaced and removed meanwhile: then it is another one now
            except OSError as error:
                raise Unavailable(f"{file.path!r} cannot be read: {error}", "try again later") from error

    async def save(self, path: str, target: Path) -> None:
        """Copy a file to a new one on the disk. Raises NotFound, Unavailable, OSError."""
        reading = await self.read(path)
        try:
            await reading.save(target)
        finally:
            await reading.close()

    async def take(self, source: Path, path: str, owner: str, also: Also | None = None) -> StoredFile:
        """Keep what a file on the disk holds. Raises QuotaExceeded, OSError."""
        async with self.upload(owner) as upload:
            await upload.begin(path)
            stream: BinaryIO = await self._run(source.open, "rb")
            with stream:
                while data := await self._run(stream.read, CHUNK):
                    await upload.write(data)
            (kept,) = await upload.commit(also)
            return kept

    async def release(self, digests: Iterable[str]) -> None:
        """Free what contents took whose paths were removed by a transaction (`rows.remove`)."""
        await self._to_the_end(self._forget(set(digests)))

    async def delete(self, paths: Iterable[str], also: Also | None = None) -> list[str]:
        """Remove files and free what they took; gives the paths that existed."""
        return await self._to_the_end(self._delete([clean_path(path) for path in paths], also))

    async def delete_folder(self, folder: str) -> list[str]:
        """Remove all files whose paths are below a folder; gives their paths."""
        cleaned = clean_path(folder)
        return await self.delete(await self._store.read(lambda c: rows.below(c, cleaned)))

    async def count(self) -> int:
        """How many files there are."""
        return await self._store.recall("files", rows.count)

    @contextlib.asynccontextmanager
    async def pinned(self) -> AsyncIterator[None]:
        """Meanwhile no bytes are removed: what a snapshot of the database names stays readable."""
        self._pins += 1
        try:
            yield
        finally:
            self._pins -= 1
            if not self._pins:
                await self._to_the_end(self._sweep())

    def open_content(self, digest: str) -> BinaryIO:
        """The bytes of one content, to be read in a thread while it is pinned. Raises OSError."""
        return self._place.open(digest)

    # --- what is done under the locks of contents ---------------------------------------------------------

    async def _keep(self, arrived: Mapping[str, Arrived], owner: str, also: Also | None) -> list[StoredFile]:
        now = time.time()
        contents = {one.digest: one for one in arrived.values()}
        sizes = {digest: one.size for digest, one in contents.items()}
        files = [StoredFile(path, one.digest, one.size, now, owner) for path, one in arrived.items()]
        unneeded = set(contents)

        def assign(connection: sa.Connection) -> set[str]:
            if also is not None:
                also(connection)
            return rows.assign(connection, files)

        try:
            async with self._alone(contents):
                new, unsure = await self._store.write(lambda c: rows.announce(c, sizes))
                self._room.used += sum(sizes[digest] for digest in new)
                for digest in unsure:
                    await self._run(self._place.put, digest, contents[digest].file)
                unneeded = await self._store.write(assign)
        except OSError as error:
            raise Unavailable(f"the files could not be kept: {error}", "try again later") from error
        finally:
            await self._forget(unneeded)
        return files

    async def _delete(self, paths: Sequence[str], also: Also | None) -> list[str]:
        def remove(connection: sa.Connection) -> dict[str, str]:
            if also is not None:
                also(connection)
            return rows.remove(connection, paths)

        found = await self._store.write(remove)
        await self._forget(set(found.values()))
        return list(found)

    async def _sweep(self) -> None:
        await self._forget(await self._store.read(rows.unreferenced))

    async def _forget(self, digests: Iterable[str]) -> None:
        """Remove the contents of these to which no path leads."""
        waiting = sorted(digests)
        for at in range(0, len(waiting), GROUP):
            await self._forget_group(waiting[at : at + GROUP])

    async def _forget_group(self, group: Sequence[str]) -> None:
        async with self._alone(group):
            if self._pins:
                return  # its end sweeps
            free = await self._store.read(lambda c: rows.unreferenced(c, group))
            gone = await self._run(self._remove, sorted(free))
            if gone:
                freed = await self._store.write(lambda c: rows.forget(c, gone))
                self._room.used -= freed

    def _remove(self, digests: Sequence[str]) -> list[str]:
        gone = []
        for digest in digests:
            try:
                self._place.remove(digest)
            except OSError as error:
                log.warning(
                    "a content no longer needed could not be removed, the next start tries: %s", error
                )
            else:
                gone.append(digest)
        return gone

    @contextlib.asynccontextmanager
    async def _alone(self, digests: Iterable[str]) -> AsyncIterator[None]:
        """Work on these contents and nobody else does; taken in order, so that no two wait for each other."""
        async with contextlib.AsyncExitStack() as held:
            for digest in sorted(digests):
                await held.enter_async_context(self._locks.setdefault(digest, asyncio.Lock()))
            yield

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    async def _to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Carry it out even if whoever asked for it is cancelled."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)
