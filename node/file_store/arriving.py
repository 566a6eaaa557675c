"""Files on their way in: written to a folder of their own and hashed as they come.

What comes counts against the quota from its first byte on.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import sqlalchemy as sa

from node.errors import NotFound
from node.file_store.errors import QuotaExceeded
from node.file_store.stored import StoredFile, clean_path

GATHERED = 2**20
"""Bytes that are written at a time."""

Also = Callable[[sa.Connection], object]
"""What becomes true in one transaction with the files; where it raises, nothing does."""

_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file that has come whole: where its bytes wait (durably), their SHA-256, how many they are."""

    file: Path
    digest: str
    size: int


@dataclass(slots=True)
class Room:
    """`used` bytes are kept and `coming` are on their way, of `quota` (None: as the disk holds)."""

    quota: int | None
    used: int = 0
    coming: int = 0

    def require(self, size: int) -> None:
        """Raise QuotaExceeded unless so many bytes more would fit."""
        if self.quota is not None and self.used + self.coming + size > self.quota:
            raise QuotaExceeded(
                f"the files would take more than the node's quota of {self.quota:,} bytes; "
                f"{self.used:,} are used",
                "delete files, or start the node with a larger --files-quota",
            )


class Upload:
    """Some files that come together: `begin`, `write`, ..., `commit`; without it, nothing has happened.

    Use it as an async context. What is written counts against the quota as it comes.
    """

    def __init__(
        self,
        folder: Path,
        room: Room,
        threads: ThreadPoolExecutor,
        keep: Callable[[Mapping[str, Arrived], Also | None], Awaitable[list[StoredFile]]],
    ) -> None:
        self._folder = folder
        self._room = room
        self._threads = threads
        self._keep = keep
        self._arrived: dict[str, Arrived] = {}
        self._superseded: list[Path] = []
        self._coming = 0
        self._path: str | None = None
        self._gathered = bytearray()
        self._digest = hashlib.sha256()
        self._size = 0
        self._descriptor = -1
        self._file = Path()
        self._working: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._room.coming -= self._coming
        if self._working is not None:  # of somebody who was cancelled
            await asyncio.wait([self._working])
        await asyncio.get_running_loop().run_in_executor(self._threads, self._clear)

    def expect(self, size: int) -> None:
        """Raise QuotaExceeded if so many bytes would not fit, before they are sent."""
        self._room.require(size)

    async def begin(self, path: str) -> None:
        """The next file; one of the same path replaces it. Raises BadRequest, NotFound for its path."""
        cleaned = clean_path(path)
        await self._finish()
        await self._in_thread(self._make)
        self._path = cleaned

    async def write(self, data: bytes | bytearray) -> None:
        """More of the file that was begun. Raises QuotaExceeded."""
        self._room.require(len(data))
        self._room.coming += len(data)
        self._coming += len(data)
        self._gathered += data
        if len(self._gathered) >= GATHERED:
            gathered, self._gathered = self._gathered, bytearray()
            await self._in_thread(self._append, gathered)

    async def received(self, path: str) -> Path:
        """Where a file that was begun lies, all of it, until it is kept. Raises NotFound, BadRequest."""
        await self._finish()
        cleaned = clean_path(path)
        if cleaned not in self._arrived:
            raise NotFound(f"no file {cleaned!r} has arrived", "send it")
        return self._arrived[cleaned].file

    async def commit(self, also: Also | None = None) -> list[StoredFile]:
        """Keep all files, from here on there to be read, in the order in which they were begun."""
        await self._finish()
        return await self._keep(self._arrived, also)

    async def _finish(self) -> None:
        if self._path is None:
            return
        gathered, self._gathered = self._gathered, bytearray()
        await self._in_thread(self._seal, gathered)
        path, self._path = self._path, None
        if path in self._arrived:
            self._superseded.append(self._arrived.pop(path).file)
        self._arrived[path] = Arrived(self._file, self._digest.hexdigest(), self._size)

    async def _in_thread(self, work: Callable[..., None], *arguments: object) -> None:
        self._working = asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        try:
            await asyncio.shield(self._working)
        except OSError as error:
            if error.errno in _FULL:
                raise QuotaExceeded(
                    "the disk of the node is full", "free some of it, then try again"
                ) from None
            raise

    # In threads from here on, one call at a time.

    def _make(self) -> None:
        self._descriptor, name = tempfile.mkstemp(dir=self._folder)  # made 0600
        self._file = Path(name)
        self._digest, self._size = hashlib.sha256(), 0

    def _append(self, data: bytearray) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self._digest.update(data)
        self._size += len(data)

    def _seal(self, data: bytearray) -> None:
        self._append(data)
        os.fsync(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = -1

    def _clear(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        for file in (self._file, *self._superseded, *(arrived.file for arrived in self._arrived.values())):
            with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                file.unlink()
