"""Pipelines: tasks that run others as their steps. A run is a task with the system tag "pipeline", its steps
are those whose parent it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from node.store import Store
from node.store.schema import tasks
from node.tracking import documents, queues
from node.tracking.batches import Batch, for_each
from node.tracking.collection import PROJECTS, TASKS
from node.tracking.documents import Document
from node.tracking.errors import AllRunsOfPipeline
from node.tracking.project_statistics import labelled
from node.tracking.tasks import Tasks

PIPELINE: Final = "pipeline"
ARGUMENTS: Final = "Args"
"""The section of the parameters that a run is started with."""


class Pipelines:
    """The pipelines of a node."""

    def __init__(self, store: Store, tasks_: Tasks) -> None:
        self._store, self._tasks = store, tasks_

    async def start(self, key: str, arguments: Mapping[str, Any], user: str, queue: str | None = None) -> str:
        """Run a copy of a run with other arguments from a queue (or the default one); the copy's id.

        Raises UnknownTask, UnknownQueue, NoDefaultQueue, SeveralDefaultQueues before anything is copied.
        """

        def read(connection: sa.Connection) -> tuple[Document, str]:
            where = queues.resolve(connection, queue, None, user)
            return documents.get(connection, TASKS, key), where

        source, where = await self._store.read(read)
        given: dict[str, Any] = {"name": source["name"]}
        if arguments:
            parameters = source.get("hyperparams", {})
            changed = {
                name: {"type": "str", **parameters.get(ARGUMENTS, {}).get(name, {})}
                | {"section": ARGUMENTS, "name": name, "value": value}
                for name, value in arguments.items()
            }
            given["hyperparams"] = parameters | {ARGUMENTS: parameters.get(ARGUMENTS, {}) | changed}
        run: str = (await self._tasks.clone(key, given, user))["id"]
        await self._tasks.enqueue(run, user, queue=where)
        return run

    async def delete_runs(self, project: str, ids: Sequence[str]) -> Batch[dict[str, Any]]:
        """Delete runs of the pipeline that is this project, each with its steps, in whatever status. Ids of
        other tasks are passed over. Raises UnknownProject, AllRunsOfPipeline if none would remain."""

        def read(connection: sa.Connection) -> list[str]:
            documents.get(connection, PROJECTS, project)
            mine = (tasks.c.project_id == project) & labelled(TASKS, PIPELINE)
            return list(connection.scalars(sa.select(tasks.c.id).where(mine)))

        runs = await self._store.read(read)
        chosen = [key for key in dict.fromkeys(ids) if key in set(runs)]
        if chosen and len(chosen) == len(runs):
            raise AllRunsOfPipeline(
                f"these are all runs of the pipeline {project!r}", "keep one, or delete the project"
            )
        done = await for_each(chosen, self._delete_run)
        await self._store.reclaim()
        return done

    async def _delete_run(self, key: str) -> dict[str, Any]:
        of_run = sa.select(tasks.c.id).where(tasks.c.parent == key, tasks.c.company != "")
        steps = await self._store.read(lambda c: list(c.scalars(of_run)))
        gone = await self._tasks.remove(key, force=True)
        await self._tasks.remove_all(steps)
        return gone
