"""Deleting a project with all below it, and what has to be said of it before.

What is in a project loses its project, or is deleted with its events. All of that is done in writes of a few
entities each, so that no other write waits long; the projects go last. What is interrupted can be repeated.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import sqlalchemy as sa

from node.events import deleting
from node.store import Store
from node.store.schema import tasks, tracking_models
from node.tracking import documents, projects
from node.tracking.collection import MODELS, PROJECTS, TASKS, Collection
from node.tracking.documents import Document
from node.tracking.errors import DatasetsInProject, ModelsInProject, PipelinesInProject, TasksInProject
from node.tracking.fields import Condition
from node.tracking.project_statistics import labelled

AT_ONCE: Final = 50
"""Entities that one write deletes."""

UNASSIGNED_AT_ONCE: Final = 5000
"""Entities that one write takes out of their project."""

_SPECIAL: Final = {"datasets": "dataset", "pipelines": "pipeline"}
"""What clients keep as projects with a system tag; the tasks in them are its versions and its runs."""


class TaskRemover(Protocol):
    """What deletes tasks with their events, as `node.tracking.tasks.Tasks.remove_all`."""

    async def remove_all(self, keys: Sequence[str]) -> dict[str, Any]: ...


@dataclass(slots=True)
class Removed:
    """How many went, and by model_urls, event_urls, artifact_urls the addresses of the files they had."""

    projects: int = 0
    tasks: int = 0
    models: int = 0
    unassigned_tasks: int = 0
    urls: dict[str, list[str]] = field(default_factory=dict)

    def add_urls(self, urls: dict[str, list[str]]) -> None:
        for name, found in urls.items():
            self.urls.setdefault(name, []).extend(found)


class ProjectRemoval:
    """Deletes projects."""

    def __init__(self, store: Store, remover: TaskRemover) -> None:
        self._store, self._remover = store, remover

    async def contents(self, key: str) -> dict[str, int]:
        """How many tasks, reports, models, datasets and pipelines there are in a project and below it, and by
        "non_archived_..." how many of each are not archived. Raises UnknownProject, ReadOnlyDocument."""

        def read(connection: sa.Connection) -> dict[str, int]:
            documents.get_own(connection, PROJECTS, key)
            return contents(connection, _with_below(connection, key))

        return await self._store.read(read)

    async def delete(self, key: str, *, force: bool = False, with_contents: bool = False) -> Removed:
        """Delete a project with all below it; what is in them is deleted too or else loses its project.

        Raises UnknownProject, ReadOnlyDocument, and unless forced TasksInProject, ModelsInProject,
        DatasetsInProject, PipelinesInProject if anything in them is not archived.
        """

        def read(connection: sa.Connection) -> list[str]:
            project = documents.get_own(connection, PROJECTS, key)
            held = _with_below(connection, key)
            if not force:
                _check_done_with(project, contents(connection, held))
            return held

        held = await self._store.read(read)
        removed = Removed()
        if with_contents:
            await self._each(TASKS, held, lambda ids: self._delete_tasks(ids, removed))
            await self._each(MODELS, held, lambda ids: self._delete_models(ids, removed))
        removed.unassigned_tasks = await self._unassign(tasks, held)
        await self._unassign(tracking_models, held)

        def write(connection: sa.Connection) -> int:
            # What has come since, between the writes.
            still = _with_below(connection, key)
            for table in (tasks, tracking_models):
                connection.execute(
                    table.update().where(table.c.project_id.in_(still)).values(project_id=None)
                )
            return documents.delete(connection, PROJECTS, still)

        removed.projects = await self._store.write(write)
        await self._store.reclaim()
        return removed

    async def _each(
        self, collection: Collection, held: Sequence[str], delete: Callable[[list[str]], Awaitable[None]]
    ) -> None:
        """Delete all of the company's own that is in these projects, few at a time."""
        table = collection.table
        mine = table.c.project_id.in_(held) & (table.c.company != "")
        ids = await self._store.read(lambda c: c.scalars(sa.select(table.c.id).where(mine)).all())
        for start in range(0, len(ids), AT_ONCE):
            await delete(list(ids[start : start + AT_ONCE]))

    async def _delete_tasks(self, ids: list[str], removed: Removed) -> None:
        gone = await self._remover.remove_all(ids)
        removed.tasks += gone["deleted"]
        removed.models += gone["deleted_models"]
        removed.add_urls(gone["urls"])

    async def _delete_models(self, ids: list[str], removed: Removed) -> None:
        def write(connection: sa.Connection) -> tuple[list[str], int]:
            found = sa.select(tracking_models.c.uri).where(tracking_models.c.id.in_(ids))
            addresses = [uri for uri in connection.scalars(found) if uri]
            deleting.delete(connection, ids)
            return addresses, documents.delete(connection, MODELS, ids)

        addresses, gone = await self._store.write(write)
        removed.models += gone
        removed.add_urls({"model_urls": addresses})

    async def _unassign(self, table: sa.Table, held: Sequence[str]) -> int:
        few = sa.select(table.c.id).where(table.c.project_id.in_(held)).limit(UNASSIGNED_AT_ONCE)
        change = table.update().where(table.c.id.in_(few)).values(project_id=None)
        total = 0
        while changed := await self._store.write(lambda c: c.execute(change).rowcount):
            total += changed
        return total


def contents(connection: sa.Connection, held: Sequence[str]) -> dict[str, int]:
    """As `ProjectRemoval.contents`, of these very projects."""
    found: dict[str, int] = {}
    special: list[str] = []
    for name, tag in _SPECIAL.items():
        mine = PROJECTS.table.c.id.in_(held[1:]) & labelled(PROJECTS, tag)
        ids = list(connection.scalars(sa.select(PROJECTS.table.c.id).where(mine)))
        live = tasks.c.project_id.in_(ids) & sa.not_(labelled(TASKS, "archived"))
        found[name] = len(ids)
        counted = sa.select(sa.func.count(tasks.c.project_id.distinct())).where(live)
        found[f"non_archived_{name}"] = int(connection.scalar(counted) or 0)
        special += ids
    plain = [key for key in held if key not in set(special)]
    is_report = tasks.c.type == "report"
    for name, collection, wanted in (
        ("tasks", TASKS, sa.not_(is_report)),
        ("reports", TASKS, is_report),
        ("models", MODELS, sa.true()),
    ):
        inside = collection.table.c.project_id.in_(plain) & wanted
        found[name] = _count(connection, collection, inside)
        found[f"non_archived_{name}"] = _count(
            connection, collection, inside & sa.not_(labelled(collection, "archived"))
        )
    return found


def _check_done_with(project: Document, counted: dict[str, int]) -> None:
    """Raise for what is not archived."""
    for kind, error in (
        ("tasks", TasksInProject),
        ("reports", TasksInProject),
        ("models", ModelsInProject),
        ("datasets", DatasetsInProject),
        ("pipelines", PipelinesInProject),
    ):
        number = counted[f"non_archived_{kind}"]
        if number:
            raise error(
                f"{project['name']!r} holds {number} {kind} that are not archived",
                "archive them, or use force",
            )


def _count(connection: sa.Connection, collection: Collection, wanted: Condition) -> int:
    query = sa.select(sa.func.count()).select_from(collection.table).where(wanted)
    return int(connection.scalar(query) or 0)


def _with_below(connection: sa.Connection, key: str) -> list[str]:
    """The project first."""
    return [key, *projects.below(connection, [key])]
