"""What makes the tables of version 4 out of those of version 3."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

if TYPE_CHECKING:
    from alembic.operations import Operations


def _flag_tasks(operations: Operations) -> None:
    """Two system tags as columns, in the indexes from which lists and counts are read."""
    flags = ("archived", "hidden")
    sqlite = operations.get_bind().dialect.name == "sqlite"
    with operations.batch_alter_table("tasks", recreate="always" if sqlite else "never") as batch:
        before = "company"
        for flag in flags:
            column = sa.Column(flag, sa.Boolean, nullable=False, server_default=sa.false())
            batch.add_column(column, insert_after=before if sqlite else None)
            before = flag
        for name in ("tasks_counted", *(("tasks_listed", "tasks_listed_by_created") if sqlite else ())):
            batch.drop_index(name)
    labels = sa.table("labels", *map(sa.column, ("collection", "id", "field", "value")))
    tasks = sa.table("tasks", sa.column("id"), *(sa.column(flag, sa.Boolean) for flag in flags))
    if sa.inspect(operations.get_bind()).has_table("labels"):  # version 2 had none
        for flag in flags:
            mine = (labels.c.collection == "tasks") & (labels.c.field == "system_tags")
            tagged = sa.select(labels.c.id).where(mine, labels.c.value == flag)
            operations.execute(tasks.update().where(tasks.c.id.in_(tagged)).values({flag: True}))
    counted = ["project_id", "status", *flags, "started", "completed", "last_update"]
    operations.create_index("tasks_counted", "tasks", counted)
    if sqlite:
        text = "type owner project_id queue created started completed active_duration status_changed "
        text += "last_change last_iteration last_worker parent name comment id"
        listed = ["last_update", "company", *flags, "status", *text.split()]
        operations.create_index("tasks_listed", "tasks", listed)
        others = [name for name in listed if name != "created"]
        operations.create_index("tasks_listed_by_created", "tasks", ["created", *others])


def _keep_values(operations: Operations) -> None:
    """The hyperparameters and last metrics of tasks as rows."""
    paths = operations.create_table(
        "value_paths",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("field", sa.String(16), nullable=False),
        sa.Column("section", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("leaf", sa.String(16), nullable=False),
        sa.Column("whole", sa.Boolean, nullable=False),
    )
    values = operations.create_table(
        "task_values",
        sa.Column("task", sa.String(32), primary_key=True),
        sa.Column("path", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Float),
        sa.Column("text", sa.Text().with_variant(sa.Text(collation="C"), "postgresql")),
        sa.Index("task_values_in_order", "path", "number", "text", "task"),
        sqlite_with_rowid=False,
    )
    connection = operations.get_bind()
    document = sa.column("document", sa.JSON().with_variant(JSONB(), "postgresql"))
    old = sa.select(sa.table("tasks", sa.column("id"), document))
    known: dict[int, dict[str, Any]] = {}
    for some in connection.execute(old, execution_options={"yield_per": 1000}).partitions():
        rows = []
        for task, content in some:
            for path, value in _values_of(content or {}):
                number, text = _sortable(value)
                digest = sha256(json.dumps(path, ensure_ascii=False).encode()).digest()
                key = int.from_bytes(digest[:8], "big", signed=True)
                keys = dict(zip(("field", "section", "name", "leaf"), path, strict=True))
                whole = len(text or "") <= 400 and known.get(key, {}).get("whole", True)
                known[key] = {"id": key, **keys, "whole": whole}
                rows.append({"task": task, "path": key, "number": number, "text": text and text[:400]})
        if rows:
            connection.execute(values.insert(), rows)
    if known:
        connection.execute(paths.insert(), list(known.values()))


def _values_of(document: dict[str, Any]) -> Iterator[tuple[tuple[str, str, str, str], Any]]:
    """With their paths: field, section, name, leaf."""
    leaves = {"hyperparams": ("value",), "last_metrics": ("value", "min_value", "max_value")}
    for field, names in leaves.items():
        for section, items in _members(document.get(field)):
            for name, item in _members(items):
                yield from (((field, section, name, leaf), dict(_members(item)).get(leaf)) for leaf in names)


def _members(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _sortable(value: Any) -> tuple[float | None, str | None]:
    """The number that a value is or spells (infinite if it spells none), and its text."""
    if isinstance(value, str):
        numeral = r"[ \t\n\r]*-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?[ \t\n\r]*"
        return float(value) if len(value) <= 40 and re.fullmatch(numeral, value) else math.inf, value
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e308:
        return float(value), ""
    return None, None


def _name_series(operations: Operations) -> None:
    """What metrics there are is seen in an index."""
    operations.create_index("event_series_by_name", "event_series", ["metric", "variant", "kind"])


STEPS = (_flag_tasks, _keep_values, _name_series)
