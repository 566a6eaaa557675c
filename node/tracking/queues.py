"""Queues: where tasks wait until an agent takes them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa

from node.events import Events
from node.store import Store
from node.store.schema import COMPANY, labels, queue_metrics, queues
from node.tasks import TaskStatus, now
from node.tracking import documents, queue_entries, task_steps, workers
from node.tracking.collection import QUEUES, TASKS
from node.tracking.documents import Document, Page
from node.tracking.errors import (
    NoDefaultQueue,
    NotQueued,
    QueueNotEmpty,
    SeveralDefaultQueues,
)
from node.tracking.names import check_name
from node.tracking.projection import Projection
from node.tracking.query import Query
from node.tracking.queue_entries import Entry
from node.tracking.references import apart, join
from node.tracking.task_states import Step

DEFAULT = "default"
"""The system tag of the queue for tasks that are enqueued without naming one."""

ALL = "all"
"""What the metrics of all queues together are named."""

_CHANGEABLE = ("name", "display_name", "tags", "system_tags", "metadata")

Statuses = dict[str, str]
"""New statuses of tasks, by their ids."""


class Queues:
    """The queues of a node. A document has its `entries`, [{task, added}], the next one first."""

    def __init__(self, store: Store, events: Events) -> None:
        self._store, self._events = store, events

    async def create(self, fields: Mapping[str, Any], user: str) -> Document:
        """A new, empty queue. Raises NameTaken, NameTooShort, BadFieldValue."""
        return await self._store.write(lambda c: create(c, fields, user))

    async def get(self, key: str) -> Document:
        """A queue by its id, with its entries. Raises UnknownQueue."""
        return await self._store.read(lambda c: with_entries(c, [documents.get(c, QUEUES, key)])[0])

    async def default(self) -> Document:
        """The queue with the system tag `default`. Raises NoDefaultQueue, SeveralDefaultQueues."""
        return await self._store.read(lambda c: documents.get(c, QUEUES, default(c)))

    async def find(self, query: Query) -> Page:
        """The queues that a query finds, with their entries."""

        def read(connection: sa.Connection) -> Page:
            return _with_entries_of(connection, query, documents.find(connection, query))

        return await self._store.read(read)

    async def find_joined(self, query: Query) -> Page:
        """The queues that a query finds, with their entries, the tasks in them as objects, and `workers`:
        [{name, ip, key, task}], those that take tasks from them."""
        wanted = apart(QUEUES, query.projection)
        if not query.projection.include:
            wanted = replace(wanted, references={"entries.task": Projection(("id", "name"))})

        def read(connection: sa.Connection) -> Page:
            own = replace(query, projection=wanted.own)
            page = _with_entries_of(connection, own, documents.find(connection, own))
            join(connection, QUEUES, page.documents, wanted)
            if not query.projection.include or "workers" in query.projection.include:
                by_queue = workers.watching(connection)
                for document in page.documents:
                    document["workers"] = by_queue.get(document["id"], [])
            return page

        return await self._store.read(read)

    async def update(self, key: str, fields: Mapping[str, Any]) -> Document:
        """Change the name, tags or metadata; the changed fields. Raises UnknownQueue, NameTaken."""
        changes = {name: fields[name] for name in _CHANGEABLE if name in fields}
        if changes.get("name") is not None:
            check_name(changes["name"], "queue")

        def write(connection: sa.Connection) -> Document:
            documents.get_own(connection, QUEUES, key)
            documents.update(connection, QUEUES, key, {**changes, "last_update": now()})
            return changes

        return await self._store.write(write)

    async def set_metadata(
        self, key: str, items: Mapping[str, Any], *, without: Sequence[str] = (), replace: bool = False
    ) -> None:
        """Set metadata, {key: {key, type?, value?}}, and remove others by their keys, or (`replace`) all.

        Raises UnknownQueue.
        """

        def write(connection: sa.Connection) -> None:
            before = documents.get_own(connection, QUEUES, key).get("metadata", {})
            kept = {} if replace else {name: item for name, item in before.items() if name not in without}
            changes = {"metadata": {**kept, **items}, "last_update": now()}
            documents.update(connection, QUEUES, key, changes)

        await self._store.write(write)

    async def delete(self, key: str, user: str, *, force: bool = False) -> int:
        """Delete a queue; how many tasks waited in it, which go back to the status they had before.

        Raises UnknownQueue, QueueNotEmpty unless by force.
        """

        def write(connection: sa.Connection) -> tuple[list[str], Statuses]:
            documents.get_own(connection, QUEUES, key)
            count = queue_entries.length(connection, key)
            if count and not force:
                raise QueueNotEmpty(f"{count} tasks wait in the queue {key}", "empty it, or delete by force")
            released = _release(connection, key, user)
            documents.delete(connection, QUEUES, [key])
            return released

        return len(await self._released(write))

    async def clear(self, key: str, user: str) -> list[str]:
        """Take all tasks out; which these were. They go back to the status they had before."""

        def write(connection: sa.Connection) -> tuple[list[str], Statuses]:
            documents.get(connection, QUEUES, key)
            return _release(connection, key, user)

        return await self._released(write)

    async def _released(self, write: Callable[[sa.Connection], tuple[list[str], Statuses]]) -> list[str]:
        """Carry out a write that empties a queue; the tasks that were in it."""
        gone, statuses = await self._store.write(write)
        for task, status in statuses.items():
            self._events.tell_status(task, status)
        return gone

    async def add(self, key: str, task: str) -> None:
        """Put a task at the end, whatever its status. Raises UnknownQueue, UnknownTask, AlreadyQueued."""

        def write(connection: sa.Connection) -> None:
            documents.get(connection, QUEUES, key)
            documents.get(connection, TASKS, task)
            queue_entries.append(connection, key, task)

        await self._store.write(write)

    async def remove(self, key: str, task: str) -> None:
        """Take a task out, whatever its status. Raises UnknownQueue, NotQueued."""

        def write(connection: sa.Connection) -> None:
            documents.get(connection, QUEUES, key)
            if not queue_entries.withdraw(connection, task, key):
                raise NotQueued(f"the task {task} does not wait in the queue {key}", "see its entries")

        await self._store.write(write)

    async def next(self, key: str, task: str | None = None) -> Entry | None:
        """Take the next task out, each exactly once; None if none waits, or another than `task` is next.

        Raises UnknownQueue.
        """
        if await self.peek(key) is None:  # an agent that waits asks often: it must not cost a commit
            return None
        return await self._store.write(lambda c: queue_entries.pop(c, key, task))

    async def peek(self, key: str) -> Entry | None:
        """The next task, left where it is. Raises UnknownQueue."""

        def read(connection: sa.Connection) -> Entry | None:
            documents.get(connection, QUEUES, key)
            return next(iter(queue_entries.waiting(connection, key, 1)), None)

        return await self._store.recall(("queue head", key), read)

    async def length(self, key: str) -> int:
        """How many tasks wait. Raises UnknownQueue."""

        def read(connection: sa.Connection) -> int:
            documents.get(connection, QUEUES, key)
            return queue_entries.length(connection, key)

        return await self._store.read(read)

    async def move(self, key: str, task: str, by: int | None, *, forward: bool) -> int:
        """Move a task `by` places towards the head or the end, or (None) all the way; its place then, from 0.

        Raises UnknownQueue, NotQueued.
        """

        def write(connection: sa.Connection) -> int:
            documents.get(connection, QUEUES, key)
            return queue_entries.move(connection, key, task, by, forward=forward)

        return await self._store.write(write)

    async def metrics(
        self, keys: Sequence[str], begin: float, end: float, interval: float
    ) -> dict[str, list[tuple[float, float, int]]]:
        """For each queue, of every interval (seconds) in which it changed: when that began, the longest
        average wait in it (seconds), and how long the queue was then. Without keys: of all queues, as one
        named "all"."""

        def read(connection: sa.Connection) -> dict[str, list[tuple[float, float, int]]]:
            c = queue_metrics.c
            names = list(keys) or [ALL]
            found: dict[str, dict[float, tuple[float, float, int]]] = {key: {} for key in names}
            within = (c.time >= begin) & (c.time <= end)
            if keys:
                within &= c.queue.in_(keys)
            for row in connection.execute(sa.select(queue_metrics).where(within).order_by(c.time)):
                at = row.time - (row.time - begin) % interval
                points = found[row.queue if keys else ALL]
                worst = points.setdefault(at, (at, row.waiting, row.length))
                if row.waiting > worst[1]:
                    points[at] = (at, row.waiting, row.length)
            return {key: list(points.values()) for key, points in found.items()}

        return await self._store.read(read)


def create(connection: sa.Connection, fields: Mapping[str, Any], user: str) -> Document:
    """A new queue. Raises NameTaken, NameTooShort, BadFieldValue."""
    at = now()
    document: Document = {name: fields[name] for name in _CHANGEABLE if fields.get(name) is not None}
    check_name(document.get("name"), "queue")
    document |= {"id": uuid.uuid4().hex, "user": user, "company": COMPANY, "created": at, "last_update": at}
    documents.insert(connection, QUEUES, document)
    return document


def resolve(connection: sa.Connection, key: str | None, name: str | None, user: str) -> str:
    """The id of a queue named by its id, by its name (it is made if there is none), or by neither: the
    default queue. Raises UnknownQueue, NoDefaultQueue, SeveralDefaultQueues."""
    if key:
        return str(documents.get(connection, QUEUES, key)["id"])
    if not name:
        return default(connection)
    found = connection.scalar(
        sa.select(queues.c.id).where(queues.c.name == name, queues.c.company.in_((COMPANY, "")))
    )
    return str(found or create(connection, {"name": name}, user)["id"])


def default(connection: sa.Connection) -> str:
    """The id of the default queue. Raises NoDefaultQueue, SeveralDefaultQueues."""
    tagged = (labels.c.collection == QUEUES.name) & (labels.c.field == "system_tags")
    found = list(connection.scalars(sa.select(labels.c.id).where(tagged, labels.c.value == DEFAULT)))
    if not found:
        raise NoDefaultQueue("there is no default queue", f"give a queue the system tag {DEFAULT!r}")
    if len(found) > 1:
        raise SeveralDefaultQueues(
            f"there are {len(found)} default queues", f"take the system tag {DEFAULT!r} from all but one"
        )
    return str(found[0])


def with_entries(connection: sa.Connection, found: Iterable[Document]) -> list[Document]:
    """Queues with their entries."""
    return [
        document | {"entries": [asdict(e) for e in queue_entries.waiting(connection, document["id"])]}
        for document in found
    ]


def _with_entries_of(connection: sa.Connection, query: Query, page: Page) -> Page:
    """The page with the entries of its queues, if the query asks for them."""
    wanted = query.projection.include
    if wanted and not any(path.split(".")[0] == "entries" for path in wanted):
        return page
    return Page(with_entries(connection, page.documents), page.scroll_id)


def _release(connection: sa.Connection, key: str, user: str) -> tuple[list[str], Statuses]:
    """Take all tasks out of a queue: which these were, and the new status of those that have one."""
    statuses: Statuses = {}
    gone = queue_entries.clear(connection, key)
    for task in gone:
        try:
            document = documents.get(connection, TASKS, task)
        except TASKS.unknown:
            continue
        if document["status"] == TaskStatus.QUEUED:
            changed = task_steps.change(connection, document, Step.DEQUEUE, user, fields=task_steps.UNQUEUED)
            statuses[task] = changed["status"]
    return gone, statuses
