"""The tables of the file host: paths, and the contents they lead to."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, String, Table

from node.store.schema import metadata

# Contents whose bytes are, or may be, where contents are kept. One that no path leads to is on its way in or
# out: after a crash its bytes are removed, and then its row.
blobs = Table(
    "blobs",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
)

files = Table(
    "files",
    metadata,
    Column("path", String(2048), primary_key=True),
    Column("digest", ForeignKey("blobs.digest"), nullable=False),
    Column("modified", Float, nullable=False),
    Column("owner", String(200), nullable=False),
    Index("files_by_digest", "digest"),
)
