"""From tables to their statistics: which rows are counted by whom, level by level and thread by thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from typing import Final

import numpy as np

from federation.statistics.cores import threads
from federation.statistics.counts import Counts
from federation.statistics.errors import LearnError
from federation.statistics.rows import Rows, column_of, levels_of
from federation.statistics.schema import Schema
from federation.statistics.split import REST
from federation.statistics.table import Table
from federation.statistics.worker import Worker

_CHUNK: Final = 1 << 14  # rows that a thread takes at a time, at most
_LEAST: Final = 1 << 10  # rows that are worth a thread
_SPLIT_ROWS: Final = 1 << 18  # rows that are sorted by level at a time
_WORTH_THREADS: Final = 1 << 18  # values: below this, starting threads takes longer than learning
_KEPT_LEVELS: Final = 1024  # of one attribute: more are summed table by table


class Learner:
    """Counts the rows of one table after another, and in the end gives the `parts`.

    What it sums becomes a statistic only then: that is faster than adding up one of each table. Columns that
    the schema does not have are passed over. Once it has refused a table nothing more can be asked of it.
    """

    def __init__(self, schema: Schema) -> None:
        """Nothing counted yet."""
        self.schema = schema
        self._counts: dict[str, Counts] = {}
        self._summing = _Summing(schema.inner)

    def learn(self, table: Table, offset: int = 1) -> None:
        """Count every row, apart for each level if the schema is split; see `split`.

        A column that the schema has and the table lacks, a value that is infinite or too large for its unit,
        or text where numbers belong, raises `LearnError` naming the column and the row (`offset` + its
        position in the table).
        """
        schema = self.schema
        if schema.split is None or schema.split not in schema:
            self._summing.learn(table, range(offset, offset + table.rows))
            return
        for attribute in schema.attributes:
            if attribute.counted:
                column_of(table, attribute.name)
        for start, batch in table.batches(_SPLIT_ROWS):
            for level, counts in _by_level(schema, batch, offset + start):
                self._counts[level] = self._counts.get(level, Counts()).add(counts)

    def parts(self) -> dict[str, Counts]:
        """Everything counted so far, by level."""
        self._counts[REST] = self._counts.get(REST, Counts()).add(self._summing.take())
        return {level: counts for level, counts in self._counts.items() if not counts.is_zero()}


def _by_level(schema: Schema, table: Table, offset: int) -> Iterator[tuple[str, Counts]]:
    """The counts of the rows of each level that occurs; the earliest bad row is reported."""
    coded = levels_of(table, str(schema.split))
    order = np.argsort(coded.codes, kind="stable")
    codes, starts = np.unique(coded.codes[order], return_index=True)
    failures: list[LearnError] = []
    for code, rows in zip(codes.tolist(), np.split(order, starts[1:]), strict=True):
        summing = _Summing(schema.inner)
        try:
            summing.learn(table.take(rows), (offset + rows).tolist())
        except LearnError as error:
            failures.append(error)
        else:
            yield (REST if code < 0 else coded.levels[code]), summing.take()
    if failures:
        raise min(failures, key=_row_of)


def _row_of(error: BaseException) -> int:
    return int(getattr(error, "row", None) or -1)


class _Summing:
    """Tables of one schema that is not split, summed by workers who keep what they have until it is taken.

    The workers know the levels that the tables so far had. A table with others makes them begin anew.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._workers: list[Worker] = []
        self._known: dict[str, dict[str, int]] = {}
        self._total = Counts()

    def learn(self, table: Table, numbers: Sequence[int]) -> None:
        """Count every row; `numbers` are those of the rows in error messages."""
        rows = Rows(self._schema, table, numbers)
        self._know(rows)
        worth = rows.count * len(self._schema) > _WORTH_THREADS
        with threads(rows.count // _LEAST if worth else 1) as count:
            chunk = _chunk(rows.count, count)
            while len(self._workers) < count:
                levels = {name: tuple(known) for name, known in self._known.items()}
                self._workers.append(Worker(self._schema, levels))
            chunks = iter(range(0, rows.count, chunk))
            if count == 1:
                _learn(self._workers[0], rows, chunks, chunk)
                return
            with ThreadPoolExecutor(count) as pool:
                work = [pool.submit(_learn, worker, rows, chunks, chunk) for worker in self._workers[:count]]
        failures = [error for error in (future.exception() for future in work) if error is not None]
        if failures:
            # The earliest row is reported whichever thread was faster.
            raise min(failures, key=_row_of)

    def take(self) -> Counts:
        """Everything counted; from here on nothing is."""
        counts = reduce(Counts.add, [worker.counts() for worker in self._workers], self._total)
        self._workers, self._total = [], Counts()
        return counts

    def _know(self, rows: Rows) -> None:
        """Have workers who know the table's levels, and the table's codes be theirs."""
        known = self._known
        if not all(
            name in known and known[name].keys() >= set(levels) for name, levels in rows.levels.items()
        ):
            self._total = self.take()
            for name, levels in rows.levels.items():
                joined = {**known.get(name, {}), **dict.fromkeys(levels, 0)}
                kept = joined if len(joined) <= _KEPT_LEVELS else levels
                known[name] = {level: code for code, level in enumerate(kept)}
        rows.recode(known)


def _chunk(rows: int, count: int) -> int:
    """How many rows a thread takes at a time, so that each takes as many."""
    turns = -(-rows // (count * _CHUNK))
    return max(1, -(-rows // max(1, count * turns)))


def _learn(worker: Worker, rows: Rows, chunks: Iterator[int], chunk: int) -> None:
    """Learn chunks for as long as there are any; several threads may share `chunks`."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for start in chunks:
            try:
                worker.learn(rows, start, min(start + chunk, rows.count))
            except LearnError:
                for _ in chunks:  # leave the other threads nothing more to start
                    pass
                raise
