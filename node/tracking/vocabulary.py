"""What words are in use in some projects: tags, types, metrics, parameters, metadata, frameworks, parents.

Every function reads tasks or models of the given projects (of all, if None or empty).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from node.events.kinds import EventKind
from node.events.reporting import key_of
from node.store.event_tables import event_series
from node.store.schema import COMPANY, labels, tasks, tracking_models
from node.store.value_tables import task_values, value_paths
from node.tracking import json_sql
from node.tracking.collection import PROJECTS, Collection
from node.tracking.fields import Condition, LabelField, ProjectTree
from node.tracking.task_values import is_whole, path_id


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to look: in these projects (in those below them too, if `subprojects`), and, if `public`, in what
    belongs to everybody."""

    projects: tuple[str, ...] = ()
    subprojects: bool = True
    public: bool = True

    @property
    def everywhere(self) -> bool:
        """Whether it leaves nothing out."""
        return self.public and not self.projects

    def of(self, table: sa.FromClause) -> Condition:
        """The rows of a table that are in it."""
        company = table.c.company.in_(("", COMPANY)) if self.public else table.c.company == COMPANY
        if not self.projects:
            return company
        inside = ProjectTree(table.c.project_id).one_of(self.projects)
        return company & (inside if self.subprojects else table.c.project_id.in_(self.projects))


def tags(
    connection: sa.Connection,
    collection: Collection,
    scope: Scope,
    field: str = "tags",
    having: Mapping[str, Sequence[str]] | None = None,
    *,
    only: Condition | None = None,
) -> list[str]:
    """The distinct tags (or system tags) of a collection's documents, in order.

    having: for fields of labels, values of which a document must have one ("-x": must not have x). only: a
    condition of the caller's own.
    """
    mine = (labels.c.collection == collection.name) & (labels.c.field == field)
    words = sa.select(labels.c.value).where(mine).distinct()
    if scope.everywhere and not having:
        return sorted(connection.scalars(words))
    table = collection.table
    inside = _projects_inside(scope) if collection is PROJECTS else scope.of(table)
    ids = sa.select(table.c.id).where(inside if only is None else inside & only)
    for name, values in (having or {}).items():
        wanted = [value for value in values if not value.startswith("-")]
        if wanted:
            ids = ids.where(LabelField(collection, name).among(wanted))
        unwanted = [value[1:] for value in values if value.startswith("-")]
        if unwanted:
            ids = ids.where(LabelField(collection, name).none_of(unwanted))
    return sorted(connection.scalars(words.where(labels.c.id.in_(ids))))


def distinct(connection: sa.Connection, column: sa.Column[str | None], scope: Scope) -> list[str]:
    """The distinct texts in a column of tasks or models."""
    found = sa.select(column).where(scope.of(column.table), column.is_not(None)).distinct()
    return sorted(text for text in connection.scalars(found) if text)


def metric_variants(
    connection: sa.Connection, table: sa.Table, scope: Scope, ids: Iterable[str]
) -> list[dict[str, str]]:
    """The metrics and variants of the scalars reported for the rows of a table, tasks or models: for those
    with these ids, if there are any, else for those in the scope."""
    wanted = list(ids)
    pairs = _pairs(event_series)
    if table is tasks and scope.everywhere and not wanted:
        # Which pairs there are is seen in an index, and one task that has it is found at once.
        known, other = pairs.distinct().subquery(), event_series.alias()
        same = (other.c.metric == known.c.metric) & (other.c.variant == known.c.variant)
        of_tasks = other.c.task.in_(sa.select(tasks.c.id))
        found = sa.select(known).where(_pairs(other).where(same, of_tasks).exists())
    else:
        inside = table.c.id.in_(wanted) if wanted else scope.of(table)
        found = pairs.where(event_series.c.task.in_(sa.select(table.c.id).where(inside))).distinct()
    return [
        {
            "metric": row.metric,
            "metric_hash": key_of(row.metric),
            "variant": row.variant,
            "variant_hash": key_of(row.variant),
        }
        for row in connection.execute(found.order_by("metric", "variant"))
    ]


