"""ClearML's projects: folders of tasks and models in a tree, each named by its whole path ("a/b/c").

Called task projects elsewhere in the node, where a project is a table of statistics. The functions over a
connection make part of a caller's transaction; `TaskProjects` is what requests use.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from node.store import Store
from node.store.schema import COMPANY, labels, tasks, tracking_models, tracking_projects
from node.tasks import now
from node.tracking import documents
from node.tracking.collection import PROJECTS, TASKS, Collection
from node.tracking.documents import Document
from node.tracking.errors import (
    InvalidProjectName,
    LocationNotEditable,
    MergeIntoChild,
    MoveIntoItself,
    NoParentToLeave,
    PathTooDeep,
)
from node.tracking.names import SHORTEST

MAX_DEPTH = 10
"""Projects within each other at most."""

DATASETS = ".datasets"

HIDING = frozenset({DATASETS, ".pipelines", ".reports"})
"""Folders that clients make for what is no task of a person; they and what is in them are hidden."""

EDITABLE = ("name", "description", "tags", "system_tags", "default_output_destination")

_BELOW = {"tasks": tasks, "models": tracking_models}


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge moved: tasks and models, and projects below."""

    entities: int
    projects: int


class TaskProjects:
    """The tree of projects."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, name: str, owner: str, fields: Mapping[str, Any]) -> str:
        """The id of a new project; missing parents are made too. fields: any of EDITABLE but the name.

        Raises NameTaken, InvalidProjectName, PathTooDeep, BadFieldValue.
        """
        return await self._store.write(lambda c: create(c, name, owner, fields))

    async def update(self, key: str, changes: Mapping[str, Any]) -> Document:
        """Change any of EDITABLE, of the name its last part only; what was changed.

        Raises UnknownProject, ReadOnlyDocument, LocationNotEditable, InvalidProjectName, NameTaken.
        """

        def work(connection: sa.Connection) -> Document:
            project = documents.get_own(connection, PROJECTS, key)
            fields = {name: value for name, value in changes.items() if name in EDITABLE}
            if "name" in fields:
                name = checked_name(fields.pop("name"))
                if name.rpartition("/")[0] != project["name"].rpartition("/")[0]:
                    raise LocationNotEditable(
                        f"{name!r} is another place than {project['name']!r}", "move the project there"
                    )
                _rename(connection, project, name)
                _rename_versions(connection, project, name)
                fields |= {"name": name, "basename": _basename(name)}
            documents.update(connection, PROJECTS, key, {**fields, "last_update": now()})
            return fields

        return await self._store.write(work)

    async def move(self, key: str, location: str | None) -> int:
        """Put a project with all below it under another (made if missing), or at the top; how many moved.

        Raises UnknownProject, ReadOnlyDocument, NoParentToLeave, MoveIntoItself, PathTooDeep, NameTaken.
        """

        def work(connection: sa.Connection) -> int:
            project = documents.get_own(connection, PROJECTS, key)
            if not location and "parent" not in project:
                raise NoParentToLeave(f"{project['name']!r} is at the top already", "name a new location")
            target = ensure(connection, location, project["user"]) if location else None
            if target in {key, project.get("parent"), *below(connection, [key])}:
                raise MoveIntoItself(
                    f"{project['name']!r} cannot be moved to {location!r}", "name a project elsewhere"
                )
            return _place(connection, project, target)

        return await self._store.write(work)

    async def merge(self, key: str, destination: str | None) -> Merged:
        """Move a project's tasks, models and projects into another (default: its parent) and remove it.

        Raises UnknownProject, ReadOnlyDocument, MergeIntoChild, MoveIntoItself, NoParentToLeave.
        """

        def work(connection: sa.Connection) -> Merged:
            project = documents.get_own(connection, PROJECTS, key)
            target = destination or project.get("parent")
            if target is None:
                raise NoParentToLeave(f"{project['name']!r} is at the top", "name the project to merge into")
            if target == key:
                raise MoveIntoItself(f"{project['name']!r} is its own destination", "name another project")
            if target in below(connection, [key]):
                raise MergeIntoChild(f"{project['name']!r} holds its destination", "move that out first")
            documents.get_own(connection, PROJECTS, target)
            return _merge(connection, project, target)

        return await self._store.write(work)

    async def take_in(
        self, collection: Collection, ids: Iterable[str], user: str, *, project: str | None, name: str | None
    ) -> str | None:
        """Put all of these tasks or models into the project with this id, or this name (it is made if there
        is none), or into none; the project's id.

        Raises UnknownProject, UnknownTask, UnknownModel, ReadOnlyDocument, InvalidProjectName, PathTooDeep,
        and has moved nothing then.
        """

        def work(connection: sa.Connection) -> str | None:
            at = now()
            target = project or (ensure(connection, name, user) if name else None)
            if target is not None:
                documents.get(connection, PROJECTS, target)
            changes: dict[str, Any] = {"project": target, "last_update": at}
            if collection is TASKS:
                changes |= {"last_change": at, "last_changed_by": user}
            left = {
                documents.get_own(connection, collection, key).get("project") for key in dict.fromkeys(ids)
            }
            for key in dict.fromkeys(ids):
                documents.update(connection, collection, key, changes)
            for place in {target, *left}:
                touch(connection, place, at)
            return target

        return await self._store.write(work)

    async def publish(self, ids: Iterable[str], *, public: bool) -> int:
        """Make projects public, or the company's own again; how many changed."""
        company, before = ("", COMPANY) if public else (COMPANY, "")
        table = tracking_projects

        def work(connection: sa.Connection) -> int:
            wanted = table.c.id.in_(list(ids)) & (table.c.company == before)
            names = connection.scalars(sa.select(table.c.name).where(wanted)).all()
            taken = connection.scalar(
                sa.select(table.c.name).where(table.c.company == company, table.c.name.in_(names))
            )
            if taken is not None:
                raise InvalidProjectName(f"there is a project {taken!r} on the other side", "rename one")
            return connection.execute(table.update().where(wanted).values(company=company)).rowcount

        return await self._store.write(work)


