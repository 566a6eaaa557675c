"""Rows of JSON cells into the columns that learning and predicting take."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from api.problems import bad_request
from federation.statistics import StatisticsError, Table
from node.sources import Rows, SourceError, read_rows

_CELLS: Final = frozenset({str, int, float, bool, type(None)})
_FEW: Final = 5_000
"""Up to so many cells are converted on the event loop: it takes a few milliseconds at most."""


async def rows_from(
    names: Sequence[str],
    rows: Sequence[Any],
    letters: Mapping[str, str],
    known: Sequence[str] = (),
    needed: Iterable[str] = (),
) -> Rows:
    """Columns from rows; `letters` gives the types of some columns, others are guessed.

    `known` are the attributes of the project that the rows are for: it may know a column of dates by its
    parts. What is not learned is left out, unless it is `needed` to filter rows by. Raises `Problem` 400
    naming the row or column that is wrong.
    """
    if len(names) * len(rows) <= _FEW:
        return _rows(names, rows, letters, known, needed)
    return await asyncio.to_thread(_rows, names, rows, letters, known, needed)


async def table_from(
    names: Sequence[str], rows: Sequence[Any], letters: Mapping[str, str], known: Sequence[str] = ()
) -> Table:
    """As `rows_from`, the columns alone."""
    return (await rows_from(names, rows, letters, known)).table


async def check_rows(names: Sequence[str], rows: Sequence[Any]) -> None:
    """Raise `Problem` 400 unless every row is a list of one plain cell for each name."""
    if len(names) * len(rows) <= _FEW:
        _check(names, rows)
    else:
        await asyncio.to_thread(_check, names, rows)


def _rows(
    names: Sequence[str],
    rows: Sequence[Any],
    letters: Mapping[str, str],
    known: Sequence[str],
    needed: Iterable[str],
) -> Rows:
    _check(names, rows)
    try:
        return read_rows(names, rows, letters, known, needed)
    except (StatisticsError, SourceError) as error:
        raise bad_request(f"The table cannot be read: {error}.", "Correct the rows or the types.") from None


def _check(names: Sequence[str], rows: Sequence[Any]) -> None:
    if not names:
        raise bad_request("The table has no columns.", "Name at least one attribute.")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise bad_request(f"The column {twice[:200]!r} appears twice.", "Give every column its own name.")
    width = len(names)
    for number, row in enumerate(rows):
        if not isinstance(row, list):
            raise bad_request(f"Row {number} is not a list of cells.", "Send rows as lists, in column order.")
        if len(row) != width:
            raise bad_request(
                f"Row {number} has {len(row)} cells, but there are {width} columns.",
                "Send one cell per column; null where a value is missing.",
            )
        if not _CELLS.issuperset(map(type, row)):
            at = next(at for at, cell in enumerate(row) if type(cell) not in _CELLS)
            raise bad_request(
                f"Row {number}, column {names[at][:200]!r}: a cell is text, a number, a truth value or null.",
                "Send no lists or objects inside a row.",
            )
