"""Workers: the agents that take tasks from queues and tell of themselves, and the node's own processes.

An agent's entry is forgotten when nothing was heard of it for as long as it said, or when it says good-bye.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import sqlalchemy as sa

from node.jobs.kinds import KINDS, own_worker
from node.store import Store
from node.store.schema import COMPANY, tasks, workers
from node.tasks import TaskStatus, now
from node.tracking import documents, queue_entries, worker_statistics
from node.tracking.collection import PROJECTS, QUEUES, TASKS
from node.tracking.documents import Document
from node.tracking.errors import BadFieldValue
from node.tracking.projection import Projection

SILENCE = 600
"""Seconds without a report after which a worker that said nothing else is forgotten."""

LONGEST_ID = 500
"""Characters of a worker's id at most."""

_NAMED = Projection(("id", "name"))


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker: whose it is, the queues it takes tasks from, what it runs and from which queue that came.

    Times are unix seconds: of its registration, of its last sign of life, of its last report.
    """

    id: str
    owner: str
    ip: str
    registered: float
    seen: float
    reported: float | None
    queues: tuple[str, ...] = ()
    queue: str | None = None
    task: str | None = None
    tags: tuple[str, ...] = ()
    system_tags: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What tells it from all others."""
        return f"worker_{COMPANY}_{self.owner}_{self.id}"


class Workers:
    """The workers of a node. `name`: the node's; `own`: how many processes it has for its own jobs."""

    def __init__(self, store: Store, name: str, own: int) -> None:
        self._store, self._name, self._own = store, name, own
        self._started = now()

    async def register(
        self,
        worker: str,
        user: str,
        ip: str,
        *,
        silence: int = SILENCE,
        queues: Sequence[str] = (),
        tags: Sequence[str] = (),
        system_tags: Sequence[str] = (),
    ) -> None:
        """A worker is there, for `silence` seconds after each report. One of this id before it is replaced.

        Raises UnknownQueue, BadFieldValue.
        """
        about = {"queues": list(queues), "tags": list(tags), "system_tags": list(system_tags)}

        def write(connection: sa.Connection) -> None:
            _check(connection, worker, about)
            connection.execute(workers.delete().where(workers.c.id == worker))
            _keep(connection, worker, {**about, "silence": silence}, owner=user, ip=ip)

        await self._store.write(write)

    async def unregister(self, worker: str) -> None:
        """A worker is gone, if it was there."""
        await self._store.write(lambda c: c.execute(workers.delete().where(workers.c.id == worker)))

    async def report(
        self,
        worker: str,
        user: str,
        ip: str,
        *,
        queues: Sequence[str] | None = None,
        queue: str | None = None,
        task: str | None = None,
        tags: Sequence[str] = (),
        system_tags: Sequence[str] | None = None,
        machine: Mapping[str, Any] | None = None,
    ) -> None:
        """A worker tells what it does, and how its machine fares (see `worker_statistics.keep`). One that is
        not registered is so now; queues and system tags that are not told stay as they were.

        Raises UnknownQueue, UnknownTask, BadFieldValue.
        """

        def write(connection: sa.Connection) -> None:
            row = connection.execute(sa.select(workers).where(workers.c.id == worker)).one_or_none()
            before = {"silence": SILENCE} if row is None else row.document
            about = {**before, "task": task, "queue": queue, "tags": list(tags)}
            if queues is not None:
                about["queues"] = list(queues)
            if system_tags is not None:
                about["system_tags"] = list(system_tags)
            _check(connection, worker, about)
            at = now()
            about["reported"] = at
            _keep(connection, worker, about, owner=user, ip=ip)
            if task is not None:
                documents.get(connection, TASKS, task)
                told = {"last_worker": worker, "last_worker_report": at, "last_update": at}
                documents.update(connection, TASKS, task, told)
            worker_statistics.keep(connection, worker, int(at), machine or {}, working=task is not None)

        await self._store.write(write)

    async def find(
        self,
        *,
        seen_within: float | None = None,
        tags: Sequence[str] = (),
        system_tags: Sequence[str] = (),
        pattern: str | None = None,
    ) -> list[Worker]:
        """The workers there are, by their ids. seen_within: of which something was heard in so many seconds;
        tags: any of these, and none of those that begin with "-"; pattern: of ids, with * and ?."""

        def wanted(worker: Worker) -> bool:
            recent = seen_within is None or worker.seen > now() - seen_within
            matches = pattern is None or fnmatchcase(worker.id, pattern)
            tagged = _tagged(worker.tags, tags) and _tagged(worker.system_tags, system_tags)
            return recent and matches and tagged

        found = await self._store.read(lambda c: [*registered(c), *self._jobs(c)])
        return sorted(filter(wanted, found), key=lambda worker: worker.id)

    async def described(self, found: Iterable[Worker]) -> list[Document]:
        """Workers with their queues, tasks and projects as objects, by ClearML's names."""
        return await self._store.read(lambda c: _described(c, list(found)))

    async def watches(self, queue: str) -> bool:
        """Whether a worker takes tasks from a queue."""
        return await self._store.read(lambda c: any(queue in w.queues for w in registered(c)))

    def _jobs(self, connection: sa.Connection) -> list[Worker]:
        """The processes in which the node runs its own jobs."""
        running = sa.select(tasks.c.id, tasks.c.owner, tasks.c.last_worker).where(
            tasks.c.kind.in_(KINDS), tasks.c.status == TaskStatus.IN_PROGRESS.value
        )
        busy = {row.last_worker: row for row in connection.execute(running)}
        at = now()
        found = []
        for name in (own_worker(self._name, number) for number in range(self._own)):
            idle = Worker(name, "", "", self._started, at, at)
            job = busy.get(name)
            found.append(idle if job is None else replace(idle, owner=job.owner, task=job.id))
        return found


