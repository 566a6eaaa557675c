"""Whoever wants to hear events as they come: bounded, and told what it missed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

BACKLOG = 1000
"""Events that a slow listener may lag behind before it loses the oldest."""

HeardKind = Literal["log", "scalar", "vector", "plot", "image", "status", "progress"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something about a task, at unix seconds.

    body: a log line's level and message; a scalar's metric, variant, iteration and value; of vectors, plots
    and images metric, variant and iteration (what they hold is asked for); the new status; progress.
    """

    task: str
    kind: HeardKind
    time: float
    body: dict[str, Any]


@dataclass(slots=True, eq=False)
class Listener:
    """Waits for the events that it is for: of these tasks and kinds, None means of all.

    `lost`: how many events it was too slow for, since it was last asked.
    """

    tasks: frozenset[str] | None = None
    kinds: frozenset[str] | None = None
    lost: int = 0
    _waiting: deque[Event] = field(default_factory=lambda: deque(maxlen=BACKLOG))
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    async def get(self) -> Event:
        """The oldest event that it has not had yet, waiting for one if need be."""
        while not self._waiting:
            self._more.clear()
            await self._more.wait()
        return self._waiting.popleft()

    def take_waiting(self) -> list[Event]:
        """All events that it has not had yet."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting

    def take_lost(self) -> int:
        """How many events are missing before the next one."""
        lost, self.lost = self.lost, 0
        return lost

    def __len__(self) -> int:
        return len(self._waiting)

    def wants(self, task: str, kind: str) -> bool:
        return (self.tasks is None or task in self.tasks) and (self.kinds is None or kind in self.kinds)

    def tell(self, event: Event) -> None:
        if len(self._waiting) == BACKLOG:
            self.lost += 1
        self._waiting.append(event)
        self._more.set()


class Listeners:
    """Those who listen now."""

    def __init__(self) -> None:
        self._all: set[Listener] = set()

    @contextmanager
    def listen(
        self, tasks: Iterable[str] | None = None, kinds: Iterable[str] | None = None
    ) -> Iterator[Listener]:
        """A listener to all events from now on, of these tasks and kinds."""
        listener = Listener(
            None if tasks is None else frozenset(tasks), None if kinds is None else frozenset(kinds)
        )
        self._all.add(listener)
        try:
            yield listener
        finally:
            self._all.discard(listener)

    def tell(self, task: str, kind: HeardKind, events: Callable[[], Iterable[Event]]) -> None:
        """Tell those who want it; `events` is not called where nobody does."""
        wanting = [listener for listener in self._all if listener.wants(task, kind)]
        if wanting:
            for event in events():
                for listener in wanting:
                    listener.tell(event)
