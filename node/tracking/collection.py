"""What the kinds of document are: their tables, and what the query language may ask of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from node.errors import NotFound
from node.store.schema import LISTED, queues, tasks, tracking_models, tracking_projects
from node.tracking import errors


@dataclass(frozen=True, slots=True)
class Keys:
    """How deep the free keys of a map in a document lie: `levels` of them, and below, if `item`, a field of
    fixed name ("hyperparams" is section, name, then one of value, type, description)."""

    levels: int
    item: bool


@dataclass(frozen=True, slots=True)
class Collection:
    """A kind of document.

    name: as in the table `labels`, and in messages (without its s); columns: the fields that are columns, by
    their dotted path; labels: the fields whose values are in the table `labels`; flags: system tags that are
    columns too, whether a document has them; maps: the fields with free
    keys, in which any dot may stand. The rest is what requests may ask for: `lists` by value, `patterns` by
    regular expression, `ranges` by limits, `times` by date conditions, `equals` by equality, `search` in
    full text; a name that ends with * is a beginning. hidden: the system tag of what is listed only if asked
    for, by search_hidden or one of `unhiding`; tree: the field whose projects include their subprojects;
    of_type: the fields that only documents of one type have; valued: whether values in its documents are rows
    of `task_values`; listed: the columns that an index has all of, so
    that lists of them alone read no rows.
    """

    name: str
    table: sa.Table
    unknown: type[NotFound]
    columns: Mapping[str, str]
    labels: tuple[str, ...] = ("tags", "system_tags")
    flags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    maps: Mapping[str, Keys] = field(default_factory=lambda: MappingProxyType({}))
    lists: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()
    times: frozenset[str] = frozenset()
    equals: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    hidden: str = "hidden"
    unhiding: tuple[str, ...] = ("id",)
    tree: str | None = None
    of_type: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    valued: bool = False
    listed: frozenset[str] = frozenset()

    @property
    def one(self) -> str:
        return self.name.removesuffix("s")

    def column(self, path: str) -> sa.Column[Any] | None:
        """The column of a field; None if the field is in the document."""
        name = self.columns.get(path)
        return None if name is None else self.table.c[name]


def _columns(*same: str, **other: str) -> Mapping[str, str]:
    return MappingProxyType({name: name for name in same} | other)


_METRICS = Keys(2, item=True)
_METADATA = Keys(1, item=True)

TASKS = Collection(
    name="tasks",
    table=tasks,
    unknown=errors.UnknownTask,
    columns=MappingProxyType(
        {
            "user": "owner",
            "project": "project_id",
            "execution.queue": "queue",
            **{
                name: name
                for name in (
                    "id",
                    "name",
                    "type",
                    "status",
                    "company",
                    "parent",
                    "comment",
                    "created",
                    "started",
                    "completed",
                    "published",
                    "active_duration",
                    "enqueue_status",
                    "status_reason",
                    "status_message",
                    "status_changed",
                    "last_update",
                    "last_change",
                    "last_changed_by",
                    "last_iteration",
                    "last_worker",
                    "last_worker_report",
                )
            },
        }
    ),
    labels=("tags", "system_tags", "models.input.model", "models.output.model"),
    flags=MappingProxyType({"archived": "archived", "hidden": "hidden"}),
    maps=MappingProxyType(
        {
            "hyperparams": Keys(2, item=True),
            "configuration": Keys(1, item=True),
            "runtime": Keys(1, item=False),
            "container": Keys(1, item=False),
            "last_metrics": _METRICS,
        }
    ),
    lists=(
        "id",
        "user",
        "tags",
        "system_tags",
        "type",
        "status",
        "project",
        "parent",
        "hyperparams.*",
        "execution.queue",
        "models.input.model",
        "models.output.model",
    ),
    patterns=("name", "comment", "report"),
    ranges=("created", "started", "completed", "active_duration", "last_metrics.*", "last_iteration"),
    times=frozenset(
        {
            "created",
            "started",
            "completed",
            "published",
            "status_changed",
            "last_update",
            "last_change",
            "last_worker_report",
        }
    ),
    equals=("runtime.*",),
    search=("name", "id", "comment", "report"),
    tree="project",
    of_type=MappingProxyType({"report": "report"}),
    valued=True,
    listed=frozenset(LISTED),
)

MODELS = Collection(
    name="models",
    table=tracking_models,
    unknown=errors.UnknownModel,
    columns=_columns(
        "id",
        "name",
        "company",
        "task",
        "parent",
        "comment",
        "framework",
        "uri",
        "ready",
        "created",
        "last_update",
        "last_iteration",
        user="owner",
        project="project_id",
    ),
    maps=MappingProxyType({"metadata": _METADATA, "labels": Keys(1, item=False), "last_metrics": _METRICS}),
    lists=(
        "id",
        "user",
        "tags",
        "system_tags",
        "framework",
        "uri",
        "project",
        "task",
        "parent",
        "metadata.*",
    ),
    patterns=("name", "comment"),
    ranges=("created", "last_metrics.*", "last_iteration"),
    times=frozenset({"created", "last_update"}),
    equals=("ready",),
    search=("id", "name", "comment", "parent", "task", "project", "uri"),
    tree="project",
)

PROJECTS = Collection(
    name="projects",
    table=tracking_projects,
    unknown=errors.UnknownProject,
    columns=_columns(
        "id", "name", "basename", "company", "parent", "description", "created", "last_update", user="owner"
    ),
    labels=("tags", "system_tags", "path"),
    lists=("id", "user", "tags", "system_tags", "parent", "path"),
    patterns=("name", "basename", "description"),
    ranges=("created",),
    times=frozenset({"created", "last_update"}),
    search=("id", "name", "description"),
)

QUEUES = Collection(
    name="queues",
    table=queues,
    unknown=errors.UnknownQueue,
    columns=_columns("id", "name", "company", "created", "last_update", user="owner"),
    maps=MappingProxyType({"metadata": _METADATA}),
    lists=("id", "user", "tags", "system_tags", "metadata.*"),
    patterns=("name",),
    ranges=("created",),
    times=frozenset({"created", "last_update"}),
    search=("id", "name", "display_name"),
    hidden="k8s-glue",
    unhiding=("id", "name"),
)
