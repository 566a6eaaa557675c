"""How the tables of an older version become those of this one: ordered steps, each in one transaction.

A step changes tables that its predecessor knew, by names and types written down here: it must do the same
for ever, whatever `node.store.schema` says later. New tables need no step; they are made at the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from node.store.schema import SCHEMA_VERSION, meta, metadata

if TYPE_CHECKING:
    from alembic.operations import Operations


class MigrationError(Exception):
    """The store cannot be brought to this program's version."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def prepare_schema(engine: sa.Engine) -> None:
    """Make the tables of an empty database, or bring those of an older version up to date.

    Raises MigrationError for a newer version, and for one too old.
    """
    with engine.begin() as connection:
        found = _version(connection)
    if found is not None and found != SCHEMA_VERSION:
        _check_known(found)
        with _without_foreign_keys(engine):
            for version in range(found + 1, SCHEMA_VERSION + 1):
                _migrate(engine, version)
    _make_room_reclaimable(engine)
    with engine.begin() as connection:
        metadata.create_all(connection)
        if found is None:
            connection.execute(meta.insert().values(key="schema_version", value=str(SCHEMA_VERSION)))


def _version(connection: sa.Connection) -> int | None:
    """The version of the tables; None if there are none."""
    if not sa.inspect(connection).has_table(meta.name):
        return None
    value = connection.scalar(sa.select(meta.c.value).where(meta.c.key == "schema_version"))
    return None if value is None else int(value)


def _check_known(found: int) -> None:
    if found > SCHEMA_VERSION:
        raise MigrationError(
            f"has schema version {found}, this program knows versions up to {SCHEMA_VERSION}",
            "use the version of suffice that made it or a newer one, or another home folder",
        )
    if found + 1 not in STEPS:
        raise MigrationError(
            f"has schema version {found}, this program knows versions from {min(STEPS) - 1}",
            "open it once with an older version of suffice, or use another home folder",
        )


def _migrate(engine: sa.Engine, version: int) -> None:
    # Needed once in a store's life, and slow to import.
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    with engine.begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        for change in STEPS[version]:
            change(operations)
        connection.execute(meta.update().where(meta.c.key == "schema_version").values(value=str(version)))


@contextmanager
def _without_foreign_keys(engine: sa.Engine) -> Iterator[None]:
    """SQLite changes a table by making it anew; dropping the old one must not delete what refers to it."""
    if engine.dialect.name != "sqlite":
        yield
        return
    _pragma(engine, "foreign_keys=OFF")
    try:
        yield
    finally:
        _pragma(engine, "foreign_keys=ON")


def _make_room_reclaimable(engine: sa.Engine) -> None:
    """Let a SQLite file give space back; one made without that is written anew, once."""
    if engine.dialect.name == "sqlite" and _pragma(engine, "auto_vacuum") == 0:
        _pragma(engine, "auto_vacuum=INCREMENTAL")
        connection = engine.raw_connection()
        try:
            connection.cursor().execute("VACUUM")
        finally:
            connection.close()


def _pragma(engine: sa.Engine, pragma: str) -> object:
    """Outside of any transaction, in which these would have no effect."""
    connection = engine.raw_connection()  # the engine has one connection: it is the same every time
    try:
        row = connection.cursor().execute(f"PRAGMA {pragma}").fetchone()
    finally:
        connection.close()
    return row and row[0]


# --- version 3 --------------------------------------------------------------------------------------------


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


# --- version 4 --------------------------------------------------------------------------------------------


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


STEPS: dict[int, tuple[Callable[[Operations], None], ...]] = {
    3: (_track_tasks, _gather_events, _name_users),
    4: (_flag_tasks,),
}
"""What makes the tables of each version out of those of the version before."""
