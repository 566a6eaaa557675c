"""ClearML's models: files that tasks wrote or that people registered, drafts until they are made ready.

Called tracking models elsewhere in the node, where a model is one that the node fitted.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from node.events import Events, deleting
from node.store import Store
from node.store.schema import COMPANY, labels, tasks, tracking_models
from node.tasks import TaskStatus, now
from node.tracking import documents, projects, task_edits, task_steps
from node.tracking.collection import MODELS, PROJECTS, TASKS
from node.tracking.documents import Document
from node.tracking.errors import (
    BadFieldValue,
    ModelInUse,
    ModelIsReady,
    ModelOfPublishedTask,
    WrongStatus,
)
from node.tracking.names import check_name
from node.tracking.task_steps import ARCHIVED, Fields

SETTABLE: Final = (
    "name",
    "uri",
    "comment",
    "framework",
    "design",
    "labels",
    "parent",
    "project",
    "ready",
    "tags",
    "system_tags",
    "task",
    "metadata",
    "ui_cache",
    "created",
)
"""What is set when a model is made or edited."""

FINAL: Final = frozenset({"uri", "framework", "design", "labels", "ready"})
"""What of a ready model cannot be changed: others may have built on it."""


class TrackingModels:
    """The models that tasks read and write."""

    def __init__(self, store: Store, events: Events) -> None:
        self._store, self._events = store, events

    async def get(self, key: str) -> Document:
        """Raises UnknownModel."""
        return await self._store.read(lambda c: documents.get(c, MODELS, key))

    async def create(self, given: Mapping[str, Any], user: str, *, public: bool = False) -> Document:
        """A new model. given: any of SETTABLE, name and uri at least; metadata as [{key, value, type}].

        Raises NameTooShort, UnknownProject, UnknownTask, UnknownModel (of the parent), BadFieldValue.
        """
        return await self._store.write(lambda c: create(c, given, user, public=public))

    async def edit(self, key: str, given: Mapping[str, Any], *, iteration: int | None = None) -> Fields:
        """Change fields. iteration: up to where its task has come.

        Raises as `create`, UnknownModel, ReadOnlyDocument, ModelIsReady.
        """

        def work(connection: sa.Connection) -> Fields:
            model = documents.get_own(connection, MODELS, key)
            fields = _settled(connection, given)
            if model["ready"] and FINAL.intersection(fields):
                changed = [name for name in sorted(FINAL & set(fields)) if fields[name] != model.get(name)]
                if changed:
                    raise ModelIsReady(
                        f"the model {key!r} is ready: {', '.join(changed)} cannot change",
                        "make another model",
                    )
            documents.update(connection, MODELS, key, {**fields, "last_update": now()})
            _advance(connection, model, iteration)
            projects.touch(connection, fields.get("project", model.get("project")), now())
            return fields

        return await self._store.write(work)

    async def of_task(
        self, task: str, given: Mapping[str, Any], user: str, *, iteration: int | None
    ) -> Fields:
        """Give a task its output model: `given["override_model_id"]`, or the one at `given["uri"]`, made if
        the task has none there. Returns {id, created, updated, fields}.

        Raises UnknownTask, UnknownModel, WrongStatus, BadFieldValue.
        """

        def work(connection: sa.Connection) -> Fields:
            owner = documents.get_own(connection, TASKS, task)
            if owner["status"] not in (TaskStatus.CREATED, TaskStatus.IN_PROGRESS):
                raise WrongStatus(f"the task {task!r} is {owner['status']}", "write models while it runs")
            found = _output_of(connection, owner, given)
            fields = {name: given[name] for name in ("comment", "tags", "system_tags") if name in given}
            if found is None:
                model = create(connection, _of_task(owner, given) | fields, user)
                answer = {"id": model["id"], "created": True, "updated": 0, "fields": {}}
            else:
                documents.update(connection, MODELS, found, {**fields, "last_update": now()})
                answer = {"id": found, "created": False, "updated": 1, "fields": fields}
            named = task_edits.model("output", given.get("name") or owner["name"], answer["id"])
            documents.update(connection, TASKS, task, {**named(owner), "last_update": now()})
            _advance(connection, {"task": task}, iteration)
            return answer

        return await self._store.write(work)

    async def set_ready(
        self, key: str, user: str, *, publish_task: bool = True, force_task: bool = False
    ) -> Fields:
        """Make a model ready, and (if `publish_task`) publish the task that wrote it, if it may be.

        Returns {"updated": 1, "published_task"?: {id, data}}. Raises UnknownModel, ModelIsReady, and, with
        `force_task`, what publishing raises.
        """

        def work(connection: sa.Connection) -> Fields:
            model = documents.get_own(connection, MODELS, key)
            if model["ready"]:
                raise ModelIsReady(f"the model {key!r} is ready already", "nothing is left to do")
            documents.update(connection, MODELS, key, {"ready": True, "last_update": now()})
            answer: Fields = {"updated": 1}
            if publish_task and model.get("task"):
                told = _published(connection, model["task"], user, force=force_task)
                answer |= {} if told is None else {"published_task": {"id": model["task"], "data": told}}
            return answer

        answer = await self._store.write(work)
        if published := answer.get("published_task"):
            self._events.tell_status(published["id"], TaskStatus.PUBLISHED)
        return answer

    async def delete(self, key: str, *, force: bool = False) -> str | None:
        """Remove a model with its events; where its file was.

        Raises UnknownModel, ReadOnlyDocument, and unless forced ModelInUse, ModelOfPublishedTask.
        """

        def work(connection: sa.Connection) -> str | None:
            model = documents.get_own(connection, MODELS, key)
            if not force:
                _check_unused(connection, model)
            deleting.delete(connection, [key])
            documents.delete(connection, MODELS, [key])
            found: str | None = model.get("uri")
            return found

        return await self._store.write(work)

    async def archive(self, key: str, *, into: bool) -> None:
        """Put a model into the archive, or take it out. Raises UnknownModel, ReadOnlyDocument."""

        def work(connection: sa.Connection) -> None:
            model = documents.get_own(connection, MODELS, key)
            kept = [tag for tag in model.get("system_tags", ()) if tag != ARCHIVED]
            tags = [*kept, ARCHIVED] if into else kept
            documents.update(connection, MODELS, key, {"system_tags": tags, "last_update": now()})

        await self._store.write(work)

    async def tag(self, key: str, add: Sequence[str], remove: Sequence[str]) -> None:
        """Add and remove tags. Raises UnknownModel, ReadOnlyDocument, BadFieldValue."""
        edit = task_edits.tags(add, remove)

        def work(connection: sa.Connection) -> None:
            model = documents.get_own(connection, MODELS, key)
            documents.update(connection, MODELS, key, {**edit(model), "last_update": now()})

        await self._store.write(work)

    async def set_metadata(self, key: str, items: Sequence[Mapping[str, Any]], *, replace: bool) -> None:
        """Set items {key, value, type?} of the metadata, beside those there are or (`replace`) instead."""

        def work(connection: sa.Connection) -> None:
            model = documents.get_own(connection, MODELS, key)
            kept = {} if replace else model.get("metadata", {})
            changes = {"metadata": {**kept, **metadata(items)}, "last_update": now()}
            documents.update(connection, MODELS, key, changes)

        await self._store.write(work)

    async def delete_metadata(self, key: str, keys: Iterable[str]) -> None:
        """Remove items of the metadata by their keys."""

        def work(connection: sa.Connection) -> None:
            model = documents.get_own(connection, MODELS, key)
            gone = set(keys)
            kept = {name: item for name, item in model.get("metadata", {}).items() if name not in gone}
            documents.update(connection, MODELS, key, {"metadata": kept, "last_update": now()})

        await self._store.write(work)

    async def set_public(self, ids: Iterable[str], *, public: bool) -> int:
        """Give models to everybody, or take them back; how many changed."""
        company, before = ("", COMPANY) if public else (COMPANY, "")
        table = tracking_models
        wanted = table.c.id.in_(list(ids)) & (table.c.company == before)
        change = table.update().where(wanted).values(company=company)
        return await self._store.write(lambda c: c.execute(change).rowcount)


def create(
    connection: sa.Connection,
    given: Mapping[str, Any],
    user: str,
    *,
    public: bool = False,
    key: str | None = None,
) -> Document:
    """As `TrackingModels.create`; key: the id of a model that has one already."""
    check_name(given.get("name"), "model")
    at = now()
    document = {
        "ready": False,
        "created": at,
        **_settled(connection, given),
        "id": key or uuid.uuid4().hex,
        "user": user,
        "company": "" if public else COMPANY,
        "last_update": at,
    }
    documents.insert(connection, MODELS, document)
    projects.touch(connection, document.get("project"), at)
    return document


def metadata(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Items of metadata by their keys. Raises BadFieldValue for one without."""
    found = {}
    for item in items:
        if not isinstance(item, Mapping) or not isinstance(item.get("key"), str):
            raise BadFieldValue("an item of metadata has no key", "send it as {key, value, type}")
        found[item["key"]] = {
            name: item[name] for name in ("key", "value", "type") if item.get(name) is not None
        }
    return found


