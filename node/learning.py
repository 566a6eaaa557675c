"""How a project's own statistics change: one at a time, each a new version, committed before it is told.

Projects are known here by their rows; who may change what, and what else happens, is decided in `projects`.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from federation.errors import ProtocolError, QuorumError
from federation.statistics import Extra, Moments, Schema, StatisticsError, Table
from node import project_rows as rows
from node import window
from node.answers import ProjectInfo
from node.encoding import restored
from node.errors import BadRequest, Unavailable
from node.forgetting import impossible
from node.offering import offered_by_table
from node.project_options import ProjectOptions
from node.project_rows import ProjectRow
from node.row_filter import naming_rows
from node.sources import SourceError
from node.store import Store
from node.store.schema import projects

if TYPE_CHECKING:
    from federation.encoders import Encoding

T = TypeVar("T")
Also = Callable[[sa.Connection, ProjectInfo], None]

CACHED = 8
"""Projects whose statistics are kept in memory."""


class Learning:
    """The statistics of all projects of this node. `on_change` hears of every new version."""

    def __init__(self, store: Store, numbers: Executor, on_change: Callable[[ProjectRow], None]) -> None:
        self._store, self._numbers, self._on_change = store, numbers, on_change
        self._locks: dict[int, asyncio.Lock] = {}
        self._cache: OrderedDict[int, tuple[int, Moments]] = OrderedDict()
        self._encodings: dict[int, tuple[str, Encoding | None]] = {}
        self._pending: set[asyncio.Task[Any]] = set()

    def lock(self, project_id: int) -> asyncio.Lock:
        """Held by whoever changes a project, or needs its row and statistics to belong together."""
        return self._locks.setdefault(project_id, asyncio.Lock())

    async def change(
        self, name: str, table: Table, sign: int, types: Mapping[str, str] | None = None
    ) -> ProjectInfo:
        """Learn (sign 1) or forget (-1) a table. Goes on even if the caller gives up.

        `types` gives C, B or T for columns that the project does not know yet, else their values decide.
        """
        return await self._uninterrupted(self._change(name, table, sign, types or {}))

    async def merge(self, name: str, data: bytes, sign: int, also: Also) -> ProjectInfo:
        """Add (or subtract) statistics learned elsewhere; `also` is part of the same transaction."""
        return await self._uninterrupted(self._merge(name, data, sign, also))

    async def roll(self, name: str, data: bytes, also: Also) -> ProjectInfo:
        """Learn the rows that `window.pack` packed into a rolling window; `also` as for `merge`."""
        return await self._uninterrupted(self._roll(name, data, also))

    async def agree(self, name: str, offered: Schema, explicit: dict[str, str] | None) -> Schema:
        """Fix what a table with these columns will be learned as, before a worker learns it."""
        async with self.lock((await self._row(name)).id):
            row = await self._row(name)
            with refusing():
                judged_by = row.options.judged_by
                agreed, part = rows.agree(row, offered, explicit=explicit, judged_by=judged_by)
            if agreed != row.schema:
                change = projects.update().where(projects.c.id == row.id).values(schema=agreed.to_dict())
                await self._store.write(lambda c: c.execute(change))
            return part

    async def changeable(self, name: str, sign: int) -> ProjectRow:
        """The project as it is now. Raises BadRequest if it refuses to learn (sign 1) or to forget (-1)."""
        row = await self._row(name)
        if row.frozen:
            raise BadRequest(f"project {name!r} is frozen", "thaw it first")
        if sign < 0 and row.options.window is not None:
            raise BadRequest(
                f"project {name!r} has a rolling window of {row.options.window} rows: it forgets the oldest "
                "by itself",
                "learn the rows that should take their place",
            )
        return row

    async def moments(self, row: ProjectRow) -> Moments:
        """The statistics of this version of a project, whose lock the caller holds."""
        version, moments = self._cache.get(row.id, (-1, None))
        if moments is None or version != row.version:
            found = await self._store.read(lambda c: rows.moments_of(c, row.id))
            if found is None:
                raise rows.unknown_project(row.name)
            moments = Moments(row.schema)
            if found[1] is not None:
                moments = await self.think(Moments.from_bytes, found[1])
        moments = moments.grow(row.schema)
        self._remember(row.id, row.version, moments)
        return moments

    async def options(self, row: ProjectRow) -> ProjectOptions:
        """The project's options, with what its encoder makes of its columns."""
        return replace(row.options, encoding=await self._encoding(row))

    async def _encoding(self, row: ProjectRow) -> Encoding | None:
        if row.encoder is None:
            return None
        digest, encoding = self._encodings.get(row.id, ("", None))
        if encoding is None or digest != row.encoder.digest:
            found = await self._store.read(lambda c: rows.encoding_of(c, row.id))
            if found is None:
                raise rows.unknown_project(row.name)
            encoding = await self.think(lambda: restored(json.loads(found)))
            self._encodings[row.id] = (row.encoder.digest, encoding)
        return encoding

    async def recount(self, row: ProjectRow, extras: frozenset[Extra], parameters: dict[str, Any]) -> None:
        """Let a project, whose lock the caller holds, count these extras, and keep these parameters.

        An extra can be dropped at any time, and be added while there are no rows.
        """
        before = await self.moments(row)
        wanted = replace(row.schema, extras=extras)

        def change() -> tuple[Moments, bytes, str]:
            after = before.without(*(before.schema.extras - extras)) if row.rows else Moments(wanted)
            return after, after.to_bytes(), after.digest()

        after, data, digest = await self.think(change)

        def write(connection: sa.Connection) -> int:
            saved = rows.save_moments(connection, row, wanted, data, after.rows, digest)
            mine = projects.c.id == row.id
            connection.execute(projects.update().where(mine).values(parameters=parameters))
            return saved.version

        self._remember(row.id, await self._store.write(write), after)

    def drop(self, project_id: int) -> None:
        """The project is gone."""
        self._cache.pop(project_id, None)
        self._encodings.pop(project_id, None)

    async def settle(self) -> None:
        """Wait for the changes that have begun."""
        await asyncio.gather(*self._pending, return_exceptions=True)

    async def think(self, work: Callable[..., T], *arguments: Any) -> T:
        """Numeric work, in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._numbers, work, *arguments)

    async def _change(self, name: str, table: Table, sign: int, types: Mapping[str, str]) -> ProjectInfo:
        async with self.lock((await self._row(name)).id):
            row = await self.changeable(name, sign)
            options = await self.options(row)

            def prepare() -> tuple[Schema, Schema, Table, Moments | None]:
                rows_kept, kept = options.prepare(table)
                offered = offered_by_table(options, table, types, row.schema)
                agreed, part = rows.agree(row, offered, judged_by=options.judged_by)
                if options.window is not None:
                    return agreed, part, rows_kept, None
                with naming_rows(kept):
                    return agreed, part, rows_kept, Moments(part).learn(rows_kept)

            with refusing():
                agreed, part, rows_kept, change = await self.think(prepare)
            if change is None:
                return await self._slide(row, agreed, part, rows_kept)
            return await self._apply(row, agreed, change, sign)

    async def _merge(self, name: str, data: bytes, sign: int, also: Also) -> ProjectInfo:
        with refusing():
            change = await self.think(Moments.from_bytes, data)
        async with self.lock((await self._row(name)).id):
            row = await self.changeable(name, sign)
            with refusing():
                schema = row.schema.union(change.schema)
            return await self._apply(row, schema, change, sign, also)

    async def _roll(self, name: str, data: bytes, also: Also) -> ProjectInfo:
        with refusing():
            part, table = await self.think(window.unpack, data)
        async with self.lock((await self._row(name)).id):
            row = await self.changeable(name, 1)
            with refusing():
                schema = row.schema.union(part)
            return await self._slide(row, schema, part, table, also)

    async def _slide(
        self, row: ProjectRow, schema: Schema, part: Schema, table: Table, also: Also | None = None
    ) -> ProjectInfo:
        """Learn a table into a rolling window; the project's lock is held."""
        size = row.options.window or 0
        window.check_size(row.name, size, len(schema))
        before = await self.moments(row)
        new = window.last_rows(table, size)
        leaving = 0 if new.rows == size else before.rows + new.rows - size
        pieces = await self._store.read(lambda c: window.oldest(c, row.id, leaving))
        with refusing():
            change, slide = await self.think(window.slide, size, before, pieces, part, new)

        def and_pieces(connection: sa.Connection, info: ProjectInfo) -> None:
            window.save(connection, row.id, slide)
            if also is not None:
                also(connection, info)

        return await self._apply(row, schema, change, 1, and_pieces)

    async def _apply(
        self, row: ProjectRow, schema: Schema, change: Moments, sign: int, also: Also | None = None
    ) -> ProjectInfo:
        """Commit the project's next version; its lock is held."""
        before = await self.moments(row)

        def add() -> tuple[Moments, bytes, str]:
            total = (before + change if sign > 0 else before - change).grow(schema)
            problem = impossible(total) if sign < 0 else None
            if problem is not None:
                raise BadRequest(f"project {row.name!r}: {problem}", "forget only rows that were learned")
            return total, total.to_bytes(), total.digest()

        with refusing():
            total, data, digest = await self.think(add)

        def write(connection: sa.Connection) -> ProjectInfo:
            after = rows.save_moments(connection, row, schema, data, total.rows, digest)
            info = after.info(rows.model_names(connection, row.id))
            if also is not None:
                also(connection, info)
            return info

        info = await self._store.write(write)
        self._remember(row.id, info.version, total)
        self._on_change(row)
        return info

    def _remember(self, project_id: int, version: int, moments: Moments) -> None:
        self._cache[project_id] = (version, moments)
        self._cache.move_to_end(project_id)
        while len(self._cache) > CACHED:
            self._cache.popitem(last=False)

    async def _row(self, name: str) -> ProjectRow:
        return await self._store.read(lambda c: rows.find_project(c, name))

    async def _uninterrupted(self, work: Coroutine[Any, Any, T]) -> T:
        """A change that has begun keeps its lock until it is committed."""
        task = asyncio.create_task(work)
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)
        return await asyncio.shield(task)


@contextmanager
def refusing() -> Iterator[None]:
    """What statistics, models and sources refuse is a BadRequest; a missing quorum is Unavailable."""
    from federation.models.errors import ModelError

    try:
        yield
    except QuorumError as error:
        raise Unavailable(str(error), "wait for the missing members, or sync") from None
    except (StatisticsError, ModelError) as error:
        raise BadRequest(error.message, error.remedy) from None
    except (SourceError, ProtocolError) as error:
        raise BadRequest(str(error)) from None
