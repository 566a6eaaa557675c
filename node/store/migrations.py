"""How the tables of an older version become those of this one: ordered steps, each in one transaction.

A step changes tables that its predecessor knew, by names and types written down here: it must do the same
for ever, whatever `node.store.schema` says later. New tables need no step; they are made at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa

from node.store import version_3, version_4
from node.store.schema import SCHEMA_VERSION, meta, metadata

if TYPE_CHECKING:
    from alembic.operations import Operations


class MigrationError(Exception):
    """The store cannot be brought to this program's version."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def prepare_schema(engine: sa.Engine) -> None:
    """Make the tables of an empty database, or bring those of an older version up to date.

    Raises MigrationError for a newer version, and for one too old.
    """
    with engine.begin() as connection:
        found = _version(connection)
    if found is not None and found != SCHEMA_VERSION:
        _check_known(found)
        with _without_foreign_keys(engine):
            for version in range(found + 1, SCHEMA_VERSION + 1):
                _migrate(engine, version)
    _make_room_reclaimable(engine)
    with engine.begin() as connection:
        metadata.create_all(connection)
        if found is None:
            connection.execute(meta.insert().values(key="schema_version", value=str(SCHEMA_VERSION)))


def _version(connection: sa.Connection) -> int | None:
    """The version of the tables; None if there are none."""
    if not sa.inspect(connection).has_table(meta.name):
        return None
    value = connection.scalar(sa.select(meta.c.value).where(meta.c.key == "schema_version"))
    return None if value is None else int(value)


def _check_known(found: int) -> None:
    if found > SCHEMA_VERSION:
        raise MigrationError(
            f"has schema version {found}, this program knows versions up to {SCHEMA_VERSION}",
            "use the version of suffice that made it or a newer one, or another home folder",
        )
    if found + 1 not in STEPS:
        raise MigrationError(
            f"has schema version {found}, this program knows versions from {min(STEPS) - 1}",
            "open it once with an older version of suffice, or use another home folder",
        )


def _migrate(engine: sa.Engine, version: int) -> None:
    # Needed once in a store's life, and slow to import.
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    with engine.begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        for change in STEPS[version]:
            change(operations)
        connection.execute(meta.update().where(meta.c.key == "schema_version").values(value=str(version)))


@contextmanager
def _without_foreign_keys(engine: sa.Engine) -> Iterator[None]:
    """SQLite changes a table by making it anew; dropping the old one must not delete what refers to it."""
    if engine.dialect.name != "sqlite":
        yield
        return
    _pragma(engine, "foreign_keys=OFF")
    try:
        yield
    finally:
        _pragma(engine, "foreign_keys=ON")


def _make_room_reclaimable(engine: sa.Engine) -> None:
    """Let a SQLite file give space back; one made without that is written anew, once."""
    if engine.dialect.name == "sqlite" and _pragma(engine, "auto_vacuum") == 0:
        _pragma(engine, "auto_vacuum=INCREMENTAL")
        connection = engine.raw_connection()
        try:
            connection.cursor().execute("VACUUM")
        finally:
            connection.close()


def _pragma(engine: sa.Engine, pragma: str) -> object:
    """Outside of any transaction, in which these would have no effect."""
    connection = engine.raw_connection()  # the engine has one connection: it is the same every time
    try:
        row = connection.cursor().execute(f"PRAGMA {pragma}").fetchone()
    finally:
        connection.close()
    return row and row[0]


STEPS: dict[int, tuple[Callable[[Operations], None], ...]] = {
    3: version_3.STEPS,
    4: version_4.STEPS,
}
"""What makes the tables of each version out of those of the version before."""