def _settled(connection: sa.Connection, given: Mapping[str, Any]) -> Fields:
    fields: Fields = {name: given[name] for name in SETTABLE if given.get(name) is not None}
    if "name" in fields:
        check_name(fields["name"], "model")
    if isinstance(fields.get("framework"), str):
        fields["framework"] = fields["framework"].strip().lower()
    if isinstance(fields.get("metadata"), list):
        fields["metadata"] = metadata(fields["metadata"])
    for name, collection in (("project", PROJECTS), ("task", TASKS), ("parent", MODELS)):
        if fields.get(name):
            documents.get(connection, collection, fields[name])
    return fields


def _advance(connection: sa.Connection, model: Mapping[str, Any], iteration: int | None) -> None:
    """Note how far the task of a model has come."""
    if iteration is not None and model.get("task"):
        later = (tasks.c.id == model["task"]) & (tasks.c.last_iteration < iteration)
        connection.execute(tasks.update().where(later).values(last_iteration=iteration))


def _output_of(connection: sa.Connection, task: Document, given: Mapping[str, Any]) -> str | None:
    """The model that a task is to be given, if there is one already."""
    override, uri = given.get("override_model_id"), given.get("uri")
    if bool(override) == bool(uri):
        raise BadFieldValue("a task's model is told by override_model_id or by uri", "send one of them")
    if override:
        key: str = documents.get(connection, MODELS, override)["id"]
        return key
    table = tracking_models
    mine = (table.c.uri == uri) & (table.c.task == task["id"])
    return connection.scalar(sa.select(table.c.id).where(mine))


