"""Statements for many rows, written out in the SQL that SQLite and PostgreSQL share, and given tuples: what
SQLAlchemy does for every row of a long executemany costs more than the database does."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa


def insert(table: sa.Table, names: Sequence[str]) -> str:
    """New rows, of these columns."""
    return f'INSERT INTO "{table.name}" ({_names(names)}) VALUES ({", ".join("?" * len(names))})'  # noqa: S608


@cache
def upsert(table: sa.Table) -> str:
    """Rows of all columns in the place of those with the same primary keys."""
    keys = [column.name for column in table.primary_key]
    rest = ", ".join(f'"{c.name}" = excluded."{c.name}"' for c in table.c if not c.primary_key)
    return f"{insert(table, table.c.keys())} ON CONFLICT ({_names(keys)}) DO UPDATE SET {rest}"


@cache
def insert_missing(table: sa.Table) -> str:
    """Rows of all columns; those whose primary keys there are stay as they are."""
    return f"{insert(table, table.c.keys())} ON CONFLICT DO NOTHING"


def run(connection: sa.Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Carry out a statement, with a ? for each value, for every row."""
    if not rows:
        return
    if connection.dialect.paramstyle != "qmark":
        statement = statement.replace("?", "%s")
    connection.exec_driver_sql(statement, list(rows))


def _names(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
