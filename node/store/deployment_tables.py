"""The tables of deployments: models that score files for whoever holds a key, and what each job costs."""

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
    String,
    Table,
    Text,
)

from node.store.schema import metadata

SCORING, INPUT = "scoring", "input"
"""The node's own folder of what is scored, where each job has one of its id: the input's name there."""

# Records are counted in groups of `group_size`; each group costs `price` units of 0.001 dollars.
deployments = Table(
    "deployments",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("group_size", BigInteger, nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("created", Float, nullable=False),
)

# What scores. Nothing of a version changes but whether it is active; the highest position is the newest.
deployment_versions = Table(
    "deployment_versions",
    metadata,
    Column("deployment", ForeignKey("deployments.name", ondelete="CASCADE"), primary_key=True),
    Column("version", String(64), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("owner", String(200), nullable=False),
    Column("created", Float, nullable=False),
    # What it was made of, to be told; what records it takes and gives.
    Column("origin", JSON, nullable=False),
    Column("schema", JSON, nullable=False),
    # What scores; `file` is where in the node's own folder of deployments the rest of it is.
    Column("model", JSON, nullable=False),
    Column("file", Text),
)

# Of a key only its SHA-256 is kept.
deployment_keys = Table(
    "deployment_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("deployment", ForeignKey("deployments.name", ondelete="CASCADE"), nullable=False),
    Column("user", String(200), nullable=False),
    Column("label", String(200), nullable=False),
    Column("created", Float, nullable=False),
    Column("revoked", Float),
    Index("deployment_keys_by_deployment", "deployment"),
)

# What a task of the kind "score" is about, beside its row of `tasks`.
scoring_jobs = Table(
    "scoring_jobs",
    metadata,
    Column("task", ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("key", String(16), nullable=False),
    Column("created", Float, nullable=False),
    Column("deployment", String(200), nullable=False),
    Column("version", String(64), nullable=False),
    Column("file", Text, nullable=False),
    Column("mime", Text, nullable=False),
    Column("mapping", JSON, nullable=False),
    Column("output_mapping", JSON, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("groups", BigInteger, nullable=False),
    Column("units", BigInteger, nullable=False),
    # The name of its output, once there is one.
    Column("output", Text),
    Index("scoring_jobs_by_key", "key", "created"),
)

# What was used, for ever: it outlives its task, its key and its deployment. month: YYYY-MM in UTC.
deployment_usage = Table(
    "deployment_usage",
    metadata,
    Column("task", String(32), primary_key=True),
    Column("deployment", String(200), nullable=False),
    Column("version", String(64), nullable=False),
    Column("key", String(16), nullable=False),
    Column("label", String(200), nullable=False),
    Column("month", String(7), nullable=False),
    Column("created", Float, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("groups", BigInteger, nullable=False),
    Column("units", BigInteger, nullable=False),
    Index("deployment_usage_by_month", "deployment", "month"),
)
