"""Tasks, as clients and agents handle them: made, run elsewhere or by the node, ended, deleted.

A task is a document (see `documents`). What changes a task returns the fields changed, by name. `user` is the
login of who does it. A job of the node's own job manager is stopped through it and queued again with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from node.events import Events
from node.jobs.kinds import KINDS
from node.store import Store
from node.store.schema import COMPANY
from node.tasks import TaskStatus, now
from node.tracking import documents, jobs_as_tasks, queues, task_fields, task_removal, task_steps
from node.tracking.collection import MODELS, TASKS
from node.tracking.documents import Document, Page
from node.tracking.errors import BadFieldValue
from node.tracking.names import check_name
from node.tracking.projection import Projection
from node.tracking.query import Query, read_query
from node.tracking.task_edits import Edit
from node.tracking.task_fields import ALWAYS_SETTABLE, SETTABLE
from node.tracking.task_states import Step, next_status
from node.tracking.task_steps import Fields
from node.uplets import following
from node.uplets.kinds import Ready, UpletKind, uuid_of

T = TypeVar("T")
Act = Callable[[sa.Connection, Document], T]


class JobManager(Protocol):
    """What tracking needs of the node's jobs."""

    async def kill(self, key: str) -> object:
        """End a job, if it has not ended; returns when that is committed."""

    async def resume(self, key: str) -> None:
        """Run a job that is queued in the store."""

    async def check(self, kind: str, project: str | None, parameters: Mapping[str, Any]) -> None:
        """Raise BadRequest or NotFound for a question that no rows could answer."""


class UpletListeners(Protocol):
    """What tracking needs of the node's uplets."""

    def became_ready(self, ready: Sequence[Ready]) -> None:
        """Tell whoever listens that workers may take uplets."""


class Files(Protocol):
    """What tracking needs of the node's files."""

    async def release(self, digests: Iterable[str]) -> None:
        """Free what the contents of removed files took."""


