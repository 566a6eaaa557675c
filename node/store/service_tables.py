"""The tables of what serves models, and of where files are kept elsewhere."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Float, Index, String, Table, Text

from node.store.schema import metadata

# Containers that serve models, each until it is not heard of any more. `document` has the rest of what it
# said of itself last.
serving_containers = Table(
    "serving_containers",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("endpoint", Text, nullable=False),
    Column("model", Text, nullable=False),
    # Null until it is reached anywhere.
    Column("url", Text),
    Column("registered", Float, nullable=False),
    Column("reported", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("document", JSON, nullable=False),
    Index("serving_containers_by_url", "url"),
)

# What containers reported: one row for each `slot` of a few seconds, in which the last report counts.
serving_samples = Table(
    "serving_samples",
    metadata,
    Column("container", String(200), primary_key=True),
    Column("slot", BigInteger, primary_key=True),
    Column("url", Text, nullable=False),
    Column("requests", Float),
    Column("requests_min", Float),
    Column("latency_ms", Float),
    Column("cpu_count", Float),
    Column("gpu_count", Float),
    Column("cpu_usage", Float),
    Column("gpu_usage", Float),
    Column("memory_used", Float),
    Column("memory_free", Float),
    Column("gpu_memory_used", Float),
    Column("gpu_memory_free", Float),
    Column("network_rx", Float),
    Column("network_tx", Float),
    Index("serving_samples_by_url", "url", "slot"),
    Index("serving_samples_by_slot", "slot"),
)

# How storage elsewhere is reached, by the kind of storage; with secrets, which no answer has.
storage_settings = Table(
    "storage_settings",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("changed", Float, nullable=False),
    Column("document", JSON, nullable=False),
)
