"""Ends the tasks of workers that have vanished: nothing was heard of them for too long.

Tasks that clients and agents run are stopped; other kinds of work may be given to the next worker instead.
The node's own jobs are watched by its job manager.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import sqlalchemy as sa

from node.errors import NodeError
from node.events import Events
from node.store import Store
from node.store.schema import tasks
from node.tasks import EXTERNAL, TaskStatus, now
from node.tracking import documents, task_steps
from node.tracking.collection import TASKS
from node.tracking.task_states import Step

SILENCE: Final = 7200.0
"""Seconds without a sign of life after which a task has no worker any more: ClearML's."""

INTERVAL: Final = 900.0
"""Seconds between two looks."""

REASON: Final = "Forced stop (non-responsive)"
"""Reason and message of a task that was stopped so, in ClearML's words."""

Release = Callable[[str], Awaitable[object]]
"""Takes a task, by its id, from its worker."""

_log = logging.getLogger(__name__)


class Watchdog:
    """Looks after what runs outside the node. releases: what becomes of silent work, by kinds other than
    `EXTERNAL`; since: from when on somebody could have been heard, the node's start."""

    def __init__(
        self, store: Store, events: Events, releases: Mapping[str, Release], since: float | None = None
    ) -> None:
        self._store, self._events, self._releases = store, events, releases
        self._since = now() if since is None else since

    async def watch(self) -> None:
        """Look every `INTERVAL` seconds, until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self.look(now())
            except NodeError as error:
                _log.warning("could not look for tasks without a worker: %s", error)

    async def look(self, at: float) -> list[str]:
        """End what was silent for `SILENCE` seconds at the time `at`, in unix seconds; the ids of it."""
        limit = at - SILENCE
        if self._since > limit:
            return []
        running = (tasks.c.status == TaskStatus.IN_PROGRESS.value) & (tasks.c.last_update < limit)
        watched = running & tasks.c.kind.in_((EXTERNAL, *self._releases))
        query = sa.select(tasks.c.id, tasks.c.kind).where(watched).order_by(tasks.c.last_update)
        silent = await self._store.read(lambda c: c.execute(query).all())
        for key, kind in silent:
            if kind == EXTERNAL:
                await self._stop(key, limit)
            else:
                await self._releases[kind](key)
        return [key for key, _ in silent]

    async def _stop(self, key: str, limit: float) -> None:
        """Stop a task, unless something was heard of it meanwhile."""

        def write(connection: sa.Connection) -> bool:
            task = documents.read_all(connection, TASKS, [key], documents.WHOLE).get(key)
            if task is None or task["status"] != TaskStatus.IN_PROGRESS or task["last_update"] >= limit:
                return False
            task_steps.ended(connection, task, Step.STOPPED, "", reason=REASON, message=REASON)
            return True

        if await self._store.write(write):
            self._events.tell_status(key, TaskStatus.STOPPED)