# --- over a connection ------------------------------------------------------------------------------------


def create(connection: sa.Connection, name: str, owner: str, fields: Mapping[str, Any]) -> str:
    """As `TaskProjects.create`."""
    name = checked_name(name)
    parent = ensure(connection, name.rpartition("/")[0], owner) if "/" in name else None
    path = [*_path_of(connection, parent), parent] if parent else []
    given = {key: value for key, value in fields.items() if key in EDITABLE and key != "name"}
    if _basename(name) in HIDING or (parent and _is_hidden(connection, parent)):
        given["system_tags"] = list(dict.fromkeys([*(given.get("system_tags") or ()), "hidden"]))
    at = now()
    document = {
        **given,
        "id": uuid.uuid4().hex,
        "name": name,
        "basename": _basename(name),
        "user": owner,
        "company": COMPANY,
        "parent": parent,
        "path": path,
        "created": at,
        "last_update": at,
    }
    documents.insert(connection, PROJECTS, document)
    key: str = document["id"]
    return key


def ensure(connection: sa.Connection, name: str, owner: str) -> str:
    """The id of the project of this name, which is made if there is none. Raises as `create`."""
    name = checked_name(name)
    found = by_name(connection, name)
    return create(connection, name, owner, {}) if found is None else found


def by_name(connection: sa.Connection, name: str) -> str | None:
    """The id of the company's own project of this name, or else of the public one."""
    table = tracking_projects
    found = sa.select(table.c.id).where(table.c.name == name, table.c.company.in_(("", COMPANY)))
    return connection.scalar(found.order_by(table.c.company.desc()))


def below(connection: sa.Connection, ids: Iterable[str]) -> list[str]:
    """The ids of all projects below these, at any depth."""
    mine = (labels.c.collection == PROJECTS.name) & (labels.c.field == "path")
    found = sa.select(labels.c.id).where(mine, labels.c.value.in_(list(ids))).distinct()
    return list(connection.scalars(found))


