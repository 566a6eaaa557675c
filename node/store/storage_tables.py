"""The table of what uplets are computed from and come to: problems, algorithms, models, data, predictions."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, String, Table, Text

from node.store.schema import metadata

# One row for each blob; its bytes are a file of the file store. Ids are UUIDs with dashes, unique in a kind.
storage_objects = Table(
    "storage_objects",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("uuid", String(36), primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("uploaded", Float, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("name", Text),
    Column("description", Text),
    # Of a model: the algorithm that made it.
    Column("algo", String(36)),
    Index("storage_objects_by_time", "kind", "uploaded"),
)
