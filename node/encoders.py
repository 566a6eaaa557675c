"""The node's encoders: made, learning, set by hand, and handed to projects as they stand.

A project keeps a copy of the encoding that it was given: what its encoder learns afterwards does not change
what the project's rows mean.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from federation.statistics import Moments, Schema, Table
from node import encoder_rows as rows
from node.answers import AttributeInfo, EncoderInfo, EncoderUse, KeyStatistics, KeyValue, Snapshot
from node.encoder_learning import encoder_from
from node.encoder_rows import EncoderRow
from node.errors import AlreadyExists, BadRequest, InUse, NotFound, Unavailable
from node.forgetting import impossible
from node.learning import refusing
from node.project_rows import check_name
from node.projects import Projects
from node.store import Store
from node.store.schema import encoder_sources, encoders

if TYPE_CHECKING:
    from federation.encoders import Encoder

Values = Mapping[str, Mapping[str, tuple[float, float]]]
"""By column and value: count and sum."""

InfoList = list[EncoderInfo]
Also = Callable[[sa.Connection, int, int], None]
"""What is written with a change, which hears of the version and the rows that it makes."""
Summarise = Callable[["Encoder", Schema], Moments]
"""What is to be added, for an encoder whose columns are learned as the schema says."""


class Encoders:
    """All encoders of a node. One namespace; the owner is recorded."""

    def __init__(self, store: Store, projects: Projects) -> None:
        self._store, self._projects = store, projects
        self._changing = asyncio.Lock()

    async def create(
        self,
        name: str,
        *,
        owner: str,
        kind: str,
        keys: Sequence[str] = (),
        target: str | None = None,
        binary: bool = False,
        parameters: Mapping[str, Any] | None = None,
        project: str | None = None,
    ) -> EncoderInfo:
        """Make an encoder of one of the `federation.encoders.KINDS`.

        With `project` it has the statistics of that project, a federation's if the project takes part in
        one, and learns nothing by itself. Raises BadRequest, AlreadyExists, NotFound.
        """
        check_name(name)
        definition = {
            "kind": kind,
            "keys": list(keys),
            "target": target,
            "binary": binary,
            "parameters": dict(parameters or {}),
            "given": {},
        }
        with refusing():
            await self._projects.learning.think(encoder_from, definition)
        if project is not None:
            await self._projects.row(project)
        now = time.time()
        values = {
            "name": name,
            "owner": owner,
            "project": project,
            "definition": definition,
            "version": 0,
            "rows": 0,
            "created": now,
            "changed": now,
        }
        try:
            await self._store.write(lambda c: c.execute(encoders.insert().values(values)))
        except sa.exc.IntegrityError:
            raise AlreadyExists(f"there is an encoder {name!r} already", "choose another name") from None
        return await self.info(name)

    async def list(self) -> InfoList:
        """All encoders, by name."""
        return [await self.info(name) for name in await self.names()]

    async def names(self) -> tuple[str, ...]:
        """Their names, sorted."""
        return tuple(await self._store.read(rows.names))

    async def info(self, name: str) -> EncoderInfo:
        """Raises NotFound."""
        row = await self._row(name)
        used_by = await self._store.read(lambda c: rows.users_of(c, name))
        columns: dict[str, tuple[AttributeInfo, ...]] = {}
        digest = None
        try:
            encoder, moments = await self._learned(row)
            with refusing():
                encoding = await self._projects.learning.think(encoder.fit, moments)
        except (BadRequest, NotFound, Unavailable):
            pass  # nothing is learned yet, or the project it is learned by cannot answer
        else:
            digest = encoding.digest()
            columns = {
                key: tuple(
                    AttributeInfo(a.name, a.type.value, None if a.quantum is None else str(a.quantum))
                    for a in column.attributes(key)
                )
                for key, column in encoding.columns.items()
            }
        given = row.definition
        return EncoderInfo(
            name=row.name,
            owner=row.owner,
            kind=given["kind"],
            target=given["target"],
            binary=given["binary"],
            keys=tuple(given["keys"]),
            parameters=given["parameters"],
            project=row.project,
            rows=row.rows,
            version=row.version,
            columns=columns,
            digest=digest,
            used_by=used_by,
            created=row.created,
            changed=row.changed,
        )

    async def delete(self, name: str) -> None:
        """Raises NotFound, InUse."""
        await self._row(name)

        def write(connection: sa.Connection) -> None:
            users = rows.users_of(connection, name)
            if users:
                raise InUse(
                    f"encoder {name!r} is in use by {', '.join(map(repr, users))}", "delete the project first"
                )
            connection.execute(encoders.delete().where(encoders.c.name == name))

        await self._store.write(write)

    async def learn(self, name: str, table: Table, sign: int = 1) -> EncoderInfo:
        """Learn (sign 1) or forget (-1) a table's texts and target. Raises BadRequest."""

        def summarise(encoder: Encoder, known: Schema) -> Moments:
            return Moments(encoder.schema(table, known)).learn(table)

        return await self._change(name, summarise, sign)

    async def change(self, name: str, change: Moments, sign: int, also: Also) -> None:
        """Add (or subtract) what a task learned; `also` is part of the same transaction.

        Raises BadRequest, NotFound.
        """
        await self._change(name, lambda *_: change, sign, also)

    async def to_learn(self, name: str) -> tuple[dict[str, Any], Schema]:
        """What a worker needs to learn for an encoder: its definition, and what its columns are learned as.

        Raises NotFound, BadRequest.
        """
        row = await self._learning(name)
        return row.definition, (await self._learned(row))[1].schema

    async def sources(self, name: str) -> tuple[str, ...]:
        """The data sources that it has learned, by name. Raises NotFound."""
        await self._row(name)
        mine = sa.select(encoder_sources.c.source).where(encoder_sources.c.encoder == name)
        return tuple(sorted(await self._store.read(lambda c: c.scalars(mine).all())))

    async def statistics(self, name: str) -> tuple[KeyStatistics, ...]:
        """One for each column that is encoded."""
        encoder, moments = await self._learned(await self._row(name))
        found = []
        for key in encoder.learned_keys(moments):
            counts = np.array([float(count) for count, _ in encoder.sums(moments, key).values()])
            if counts.size:
                variance = float(counts.var())
                found.append(KeyStatistics(key, counts.size, float(counts.mean()), variance**0.5, variance))
        return tuple(found)

    async def values(self, name: str, key: str) -> tuple[KeyValue, ...]:
        """What is known of one column, by value. Raises NotFound."""
        encoder, moments = await self._learned(await self._row(name))
        if key not in encoder.learned_keys(moments):
            raise NotFound(f"encoder {name!r} knows nothing of a column {key!r}", "see its statistics")
        sums = await self._projects.learning.think(encoder.sums, moments, key)
        return tuple(KeyValue(value, float(count), float(total)) for value, (count, total) in sums.items())

    async def set_values(self, name: str, values: Values) -> EncoderInfo:
        """Say how many rows have a value and what the target adds up to in them, whatever was learned."""
        async with self._changing:
            row = await self._row(name)
            given = {key: dict(found) for key, found in row.definition["given"].items()}
            for key, found in values.items():
                given[key] = given.get(key, {}) | {value: list(sums) for value, sums in found.items()}
            definition = row.definition | {"given": given}
            with refusing():
                await self._projects.learning.think(encoder_from, definition)
            await self._store.write(lambda c: rows.save(c, row, definition=definition))
        return await self.info(name)

    async def snapshot(self, name: str) -> Snapshot:
        """The encoding as it is now. Raises BadRequest if nothing was learned yet."""
        encoder, moments = await self._learned(await self._row(name))
        with refusing():
            encoding = await self._projects.learning.think(encoder.fit, moments)
        return Snapshot(EncoderUse(name, encoding.digest(), encoding.letters), encoding.to_json())

    async def _learned(self, row: EncoderRow) -> tuple[Encoder, Moments]:
        with refusing():
            encoder = await self._projects.learning.think(encoder_from, row.definition)
        if row.project is not None:
            return encoder, (await self._projects.statistics(row.project)).moments
        data = await self._store.read(lambda c: rows.moments_of(c, row.name))
        if data is None:
            return encoder, Moments(Schema(()))
        return encoder, await self._projects.learning.think(Moments.from_bytes, data)

    async def _change(
        self, name: str, summarise: Summarise, sign: int, also: Also = lambda *_: None
    ) -> EncoderInfo:
        async with self._changing:
            row = await self._learning(name)
            encoder, before = await self._learned(row)

            def add() -> tuple[bytes, int]:
                change = summarise(encoder, before.schema)
                total = before + change if sign > 0 else before - change
                problem = impossible(total) if sign < 0 else None
                if problem is not None:
                    raise BadRequest(f"encoder {name!r}: {problem}", "forget only rows that were learned")
                return total.to_bytes(), total.rows

            with refusing():
                data, count = await self._projects.learning.think(add)

            def write(connection: sa.Connection) -> None:
                rows.save(connection, row, moments=data, rows=count)
                also(connection, row.version + 1, count)

            await self._store.write(write)
        return await self.info(name)

    async def _learning(self, name: str) -> EncoderRow:
        """An encoder that learns by itself. Raises NotFound, BadRequest."""
        row = await self._row(name)
        if row.project is not None:
            raise BadRequest(
                f"encoder {name!r} has the statistics of project {row.project!r}", "let the project learn"
            )
        return row

    async def _row(self, name: str) -> EncoderRow:
        return await self._store.read(lambda c: rows.find_encoder(c, name))
