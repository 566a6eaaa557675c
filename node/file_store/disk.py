"""Where contents are kept: what such a place does, and the one on the node's own disk."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import BinaryIO, Protocol


class BlobPlace(Protocol):
    """Keeps contents by their SHA-256. Its methods block: they are called in threads, one per digest."""

    def prepare(self) -> None:
        """Called once, before anything else. Raises NodeError if contents cannot be kept here."""

    def put(self, digest: str, file: Path) -> None:
        """Keep what `file` holds; durable on return. The file may be gone afterwards. Raises OSError."""

    def remove(self, digest: str) -> None:
        """Free the room that it takes; nothing happens if it is not there. Raises OSError."""

    def open(self, digest: str) -> BinaryIO:
        """Read it; one opened before it is removed stays readable. Raises FileNotFoundError, OSError."""


class DiskBlobs:
    """One file (0600) for each content, named by its digest, in 256 folders."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self) -> None:
        """Folders are made when they are needed."""

    def put(self, digest: str, file: Path) -> None:
        path = self.path(digest)
        if not path.parent.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            sync_folder(path.parent.parent)
        file.replace(path)
        sync_folder(path.parent)

    def remove(self, digest: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.path(digest).unlink()

    def open(self, digest: str) -> BinaryIO:
        return self.path(digest).open("rb")

    def path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest


def sync_folder(folder: Path) -> None:
    """Let a folder's new names reach the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