def registered(connection: sa.Connection) -> list[Worker]:
    """The agents that have said that they are there, and have not been silent for too long."""
    return [
        Worker(
            id=row.id,
            owner=row.owner,
            ip=row.ip,
            registered=row.registered,
            seen=row.seen,
            reported=row.document.get("reported"),
            queues=tuple(row.document.get("queues", ())),
            queue=row.document.get("queue"),
            task=row.document.get("task"),
            tags=tuple(row.document.get("tags", ())),
            system_tags=tuple(row.document.get("system_tags", ())),
        )
        for row in connection.execute(sa.select(workers).where(workers.c.expires > now()))
    ]


def watching(connection: sa.Connection) -> dict[str, list[Document]]:
    """For each queue the workers that take tasks from it: [{name, ip, key, task}]."""
    found = registered(connection)
    named = documents.read_all(connection, TASKS, {w.task for w in found if w.task}, _NAMED)
    by_queue: dict[str, list[Document]] = {}
    for worker in found:
        told = {"name": worker.id, "ip": worker.ip, "key": worker.key, "task": named.get(worker.task or "")}
        for queue in worker.queues:
            by_queue.setdefault(queue, []).append(told)
    return by_queue


def _keep(connection: sa.Connection, worker: str, about: Mapping[str, Any], *, owner: str, ip: str) -> None:
    """Write a worker's entry; those that have been silent for too long go."""
    at = now()
    connection.execute(workers.delete().where(workers.c.expires <= at))
    values = {"owner": owner, "ip": ip, "seen": at, "expires": at + about["silence"], "document": about}
    changed = connection.execute(workers.update().where(workers.c.id == worker).values(values))
    if not changed.rowcount:
        connection.execute(workers.insert().values(id=worker, registered=at, **values))


def _check(connection: sa.Connection, worker: str, about: Mapping[str, Any]) -> None:
    if not 0 < len(worker) <= LONGEST_ID:
        raise BadFieldValue("the worker's id is empty or too long", f"use up to {LONGEST_ID} characters")
    documents.check_storable({"worker": worker, **about})
    for queue in {*about.get("queues", ()), *([about["queue"]] if about.get("queue") else [])}:
        documents.get(connection, QUEUES, queue, _NAMED)


def _tagged(tags: Sequence[str], wanted: Sequence[str]) -> bool:
    some = [tag for tag in wanted if not tag.startswith("-")]
    excluded = any(tag.startswith("-") and tag[1:] in tags for tag in wanted)
    return not excluded and (not some or any(tag in tags for tag in some))


def _described(connection: sa.Connection, found: Sequence[Worker]) -> list[Document]:
    running = documents.read_all(
        connection,
        TASKS,
        {worker.task for worker in found if worker.task},
        Projection(("id", "name", "project", "started", "last_iteration")),
    )
    projects = {task["project"] for task in running.values() if "project" in task}
    folders = documents.read_all(connection, PROJECTS, projects, _NAMED)
    keys = {key for worker in found for key in (*worker.queues, worker.queue) if key}
    queues = {
        key: _queue(connection, queue)
        for key, queue in documents.read_all(
            connection, QUEUES, keys, Projection(("id", "name", "display_name"))
        ).items()
    }
    return [_one(worker, running.get(worker.task or ""), folders, queues) for worker in found]


def _one(
    worker: Worker, task: Document | None, folders: Mapping[str, Document], queues: Mapping[str, Document]
) -> Document:
    document: Document = {
        "id": worker.id,
        "key": worker.key,
        "ip": worker.ip,
        "user": worker.owner,
        "register_time": worker.registered,
        "last_activity_time": worker.seen,
        "last_report_time": worker.reported,
        "queues": [queues[key] for key in worker.queues if key in queues],
        "tags": list(worker.tags),
        "system_tags": list(worker.system_tags),
    }
    if worker.queue is not None and worker.queue in queues:
        document["queue"] = queues[worker.queue]
    if task is not None:
        ran = max(0.0, now() - task.get("started", now()))
        document["task"] = {
            "id": task["id"],
            "name": task["name"],
            "running_time": int(ran * 1000),
            "last_iteration": task.get("last_iteration", 0),
        }
        folder = folders.get(task.get("project", ""))
        document |= {"project": folder} if folder else {}
    return document


def _queue(connection: sa.Connection, queue: Document) -> Document:
    """A queue as workers show it: {id, name, display_name?, num_tasks, next_task?}."""
    head = next(iter(queue_entries.waiting(connection, queue["id"], 1)), None)
    shown = {**queue, "num_tasks": queue_entries.length(connection, queue["id"])}
    if head is None:
        return shown
    task = documents.read_all(connection, TASKS, [head.task], _NAMED).get(head.task, {"id": head.task})
    return {**shown, "next_task": task}
