"""A rolling window: the rows that a project still counts, so that the oldest can be forgotten exactly.

Rows are kept on this node alone, in pieces, oldest first; each with the schema that it was learned by, so
that forgetting it takes away what learning it gave, to the bit. The pieces change in the transaction that
changes the statistics.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from federation.statistics import Coded, Column, Moments, Schema, Table
from node.errors import BadRequest
from node.sources.reading import joined
from node.store.schema import window_pieces

PIECE_ROWS: Final = 4096
"""Rows of a piece: forgetting a row reads so many at most."""

MAX_CELLS: Final = 1 << 24
"""Cells of a window: 128 MB while they are moved."""

_ALL: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of a window. `gone`: how many of its first rows are forgotten already."""

    id: int
    rows: int
    gone: int
    data: bytes

    @property
    def left(self) -> int:
        return self.rows - self.gone


@dataclass(frozen=True, slots=True)
class Slide:
    """How the pieces of a project change.

    through: the pieces up to this id are dropped; gone: (id of the next, its rows that are gone); added: the
    new ones, each (rows, data).
    """

    through: int
    gone: tuple[int, int] | None
    added: tuple[tuple[int, bytes], ...]


def last_rows(table: Table, size: int) -> Table:
    """The rows of a table that a window of this size can hold."""
    return table.slice(max(0, table.rows - size))


def check_size(name: str, size: int, attributes: int) -> None:
    """Raise BadRequest for a window that would hold too much."""
    if size * attributes > MAX_CELLS:
        raise BadRequest(
            f"project {name!r}: a window of {size} rows of {attributes} attributes has more than {MAX_CELLS} "
            "cells",
            "make the window smaller, or learn fewer attributes",
        )


def slide(
    size: int, before: Moments, pieces: list[Piece], schema: Schema, table: Table
) -> tuple[Moments, Slide]:
    """What learning a table of at most `size` rows changes, in the statistics and in the pieces.

    before: the window's statistics; pieces: its oldest, with at least the rows that leave it (none are needed
    if all do).
    """
    change = Moments(schema).learn(table)
    added = tuple((part.rows, pack(schema, [part])) for _, part in table.batches(PIECE_ROWS))
    if table.rows == size:
        return change - before, Slide(_ALL, None, added)
    leaving = max(0, before.rows + table.rows - size)
    through, gone = 0, None
    for piece in pieces:
        if not leaving:
            break
        count = min(leaving, piece.left)
        by, rows = unpack(piece.data)
        by = replace(by, extras=before.schema.extras)  # an extra may have been given up since
        change = change - Moments(by).learn(rows.slice(piece.gone, piece.gone + count))
        leaving -= count
        if count == piece.left:
            through = piece.id
        else:
            gone = (piece.id, piece.gone + count)
    return change, Slide(through, gone, added)


def oldest(connection: sa.Connection, project_id: int, rows: int) -> list[Piece]:
    """The oldest pieces of a project's window, with at least so many rows if it has them."""
    columns = (window_pieces.c.id, window_pieces.c.rows, window_pieces.c.gone, window_pieces.c.data)
    mine = sa.select(*columns).where(window_pieces.c.project_id == project_id).order_by(window_pieces.c.id)
    return [Piece(row.id, row.rows, row.gone, row.data) for row in _until(connection, mine, rows)]


def _until(connection: sa.Connection, query: sa.Select[Any], rows: int) -> Iterator[sa.Row[Any]]:
    if rows <= 0:
        return
    with connection.execute(query.execution_options(yield_per=16)) as result:
        for row in result:
            yield row
            rows -= row.rows - row.gone
            if rows <= 0:
                return


def save(connection: sa.Connection, project_id: int, change: Slide) -> None:
    """Keep the pieces as they are after a slide."""
    past = (window_pieces.c.project_id == project_id) & (window_pieces.c.id <= change.through)
    connection.execute(window_pieces.delete().where(past))
    if change.gone is not None:
        piece, gone = change.gone
        connection.execute(window_pieces.update().where(window_pieces.c.id == piece).values(gone=gone))
    for rows, data in change.added:
        values = {"project_id": project_id, "rows": rows, "gone": 0, "data": data}
        connection.execute(window_pieces.insert().values(values))


def pack(schema: Schema, tables: Sequence[Table]) -> bytes:
    """The columns of this schema of tables, one below the other, as bytes."""
    parts = [Table({a.name: part.columns[a.name] for a in schema.attributes}) for part in tables]
    table = joined(parts) if parts else Table({name: np.empty(0) for name in schema.names})
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    levels: dict[str, list[str]] = {}
    for at, (name, column) in enumerate(table.columns.items()):
        if isinstance(column, Coded):
            used, codes = np.unique(column.codes, return_inverse=True)  # of a slice: not all levels occur
            kept = used[used >= 0]
            levels[name] = [column.levels[code] for code in kept]
            arrays[f"c{at}"] = (codes - int(used.size > kept.size)).astype(np.int32)
        else:
            arrays[f"c{at}"] = column
    about = json.dumps({"schema": schema.to_dict(), "names": table.names, "levels": levels})
    out = io.BytesIO()
    np.savez(out, about=np.frombuffer(about.encode(), dtype=np.uint8), **arrays)  # type: ignore[arg-type]
    return out.getvalue()


def unpack(data: bytes) -> tuple[Schema, Table]:
    """What `pack` packed."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        about = json.loads(arrays["about"].tobytes())
        columns: dict[str, Column] = {}
        for at, name in enumerate(about["names"]):
            values = arrays[f"c{at}"]
            levels = about["levels"].get(name)
            columns[name] = values if levels is None else Coded(values, tuple(levels))
    return Schema.from_dict(about["schema"]), Table(columns)