def _of_task(task: Document, given: Mapping[str, Any]) -> Fields:
    """What a task's new model takes from it."""
    execution = task.get("execution", {})
    fields = {
        "name": given.get("name") or task["name"],
        "uri": given["uri"],
        "task": task["id"],
        "project": task.get("project"),
        "framework": execution.get("framework"),
        "parent": execution.get("model"),
        "design": execution.get("model_desc"),
        "labels": execution.get("model_labels"),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _published(connection: sa.Connection, key: str, user: str, *, force: bool) -> Fields | None:
    """Publish the task of a model; None if there is none any more, or it may not be published yet."""
    row = connection.execute(sa.select(tasks.c.status).where(tasks.c.id == key)).one_or_none()
    if row is None or row.status == TaskStatus.PUBLISHED:
        return None
    task = documents.get(connection, TASKS, key)
    try:
        fields = task_steps.publish(connection, task, user, models=False, force=force)
    except WrongStatus:
        if force:
            raise
        return None
    return {"updated": 1, "fields": fields}


def _check_unused(connection: sa.Connection, model: Document) -> None:
    """Raise ModelInUse, ModelOfPublishedTask."""
    mine = (labels.c.collection == TASKS.name) & (labels.c.value == model["id"])
    user = connection.scalar(sa.select(labels.c.id).where(mine, labels.c.field == "models.input.model"))
    if user is not None:
        raise ModelInUse(f"the model {model['id']!r} is read by the task {user!r}", "use force")
    status = connection.scalar(sa.select(tasks.c.status).where(tasks.c.id == model.get("task")))
    if status == TaskStatus.PUBLISHED:
        raise ModelOfPublishedTask(f"the task {model['task']!r} that wrote it is published", "use force")