class Tasks:
    """The tasks of a node."""

    def __init__(
        self, store: Store, events: Events, jobs: JobManager, uplets: UpletListeners, files: Files
    ) -> None:
        self._store, self._events, self._jobs = store, events, jobs
        self._uplets, self._files = uplets, files

    # --- look -----------------------------------------------------------------------------------------------

    async def get(self, key: str, projection: Projection = documents.WHOLE) -> Document:
        """Raises UnknownTask."""
        return await self._store.read(lambda c: documents.get(c, TASKS, key, projection))

    async def find(self, query: Query | Mapping[str, Any]) -> Page:
        """The tasks that a request or a query made of one asks for. Raises what `read_query` raises."""
        wanted = query if isinstance(query, Query) else read_query(TASKS, query)
        return await self._store.read(lambda c: documents.find(c, wanted))

    # --- make and edit --------------------------------------------------------------------------------------

    async def create(self, given: Mapping[str, Any], user: str) -> Document:
        """A new task. Raises NameTooShort, BadFieldValue, UnknownProject, UnknownTask (of the parent)."""
        fields = _named(task_fields.settled(given, {}, SETTABLE))
        return await self._store.write(lambda c: task_fields.insert(c, fields, user))

    async def validate(self, given: Mapping[str, Any]) -> None:
        """Raises what `create` would raise of the fields given."""
        fields = _named(task_fields.settled(given, {}, SETTABLE))
        await self._store.read(lambda c: task_fields.check_references(c, fields))

    async def clone(self, key: str, given: Mapping[str, Any], user: str) -> Document:
        """A copy of what a task was given, with other fields as `given`. Raises as `create`, UnknownTask."""

        def write(connection: sa.Connection) -> Document:
            fields = task_fields.cloned(documents.get(connection, TASKS, key), given)
            return task_fields.insert(connection, fields, user, **task_fields.job_columns(connection, key))

        return await self._store.write(write)

    async def edit(self, key: str, given: Mapping[str, Any], user: str, *, force: bool = False) -> Fields:
        """Change fields of a created task, or by force of any. Parts of execution, script, output and models
        that are not given stay; all other fields are replaced. Raises as `create`, WrongStatus."""

        def edit(task: Document) -> Fields:
            return task_fields.settled(given, task, SETTABLE)

        return await self.change(key, edit, user, Step.EDIT, force=force)

    async def update(self, key: str, given: Mapping[str, Any], user: str) -> Fields:
        """Change what may be changed in any status (`ALWAYS_SETTABLE`). Raises as `create`."""

        def edit(task: Document) -> Fields:
            return task_fields.settled(given, task, ALWAYS_SETTABLE)

        return await self.change(key, edit, user, Step.PING)

    async def change(self, key: str, edit: Edit, user: str, step: Step, *, force: bool = False) -> Fields:
        """Make an edit (see `task_edits`) that the status allows as the step. Raises WrongStatus, and what
        the edit raises, UnknownProject, UnknownTask."""

        def act(connection: sa.Connection, task: Document) -> Fields:
            next_status(step, TaskStatus(task["status"]), force=force)
            fields = edit(task)
            task_fields.check_references(connection, fields)
            changes = {**fields, **_changed(user)}
            documents.update(connection, TASKS, key, changes)
            return changes

        return await self._act(key, act)

    async def add_model(self, key: str, edit: Edit, model: str, user: str) -> Fields:
        """Add a model to a task in any status. Raises UnknownModel."""
        await self._store.read(lambda c: documents.get(c, MODELS, model))
        return await self.change(key, edit, user, Step.PING)

    async def set_public(self, key: str, *, public: bool) -> None:
        """Let all read a task and nobody change it, or take that back. Raises UnknownTask."""

        def write(connection: sa.Connection) -> None:
            documents.get(connection, TASKS, key)
            documents.update(connection, TASKS, key, {"company": "" if public else COMPANY})

        await self._store.write(write)

    async def ping(self, key: str) -> None:
        """Note that somebody works on it. Raises UnknownTask."""

        def act(connection: sa.Connection, _: Document) -> None:
            documents.update(connection, TASKS, key, {"last_update": now()})

        await self._act(key, act)

    # --- run and end ----------------------------------------------------------------------------------------

    async def started(self, key: str, user: str, **how: Any) -> Fields:
        """It runs. how: force, reason, message. Raises WrongStatus."""
        return await self._act(key, lambda c, task: task_steps.started(c, task, user, **how))

    async def stopped(self, key: str, user: str, **how: Any) -> Fields:
        """Its worker has ended it. how: force, reason, message. Raises WrongStatus."""
        await self._end_job(key, Step.STOPPED, force=how.get("force", False))
        return await self._act(key, lambda c, task: task_steps.ended(c, task, Step.STOPPED, user, **how))

    async def failed(self, key: str, user: str, **how: Any) -> Fields:
        """It failed. how: force, reason, message. Raises WrongStatus."""
        return await self._act(key, lambda c, task: task_steps.ended(c, task, Step.FAILED, user, **how))

    async def completed(self, key: str, user: str, *, publish: bool = False, **how: Any) -> Fields:
        """It came to its end, and if `publish` it is published too. how: force, reason, message."""

        def act(connection: sa.Connection, task: Document) -> Fields:
            fields = task_steps.ended(connection, task, Step.COMPLETED, user, **how)
            if not publish:
                return fields
            done = documents.get(connection, TASKS, key)
            return fields | task_steps.publish(connection, done, user, force=how.get("force", False))

        return await self._act(key, act)

    async def close(self, key: str, user: str, **how: Any) -> Fields:
        """Nothing more will be done with it. how: force, reason, message. Raises WrongStatus."""
        return await self._act(key, lambda c, task: task_steps.change(c, task, Step.CLOSE, user, **how))

    async def publish(self, key: str, user: str, *, models: bool = True, **how: Any) -> Fields:
        """Publish it for ever, and if `models` the models that it wrote. how: force, reason, message."""
        return await self._act(key, lambda c, task: task_steps.publish(c, task, user, models=models, **how))

    async def stop(self, key: str, user: str, *, name: str, reason: str = "", force: bool = False) -> Fields:
        """End it, or ask its worker to (then it stays in_progress, with the message "stopping"). name: whom
        the message names. Raises WrongStatus."""
        await self._end_job(key, Step.STOP, force=force)
        message = f"Stopped by {name}"
        if force:
            return await self.stopped(key, user, force=True, reason=reason, message=message)
        return await self._act(key, lambda c, task: task_steps.stop(c, task, user, reason, message))

    async def enqueue(
        self,
        key: str,
        user: str,
        *,
        queue: str | None = None,
        queue_name: str | None = None,
        **how: Any,
    ) -> Fields:
        """Put it in the queue with this id or name (it is made if there is none), or in the default queue. A
        job of the node waits for its job manager instead, with the hyperparameters as they are by now, and an
        uplet for a worker. how: force, reason, message.

        Raises WrongStatus, AlreadyQueued, UnknownQueue, NoDefaultQueue, SeveralDefaultQueues, and BadRequest
        or NotFound for a job that could not do what its hyperparameters say.
        """
        checked = await self._store.read(lambda c: jobs_as_tasks.edited(c, documents.get_own(c, TASKS, key)))
        if checked is not None:
            await self._jobs.check(checked.kind, checked.project, checked.parameters)

        def act(connection: sa.Connection, task: Document) -> tuple[str | None, Fields]:
            kind = task_steps.kind_of(connection, key)
            if kind in KINDS:
                jobs_as_tasks.take_edits(connection, task, checked)
            if kind in KINDS or kind in following.KINDS:
                return kind, task_steps.requeue(connection, task, user, **how)
            where = queues.resolve(connection, queue, queue_name, user)
            return kind, task_steps.enqueue(connection, task, where, user, **how)

        kind, fields = await self._act(key, act)
        if kind in KINDS:
            await self._jobs.resume(key)
        elif kind in following.KINDS:
            self._uplets.became_ready([Ready(UpletKind(kind), uuid_of(key))])
        return fields

    async def dequeue(self, key: str, user: str, *, to: str | None = None, **how: Any) -> Fields:
        """Take it out of its queue, back to the status it had before or to another; one that does not wait
        stays as it is. how: reason, message. Raises WrongStatus."""
        if to is not None and to not in set(TaskStatus):
            raise BadFieldValue(f"{to!r} is not a status", f"use one of {', '.join(TaskStatus)}")
        wanted = None if to is None else TaskStatus(to)
        await self._end_job(key, Step.DEQUEUE)
        return await self._act(key, lambda c, task: task_steps.dequeue(c, task, user, wanted, **how))

    # --- put away -------------------------------------------------------------------------------------------

    async def archive(self, key: str, user: str, **how: Any) -> Fields:
        """Put it in the archive, out of its queue and stopped. how: reason, message."""
        await self._end_job(key, Step.ARCHIVE)
        return await self._act(key, lambda c, task: task_steps.archive(c, task, user, **how))

    async def unarchive(self, key: str, user: str) -> Fields:
        """Take it out of the archive."""
        return await self._act(key, lambda c, task: task_steps.unarchive(c, task, user))

    async def reset(self, key: str, user: str, *, clear_all: bool = False, **how: Any) -> dict[str, Any]:
        """Make it as before it ran (see `task_removal.reset`). how: force, reason, message."""
        await self._end_job(key, Step.RESET, force=how.get("force", False))
        gone = await self._act(
            key, lambda c, task: task_removal.reset(c, task, user, clear_all=clear_all, **how)
        )
        await self._store.reclaim()
        return gone

    async def delete(self, key: str, *, force: bool = False, models: bool = True) -> dict[str, Any]:
        """Remove it and what goes with it (see `task_removal.delete`). Raises UndeletableTask."""
        gone = await self.remove(key, force=force, models=models)
        await self._store.reclaim()
        return gone

    async def remove(self, key: str, *, force: bool = False, models: bool = True) -> dict[str, Any]:
        """As `delete`, for who deletes many and has the space reclaimed after the last."""
        await self._end_job(key, Step.DELETE, force=force)
        gone = await self._act(key, lambda c, task: task_removal.delete(c, task, force=force, models=models))
        contents = gone.pop("contents")
        if contents:
            await self._files.release(contents)
        return gone

    async def remove_all(self, keys: Sequence[str]) -> dict[str, Any]:
        """Remove those of these tasks that there are and that are not public, in whatever status, in one
        write (see `task_removal.remove`); `deleted` says how many. Who removes many has the space reclaimed
        after the last."""
        c = TASKS.table.c
        active = c.status.in_((TaskStatus.QUEUED.value, TaskStatus.IN_PROGRESS.value))
        jobs = sa.select(c.id).where(c.id.in_(keys), active, c.kind.in_(KINDS), c.company != "")
        for job in await self._store.read(lambda c: c.scalars(jobs).all()):
            await self._jobs.kill(job)

        def write(connection: sa.Connection) -> dict[str, Any]:
            found = documents.read_all(connection, TASKS, keys, documents.WHOLE).values()
            own = [task for task in found if task["company"]]
            return {"deleted": len(own)} | task_removal.remove(connection, own)

        gone = await self._store.write(write)
        contents = gone.pop("contents")
        if contents:
            await self._files.release(contents)
        return gone

    async def _act(self, key: str, act: Act[T]) -> T:
        """Do something to a task in one write. Raises UnknownTask, ReadOnlyDocument and what `act` raises."""

        def write(connection: sa.Connection) -> tuple[str, str | None, T]:
            task = documents.get_own(connection, TASKS, key)
            found = act(connection, task)
            after = connection.scalar(sa.select(TASKS.table.c.status).where(TASKS.table.c.id == key))
            return task["status"], after, found

        before, after, found = await self._store.write(write)
        if after not in (None, before):
            self._events.tell_status(key, after)
        return found

    async def _end_job(self, key: str, step: Step, *, force: bool = False) -> None:
        """End a job of the node itself that waits or runs, if it may take this step."""

        def read(connection: sa.Connection) -> bool:
            task = documents.get_own(connection, TASKS, key)
            status = TaskStatus(task["status"])
            if status not in (TaskStatus.QUEUED, TaskStatus.IN_PROGRESS):
                return False
            if task_steps.kind_of(connection, key) not in KINDS:
                return False
            archived = task_steps.ARCHIVED in task.get("system_tags", ())
            next_status(step, status, force=force, archived=archived)
            return True

        if await self._store.read(read):
            await self._jobs.kill(key)


def _named(fields: Fields) -> Fields:
    check_name(fields.get("name"), "task")
    return fields


def _changed(user: str) -> Fields:
    at = now()
    return {"last_update": at, "last_change": at, "last_changed_by": user}
