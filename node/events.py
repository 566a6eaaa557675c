"""What tasks say while they run: log lines and scalars, stored for queries and handed to whoever listens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from node.jobs import task_rows
from node.store import Store

BACKLOG = 1000
"""Events that a slow listener may lag behind before it loses the oldest."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something about a task. body: a log line's level and message, a scalar's metric, iteration and value,
    progress, or the new status; time in unix seconds."""

    task: str
    kind: Literal["log", "scalar", "status", "progress"]
    time: float
    body: dict[str, Any]


class Events:
    """Stores log lines and scalars, and tells every listener of them, of progress and of states."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._listeners: set[asyncio.Queue[Event]] = set()

    def log(self, task: str, message: str, level: str = "info") -> None:
        self._keep(task, "log", {"level": level, "message": message})

    def scalar(self, task: str, metric: str, iteration: int, value: float) -> None:
        self._keep(task, "scalar", {"metric": metric, "iteration": iteration, "value": value})

    def tell(self, task: str, kind: Literal["status", "progress"], body: dict[str, Any]) -> None:
        """What is kept with the task itself and needs no storing here."""
        self._publish(Event(task, kind, time.time(), body))

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[asyncio.Queue[Event]]:
        """A queue of all events from now on; a listener that lags loses the oldest."""
        queue: asyncio.Queue[Event] = asyncio.Queue(BACKLOG)
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)

    def _keep(self, task: str, kind: Literal["log", "scalar"], body: dict[str, Any]) -> None:
        event = Event(task, kind, time.time(), body)
        stored = {**body, "time": event.time}
        future = self._store.submit(lambda c: task_rows.add_event(c, task, kind, stored))
        future.add_done_callback(
            lambda done: done.cancelled() or done.exception()
        )  # a lost line is no failure
        self._publish(event)

    def _publish(self, event: Event) -> None:
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)
