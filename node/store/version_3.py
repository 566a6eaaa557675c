"""What makes the tables of version 3 out of those of version 2."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

if TYPE_CHECKING:
    from alembic.operations import Operations


def _track_tasks(operations: Operations) -> None:
    """ClearML's view of a task, filled in for the jobs there are."""
    document = sa.JSON().with_variant(JSONB(), "postgresql")
    company = "d1bd92a3b039400cbafc60a7a5b1e52b"
    columns = [
        sa.Column("name", sa.Text, nullable=False, server_default=""),
        sa.Column("type", sa.String(32), nullable=False, server_default="custom"),
        sa.Column("company", sa.String(32), nullable=False, server_default=company),
        sa.Column("project_id", sa.String(32)),
        sa.Column("parent", sa.Text),
        sa.Column("comment", sa.Text),
        sa.Column("queue", sa.String(32)),
        sa.Column("enqueue_status", sa.String(16)),
        sa.Column("status_reason", sa.Text, nullable=False, server_default=""),
        sa.Column("status_message", sa.Text, nullable=False, server_default=""),
        sa.Column("status_changed", sa.Float, nullable=False, server_default="0"),
        sa.Column("last_update", sa.Float, nullable=False, server_default="0"),
        sa.Column("last_change", sa.Float, nullable=False, server_default="0"),
        sa.Column("last_changed_by", sa.String(200), nullable=False, server_default=""),
        sa.Column("published", sa.Float),
        sa.Column("active_duration", sa.BigInteger),
        sa.Column("last_iteration", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("last_worker", sa.Text),
        sa.Column("last_worker_report", sa.Float),
    ]
    # SQLite reads a row from its start: the documents have to come last. PostgreSQL keeps them elsewhere.
    ordered = operations.get_bind().dialect.name == "sqlite"
    with operations.batch_alter_table("tasks", recreate="always" if ordered else "never") as batch:
        before = "completed"
        for column in columns:
            batch.add_column(column, insert_after=before if ordered else None)
            before = column.name
        batch.add_column(sa.Column("document", document, nullable=False, server_default="{}"))
        batch.create_index("tasks_by_tracking_project", ["project_id", "last_update"])
        batch.drop_index("tasks_by_status")
        batch.create_index("tasks_by_status", ["status", "last_update"])
        if ordered:
            text = "last_update company status type owner project_id queue created started completed "
            text += "active_duration status_changed last_change last_iteration last_worker parent name "
            listed = [*text.split(), "comment", "id"]
            batch.create_index("tasks_listed", listed)
            others = [name for name in listed if name != "created"]
            batch.create_index("tasks_listed_by_created", ["created", *others])
        else:
            batch.create_index("tasks_by_last_update", ["last_update"])
            batch.create_index("tasks_by_created", ["created"])
        counted = ["project_id", "status", "id", "started", "completed", "last_update"]
        batch.create_index("tasks_counted", counted)
        batch.create_index("tasks_by_name", ["name"])
        batch.create_index("tasks_by_parent", ["parent"])
    operations.execute(
        """
        UPDATE tasks SET
            name = CASE WHEN project IS NULL THEN kind ELSE kind || ' ' || project END,
            type = CASE kind
                WHEN 'learn' THEN 'data_processing' WHEN 'forget' THEN 'data_processing'
                WHEN 'fit' THEN 'training' WHEN 'predict' THEN 'inference'
                WHEN 'select' THEN 'optimizer' WHEN 'assess' THEN 'testing' ELSE 'custom' END,
            status_message = coalesce(error, ''),
            status_changed = coalesce(completed, started, created),
            last_update = coalesce(completed, started, created),
            last_change = coalesce(completed, started, created),
            last_changed_by = owner
        """
    )


def _gather_events(operations: Operations) -> None:
    """What jobs said, from one table of JSON, in the tables of events."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    summary = {
        "count": sa.BigInteger,
        "total": sa.Float,
        "first_iteration": sa.BigInteger,
        "first_value": sa.Float,
        "last_iteration": sa.BigInteger,
        "last_value": sa.Float,
        "last_timestamp": sa.BigInteger,
        "min_value": sa.Float,
        "min_iteration": sa.BigInteger,
        "max_value": sa.Float,
        "max_iteration": sa.BigInteger,
        "earliest": sa.BigInteger,
        "latest": sa.BigInteger,
    }
    series = operations.create_table(
        "event_series",
        sa.Column("id", number, primary_key=True, autoincrement=True),
        sa.Column("task", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("metric", sa.Text, nullable=False),
        sa.Column("variant", sa.Text, nullable=False),
        sa.Column("worker", sa.Text),
        sa.Column("x_axis_label", sa.Text),
        *(sa.Column(name, kind) for name, kind in summary.items()),
        sa.UniqueConstraint("task", "kind", "metric", "variant"),
    )
    scalars = operations.create_table(
        "event_scalars",
        sa.Column("series", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("iteration", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("value", sa.Float, nullable=False),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    logs = operations.create_table(
        "event_logs",
        sa.Column("id", number, primary_key=True, autoincrement=True),
        sa.Column("task", sa.String(64), nullable=False),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
        sa.Column("level", sa.String(32)),
        sa.Column("worker", sa.Text),
        sa.Column("metric", sa.Text),
        sa.Column("message", sa.Text, nullable=False),
        sa.Index("event_logs_by_task", "task", "timestamp", "id"),
    )
    old = sa.table("task_events", *map(sa.column, ("id", "task", "kind")), sa.column("body", sa.JSON))
    points: dict[tuple[str, str], dict[int, tuple[float, int]]] = {}
    connection = operations.get_bind()
    for row in connection.execute(sa.select(old).order_by(old.c.id)).all():
        at = int(row.body["time"] * 1000)
        if row.kind == "log":
            line = {"level": row.body["level"], "message": row.body["message"]}
            connection.execute(logs.insert().values(task=row.task, timestamp=at, **line))
        elif row.kind == "scalar":
            course = points.setdefault((row.task, row.body["metric"]), {})
            course[row.body["iteration"]] = (row.body["value"], at)
    for (task, metric), course in points.items():
        (key,) = connection.execute(
            series.insert().values(
                task=task, kind="scalar", metric=metric, variant=metric, **_summary_of_course(course)
            )
        ).inserted_primary_key or (None,)
        rows = [
            {"series": key, "iteration": iteration, "value": value, "timestamp": at}
            for iteration, (value, at) in course.items()
        ]
        connection.execute(scalars.insert(), rows)
    operations.drop_table("task_events")


def _summary_of_course(course: Mapping[int, tuple[float, int]]) -> dict[str, float]:
    """The columns of event_series that sum up {iteration: (value, unix ms)}."""
    first, last = min(course), max(course)
    low = min(course, key=lambda iteration: (course[iteration][0], iteration))
    high = min(course, key=lambda iteration: (-course[iteration][0], iteration))
    times = [at for _, at in course.values()]
    return {
        "count": len(course),
        "total": math.fsum(value for value, _ in course.values()),
        "first_iteration": first,
        "first_value": course[first][0],
        "last_iteration": last,
        "last_value": course[last][0],
        "last_timestamp": course[last][1],
        "min_value": course[low][0],
        "min_iteration": low,
        "max_value": course[high][0],
        "max_iteration": high,
        "earliest": min(times),
        "latest": max(times),
    }


def _name_users(operations: Operations) -> None:
    """A user for each name in the keys, of the highest role that one of his keys has."""
    with operations.batch_alter_table("access_keys") as batch:
        batch.add_column(sa.Column("label", sa.String(200), nullable=False, server_default=""))
        batch.add_column(sa.Column("last_used", sa.Float))
        batch.add_column(sa.Column("last_used_from", sa.String(64)))
    users = operations.create_table(
        "users",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("login", sa.String(200), nullable=False, unique=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("given_name", sa.Text, nullable=False),
        sa.Column("family_name", sa.Text, nullable=False),
        sa.Column("avatar", sa.Text, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("preferences", sa.JSON, nullable=False),
        sa.Column("password", sa.Text),
    )
    ranks = ("annotator", "user", "superuser", "admin")
    roles: dict[str, tuple[str, float]] = {}
    keys = sa.table("access_keys", sa.column("user"), sa.column("role"), sa.column("created"))
    for login, role, created in operations.get_bind().execute(sa.select(keys)):
        had, since = roles.get(login, (role, created))
        roles[login] = max(had, role, key=ranks.index), min(since, created)
    empty = dict.fromkeys(("email", "given_name", "family_name", "avatar"), "")
    rows = [
        {"id": uuid4().hex, "login": login, "name": login, "role": role, "created": created, **empty}
        for login, (role, created) in roles.items()
    ]
    operations.bulk_insert(users, [{**row, "preferences": {}} for row in rows])


STEPS = (_track_tasks, _gather_events, _name_users)
