"""Reading and writing the file host's tables; every function is one piece of a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from node.file_store.stored import StoredFile
from node.store.file_tables import blobs, files


def find(connection: sa.Connection, path: str) -> StoredFile | None:
    row = connection.execute(_FILES.where(files.c.path == path)).one_or_none()
    return None if row is None else StoredFile(*row)


def below(connection: sa.Connection, folder: str) -> list[str]:
    """The paths in a folder, at any depth."""
    start = folder + "/"  # compared as it stands: LIKE would overlook the case, and has wildcards
    within = sa.func.substr(files.c.path, 1, len(start)) == start
    return list(connection.scalars(sa.select(files.c.path).where(within).order_by(files.c.path)))


def announce(connection: sa.Connection, sizes: Mapping[str, int]) -> tuple[set[str], set[str]]:
    """Say that these contents come; gives those not known before, and those whose bytes are not yet sure."""
    digests = list(sizes)
    known = set(connection.scalars(sa.select(blobs.c.digest).where(blobs.c.digest.in_(digests))))
    new = [{"digest": digest, "size": size} for digest, size in sizes.items() if digest not in known]
    if new:
        connection.execute(blobs.insert(), new)
    return set(sizes) - known, unreferenced(connection, digests)


def assign(connection: sa.Connection, arrived: Iterable[StoredFile]) -> set[str]:
    """Let the paths lead to new contents; gives those that they led to before."""
    replaced = set()
    for file in arrived:
        before = connection.scalar(sa.select(files.c.digest).where(files.c.path == file.path))
        values = {"digest": file.digest, "modified": file.modified, "owner": file.owner}
        if before is None:
            connection.execute(files.insert().values(path=file.path, **values))
        else:
            connection.execute(files.update().where(files.c.path == file.path).values(values))
            replaced.add(before)
    return replaced


def remove(connection: sa.Connection, paths: Iterable[str]) -> dict[str, str]:
    """Remove paths; gives what those that existed led to."""
    found = {}
    for path in paths:
        digest = connection.scalar(sa.select(files.c.digest).where(files.c.path == path))
        if digest is not None:
            connection.execute(files.delete().where(files.c.path == path))
            found[path] = digest
    return found


def unreferenced(connection: sa.Connection, digests: Iterable[str] | None = None) -> set[str]:
    """The contents, of all or of these, to which no path leads."""
    leads_here = sa.exists().where(files.c.digest == blobs.c.digest)
    query = sa.select(blobs.c.digest).where(~leads_here)
    if digests is not None:
        query = query.where(blobs.c.digest.in_(list(digests)))
    return set(connection.scalars(query))


def forget(connection: sa.Connection, digests: Iterable[str]) -> int:
    """Contents whose bytes are gone; gives how many bytes those were."""
    gone = blobs.c.digest.in_(list(digests))
    size = connection.scalar(sa.select(sa.func.coalesce(sa.func.sum(blobs.c.size), 0)).where(gone))
    connection.execute(blobs.delete().where(gone))
    return int(size or 0)


def total(connection: sa.Connection) -> int:
    """Bytes of all contents."""
    return int(connection.scalar(sa.select(sa.func.coalesce(sa.func.sum(blobs.c.size), 0))) or 0)


def count(connection: sa.Connection) -> int:
    """How many paths there are."""
    return int(connection.scalar(sa.select(sa.func.count()).select_from(files)) or 0)


_FILES = sa.select(files.c.path, files.c.digest, blobs.c.size, files.c.modified, files.c.owner).join(
    blobs, blobs.c.digest == files.c.digest
)
