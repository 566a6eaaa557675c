"""What lists of projects tell of each: how many tasks in which status, its datasets, what it holds itself."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import sqlalchemy as sa

from node.store.schema import COMPANY, labels, tasks, tracking_models, tracking_projects
from node.tasks import TaskStatus
from node.tracking import json_sql
from node.tracking.collection import MODELS, PROJECTS, TASKS, Collection
from node.tracking.fields import Condition, LabelField

State = Literal["active", "archived"]

STATES: Final[tuple[State, ...]] = ("active", "archived")

ChildrenType = Literal["dataset", "hyperdataset", "pipeline", "report"]

_DAY = 86_400.0

_STATUSES = tuple(status.value for status in TaskStatus if status is not TaskStatus.PUBLISHING)


@dataclass(frozen=True, slots=True)
class Family:
    """Projects with those below them: `owners` has for each id the projects asked for that hold it."""

    owners: Mapping[str, Sequence[str]]

    def inside(self, table: sa.Table) -> Condition:
        """The rows that belong to any of them."""
        return table.c.project_id.in_(list(self.owners))


def family(connection: sa.Connection, ids: Sequence[str], *, children: bool = True) -> Family:
    """The projects with these ids, and (if `children`) all below them."""
    owners: dict[str, list[str]] = defaultdict(list)
    for key in ids:
        owners[key].append(key)
    if children:
        mine = (labels.c.collection == PROJECTS.name) & (labels.c.field == "path")
        found = sa.select(labels.c.id, labels.c.value).where(mine, labels.c.value.in_(list(ids)))
        for row in connection.execute(found):
            owners[row.id].append(row.value)
    return Family(owners)


def task_statistics(
    connection: sa.Connection, ids: Sequence[str], *, children: bool = True, only: State | None = None
) -> dict[str, dict[str, Any]]:
    """{project: {"active": {...}, "archived": {...}}}: tasks by status, and the seconds that they ran."""
    held = family(connection, ids, children=children)
    shown = STATES if only is None else (only,)
    found: dict[str, dict[str, Any]] = {key: {state: _no_tasks() for state in shown} for key in ids}
    recent = time.time() - _DAY
    runtime = sa.func.sum(sa.func.coalesce(tasks.c.completed, tasks.c.last_update) - tasks.c.started)
    counted = (
        sa.select(
            tasks.c.project_id,
            tasks.c.status,
            tasks.c.archived,
            sa.func.count().label("number"),
            runtime.filter(tasks.c.started.is_not(None)).label("runtime"),
            sa.func.max(tasks.c.started).label("last"),
            sa.func.count().filter(tasks.c.completed > recent).label("recent"),
        )
        .where(held.inside(tasks), sa.not_(tasks.c.hidden))
        .group_by(tasks.c.project_id, tasks.c.status, tasks.c.archived)
    )
    for row in connection.execute(counted):
        state: State = "archived" if row.archived else "active"
        if state in shown:
            for key in held.owners[row.project_id]:
                _add(found[key][state], row)
    return found


def _no_tasks() -> dict[str, Any]:
    return {
        "status_count": dict.fromkeys(_STATUSES, 0),
        "total_tasks": 0,
        "total_runtime": 0,
        "completed_tasks_24h": 0,
        "last_task_run": None,
    }


def _add(counted: dict[str, Any], row: sa.Row[Any]) -> None:
    """Times are unix seconds."""
    counted["status_count"][row.status] = counted["status_count"].get(row.status, 0) + row.number
    counted["total_tasks"] += row.number
    counted["total_runtime"] += int(row.runtime or 0)
    counted["completed_tasks_24h"] += row.recent
    last = max(filter(None, (counted["last_task_run"], row.last)), default=None)
    counted["last_task_run"] = last


def contents(
    connection: sa.Connection, ids: Sequence[str], *, children: bool = False
) -> dict[str, dict[str, int]]:
    """{project: {"tasks": n, "models": n}}: what is in it, archived or not, hidden tasks left out."""
    held = family(connection, ids, children=children)
    found = {key: {"tasks": 0, "models": 0} for key in ids}
    for collection in (TASKS, MODELS):
        table = collection.table
        query = (
            sa.select(table.c.project_id, sa.func.count().label("number"))
            .where(held.inside(table), sa.not_(labelled(collection, "hidden")))
            .group_by(table.c.project_id)
        )
        for row in connection.execute(query):
            for key in held.owners[row.project_id]:
                found[key][collection.name] += row.number
    return found


def non_archived(connection: sa.Connection, ids: Iterable[str], collection: Collection) -> int:
    """How many tasks or models of these very projects are not archived."""
    table = collection.table
    wanted = table.c.project_id.in_(list(ids)) & sa.not_(labelled(collection, "archived"))
    return int(connection.scalar(sa.select(sa.func.count()).select_from(table).where(wanted)) or 0)


def sub_projects(
    connection: sa.Connection, ids: Sequence[str], *, hidden: bool
) -> dict[str, list[dict[str, str]]]:
    """{project: [{id, name}]} of all projects below each; the hidden ones only if asked for."""
    held = family(connection, ids)
    table = tracking_projects
    wanted: Condition = table.c.id.in_(list(held.owners))
    if not hidden:
        wanted &= sa.not_(labelled(PROJECTS, "hidden"))
    found: dict[str, list[dict[str, str]]] = {key: [] for key in ids}
    for row in connection.execute(sa.select(table.c.id, table.c.name).where(wanted).order_by(table.c.name)):
        for key in held.owners[row.id]:
            if key != row.id:
                found[key].append({"id": row.id, "name": row.name})
    return found


def dataset_statistics(connection: sa.Connection, ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """{project: {"file_count", "total_size"}} of the newest version of the dataset that each is."""
    count, size = (
        json_sql.number_at(tasks.c.document, ("runtime", name)) for name in ("ds_file_count", "ds_total_size")
    )
    query = (
        sa.select(tasks.c.project_id, count.label("number"), size.label("size"))
        .where(tasks.c.project_id.in_(ids), labelled(TASKS, "dataset"), sa.not_(labelled(TASKS, "archived")))
        .order_by(tasks.c.last_update)
    )
    return {
        row.project_id: {"file_count": int(row.number or 0), "total_size": int(row.size or 0)}
        for row in connection.execute(query)
    }


def holding(kind: ChildrenType, tags: Sequence[str] = ()) -> Condition:
    """The projects that are, or have below them, what clients keep as a dataset, a pipeline or a report."""
    if kind == "report":
        ids = sa.select(tasks.c.project_id).where(tasks.c.type == "report", _tagged(TASKS, tags))
    else:
        ids = sa.select(tracking_projects.c.id).where(labelled(PROJECTS, kind), _tagged(PROJECTS, tags))
    mine = (labels.c.collection == PROJECTS.name) & (labels.c.field == "path")
    above = sa.select(labels.c.value).where(mine, labels.c.id.in_(ids))
    column = tracking_projects.c.id
    return column.in_(above) | column.in_(ids) if kind == "report" else column.in_(above)


def with_tasks_of(logins: Sequence[str]) -> Condition:
    """The projects that have, in them or below, tasks of any of these users."""
    ids = sa.select(tasks.c.project_id).where(tasks.c.owner.in_(logins))
    mine = (labels.c.collection == PROJECTS.name) & (labels.c.field == "path")
    above = sa.select(labels.c.value).where(mine, labels.c.id.in_(ids))
    return tracking_projects.c.id.in_(ids) | tracking_projects.c.id.in_(above)


def owners(connection: sa.Connection, ids: Sequence[str], *, children: bool) -> list[str]:
    """The logins of who made the tasks and models of these projects; of all projects if there are none."""
    found: set[str] = set()
    for table in (tasks, tracking_models):
        query = sa.select(table.c.owner).where(table.c.company.in_(("", COMPANY))).distinct()
        if ids:
            query = query.where(family(connection, ids, children=children).inside(table))
        found.update(connection.scalars(query))
    return sorted(found)


def labelled(collection: Collection, tag: str) -> Condition:
    """Whether a document has a system tag."""
    return LabelField(collection, "system_tags").among([tag])


def _tagged(collection: Collection, tags: Sequence[str]) -> Condition:
    if not tags:
        return sa.true()
    return LabelField(collection, "tags").among(tags)
