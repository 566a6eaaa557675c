"""Taking a backup: one consistent moment of the database, and everything else that goes with it.

The order makes the whole consistent. The database is copied first, at one moment. Contents are never changed,
and the caller sees to it that none is removed meanwhile, so those that this moment names are there. The
broker's data come after it: what the database says has been sent is in them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

from node.backup.archive import Archive, BackupError, Part
from node.config import NodeConfig
from node.file_store.disk import DiskBlobs
from node.files import HomeLock, new_private
from node.store.schema import SCHEMA_VERSION
from transport.server_copy import copy_server

OpenContent = Callable[[str], BinaryIO]

_CONTENTS = "SELECT DISTINCT digest, size FROM files JOIN blobs USING (digest) ORDER BY digest"


@contextlib.contextmanager
def taken(
    config: NodeConfig,
    open_content: OpenContent,
    held_still: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
) -> Iterator[Archive]:
    """A backup of the node whose home this process holds; it blocks.

    `held_still` is entered while the broker's data are copied. Until the end contents must not be removed.
    Raises BackupError for a node whose database is elsewhere.
    """
    if config.database_url is not None:
        raise BackupError(
            "the node keeps its records in a database server, which no file of ours can hold",
            "back that up with pg_dump while the node is stopped, and its home folder as files",
        )
    if not config.database_path.exists():
        raise BackupError(f"{config.home} holds no node", "name a node's folder with --home")
    config.backup_folder.mkdir(mode=0o700, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=config.backup_folder))
    try:
        yield _archive(config, folder, open_content, held_still)
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def of_stopped(home: Path) -> Iterator[Archive]:
    """A backup of a node that does not run. Raises BackupError, and HomeError if it does run."""
    config = NodeConfig(home=home)
    if not config.database_path.exists():
        raise BackupError(f"{home} holds no node", "name a node's folder with --home")
    lock = HomeLock(config.lock_path)
    lock.acquire()
    try:
        with taken(config, DiskBlobs(config.contents_folder).open) as archive:
            yield archive
    finally:
        lock.release()


def _archive(
    config: NodeConfig,
    folder: Path,
    open_content: OpenContent,
    held_still: Callable[[], AbstractContextManager[None]],
) -> Archive:
    database = folder / config.database_path.name
    contents = _copy_database(config.database_path, database)
    parts = [_part(config.database_path.name, database)]
    parts += [_part(path.name, _copy(path, folder)) for path in config.secret_paths if path.exists()]
    with held_still():
        copies = copy_server(config.nats_folder, folder / config.nats_folder.name)
    parts += [_part(copy.relative_to(folder).as_posix(), copy) for copy in copies]
    where = config.contents_folder.relative_to(config.home)
    disk = DiskBlobs(where)
    for digest, size in contents:
        name = disk.path(digest).as_posix()
        parts.append(Part(name, size, digest, partial(_content, open_content, digest)))
    about = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "suffice": version("suffice"),
        "schema_version": SCHEMA_VERSION,
        "files": len(contents),
    }
    return Archive(about, parts)


def _copy_database(source: Path, target: Path) -> list[tuple[str, int]]:
    """SQLite's online backup, in one step: one moment, while others go on writing. The contents it names."""
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with (
        contextlib.closing(sqlite3.connect(source, timeout=60)) as live,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        live.backup(copy)
        known = {name for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        return copy.execute(_CONTENTS).fetchall() if {"files", "blobs"} <= known else []


def _content(open_content: OpenContent, digest: str) -> BinaryIO:
    try:
        return open_content(digest)
    except FileNotFoundError:
        raise BackupError(
            f"the contents {digest} of a file are not on this disk",
            "if the node keeps its files in a bucket, make the backup while it runs",
        ) from None


def _copy(source: Path, folder: Path) -> Path:
    target = folder / source.name
    with source.open("rb") as stream, new_private(target) as copy:
        shutil.copyfileobj(stream, copy)
    return target


def _part(name: str, path: Path) -> Part:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Part(name, path.stat().st_size, digest, partial(_open, path))


def _open(path: Path) -> BinaryIO:
    return path.open("rb")
