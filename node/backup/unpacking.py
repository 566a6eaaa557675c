"""Reading a backup back: every part is held against the manifest, and a home appears whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, BinaryIO

from node.backup.archive import CHUNK, MANIFEST, MAX_MANIFEST, BackupError, Manifest
from node.config import NodeConfig
from node.file_store.disk import sync_folder
from node.files import new_private, write_private

Target = Callable[[str], AbstractContextManager[BinaryIO | None]]


def check(file: Path) -> Manifest:
    """Read a backup from end to end. Raises BackupError if anything in it is not as it was made."""
    return _read(file, lambda _: nullcontext())


def restore(file: Path, home: Path) -> Manifest:
    """Make `home`, which must not exist or be empty, of a backup.

    Raises BackupError; then `home` is as it was. The node that starts there says everything again that it had
    to say to its federations: what it sent after the backup it does not remember.
    """
    _require_room(home)
    home.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=home.parent, prefix=f".{home.name}.restoring."))  # made 0700

    def target(name: str) -> BinaryIO:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return new_private(path)

    try:
        manifest = _read(file, target)
        write_private(NodeConfig(home=folder).restored_path, b"")
        for each in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
            sync_folder(each)
        if home.exists():
            home.rmdir()
        folder.rename(home)
        sync_folder(home.parent)
    except OSError as error:
        raise BackupError(f"{home} cannot be made: {error}", "see to the disk, then try again") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return manifest


def _require_room(home: Path) -> None:
    try:
        occupied = home.exists() and any(home.iterdir())
    except OSError as error:
        raise BackupError(f"{home} cannot be used as a home: {error}", "name another folder") from None
    if occupied:
        raise BackupError(f"{home} is not empty", "restore into a new folder, or remove this one first")


def _read(file: Path, target: Target) -> Manifest:
    try:
        with tarfile.open(file, "r|") as tar:
            first = tar.next()
            if first is None or first.name != MANIFEST or not 0 < first.size <= MAX_MANIFEST:
                raise BackupError(
                    f"{file} is not a backup of a node", "give what suffice backup create wrote"
                )
            stream = tar.extractfile(first)
            manifest = Manifest.read(stream.read() if stream else b"")
            missing = dict(manifest.parts)
            while (entry := tar.next()) is not None:
                expected = missing.pop(entry.name, None)
                stream = tar.extractfile(entry) if entry.isreg() else None
                if expected is None or stream is None:
                    raise BackupError(f"{file} holds {entry.name!r} unannounced", "use another backup")
                with target(entry.name) as copy:
                    found = _copied(stream, copy)
                if found != expected:
                    raise BackupError(f"{entry.name!r} in {file} is damaged", "use another backup")
    except (tarfile.TarError, EOFError) as error:
        raise BackupError(f"{file} is damaged, or no backup: {error}", "use another backup") from None
    except OSError as error:
        raise BackupError(
            f"{file} cannot be read back: {error}", "see to the disk, then try again"
        ) from error
    if missing:
        raise BackupError(f"{file} ends too early: {len(missing)} parts are missing", "use another backup")
    return manifest


def _copied(stream: IO[bytes], copy: BinaryIO | None) -> tuple[int, str]:
    """Size and digest of what was copied."""
    digest, size = hashlib.sha256(), 0
    while data := stream.read(CHUNK):
        digest.update(data)
        size += len(data)
        if copy is not None:
            copy.write(data)
    if copy is not None:
        copy.flush()
        os.fsync(copy.fileno())
    return size, digest.hexdigest()
