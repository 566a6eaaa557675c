"""Projects: what is learned, and what is answered from it.

A project holds this node's own statistics, with a version that grows with every change. A project of a
federation answers from the fused statistics instead, and its own are this node's contribution. Numeric work
runs in threads; a change is acknowledged when it is committed. Services that build on projects: their models
(`project_models`), what is asked of their statistics (`project_exploration`), and statistics that move from
one to another (`project_transfer`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, replace
from typing import Any, Protocol

import sqlalchemy as sa

from federation.statistics import SEPARATOR, Extra, Moments, Schema, Table
from node import project_rows as rows
from node.answers import ProjectInfo, Share, Snapshot, Statistics
from node.encoding import restored
from node.errors import AlreadyExists, BadRequest, Forbidden, Unavailable
from node.keys import AccessKey
from node.learning import Learning, refusing
from node.offering import offered_by_file
from node.places import Place, first_rows
from node.project_options import PROFILES, ProjectOptions
from node.project_rows import ProjectRow
from node.sources import judging_schema
from node.store import Store
from node.store.schema import projects

ProjectList = list[ProjectInfo]
GuessedSchema = tuple[Schema, list[str]]


class Fusion(Protocol):
    """What projects need of the federations."""

    async def fused(self, federation: str, shared_as: str) -> Statistics:
        """The sum of the members' contributions. Raises Unavailable without a quorum."""

    async def of_member(self, federation: str, shared_as: str, member: str) -> Statistics:
        """One member's contribution. Raises BadRequest for no member, Unavailable without a contribution."""

    async def adopt(self, federation: str, shared_as: str, schema: Schema) -> tuple[Schema, int]:
        """Make sure the federation has this project; its agreed schema, and the version to go on from.

        A schema without attributes leaves them open.
        """

    def changed(self, federation: str, shared_as: str) -> None:
        """The local project has a new version, or is gone."""


