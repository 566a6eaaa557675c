"""The tables of values in the documents of tasks, by which these are found and put in order.

`node.tracking.task_values` tells what their rows mean.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, String, Table, Text

from node.store.schema import metadata

# The places of values in documents. `id` is made from the rest, so that nobody has to look it up.
value_paths = Table(
    "value_paths",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("field", String(16), nullable=False),
    Column("section", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("leaf", String(16), nullable=False),
    # Whether the texts of all tasks are whole in `task_values`.
    Column("whole", Boolean, nullable=False),
)

# No foreign keys: they would be looked up at every row.
task_values = Table(
    "task_values",
    metadata,
    Column("task", String(32), primary_key=True),
    Column("path", BigInteger, primary_key=True, autoincrement=False),
    # Both null where there is no value; infinite for texts that spell no number, '' for what is no text.
    Column("number", Float),
    # In the order of code points, as elsewhere.
    Column("text", Text().with_variant(Text(collation="C"), "postgresql")),
    Index("task_values_in_order", "path", "number", "text", "task"),
    sqlite_with_rowid=False,
)
