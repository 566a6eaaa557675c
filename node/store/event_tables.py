"""The tables of what tasks and models report. `node.events` tells what their rows mean.

A series is one (task, kind, metric, variant): the long texts stand there once, and the points of all series
lie in one clustered table of four numbers a row.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from node.store.schema import metadata

# SQLite numbers rows by itself only in a column declared INTEGER.
_ROW_NUMBER = BigInteger().with_variant(Integer, "sqlite")


def _place() -> tuple[Column[int], Column[int]]:
    """Where a point lies. No foreign key to the series: it would be looked up at every row."""
    return (
        Column("series", BigInteger, primary_key=True, autoincrement=False),
        Column("iteration", BigInteger, primary_key=True, autoincrement=False),
    )


# What is known of a series of scalars without reading its points: null in series of other kinds. `first` and
# `last` are those of the lowest and highest iteration; times are unix milliseconds.
event_series = Table(
    "event_series",
    metadata,
    Column("id", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("task", String(64), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("metric", Text, nullable=False),
    Column("variant", Text, nullable=False),
    # The worker that reported last.
    Column("worker", Text),
    Column("x_axis_label", Text),
    Column("count", BigInteger),
    Column("total", Float),
    Column("first_iteration", BigInteger),
    Column("first_value", Float),
    Column("last_iteration", BigInteger),
    Column("last_value", Float),
    Column("last_timestamp", BigInteger),
    Column("min_value", Float),
    Column("min_iteration", BigInteger),
    Column("max_value", Float),
    Column("max_iteration", BigInteger),
    Column("earliest", BigInteger),
    Column("latest", BigInteger),
    UniqueConstraint("task", "kind", "metric", "variant"),
    # What metrics there are at all.
    Index("event_series_by_name", "metric", "variant", "kind"),
)

event_scalars = Table(
    "event_scalars",
    metadata,
    *_place(),
    Column("value", Float, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

event_vectors = Table(
    "event_vectors",
    metadata,
    *_place(),
    # Little-endian float64.
    Column("values", LargeBinary, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
)

event_plots = Table(
    "event_plots",
    metadata,
    *_place(),
    # The text in UTF-8, by zlib if `packed`.
    Column("body", LargeBinary, nullable=False),
    Column("packed", Boolean, nullable=False),
    # Whether the text is JSON.
    Column("valid", Boolean, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
)

event_images = Table(
    "event_images",
    metadata,
    *_place(),
    Column("key", String(2048), primary_key=True),
    Column("url", Text, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    # Which iterations a repeated url has left valid is asked with every page.
    Index("event_images_by_url", "series", "url", "iteration"),
)

event_logs = Table(
    "event_logs",
    metadata,
    Column("id", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("task", String(64), nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("level", String(32)),
    Column("worker", Text),
    Column("metric", Text),
    Column("message", Text, nullable=False),
    Index("event_logs_by_task", "task", "timestamp", "id"),
)

COUNTED = tuple(
    column.name
    for column in event_series.c
    if column.name not in ("id", "task", "kind", "metric", "variant", "worker", "x_axis_label")
)
"""The columns of a series' summary."""