class Projects:
    """The node's projects. One namespace; the owner is recorded."""

    def __init__(self, store: Store, numbers: Executor, node_id: str, node_name: str) -> None:
        self._store = store
        self._me = (node_id, node_name)
        self.learning = Learning(store, numbers, self._tell)
        self.fusion: Fusion | None = None

    # --- the projects themselves --------------------------------------------------------------------------

    async def create(
        self,
        name: str,
        *,
        owner: str,
        schema: Schema | None = None,
        federation: str | None = None,
        shared_as: str | None = None,
        parameters: dict[str, Any] | None = None,
        encoder: Snapshot | None = None,
    ) -> ProjectInfo:
        """Make a project. With a schema only its attributes are learned; without, the first rows decide.

        With an encoder, all rows pass through it, as it is now, before they are learned or predicted.

        In a federation the project takes part in the federation's project `shared_as` (default: the same
        name), by the schema agreed there; its admin's node makes that project if there is none.
        """
        rows.check_name(name)
        options = ProjectOptions.read(parameters or {})
        check_encodable(name, options, encoder)
        with refusing():
            counted, version = options.schema(schema), 0
        if federation is not None:
            if name in {row.name for row in await self._store.read(rows.all_projects)}:
                raise AlreadyExists(f"there is a project {name!r} already", "choose another name")
            shared_as = shared_as or name
            counted, version = await self._fusion().adopt(federation, shared_as, counted)
            options.check_agreed(shared_as, federation, counted)
            parameters = options.with_agreed(parameters or {}, counted)
            options = ProjectOptions.read(parameters)  # what is agreed must go with what was asked
            counted = counted if options.order is None else options.schema(counted)
        now = time.time()
        values = {
            "name": name,
            "owner": owner,
            "federation": federation,
            "shared_as": shared_as if federation is not None else None,
            "schema": counted.to_dict(),
            "fixed": bool(counted.attributes),
            "parameters": parameters or {},
            "encoder": None if encoder is None else asdict(encoder.use),
            "encoding": None if encoder is None else encoder.data,
            "frozen": False,
            "version": version + 1 if version else 0,  # what the federation still holds of ours is void
            "shared_version": version,
            "rows": 0,
            "digest": Moments(counted).digest(),
            "moments": None,
            "created": now,
            "changed": now,
        }
        try:
            await self._store.write(lambda c: c.execute(projects.insert().values(values)))
        except sa.exc.IntegrityError:
            raise AlreadyExists(
                f"there is a project {name!r} already, or one that is {shared_as!r} of {federation!r}"
                if federation is not None
                else f"there is a project {name!r} already",
                "choose another name, or delete it first",
            ) from None
        if federation is not None and shared_as is not None:
            self._fusion().changed(federation, shared_as)
        return await self.info(name)

    async def list(self) -> ProjectList:
        """All projects, oldest first."""

        def read(connection: sa.Connection) -> ProjectList:
            return [row.info(rows.model_names(connection, row.id)) for row in rows.all_projects(connection)]

        return list(await self._store.recall("projects", read))

    async def info(self, name: str) -> ProjectInfo:
        def read(connection: sa.Connection) -> ProjectInfo:
            row = rows.find_project(connection, name)
            return row.info(rows.model_names(connection, row.id))

        return await self._store.recall(("project", name), read)

    async def rename(self, name: str, new_name: str) -> ProjectInfo:
        """Raises NotFound, AlreadyExists, BadRequest."""
        rows.check_name(new_name)
        change = projects.update().where(projects.c.name == name).values(name=new_name)
        try:
            found = await self._store.write(lambda c: c.execute(change).rowcount)
        except sa.exc.IntegrityError:
            raise AlreadyExists(f"there is a project {new_name!r} already", "choose another name") from None
        if not found:
            raise rows.unknown_project(name)
        return await self.info(new_name)

    async def assign_encoder(self, name: str, encoder: Snapshot) -> ProjectInfo:
        """Let the rows of a project that has none yet pass through an encoder, as it is now.

        Raises NotFound, BadRequest.
        """
        row = await self.row(name)
        check_encodable(name, row.options, encoder)
        async with self.learning.lock(row.id):
            await self._store.write(lambda c: rows.assign_encoder(c, name, encoder.use, encoder.data))
        return await self.info(name)

    async def freeze(self, name: str, frozen: bool = True) -> ProjectInfo:
        """Let a project refuse to learn and to forget, or let it change again."""
        row = await self.row(name)
        change = projects.update().where(projects.c.id == row.id).values(frozen=frozen)
        async with self.learning.lock(row.id):
            await self._store.write(lambda c: c.execute(change))
        return await self.info(name)

    async def count_profiles(self, name: str, on: bool) -> ProjectInfo:
        """Count histograms and the sums of higher powers from now on, or drop them.

        Raises BadRequest if rows have been learned without them, or where a federation agreed on it.
        """
        async with self.learning.lock((await self.row(name)).id):
            row = await self.row(name)
            if on is (Extra.PROFILES in row.schema.extras):
                return await self.info(name)
            if row.frozen:
                raise BadRequest(f"project {name!r} is frozen", "thaw it first")
            if row.federation is not None:
                raise BadRequest(
                    f"what project {name!r} counts is agreed in {row.federation!r}", "use a local project"
                )
            if on and row.rows:
                raise BadRequest(
                    f"project {name!r} has learned {row.rows} rows without histograms, which cannot be "
                    "made from its sums",
                    "make a project with them, and learn the rows again",
                )
            profiles = frozenset({Extra.PROFILES})
            extras = row.schema.extras | profiles if on else row.schema.extras - profiles
            await self.learning.recount(row, extras, {**row.parameters, PROFILES: on})
        return await self.info(name)

    async def unload(self, name: str) -> None:
        """Free the memory that the project's statistics take, until they are needed again."""
        self.learning.drop((await self.row(name)).id)

    async def delete(self, name: str) -> None:
        """Delete a project with its statistics and models; what it gave to a federation is taken back."""
        row = await self.row(name)
        async with self.learning.lock(row.id):
            await self._store.write(lambda c: c.execute(projects.delete().where(projects.c.id == row.id)))
            self.learning.drop(row.id)
        self._tell(row)

    async def share(self, name: str, federation: str, shared_as: str) -> ProjectInfo:
        """Let a local project take part in a federation's project from now on."""
        row = await self.row(name)
        if row.federation is not None:
            raise BadRequest(
                f"project {name!r} takes part in {row.federation!r} already", "use another project"
            )
        agreed, version = await self._fusion().adopt(federation, shared_as, row.schema)
        values = {"federation": federation, "shared_as": shared_as, "version": max(row.version, version) + 1}
        if not row.schema.attributes:
            row.options.check_agreed(shared_as, federation, agreed)
            parameters = row.options.with_agreed(dict(row.parameters), agreed)
            ProjectOptions.read(parameters)
            values |= {"schema": agreed.to_dict(), "fixed": bool(agreed.attributes), "parameters": parameters}
        elif row.schema.asked != agreed.asked:
            raise BadRequest(
                f"project {name!r} counts {_listed(row.schema)}, project {shared_as!r} of {federation!r} "
                f"{_listed(agreed)}, as agreed among its members",
                "make a project that takes part from the beginning",
            )
        async with self.learning.lock(row.id):
            await self._store.write(
                lambda c: c.execute(projects.update().where(projects.c.id == row.id).values(values))
            )
        self._fusion().changed(federation, shared_as)
        return await self.info(name)

    # --- learning -----------------------------------------------------------------------------------------

    async def learn(self, name: str, table: Table, types: Mapping[str, str] | None = None) -> ProjectInfo:
        """Learn a table, all or nothing. Raises BadRequest naming column and row of what does not fit.

        `types` gives C, B or T for columns that are new to the project, else their values decide.
        """
        return await self.learning.change(name, table, 1, types)

    async def forget(self, name: str, table: Table, types: Mapping[str, str] | None = None) -> ProjectInfo:
        """Undo `learn` of the same rows. Raises BadRequest if they cannot have been learned."""
        return await self.learning.change(name, table, -1, types)

    # --- answers ------------------------------------------------------------------------------------------

    async def statistics(self, name: str) -> Statistics:
        """What answers are computed from: the fused statistics of a federated project, else its own."""
        row = await self.row(name)
        if row.federation is not None and row.shared_as is not None:
            return await self._fusion().fused(row.federation, row.shared_as)
        return await self._own(row)

    async def statistics_of(self, name: str, *, local: bool = False, member: str | None = None) -> Statistics:
        """Those of all, of this node alone (`local`), or of one member of the project's federation, told by
        its id or name. Raises BadRequest, Unavailable."""
        if member is None:
            return await (self.own_statistics(name) if local else self.statistics(name))
        row = await self.row(name)
        if row.federation is None or row.shared_as is None:
            raise BadRequest(
                f"project {name!r} takes part in no federation: there is no member {member!r} to ask about",
                "leave the member out",
            )
        if local:
            raise BadRequest("this node's part and that of a member are asked for", "ask for one of them")
        return await self._fusion().of_member(row.federation, row.shared_as, member)

    async def own_statistics(self, name: str) -> Statistics:
        """This node's own part."""
        return await self._own(await self.row(name))

    async def schema_from(
        self,
        place: Place,
        *,
        actor: AccessKey,
        attributes: Sequence[str] | None = None,
        types: Mapping[str, str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        encoder: Snapshot | None = None,
    ) -> GuessedSchema:
        """The schema that a table's first rows suggest, and remarks on the columns that it leaves out.

        `parameters` and `encoder` are those of the project that is to have it.
        """
        check_may_read(actor, place.name)
        options = ProjectOptions.read(parameters or {})

        def guess() -> GuessedSchema:
            encoding = None if encoder is None else restored(json.loads(encoder.data))
            encoded = replace(options, encoding=encoding)
            with first_rows(place) as source:
                _, offered, remarks = offered_by_file(encoded, source, attributes, types, Schema(()))
                judging_schema(source, offered, options.judged_by)  # so that an unknown column is refused
            return offered, remarks

        with refusing():
            return await self.learning.think(guess)

    # --- inside -------------------------------------------------------------------------------------------

    async def row(self, name: str) -> ProjectRow:
        """The project as stored. Raises NotFound."""
        return await self._store.recall(("row", name), lambda c: rows.find_project(c, name))

    async def contribution(self, federation: str, shared_as: str) -> tuple[ProjectRow, Moments] | None:
        """What this node has to contribute to a federation's project; None without a local project."""
        row = await self._store.read(lambda c: rows.find_shared(c, federation, shared_as))
        if row is None:
            return None
        async with self.learning.lock(row.id):
            row = await self._store.read(lambda c: rows.find_shared(c, federation, shared_as))
            return None if row is None else (row, await self.learning.moments(row))

    async def _own(self, row: ProjectRow) -> Statistics:
        async with self.learning.lock(row.id):
            row = await self.row(row.name)
            moments = await self.learning.moments(row)
        return Statistics(moments, (Share(*self._me, row.version, row.rows),))

    def _fusion(self) -> Fusion:
        if self.fusion is None:
            raise Unavailable("this node's federations are not running", "wait until the node has started")
        return self.fusion

    def _tell(self, row: ProjectRow) -> None:
        if row.federation is not None and row.shared_as is not None and self.fusion is not None:
            self.fusion.changed(row.federation, row.shared_as)


def _listed(schema: Schema) -> str:
    counted = " and ".join(sorted(schema.extras)) or "no profiles"
    counted += "" if schema.order is None else f", sequences of order {schema.order}"
    counted += "" if schema.separator == SEPARATOR else f", levels separated by {schema.separator!r}"
    return counted if schema.split is None else f"{counted}, split by {schema.split!r}"


def check_encodable(name: str, options: ProjectOptions, encoder: Snapshot | None) -> None:
    """Raise BadRequest if rows are to pass through an encoder that have no attributes to encode."""
    if options.order is not None and encoder is not None:
        raise BadRequest(
            f"project {name!r} learns sequences, which no encoder encodes", "leave the encoder out"
        )


def check_may_read(actor: AccessKey, path: str) -> None:
    """Raise Forbidden unless this user may name files for the node to read."""
    if not actor.role.may_read_files:
        raise Forbidden(
            f"{actor.user!r} with the role {actor.role.value} may not name files here: {path}",
            "send the rows themselves, or use a key with the role superuser or admin",
        )
