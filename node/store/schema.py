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
    false,
)
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA_VERSION = 4
"""Raised with every change of a table below; `node.store.migrations` has a step for each. What a version
adds are tables, they are made when a store of an older one is opened, and need no step."""

COMPANY = "d1bd92a3b039400cbafc60a7a5b1e52b"
"""The one company of a node, under ClearML's default id. What belongs to the public has the company ''."""

metadata = MetaData()

# SQLite numbers rows by itself only in a column declared INTEGER.
_ROW_NUMBER = BigInteger().with_variant(Integer, "sqlite")

# What is searched by the paths in it.
_DOCUMENT = JSON().with_variant(JSONB(), "postgresql")

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
    Column("label", String(200), nullable=False, server_default=""),
    Column("last_used", Float),
    Column("last_used_from", String(64)),
)

users = Table(
    "users",
    metadata,
    Column("id", String(32), primary_key=True),
    # `access_keys.user` and every owner: what a user is called in all dialects.
    Column("login", String(200), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("role", String(32), nullable=False),
    Column("email", Text, nullable=False),
    Column("given_name", Text, nullable=False),
    Column("family_name", Text, nullable=False),
    Column("avatar", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("preferences", JSON, nullable=False),
    # A hash of scrypt; null for who has keys only.
    Column("password", Text),
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

data_sources = Table(
    "data_sources",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("type", String(64), nullable=False),
    # What is told of the place, secrets included.
    Column("info", JSON, nullable=False),
    Column("created", Float, nullable=False),
    Column("changed", Float, nullable=False),
)

# Sources that are attached to projects: these cannot be deleted.
project_sources = Table(
    "project_sources",
    metadata,
    Column("project_id", ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("source", ForeignKey("data_sources.name"), primary_key=True),
)

# Sources that encoders have learned; they may be gone.
encoder_sources = Table(
    "encoder_sources",
    metadata,
    Column("encoder", ForeignKey("encoders.name", ondelete="CASCADE"), primary_key=True),
    Column("source", String(200), primary_key=True),
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

LISTED = (
    "last_update",
    "company",
    "archived",
    "hidden",
    "status",
    "type",
    "owner",
    "project_id",
    "queue",
    "created",
    "started",
    "completed",
    "active_duration",
    "status_changed",
    "last_change",
    "last_iteration",
    "last_worker",
    "parent",
    "name",
    "comment",
    "id",
)
"""The columns of tasks that lists are filtered and ordered by."""

COUNTED = ("project_id", "status", "archived", "hidden", "started", "completed", "last_update")
"""The columns of tasks from which is counted what projects hold."""

# All work: the node's own jobs, and (of the kind "external") what clients and agents run. The columns from
# `name` on, and `document` with the rest, are ClearML's view of it: see node.tracking.
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
    Column("name", Text, nullable=False, server_default=""),
    Column("type", String(32), nullable=False, server_default="custom"),
    Column("company", String(32), nullable=False, server_default=COMPANY),
    # Whether they are among the system tags: almost every list asks for what is neither.
    Column("archived", Boolean, nullable=False, server_default=false()),
    Column("hidden", Boolean, nullable=False, server_default=false()),
    # A row of tracking_projects; not `project`, which is one of statistics.
    Column("project_id", String(32)),
    Column("parent", Text),
    Column("comment", Text),
    # The row of queues in which it waits, and the status it had before.
    Column("queue", String(32)),
    Column("enqueue_status", String(16)),
    Column("status_reason", Text, nullable=False, server_default=""),
    Column("status_message", Text, nullable=False, server_default=""),
    Column("status_changed", Float, nullable=False, server_default="0"),
    Column("last_update", Float, nullable=False, server_default="0"),
    Column("last_change", Float, nullable=False, server_default="0"),
    Column("last_changed_by", String(200), nullable=False, server_default=""),
    Column("published", Float),
    Column("active_duration", BigInteger),
    Column("last_iteration", BigInteger, nullable=False, server_default="0"),
    Column("last_worker", Text),
    Column("last_worker_report", Float),
    Column("parameters", JSON, nullable=False),
    # A table that came with the request; dropped when the task has finished.
    Column("payload", LargeBinary),
    Column("result", JSON),
    Column("error", Text),
    # Last, so that the columns before it are read without it.
    Column("document", _DOCUMENT, nullable=False, server_default="{}"),
    Index("tasks_by_status", "status", "last_update"),
    Index("tasks_by_project", "project"),
    Index("tasks_by_tracking_project", "project_id", "last_update"),
    # PostgreSQL keeps documents apart from their rows. SQLite does not: what is listed by other columns is
    # sought and put in order in this index, which has them all, and no document is read in vain.
    Index("tasks_by_last_update", "last_update").ddl_if(dialect="postgresql"),
    Index("tasks_listed", *LISTED).ddl_if(dialect="sqlite"),
    Index("tasks_by_created", "created").ddl_if(dialect="postgresql"),
    Index("tasks_listed_by_created", "created", *(n for n in LISTED if n != "created")).ddl_if(
        dialect="sqlite"
    ),
    Index("tasks_counted", *COUNTED),
    Index("tasks_by_name", "name"),
    Index("tasks_by_parent", "parent"),
)

# ClearML's projects: folders of tasks and models, named by their whole path.
tracking_projects = Table(
    "tracking_projects",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("basename", Text, nullable=False),
    Column("owner", String(200), nullable=False),
    Column("company", String(32), nullable=False),
    Column("parent", String(32)),
    Column("description", Text),
    Column("created", Float, nullable=False),
    Column("last_update", Float, nullable=False),
    Column("document", _DOCUMENT, nullable=False),
    UniqueConstraint("company", "name"),
    Index("tracking_projects_by_parent", "parent"),
)

# ClearML's models: files that tasks read and write.
tracking_models = Table(
    "tracking_models",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("owner", String(200), nullable=False),
    Column("company", String(32), nullable=False),
    Column("project_id", String(32)),
    Column("task", Text),
    Column("parent", Text),
    Column("comment", Text),
    Column("framework", Text),
    Column("uri", Text),
    Column("ready", Boolean, nullable=False),
    Column("created", Float, nullable=False),
    Column("last_update", Float, nullable=False),
    Column("last_iteration", BigInteger),
    Column("document", _DOCUMENT, nullable=False),
    Index("tracking_models_by_project", "project_id", "last_update"),
    Index("tracking_models_by_last_update", "last_update"),
    Index("tracking_models_by_name", "name"),
    Index("tracking_models_by_task", "task"),
    Index("tracking_models_by_uri", "uri"),
)

# Where external tasks wait until an agent takes them.
queues = Table(
    "queues",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("owner", String(200), nullable=False),
    Column("company", String(32), nullable=False),
    Column("created", Float, nullable=False),
    Column("last_update", Float, nullable=False),
    Column("document", _DOCUMENT, nullable=False),
    UniqueConstraint("company", "name"),
)

# The lowest position of a queue is its head.
queue_entries = Table(
    "queue_entries",
    metadata,
    Column("task", String(32), primary_key=True),
    Column("queue", ForeignKey("queues.id", ondelete="CASCADE"), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("added", Float, nullable=False),
    Index("queue_entries_by_queue", "queue", "position"),
)

# How long a queue was, and how long its entries had waited on average, whenever that changed.
queue_metrics = Table(
    "queue_metrics",
    metadata,
    Column("id", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("queue", ForeignKey("queues.id", ondelete="CASCADE"), nullable=False),
    Column("time", Float, nullable=False),
    Column("length", Integer, nullable=False),
    Column("waiting", Float, nullable=False),
    Index("queue_metrics_by_queue", "queue", "time"),
)

# The agents that have said that they are there; forgotten when they expire.
workers = Table(
    "workers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("ip", Text, nullable=False),
    Column("registered", Float, nullable=False),
    Column("seen", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("document", _DOCUMENT, nullable=False),
)

# What agents have reported of their machines, in whole unix seconds.
worker_statistics = Table(
    "worker_statistics",
    metadata,
    Column("id", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("worker", Text, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("metric", String(32), nullable=False),
    Column("variant", String(32), nullable=False),
    Column("value", Float, nullable=False),
    Index("worker_statistics_by_time", "time"),
    Index("worker_statistics_by_metric", "metric", "time"),
)

# The values of lists in documents (tags, the models of a task, the ancestors of a project), to be found by.
labels = Table(
    "labels",
    metadata,
    Column("collection", String(16), primary_key=True),
    Column("id", String(32), primary_key=True),
    Column("field", String(64), primary_key=True),
    Column("value", Text, primary_key=True),
    Index("labels_by_value", "collection", "field", "value"),
    sqlite_with_rowid=False,
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
