"""Statistics that move between projects: merged on one node, carried from one to another."""

from __future__ import annotations

import json
import time
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import sqlalchemy as sa

from federation.statistics import Moments, Schema
from node import project_rows as rows
from node.answers import EncoderUse, ProjectInfo
from node.encoding import restored
from node.errors import AlreadyExists, BadRequest
from node.forgetting import impossible
from node.learning import refusing
from node.project_options import WINDOW, ProjectOptions
from node.projects import Projects
from node.store import Store
from node.store.schema import projects

MAX_STATISTICS: Final = 256 << 20
"""Bytes of the statistics that are taken in."""

FORMAT: Final = "suffice project 1"


class ProjectTransfer:
    """What a node's projects take in as statistics, and hand out."""

    def __init__(self, store: Store, projects: Projects) -> None:
        self._store, self._projects, self._learning = store, projects, projects.learning

    async def merge(self, name: str, other: str) -> ProjectInfo:
        """Add what another project of this node has learned here; the other stays as it is.

        Raises BadRequest where the two do not count the same things.
        """
        if name == other:
            raise BadRequest(f"project {name!r} cannot be merged with itself", "name another project")
        row, source = await self._projects.row(name), await self._projects.row(other)
        if row.options.window is not None:
            raise BadRequest(
                f"project {name!r} has a rolling window: it counts rows, of which {other!r} keeps none",
                "merge into a project without a window",
            )
        orders = {row.options.order, source.options.order} - {None}
        if len(orders) > 1:
            raise BadRequest(
                f"projects {name!r} and {other!r} learn chains of the orders {sorted(map(str, orders))}",
                "merge a project of the same order",
            )
        async with self._learning.lock(source.id):
            added = await self._learning.moments(await self._projects.row(other))
        lacking = row.schema.extras - added.schema.extras
        if added.schema.attributes and row.schema.attributes and lacking:
            raise BadRequest(
                f"project {other!r} counts no {' and '.join(sorted(lacking))}, which {name!r} does",
                "merge the other way round, or merge into a project that counts none",
            )

        def pack() -> bytes:
            rows.agree(row, added.schema)
            alike = added.without(*(added.schema.extras - row.schema.extras))
            return (alike.unsplit() if row.schema.split is None else alike).to_bytes()

        with refusing():
            data = await self._learning.think(pack)
        return await self._learning.merge(name, data, 1, _nothing_more)

    async def export(self, name: str) -> dict[str, Any]:
        """A project's statistics as plain data, for `import_project` on any node.

        Its models stay, and so do the rows of a rolling window: without them there is no window. Raises
        BadRequest for a project of a federation.
        """
        row = await self._projects.row(name)
        if row.federation is not None:
            raise BadRequest(
                f"project {name!r} takes part in {row.federation!r}: its statistics are not handed out",
                "export a local project",
            )
        async with self._learning.lock(row.id):
            row = await self._projects.row(name)
            moments = await self._learning.moments(row)
        packed = await self._learning.think(lambda: zlib.compress(moments.to_bytes(), 1))
        encoding = await self._store.read(lambda c: rows.encoding_of(c, row.id))
        return {
            "format": FORMAT,
            "name": row.name,
            "rows": row.rows,
            "schema": row.schema.to_dict(),
            "fixed": row.fixed,
            "parameters": {key: value for key, value in row.parameters.items() if key != WINDOW},
            "encoder": None if row.encoder is None else row.encoder.name,
            "encoding": None if encoding is None else json.loads(encoding),
            "statistics": b64encode(packed).decode(),
        }

    async def import_project(self, name: str, exported: Mapping[str, Any], *, owner: str) -> ProjectInfo:
        """Make a project of what `export` gave. Raises BadRequest for anything else, AlreadyExists."""
        rows.check_name(name)
        with refusing():
            values = await self._learning.think(_read, exported)
        now = time.time()
        values |= {"name": name, "owner": owner, "created": now, "changed": now}
        try:
            await self._store.write(lambda c: c.execute(projects.insert().values(values)))
        except sa.exc.IntegrityError:
            raise AlreadyExists(f"there is a project {name!r} already", "choose another name") from None
        return await self._projects.info(name)


def _nothing_more(_connection: sa.Connection, _info: ProjectInfo) -> None:
    pass


def _read(exported: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a project as `export` gave it. Raises BadRequest, StatisticsError."""
    if exported.get("format") != FORMAT:
        raise BadRequest("this is not an exported project", "give what the export of a project gave")
    try:
        packed = b64decode(exported["statistics"], validate=True)
        unpacking = zlib.decompressobj()
        data = unpacking.decompress(packed, MAX_STATISTICS)
        if not unpacking.eof and len(data) < MAX_STATISTICS:
            raise ValueError("the end is missing")
    except (KeyError, TypeError, ValueError, zlib.error):
        raise BadRequest("the statistics of the exported project are damaged", "export it again") from None
    if not unpacking.eof:
        raise BadRequest(f"the exported project has more than {MAX_STATISTICS} bytes", "export a part of it")
    schema, moments = Schema.from_dict(exported.get("schema") or {}), Moments.from_bytes(data)
    parameters = exported.get("parameters") or {}
    if not isinstance(parameters, Mapping) or WINDOW in parameters:
        raise BadRequest("the parameters of the exported project are damaged", "export it again")
    if ProjectOptions.read(parameters).split not in (None, schema.split):
        raise BadRequest("the exported project's parameters are not those of its schema", "export it again")
    if schema != moments.schema:
        raise BadRequest("the exported project's schema is not that of its statistics", "export it again")
    if problem := impossible(moments):
        raise BadRequest(f"the exported statistics are those of no rows: {problem}", "export it again")
    encoding = restored(exported.get("encoding"))
    encoder = None
    if encoding is not None:
        use = EncoderUse(str(exported.get("encoder"))[:200], encoding.digest(), encoding.letters)
        encoder = asdict(use)
    return {
        "encoder": encoder,
        "encoding": None if encoding is None else encoding.to_json(),
        "federation": None,
        "shared_as": None,
        "schema": schema.to_dict(),
        "fixed": bool(exported.get("fixed")),
        "parameters": dict(parameters),
        "frozen": False,
        "version": 1,
        "shared_version": 0,
        "rows": moments.rows,
        "digest": moments.digest(),
        "moments": data,
    }
