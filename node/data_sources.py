"""Named data sources: tables that are elsewhere, kept by name with what it takes to reach them.

Their secrets stay in the node's store: answers hide them, and only a worker is told. Who may name files for
the node to read may make sources and read them.
"""

from __future__ import annotations

import asyncio
import csv
import time
from collections.abc import Mapping
from contextlib import closing
from itertools import islice
from typing import Any, Final

import sqlalchemy as sa

from node import project_rows
from node.answers import Listing, SourceInfo, SourceSample
from node.errors import AlreadyExists, BadRequest, InUse, NotFound
from node.keys import AccessKey
from node.learning import refusing
from node.places import Place, first_rows, listed
from node.projects import check_may_read
from node.sources import Source, guess_schema
from node.sources.dates import is_dated
from node.sources.lines import lines_of
from node.store import Store
from node.store.schema import data_sources, project_sources, projects

SAMPLE: Final = 128
"""Rows of a sample."""

MOST_LISTED: Final = 1000

InfoList = list[SourceInfo]


class DataSources:
    """All data sources of a node. One namespace; the owner is recorded."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, name: str, type_: str, info: Mapping[str, Any], *, actor: AccessKey) -> SourceInfo:
        """Raises Forbidden, BadRequest, AlreadyExists."""
        check_may_read(actor, name)
        project_rows.check_name(name)
        place = await asyncio.to_thread(Place.read, type_, info)
        now = time.time()
        values = {"name": name, "owner": actor.user, "created": now, "changed": now} | place.to_dict()
        try:
            await self._store.write(lambda c: c.execute(data_sources.insert().values(values)))
        except sa.exc.IntegrityError:
            raise AlreadyExists(f"there is a data source {name!r} already", "choose another name") from None
        return await self.info(name)

    async def replace(
        self, name: str, type_: str, info: Mapping[str, Any], *, actor: AccessKey
    ) -> SourceInfo:
        """Let a name mean another place; a secret told as it is shown stays what it is.

        Raises Forbidden, NotFound, BadRequest.
        """
        check_may_read(actor, name)
        before = await self._place(name)
        given = Place(type_, {key: str(value) for key, value in info.items() if value is not None})
        place = await asyncio.to_thread(Place.read, type_, given.completed(before).info)
        values = {"changed": time.time()} | place.to_dict()
        mine = data_sources.c.name == name
        await self._store.write(lambda c: c.execute(data_sources.update().where(mine).values(values)))
        return await self.info(name)

    async def is_at(self, name: str, type_: str, info: Mapping[str, Any]) -> bool:
        """Whether a name means this place. Raises NotFound, BadRequest."""
        return await self._place(name) == await asyncio.to_thread(Place.read, type_, info)

    async def list(self) -> InfoList:
        """All, by name."""
        return await self._store.read(lambda c: _infos(c))

    async def info(self, name: str) -> SourceInfo:
        """Raises NotFound."""
        found = await self._store.read(lambda c: _infos(c, name))
        if not found:
            raise _unknown(name)
        return found[0]

    async def delete(self, name: str) -> None:
        """Raises NotFound, InUse."""
        await self.info(name)

        def write(connection: sa.Connection) -> None:
            users = _users(connection, name)
            if users:
                raise InUse(
                    f"data source {name!r} is attached to {', '.join(map(repr, users))}", "detach it first"
                )
            connection.execute(data_sources.delete().where(data_sources.c.name == name))

        await self._store.write(write)

    async def attach(self, project: str, name: str) -> None:
        """Make a source one of a project's, so that it is listed there and stays. Raises NotFound."""
        await self.info(name)

        def write(connection: sa.Connection) -> None:
            values = {"project_id": project_rows.find_project(connection, project).id, "source": name}
            if name not in _of_project(connection, project):
                connection.execute(project_sources.insert().values(values))

        await self._store.write(write)

    async def detach(self, project: str, name: str) -> None:
        """Undo `attach`. Raises NotFound."""

        def write(connection: sa.Connection) -> None:
            number = project_rows.find_project(connection, project).id
            mine = (project_sources.c.project_id == number) & (project_sources.c.source == name)
            if not connection.execute(project_sources.delete().where(mine)).rowcount:
                raise NotFound(f"project {project!r} has no data source {name!r}", "see its sources")

        await self._store.write(write)

    async def attached(self, project: str) -> tuple[str, ...]:
        """The sources of a project, by name."""
        return await self._store.recall(("sources", project), lambda c: _of_project(c, project))

    async def sample(self, name: str, *, actor: AccessKey) -> SourceSample:
        """The first rows of a source. Raises Forbidden, NotFound, BadRequest."""
        check_may_read(actor, name)
        return await _sampled(await self._place(name))

    async def preview(self, type_: str, info: Mapping[str, Any], *, actor: AccessKey) -> SourceSample:
        """The first rows of a table that has no name here. Raises Forbidden, BadRequest."""
        check_may_read(actor, type_)
        return await _sampled(await asyncio.to_thread(Place.read, type_, info))

    async def browse(self, type_: str, info: Mapping[str, Any], path: str, *, actor: AccessKey) -> Listing:
        """What is right below a path of this machine, or of a bucket. Raises Forbidden, BadRequest."""
        check_may_read(actor, path)
        if type_ not in ("localfile", "s3"):
            raise BadRequest(f"what is in a place of the type {type_[:200]!r} cannot be listed", "name it")
        place = await asyncio.to_thread(Place.read, type_, {**info, "path": path or "/"})
        with refusing():
            files, folders = await asyncio.to_thread(listed, place, place.info["path"], MOST_LISTED)
        return Listing(path, tuple(files), tuple(folders))

    async def place(self, given: Mapping[str, Any]) -> Place | None:
        """Where the rows of a task are: its "source" or its "path"; None if they came along.

        Raises NotFound for a source that is gone meanwhile.
        """
        if given.get("source") is not None:
            return await self._place(given["source"])
        return None if given.get("path") is None else Place.of_file(given["path"], given.get("format"))

    async def output(self, name: str) -> str:
        """The file that a source stands for where something is written. Raises NotFound, BadRequest."""
        place = await self._place(name)
        if place.type != "localfile":
            raise BadRequest(
                f"data source {name!r} is of the type {place.type}: nothing is written there",
                "name one of the type localfile",
            )
        return place.info["path"]

    async def _place(self, name: str) -> Place:
        columns = sa.select(data_sources.c.type, data_sources.c.info).where(data_sources.c.name == name)
        found = await self._store.read(lambda c: c.execute(columns).one_or_none())
        if found is None:
            raise _unknown(name)
        return Place(found.type, found.info)


