"""Files in a node's home: written whole or not at all, readable by their owner alone; and the home's lock."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from pathlib import Path
from typing import BinaryIO

from node.config import NodeConfig


class HomeError(Exception):
    """The home folder cannot be used."""


def new_private(path: Path) -> BinaryIO:
    """A new file, mode 0600, to be written. Raises FileExistsError, OSError."""
    return open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))


def write_private(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, mode 0600: after a crash there is either the old file or the new one."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name itself has to reach the disk
    finally:
        os.close(folder)


def prepare_home(config: NodeConfig) -> None:
    """Make the home folder (0700). Raises HomeError if that is not possible."""
    try:
        config.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise HomeError(f"cannot use {config.home} as a node's home: {error.strerror or error}") from error


class HomeLock:
    """Keeps a second node out of a home folder. The kernel drops the lock however the process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock. Raises HomeError naming the process that has it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise HomeError(
                f"another node (process {holder}) runs in {self._path.parent}: stop it, or use another home"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
