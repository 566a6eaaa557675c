"""The node's uplets: what clients and workers do with them, and what is told of that.

Who wants to hear that workers may take something listens; what is ready and was not yet handed to a compute
service is in the store, so that nobody has to have listened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import sqlalchemy as sa

from node.errors import BadRequest, NotFound
from node.events import Events
from node.keys import AccessKey
from node.store import Store
from node.store.schema import tasks
from node.tasks import TaskStatus, now
from node.uplets import collections, learnuplets, preduplets, registrations, task_rows
from node.uplets.collections import COLLECTIONS, Filters
from node.uplets.documents import Algo, Data, Document, Problem
from node.uplets.kinds import Moved, Ready, UpletKind, ready, task_of, uuid_of
from node.uplets.results import Learned, opened

T = TypeVar("T")
OnReady = Callable[[Sequence[Ready]], None]


class Uplets:
    """Problems, algorithms, data, and the work on them. Ids are texts of whoever makes a thing."""

    def __init__(self, store: Store, events: Events, url: Callable[[], str]) -> None:
        """url: where the node answers, which is known only once it does."""
        self._store, self._events, self._url = store, events, url
        self._listeners: list[OnReady] = []

    # --- register -------------------------------------------------------------------------------------------

    async def add_problem(
        self,
        uuid: str,
        workflow: str,
        test_dataset: Sequence[str],
        size_train_dataset: int,
        actor: AccessKey,
        *,
        lower_is_better: bool = False,
    ) -> Problem:
        """Raises AlreadyExists, BadRequest."""
        return await self._store.write(
            lambda c: registrations.add_problem(
                c,
                uuid,
                workflow,
                test_dataset,
                size_train_dataset,
                actor.user,
                lower_is_better=lower_is_better,
            )
        )

    async def add_algo(self, uuid: str, problem: str, name: str, actor: AccessKey) -> tuple[Algo, int]:
        """The algorithm, and how many learnuplets it has. Raises AlreadyExists, BadRequest."""

        def write(connection: sa.Connection) -> tuple[tuple[Algo, int], list[Moved]]:
            algo, count, moved = registrations.add_algo(connection, uuid, problem, name, actor.user)
            return (algo, count), moved

        return await self._write(write)

    async def add_data(
        self, uuids: Iterable[str], problems: Iterable[str], actor: AccessKey
    ) -> tuple[list[Data], int]:
        """The data as they are then, and how many learnuplets are new. Raises AlreadyExists, BadRequest,
        Forbidden."""
        given, wanted = list(dict.fromkeys(uuids)), list(dict.fromkeys(problems))

        def write(connection: sa.Connection) -> tuple[tuple[list[Data], int], list[Moved]]:
            count, moved = registrations.add_data(connection, given, wanted, actor)
            return (registrations.data(connection, given), count), moved

        return await self._write(write)

    async def predict(self, problem: str, data: Iterable[str], actor: AccessKey) -> int:
        """Ask for a prediction for each item of data; how many preduplets that makes. Raises BadRequest if
        the problem has no trained model."""
        items = list(dict.fromkeys(data))

        def write(connection: sa.Connection) -> tuple[int, list[Moved]]:
            moved = preduplets.create(connection, problem, items, actor.user)
            return len(moved), moved

        return await self._write(write)

    # --- work -----------------------------------------------------------------------------------------------

    async def claim(self, kind: UpletKind, uuid: str, worker: str, actor: AccessKey) -> None:
        """Give a ready uplet to a worker; of several that ask at once one gets it. Raises BadRequest."""

        def write(connection: sa.Connection) -> tuple[None, list[Moved]]:
            moved = task_rows.take(connection, kind, uuid, worker, actor.user)
            if moved is None:
                raise BadRequest(
                    f"worker not set for {kind} {uuid}. Might be already pending", "take another one"
                )
            return None, [moved]

        await self._write(write)

    async def finish_learning(self, uuid: str, learned: Learned | None, actor: AccessKey) -> None:
        """A learnuplet is done, or failed (None). Raises BadRequest, Forbidden."""
        storage = f"{self._url()}/storage"
        await self._write(
            lambda c: (None, learnuplets.finish(c, uuid, learned, actor, self._events, storage))
        )

    async def finish_prediction(
        self, uuid: str, prediction: str | None, actor: AccessKey, *, failed: bool
    ) -> None:
        """A preduplet is done, its prediction kept under a uuid, or failed. Raises BadRequest, Forbidden."""
        await self._write(lambda c: (None, preduplets.finish(c, uuid, prediction, actor, failed=failed)))

    async def release(self, task: str) -> bool:
        """Take an uplet, by its task's id, from a worker of whom nothing is heard any more, so that another
        may take it; False if no worker has it, or it is no uplet."""

        def write(connection: sa.Connection) -> tuple[bool, list[Moved]]:
            moved = release(connection, task)
            return moved is not None, [] if moved is None else [moved]

        return await self._write(write)

    async def give_back(self, task: str, actor: AccessKey) -> None:
        """A worker gives back an uplet, by its task: the next may take it. Raises BadRequest, Forbidden."""

        def write(connection: sa.Connection) -> tuple[None, list[Moved]]:
            kind = connection.scalar(sa.select(tasks.c.kind).where(tasks.c.id == task))
            if kind not in set(UpletKind):
                raise BadRequest(f"job {task} is no uplet", "give back what was taken with POST /worker")
            opened(connection, UpletKind(kind), uuid_of(task), actor)
            moved = task_rows.release(connection, UpletKind(kind), task, actor.user)
            if moved is None:
                raise BadRequest(f"no worker has the {kind} {uuid_of(task)}", "there is nothing to give back")
            return None, [moved]

        await self._write(write)

    # --- look -----------------------------------------------------------------------------------------------

    async def find(self, collection: str, filters: Filters = ()) -> list[Document]:
        """Those of a collection that pass all filters (see `collections`), oldest first."""
        return await self._store.read(lambda c: collections.find(c, COLLECTIONS[collection], filters))

    async def get(self, collection: str, uuid: str) -> Document:
        """Raises NotFound."""
        found = await self.find(collection, [("uuid", uuid)])
        if not found:
            raise NotFound(f"there is no {collection} {uuid}", "list them to see those that exist")
        return found[0]

    async def ready(self, kind: UpletKind, limit: int) -> list[tuple[Document, float]]:
        """Uplets that a worker may take and that were not handed to a compute service, oldest first, with the
        time since when that is so."""
        wanted = sa.and_(tasks.c.status == TaskStatus.QUEUED.value, kind.table.c.pushed.is_(None))
        collection = COLLECTIONS[kind.value]

        def read(connection: sa.Connection) -> list[tuple[Document, float]]:
            found = collections.select(connection, collection, wanted, limit)
            keys = [task_of(shown.uuid) for shown in found]
            query = sa.select(tasks.c.id, tasks.c.status_changed).where(tasks.c.id.in_(keys))
            since = {row.id: row.status_changed for row in connection.execute(query)}
            return [(shown, since[key]) for shown, key in zip(found, keys, strict=True)]

        return await self._store.read(read)

    async def pushed(self, kind: UpletKind, uuid: str, since: float) -> None:
        """Note that an uplet, ready since then, was handed to a compute service. One that was taken
        meanwhile, and perhaps given back, was not handed on as it is now."""
        table, task = kind.table, task_of(uuid)
        same = sa.select(tasks.c.id).where(tasks.c.id == task, tasks.c.status_changed == since).exists()
        note = table.update().where(table.c.task == task, same).values(pushed=now())
        await self._store.write(lambda c: c.execute(note))

    async def holder(self, task: str) -> str | None:
        """The user whose worker has an uplet, by its task's id; None if nobody has, or it is no uplet."""
        query = sa.union_all(
            *(sa.select(kind.table.c.holder).where(kind.table.c.task == task) for kind in UpletKind)
        )
        return await self._store.read(lambda c: c.scalar(query))

    @contextmanager
    def listening(self, on_ready: OnReady) -> Iterator[None]:
        """Within the context, `on_ready` is called in the event loop with uplets that became ready, once that
        is committed. It must not block."""
        self._listeners.append(on_ready)
        try:
            yield
        finally:
            self._listeners.remove(on_ready)

    async def _write(self, work: Callable[[sa.Connection], tuple[T, list[Moved]]]) -> T:
        """Carry out a write, then tell of the uplets that it moved."""
        found, moved = await self._store.write(work)
        self.tell(moved)
        return found

    def tell(self, moved: Sequence[Moved]) -> None:
        """Tell of uplets whose change of status is committed."""
        for _, task, status in moved:
            self._events.tell_status(task, status)
        if became := ready(moved):
            self.became_ready(became)

    def became_ready(self, ready: Sequence[Ready]) -> None:
        """Tell whoever listens that workers may take these; nothing else is told of them."""
        for on_ready in list(self._listeners):
            on_ready(ready)


def release(connection: sa.Connection, task: str) -> Moved | None:
    """As `Uplets.release`, within a write; its caller passes what it gives to `Uplets.tell` afterwards."""
    kind = connection.scalar(sa.select(tasks.c.kind).where(tasks.c.id == task))
    if kind not in set(UpletKind):
        return None
    return task_rows.release(connection, UpletKind(kind), task, "")