def touch(connection: sa.Connection, key: str | None, at: float) -> None:
    """Note that something in the project changed, if there is one."""
    if key is not None:
        table = tracking_projects
        connection.execute(table.update().where(table.c.id == key).values(last_update=at))


def checked_name(name: str) -> str:
    """A project's name without blanks around its parts. Raises InvalidProjectName, PathTooDeep."""
    parts = [part.strip() for part in name.strip().strip("/").split("/")]
    if not all(parts) or len(parts[-1]) < SHORTEST:
        raise InvalidProjectName(
            f"{name[:200]!r} cannot be a project's name",
            f"give parts that are not empty, the last of at least {SHORTEST} characters",
        )
    if len(parts) > MAX_DEPTH:
        raise PathTooDeep(f"{name[:200]!r} has {len(parts)} parts", f"give {MAX_DEPTH} at most")
    return "/".join(parts)


def _basename(name: str) -> str:
    return name.rpartition("/")[2]


def _path_of(connection: sa.Connection, key: str) -> list[str]:
    path: list[str] = documents.get(connection, PROJECTS, key).get("path") or []
    return path


def _is_hidden(connection: sa.Connection, key: str) -> bool:
    return "hidden" in (documents.get(connection, PROJECTS, key).get("system_tags") or ())


def _rename(connection: sa.Connection, project: Mapping[str, Any], name: str) -> None:
    """Give all projects below the beginning that their names will have; the project's own name is not set."""
    table = tracking_projects
    before = project["name"]
    for key in below(connection, [project["id"]]):
        old = documents.get(connection, PROJECTS, key)["name"]
        renamed = table.update().where(table.c.id == key).values(name=name + old[len(before) :])
        connection.execute(renamed)


def _rename_versions(connection: sa.Connection, project: Mapping[str, Any], name: str) -> None:
    """The versions of a dataset are tasks with its name, by which clients find them: they get the new one."""
    if _basename(project["name"].rpartition("/")[0]) == DATASETS:
        versions = (tasks.c.project_id == project["id"]) & (tasks.c.name == project["basename"])
        connection.execute(tasks.update().where(versions).values(name=_basename(name)))


def _place(connection: sa.Connection, project: Mapping[str, Any], parent: str | None) -> int:
    """Put a project under another; how many are there then that were elsewhere."""
    above = documents.get(connection, PROJECTS, parent) if parent else {}
    path = [*(above.get("path") or ()), parent] if parent else []
    name = checked_name("/".join([*([above["name"]] if above else []), project["basename"]]))
    moved = below(connection, [project["id"]])
    cut = len(project.get("path") or ())
    for key in moved:
        old = documents.get(connection, PROJECTS, key)
        new = [*path, *old["path"][cut:]]
        if len(new) >= MAX_DEPTH:
            raise PathTooDeep(f"{old['name']!r} would be too deep", f"keep to {MAX_DEPTH} levels")
        documents.update(connection, PROJECTS, key, {"path": new})
    _rename(connection, project, name)
    changes = {"name": name, "parent": parent, "path": path, "last_update": now()}
    documents.update(connection, PROJECTS, project["id"], changes)
    return 1 + len(moved)


def _merge(connection: sa.Connection, project: Mapping[str, Any], target: str) -> Merged:
    entities = sum(
        connection.execute(
            table.update().where(table.c.project_id == project["id"]).values(project_id=target)
        ).rowcount
        for table in _BELOW.values()
    )
    children = connection.scalars(
        sa.select(tracking_projects.c.id).where(tracking_projects.c.parent == project["id"])
    ).all()
    moved = 0
    for key in children:
        child = documents.get(connection, PROJECTS, key)
        above = documents.get(connection, PROJECTS, target)
        twin = by_name(connection, f"{above['name']}/{child['basename']}")
        if twin is None:
            moved += _place(connection, child, target)
        else:
            inner = _merge(connection, child, twin)
            entities, moved = entities + inner.entities, moved + inner.projects
    documents.delete(connection, PROJECTS, [project["id"]])
    touch(connection, target, now())
    return Merged(entities, moved)