def hyperparameters(connection: sa.Connection, scope: Scope) -> list[dict[str, str]]:
    """The sections and names of the hyperparameters of tasks."""
    c = value_paths.c
    if scope.everywhere:
        used: Condition = sa.exists().where(task_values.c.path == c.id)
    else:
        inside = sa.select(task_values.c.path).join(tasks, tasks.c.id == task_values.c.task)
        used = c.id.in_(inside.where(scope.of(tasks)))
    found = sa.select(c.section, c.name).where(c.field == "hyperparams", used)
    pairs = sorted((row.section, row.name) for row in connection.execute(found))
    return [{"section": section, "name": name} for section, name in pairs]


def hyperparameter_values(connection: sa.Connection, section: str, name: str, scope: Scope) -> list[str]:
    """The distinct values that tasks have of a hyperparameter."""
    path = ("hyperparams", section, name, "value")
    if not is_whole(connection, path):
        return _texts_at(connection, tasks, path, scope)
    c, mine = task_values.c, task_values.c.path == path_id(path)
    # With the number, by which they are distinct in the index; what is no text has an empty one.
    found = sa.select(c.number, c.text).distinct()
    if scope.everywhere:
        found = found.where(mine)
    else:  # from the tasks, which an outer join does not let the database turn around
        of_tasks = tasks.outerjoin(task_values, mine & (c.task == tasks.c.id))
        found = found.select_from(of_tasks).where(scope.of(tasks))
    rows = connection.execute(found)
    return sorted(row.text for row in rows if row.text or row.number == math.inf)


def metadata_keys(connection: sa.Connection, scope: Scope) -> list[str]:
    """The keys of the metadata of models."""
    keys = json_sql.keys_of(tracking_models.c.document, "metadata")
    found = sa.select(keys.c.key).join_from(tracking_models, keys, sa.true()).distinct()
    return sorted(map(str, connection.scalars(found.where(scope.of(tracking_models)))))


def metadata_values(connection: sa.Connection, key: str, scope: Scope) -> list[str]:
    """The distinct values that models have under a key of their metadata."""
    return _texts_at(connection, tracking_models, ("metadata", key, "value"), scope)


def parents(
    connection: sa.Connection, scope: Scope, *, archived: bool | None, name: str = ""
) -> list[dict[str, Any]]:
    """The tasks that are parents of others: {id, name, project}. archived: of those that are, or are not."""
    child = tasks.alias("child")
    inside = scope.of(child) & child.c.parent.is_not(None)
    if archived is not None:
        inside &= child.c.archived if archived else sa.not_(child.c.archived)
    wanted: Condition = tasks.c.id.in_(sa.select(child.c.parent).where(inside))
    if name:
        wanted &= tasks.c.name.icontains(name, autoescape=True)
    found = sa.select(tasks.c.id, tasks.c.name, tasks.c.project_id).where(wanted).order_by(tasks.c.name)
    return [{"id": row.id, "name": row.name, "project": row.project_id} for row in connection.execute(found)]


def _pairs(series: sa.FromClause) -> sa.Select[Any]:
    """The metrics and variants of series of scalars."""
    kinds = series.c.kind.in_((EventKind.SCALAR, EventKind.SINGLE))
    return sa.select(series.c.metric, series.c.variant).where(kinds)


def _projects_inside(scope: Scope) -> Condition:
    table = PROJECTS.table
    company = table.c.company.in_(("", COMPANY)) if scope.public else table.c.company == COMPANY
    return company & ProjectTree(table.c.id).one_of(scope.projects) if scope.projects else company


def _texts_at(connection: sa.Connection, table: sa.Table, path: tuple[str, ...], scope: Scope) -> list[str]:
    text = json_sql.text_at(table.c.document, path)
    found = sa.select(text).where(scope.of(table), text.is_not(None)).distinct()
    return sorted(map(str, connection.scalars(found)))