def _unknown(name: str) -> NotFound:
    return NotFound(f"there is no data source {name!r}", "list the data sources, or create it")


def _infos(connection: sa.Connection, name: str | None = None) -> InfoList:
    query = sa.select(data_sources).order_by(data_sources.c.name)
    if name is not None:
        query = query.where(data_sources.c.name == name)
    return [
        SourceInfo(
            name=row.name,
            owner=row.owner,
            type=row.type,
            info=Place(row.type, row.info).shown(),
            used_by=_users(connection, row.name),
            created=row.created,
            changed=row.changed,
        )
        for row in connection.execute(query)
    ]


def _users(connection: sa.Connection, name: str) -> tuple[str, ...]:
    query = (
        sa.select(projects.c.name)
        .join(project_sources, project_sources.c.project_id == projects.c.id)
        .where(project_sources.c.source == name)
        .order_by(projects.c.name)
    )
    return tuple(connection.scalars(query))


def _of_project(connection: sa.Connection, project: str) -> tuple[str, ...]:
    query = (
        sa.select(project_sources.c.source)
        .join(projects, project_sources.c.project_id == projects.c.id)
        .where(projects.c.name == project)
        .order_by(project_sources.c.source)
    )
    return tuple(connection.scalars(query))


async def _sampled(place: Place) -> SourceSample:
    def read() -> SourceSample:
        with first_rows(place) as source:
            return _sample(source)

    with refusing():
        return await asyncio.to_thread(read)


def _sample(source: Source) -> SourceSample:
    with closing(lines_of(source)) as lines:
        _, *rows = csv.reader(islice(lines, SAMPLE + 1), delimiter=source.delimiter)
    letters = tuple(_letter(source, name) for name in source.names)
    return SourceSample(source.names, letters, tuple(tuple(row) for row in rows))


def _letter(source: Source, name: str) -> str:
    """What a column would be learned as; one that would not be is text, a list, or to be ignored."""
    import pyarrow.types as pt

    kind = source.sample().column(name).type
    if is_dated(kind):
        return "D"
    found, _ = guess_schema(source, [name])
    if found.attributes:
        return found.attributes[0].type.value
    if pt.is_list(kind) or pt.is_large_list(kind):
        return "L"
    return "S" if pt.is_string(kind) or pt.is_large_string(kind) or pt.is_dictionary(kind) else "X"
