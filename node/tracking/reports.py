"""Reports: texts with pictures, kept as tasks of the type "report" in hidden folders `.reports`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from node.store import Store
from node.tasks import TaskStatus
from node.tracking import documents, projects, task_fields
from node.tracking.collection import PROJECTS
from node.tracking.documents import Document
from node.tracking.errors import NotAReport, WrongStatus
from node.tracking.task_edits import Edit
from node.tracking.task_fields import settled
from node.tracking.task_states import Step
from node.tracking.task_steps import Fields
from node.tracking.tasks import Tasks

REPORT: Final = "report"
"""The type of such a task."""

FOLDER: Final = ".reports"
"""Where the reports of a project are; at the top, those of none."""

_SYSTEM_TAGS: Final = ("reports", "hidden")
_FIELDS: Final = ("name", "tags", "comment", "report", "report_assets")
_CONTENT: Final = frozenset({"report", "report_assets"})


class Reports:
    """The reports of a node: what tasks can do, but only reports. All calls raise UnknownTask, NotAReport."""

    def __init__(self, store: Store, tasks: Tasks) -> None:
        self._store, self._tasks = store, tasks

    async def create(self, given: Mapping[str, Any], user: str, project: str | None = None) -> Document:
        """A new report in the folder of a project. given: name, tags, comment, report (its text),
        report_assets (addresses). Raises NameTooShort, UnknownProject, BadFieldValue."""
        fields = settled(given, {}, _FIELDS)

        def write(connection: sa.Connection) -> Document:
            place = _folder(connection, project, user)
            rest = {"type": REPORT, "project": place, "system_tags": list(_SYSTEM_TAGS)}
            return task_fields.insert(connection, {**fields, **rest}, user)

        return await self._store.write(write)

    async def update(self, key: str, given: Mapping[str, Any], user: str) -> Fields:
        """Change what `create` takes, the text only of a report that is not published; what was changed.

        Raises WrongStatus."""

        def edit(task: Document) -> Fields:
            fields = settled(given, task, _FIELDS)
            if _CONTENT.intersection(fields):
                _check_open(task)
            return fields

        return await self._change(key, edit, user)

    async def move(self, key: str, user: str, *, project: str | None, name: str | None) -> str:
        """Put it into the folder of the project with this id, or this name (it is made), or of none; the
        folder's id. Raises UnknownProject."""
        await self._check(key)

        def write(connection: sa.Connection) -> str:
            target = project or (projects.ensure(connection, name, user) if name else None)
            return _folder(connection, target, user)

        place = await self._store.write(write)
        await self._change(key, lambda _: {"project": place}, user)
        return place

    async def publish(self, key: str, user: str, *, message: str = "") -> Fields:
        """Publish it for ever. Raises WrongStatus for one that is."""
        _check_open(await self._check(key))
        return await self._tasks.publish(key, user, force=True, message=message)

    async def archive(self, key: str, user: str, *, into: bool, message: str = "") -> Fields:
        """Put it into the archive, or take it out."""
        await self._check(key)
        if not into:
            return await self._tasks.unarchive(key, user)
        return await self._tasks.archive(key, user, message=message)

    async def delete(self, key: str, *, force: bool = False) -> dict[str, Any]:
        """As `Tasks.delete`. Raises UndeletableTask."""
        await self._check(key)
        return await self._tasks.delete(key, force=force)

    async def _check(self, key: str) -> Document:
        task = await self._tasks.get(key)
        _check_report(task)
        return task

    async def _change(self, key: str, edit: Edit, user: str) -> Fields:
        def checked(task: Document) -> Fields:
            _check_report(task)
            return edit(task)

        return await self._tasks.change(key, checked, user, Step.PING)


def _check_report(task: Document) -> None:
    if task.get("type") != REPORT:
        raise NotAReport(f"the task {task['id']!r} is no report", "handle it as a task")


def _check_open(task: Document) -> None:
    if task["status"] != TaskStatus.CREATED:
        raise WrongStatus(
            f"expected={TaskStatus.CREATED.value}, status={task['status']}", "make another report"
        )


def _folder(connection: sa.Connection, project: str | None, user: str) -> str:
    """The id of the folder of a project's reports, which is made if there is none."""
    name = documents.get(connection, PROJECTS, project)["name"] if project else ""
    if name.rpartition("/")[2] == FOLDER and project:
        return project
    path = f"{name}/{FOLDER}" if name else FOLDER
    found = projects.by_name(connection, path)
    return found or projects.create(connection, path, user, {"system_tags": [_SYSTEM_TAGS[0]]})
