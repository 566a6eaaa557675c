"""The table of who may hear on this node's broker which work waits for a worker."""

from __future__ import annotations

from sqlalchemy import Column, Float, String, Table

from node.store.schema import metadata

# key: the public NKEY; access_key: that of whoever let it in, without which it is let in no longer.
hearers = Table(
    "hearers",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("access_key", String(64), nullable=False),
    Column("expires", Float, nullable=False),
)
