"""The tables of a node's store. What their rows mean to the rest of the node is told where they are used."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

SCHEMA_VERSION = 2
"""Raised with every change of the tables below; a store of another version is not opened."""

metadata = MetaData()

# SQLite numbers rows by itself only in a column declared INTEGER.
_ROW_NUMBER = BigInteger().with_variant(Integer, "sqlite")

meta = Table(
    "meta",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

access_keys = Table(
    "access_keys",
    metadata,
    Column("access_key", String(64), primary_key=True),
    Column("secret_key", String(64), nullable=False),
    Column("user", String(200), nullable=False),
    Column("role", String(32), nullable=False),
    Column("created", Float, nullable=False),
)

projects = Table(
    "projects",
    metadata,
    Column("id", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("owner", String(200), nullable=False),
    Column("federation", String(200)),
    Column("shared_as", String(200)),
    Column("schema", JSON, nullable=False),
    # Whether the schema was given: then it does not grow with what is learned.
    Column("fixed", Boolean, nullable=False),
    Column("parameters", JSON, nullable=False),
    # The encoder through which all rows pass (its name, its digest, the columns of texts), and its encoding.
    Column("encoder", JSON),
    Column("encoding", LargeBinary),
    # A frozen project refuses to learn and to forget.
    Column("frozen", Boolean, nullable=False, default=False),
    Column("version", BigInteger, nullable=False),
    # The version last handed to the federation: less than `version` means that a contribution is due.
    Column("shared_version", BigInteger, nullable=False, default=0),
    Column("rows", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("moments", LargeBinary),
    Column("created", Float, nullable=False),
    Column("changed", Float, nullable=False),
    UniqueConstraint("federation", "shared_as"),
    sqlite_autoincrement=True,  # the number of a deleted project never means another one
)

encoders = Table(
    "encoders",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("owner", String(200), nullable=False),
    # The project whose statistics it has, if it does not learn by itself.
    Column("project", String(200)),
    Column("definition", JSON, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("moments", LargeBinary),
    Column("created", Float, nullable=False),
    Column("changed", Float, nullable=False),
)

models = Table(
    "models",
    metadata,
    Column("project_id", ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("record", JSON, nullable=False),
)

# The rows that projects with a rolling window still count, oldest first.
window_pieces = Table(
    "window_pieces",
    metadata,
    Column("id", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("project_id", ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("gone", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Index("window_pieces_by_project", "project_id", "id"),
    sqlite_autoincrement=True,
)

tasks = Table(
    "tasks",
    metadata,
    Column("number", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("kind", String(64), nullable=False),
    Column("project", String(200)),
    Column("owner", String(200), nullable=False),
    Column("status", String(16), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("current", BigInteger, nullable=False),
    Column("maximum", BigInteger, nullable=False),
    Column("created", Float, nullable=False),
    Column("started", Float),
    Column("completed", Float),
    Column("parameters", JSON, nullable=False),
    # A table that came with the request; dropped when the task has finished.
    Column("payload", LargeBinary),
    Column("result", JSON),
    Column("error", Text),
    Index("tasks_by_status", "status"),
    Index("tasks_by_project", "project"),
)

task_events = Table(
    "task_events",
    metadata,
    Column("id", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("task", String(32), nullable=False),
    Column("time", Float, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("body", JSON, nullable=False),
    Index("task_events_by_task", "task", "kind"),
)

federations = Table(
    "federations",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("federation_id", String(64), nullable=False, unique=True),
    Column("owner", String(200), nullable=False),
    Column("snapshot", LargeBinary, nullable=False),
    Column("pulse", Boolean, nullable=False),
    Column("broker", JSON, nullable=False),
    Column("created", Float, nullable=False),
)

contributions = Table(
    "contributions",
    metadata,
    Column("federation", String(200), primary_key=True),
    Column("project", String(200), primary_key=True),
    Column("sender", String(64), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("received", Float, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)

# What is to be put on the bus: the latest value of each slot. `sequence` tells a newer value from the one
# that was being sent.
outbox = Table(
    "outbox",
    metadata,
    Column("sequence", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("federation", String(200), nullable=False),
    Column("slot", String(400), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    UniqueConstraint("federation", "slot"),
    # Otherwise SQLite gives the number of a value just deleted to the one in its place.
    sqlite_autoincrement=True,
)

federation_log = Table(
    "federation_log",
    metadata,
    Column("id", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("federation", String(200), nullable=False),
    Column("time", Float, nullable=False),
    Column("level", String(16), nullable=False),
    Column("message", Text, nullable=False),
    Index("federation_log_by_federation", "federation", "level"),
)
