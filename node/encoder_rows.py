"""Encoders as rows of the store. No numeric work."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from node import project_rows
from node.errors import NotFound
from node.store.schema import encoder_sources, encoders


@dataclass(frozen=True, slots=True)
class EncoderRow:
    """An encoder without its statistics; `definition` are the arguments of `federation.encoders.Encoder`."""

    name: str
    owner: str
    project: str | None
    definition: dict[str, Any]
    version: int
    rows: int
    created: float
    changed: float


_COLUMNS = [column for column in encoders.c if column.name != "moments"]


def find_encoder(connection: sa.Connection, name: str) -> EncoderRow:
    """Raises NotFound."""
    row = connection.execute(sa.select(*_COLUMNS).where(encoders.c.name == name)).one_or_none()
    if row is None:
        raise NotFound(f"there is no encoder {name!r}", "list the encoders, or create it")
    return EncoderRow(**row._mapping)  # noqa: SLF001 (SQLAlchemy's public name for it)


def names(connection: sa.Connection) -> list[str]:
    """All names, sorted."""
    return list(connection.scalars(sa.select(encoders.c.name).order_by(encoders.c.name)))


def moments_of(connection: sa.Connection, name: str) -> bytes | None:
    """The canonical bytes of what an encoder has learned; None if that is nothing."""
    return connection.scalar(sa.select(encoders.c.moments).where(encoders.c.name == name))


def users_of(connection: sa.Connection, name: str) -> tuple[str, ...]:
    """The projects that the encoder is assigned to."""
    return tuple(
        row.name
        for row in project_rows.all_projects(connection)
        if row.encoder is not None and row.encoder.name == name
    )


def note_source(connection: sa.Connection, encoder: str, source: str) -> None:
    """Remember that an encoder has learned a data source."""
    mine = (encoder_sources.c.encoder == encoder) & (encoder_sources.c.source == source)
    if connection.scalar(sa.select(encoder_sources.c.source).where(mine)) is None:
        connection.execute(encoder_sources.insert().values(encoder=encoder, source=source))


def save(connection: sa.Connection, row: EncoderRow, **changes: Any) -> None:
    """The encoder's next version. Raises NotFound if it was deleted or changed behind our back."""
    values = changes | {"version": row.version + 1, "changed": time.time()}
    mine = (encoders.c.name == row.name) & (encoders.c.version == row.version)
    if connection.execute(encoders.update().where(mine).values(values)).rowcount != 1:
        raise NotFound(f"encoder {row.name!r} was deleted or changed meanwhile", "try again")
