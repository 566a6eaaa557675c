"""Reading a file in batches for an agreed schema, ahead of whoever takes them.

What the rows are for is not known here.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np

from federation.statistics import Coded, Column, Schema, Table
from node.sources.columns import table_of
from node.sources.dates import column_of
from node.sources.source import Part, Source, SourceError, naming

BATCH_CELLS: Final = 1 << 20
"""Cells of a batch that is learned at once: enough for learning to be efficient, 8 MB as numbers."""

READ_AHEAD: Final = 1
"""Pieces of a file that wait, beside those that are being read."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive rows; the first has the number `first` (from 1). done of total: bytes (CSV) or rows."""

    table: Table
    first: int
    done: int
    total: int


def read_batches(source: Source, schema: Schema) -> Iterator[Batch]:
    """The file's rows as tables of the schema's columns, in order, read and converted ahead in threads.

    Raises SourceError naming file, column and row.
    """
    missing = [
        a.name
        for a in schema.attributes
        if a.counted and a.name not in source.names and column_of(a.name) not in source.names
    ]
    if missing:
        raise SourceError(
            f"{source.path.name} has no column {', '.join(map(repr, missing))}, needed by the schema; it has "
            f"{', '.join(source.names)}"
        )
    first = 1
    gathered: list[Table] = []
    for table, done, total in _read_ahead(source, schema):
        gathered.append(table)
        rows = sum(piece.rows for piece in gathered)
        if rows * max(1, len(schema)) >= BATCH_CELLS or done == total:
            if rows:
                yield Batch(joined(gathered), first, done, total)
            first += rows
            gathered = []


def _read_ahead(source: Source, schema: Schema) -> Iterator[tuple[Table, int, int]]:
    """The parts in order, each a table, and how much of the total is done with it: one thread fetches parts,
    as many as there are cores read them. What was read of a file is let go as soon as it is a table.
    """
    first = 1
    parts = source.parts(schema)
    with (
        ThreadPoolExecutor(_cores(), "source-read") as pool,
        ThreadPoolExecutor(1, "source-fetch") as fetcher,
    ):

        def fetch() -> tuple[Future[Table], int, int] | None:
            part = next(parts, None)
            return None if part is None else (pool.submit(_read, part, schema), part.done, part.total)

        waiting = deque(fetcher.submit(fetch) for _ in range(_cores() + READ_AHEAD))
        try:
            while (fetched := waiting.popleft().result()) is not None:
                waiting.append(fetcher.submit(fetch))
                future, done, total = fetched
                with naming(source, first):
                    table = future.result()
                yield table, done, total
                first += table.rows
        finally:
            for asked in waiting:
                asked.cancel()
            fetcher.submit(parts.close)  # behind a fetch that has begun


def joined(tables: list[Table]) -> Table:
    """Tables of the same columns, one below the other."""
    if len(tables) == 1:
        return tables[0]
    columns: dict[str, Column] = {}
    for name in tables[0].names:
        pieces = [table.columns[name] for table in tables]
        coded = [piece for piece in pieces if isinstance(piece, Coded)]
        numbers = [piece for piece in pieces if not isinstance(piece, Coded)]
        columns[name] = _joined_codes(coded) if coded else np.concatenate(numbers)
    return Table(columns)


def _joined_codes(pieces: list[Coded]) -> Coded:
    levels: dict[str, int] = {}
    codes = []
    for piece in pieces:
        places = [levels.setdefault(level, len(levels)) for level in piece.levels]
        codes.append(np.array([*places, -1], dtype=np.int32)[piece.codes])  # code -1 finds the last
    return Coded(np.concatenate(codes), tuple(levels))


def _read(part: Part, schema: Schema) -> Table:
    return table_of(part.read(), schema)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
