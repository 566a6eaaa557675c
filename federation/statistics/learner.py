"""From a table to its statistics: values become integers, complete rows part from the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial, reduce
from typing import Final

import numpy as np

from federation.statistics.accumulate import Accumulator, CodeArray
from federation.statistics.cores import threads
from federation.statistics.counts import Counts
from federation.statistics.digits import BoolArray, FloatArray, IntArray, block_for, norms
from federation.statistics.errors import LearnError
from federation.statistics.profiler import Profiler
from federation.statistics.schema import Attribute, AttributeType, Extra, Schema
from federation.statistics.split import REST
from federation.statistics.squares import SquareAccumulator
from federation.statistics.stratum import Levelled
from federation.statistics.table import Coded, Table, number_label

MAX_LEVEL: Final = 1000  # characters in the name of a level
_CHUNK: Final = 1 << 14  # rows that a thread takes at a time
_SPLIT_ROWS: Final = 1 << 18  # rows that are sorted by level at a time
_WORTH_THREADS: Final = 1 << 18  # values: below this, starting threads takes longer than learning
_FEW_COLUMNS: Final = 24  # up to here a block is so quickly done that threads mostly wait for the interpreter


def summarise(schema: Schema, table: Table, offset: int = 0) -> dict[str, Counts]:
    """Count every row of a table, apart for each level if the schema is split; see `split`.

    Columns that the schema does not have are passed over; one that it has and the table lacks, a value that
    is infinite or too large for its unit, or text where numbers belong, raises `LearnError` naming the
    column and the row (`offset` + its position in the table).
    """
    if schema.split is None or schema.split not in schema:
        return _canonical({REST: _count(schema.inner, table, range(offset, offset + table.rows))})
    for attribute in schema.attributes:
        if attribute.counted:
            _column(table, attribute.name)
    parts: dict[str, Counts] = {}
    for start, batch in table.batches(_SPLIT_ROWS):
        for level, counts in _by_level(schema, batch, offset + start):
            parts[level] = parts.get(level, Counts()).add(counts)
    return _canonical(parts)


def _canonical(parts: dict[str, Counts]) -> dict[str, Counts]:
    return {level: counts for level, counts in parts.items() if not counts.is_zero()}


def _by_level(schema: Schema, table: Table, offset: int) -> Iterator[tuple[str, Counts]]:
    """The counts of the rows of each level that occurs; the earliest bad row is reported."""
    coded = levels_of(table, str(schema.split))
    order = np.argsort(coded.codes, kind="stable")
    codes, starts = np.unique(coded.codes[order], return_index=True)
    failures: list[LearnError] = []
    for code, rows in zip(codes.tolist(), np.split(order, starts[1:]), strict=True):
        try:
            counts = _count(schema.inner, table.take(rows), (offset + rows).tolist())
        except LearnError as error:
            failures.append(error)
        else:
            yield (REST if code < 0 else coded.levels[code]), counts
    if failures:
        raise min(failures, key=_row_of)


def _row_of(error: BaseException) -> int:
    return int(getattr(error, "row", None) or -1)


def _count(schema: Schema, table: Table, numbers: Sequence[int]) -> Counts:
    """Count every row of a table; `numbers` are those of the rows in error messages."""
    source = _Source(schema, table, numbers)
    starts = range(0, table.rows, source.chunk)
    chunks = iter(starts)
    few = len(source.numeric) <= _FEW_COLUMNS and not source.extras
    worth = table.rows * len(schema) > _WORTH_THREADS and not few
    wanted = len(starts) if worth else 1
    with threads(wanted) as count:
        if count == 1:
            return _learn(source, chunks)
        with ThreadPoolExecutor(count) as pool:
            work = [pool.submit(_learn, source, chunks) for _ in range(count)]
    failures = [error for error in (future.exception() for future in work) if error is not None]
    if failures:
        # The earliest row is reported whichever thread was faster.
        raise min(failures, key=_row_of)
    return reduce(Counts.add, [future.result() for future in work])


def _learn(source: _Source, chunks: Iterator[int]) -> Counts:
    """Learn chunks for as long as there are any; several threads may share `chunks`."""
    worker = _Worker(source)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for start in chunks:
            try:
                worker.learn(start, min(start + source.chunk, source.rows))
            except LearnError:
                for _ in chunks:  # leave the other threads nothing more to start
                    pass
                raise
    return worker.counts()


class _Source:
    """A table seen through a schema: numeric columns and those with levels in order of name."""

    def __init__(self, schema: Schema, table: Table, numbers: Sequence[int]) -> None:
        self.rows, self._numbers = table.rows, numbers
        self.numeric = sorted(schema.numeric, key=lambda attribute: attribute.name)
        self.extras = schema.extras if self.numeric else frozenset()
        self.block = block_for(len(self.numeric))
        self.chunk = _CHUNK
        self.values = [_numbers(table, attribute) for attribute in self.numeric]
        self.levelled = Levelled.of(schema)
        coded = {name: levels_of(table, name) for name in self.levelled.names}
        self.codes = [column.codes for column in coded.values()]
        self.levels = {name: column.levels for name, column in coded.items()}
        plain = [attribute.unit.multiplier for attribute in self.numeric]
        self._factors = [np.float64(1.0 if factor is None else factor) for factor in plain]
        self._wild = [i for i, factor in enumerate(plain) if factor is None]
        self._binary = [i for i, a in enumerate(self.numeric) if a.type is AttributeType.BINARY]

    def fill(self, integers: FloatArray, start: int, stop: int) -> None:
        """Put rows start to stop into `integers` (d, stop - start); NaN where missing."""
        for row, values, factor in zip(integers, self.values, self._factors, strict=True):
            np.multiply(values[start:stop], factor, out=row)
        if self._binary:
            self._refuse_non_binary(integers, start)
        np.rint(integers, out=integers)
        for i in self._wild:
            integers[i] = self.numeric[i].unit.to_integers(self.values[i][start:stop])

    def integers(self, column: int, start: int, stop: int, out: FloatArray | None = None) -> FloatArray:
        """The integers of one column in rows start to stop, perhaps in `out`; NaN where missing."""
        values = self.values[column][start:stop]
        if column in self._wild:
            return self.numeric[column].unit.to_integers(values)
        scaled: FloatArray = np.multiply(values, self._factors[column], out=out)
        return np.rint(scaled, out=scaled)

    def _refuse_non_binary(self, integers: FloatArray, start: int) -> None:
        values = integers[self._binary]
        wrong = ~((values == 0.0) | (values == 1.0) | np.isnan(values))
        if wrong.any():
            at = int(np.flatnonzero(wrong.any(axis=0))[0])
            column = self._binary[int(np.flatnonzero(wrong[:, at])[0])]
            raise self._error(column, start + at, "is neither 0 nor 1, but the column is binary")

    def refuse_infinite(self, integers: FloatArray, start: int) -> None:
        """Raise `LearnError` for the first infinite value, if there is one."""
        wrong = np.isinf(integers)
        if not wrong.any():
            return
        at = int(np.flatnonzero(wrong.any(axis=0))[0])
        column = int(np.flatnonzero(wrong[:, at])[0])
        if np.isinf(self.values[column][start + at]):
            raise self._error(column, start + at, "is infinite; leave it empty if it is missing")
        unit = self.numeric[column].unit
        what = f"is too large to be counted in units of {unit}; choose a coarser quantum"
        raise self._error(column, start + at, what)

    def _error(self, column: int, row: int, what: str) -> LearnError:
        name, value = self.numeric[column].name, float(self.values[column][row])
        number = self._numbers[row]
        error = LearnError(f"column {name!r}, row {number}: {value!r} {what}")
        error.row = number
        return error


class _Worker:
    """Learns chunks into strata of its own; in each block the rows of the rarer kind are set aside, complete
    or not, until they fill a block.
    """

    def __init__(self, source: _Source) -> None:
        self._source = source
        d, levelled, levels, block = len(source.numeric), source.levelled, source.levels, source.block
        self._complete = Accumulator(block, d, levelled, levels, partial=False)
        self._partial = Accumulator(block, d, levelled, levels, partial=True)
        self._whole, self._gappy = (_Waiting(d, block, len(levels)) for _ in range(2))
        profiled, squared = (extra in source.extras for extra in (Extra.PROFILES, Extra.CONDITIONALS))
        self._profiler = Profiler([a.unit for a in source.numeric], source.chunk) if profiled else None
        self._squares = SquareAccumulator(d, block) if squared else None

    def learn(self, start: int, stop: int) -> None:
        """Count rows start to stop."""
        ends = [
            (first, min(first + self._source.block, stop)) for first in range(start, stop, self._source.block)
        ]
        gaps = [self._block(*end) for end in ends]
        if self._profiler is not None:
            self._profile(self._profiler, start, stop)
        if self._squares is not None:
            for first, last in ends:
                self._squares.add(last - first, partial(self._source.integers, start=first, stop=last))
        if not self._source.levelled.pairs:
            return
        codes = [column[start:stop] for column in self._source.codes]
        if all(gap is None for gap in gaps):
            self._complete.add_cells(codes)
            return
        gap = np.concatenate(
            [
                np.zeros(b - a, dtype=bool) if gap is None else gap
                for (a, b), gap in zip(ends, gaps, strict=True)
            ]
        )
        self._complete.add_cells([column[~gap] for column in codes])
        self._partial.add_cells([column[gap] for column in codes])

    def counts(self) -> Counts:
        """What was learned."""
        self._add_whole()
        self._add_gappy()
        profile = None if self._profiler is None else self._profiler.profile()
        squares = None if self._squares is None else self._squares.squares()
        learned = Counts(self._complete.stratum(), self._partial.stratum(), profile, squares)
        return learned.canonical()

    def _profile(self, profiler: Profiler, start: int, stop: int) -> None:
        room = np.empty(profiler.block)
        for first in range(start, stop, profiler.block):
            last = min(first + profiler.block, stop)
            for column in range(len(self._source.numeric)):
                profiler.add(column, self._source.integers(column, first, last, room[: last - first]))

    def _block(self, start: int, stop: int) -> BoolArray | None:
        """Count one block; returns which of its rows have something missing, None if none has."""
        n = stop - start
        integers = self._complete.integers(n)
        self._source.fill(integers, start, stop)
        logs = norms(integers)
        codes = [column[start:stop] for column in self._source.codes]
        gap = np.zeros(n, dtype=bool)
        for column in codes:
            if column.min() < 0:
                gap |= column < 0
        holes = np.flatnonzero(np.isnan(logs) | (logs == np.inf))
        if holes.size:
            self._source.refuse_infinite(integers, start)
            gap |= np.isnan(integers[holes]).any(axis=0)
        if not gap.any():
            self._complete.add(n, logs, codes)
            return None
        rows, others = np.flatnonzero(gap), np.flatnonzero(~gap)
        if len(rows) <= len(others):
            if not self._gappy.fits(len(rows)):
                self._add_gappy()
            self._gappy.put(integers, rows, codes)
            integers[:, rows] = 0.0
            logs[holes] = norms(integers[holes])
            self._complete.add(n, logs, _where(~gap, codes), counted=~gap)
        else:
            moved = self._partial.integers(n)
            moved[...] = integers
            if not self._whole.fits(len(others)):
                self._add_whole()
            self._whole.put(moved, others, codes)
            moved[:, others] = 0.0
            self._add_partial(moved, _where(gap, codes), gap)
        return gap

    def _add_partial(self, integers: FloatArray, codes: list[CodeArray], counted: BoolArray | None) -> None:
        """Count rows that stand in the partial stratum's integers, NaN where missing."""
        missing = np.isnan(integers)
        np.putmask(integers, missing, 0.0)
        self._partial.add(integers.shape[1], norms(integers), codes, counted=counted, missing=missing)

    def _add_whole(self) -> None:
        """Count the complete rows that wait."""
        integers, codes = self._whole.take()
        if n := integers.shape[1]:
            self._complete.integers(n)[...] = integers
            self._complete.add(n, norms(integers), codes)

    def _add_gappy(self) -> None:
        """Count the others."""
        integers, codes = self._gappy.take()
        if n := integers.shape[1]:
            room = self._partial.integers(n)
            room[...] = integers
            self._add_partial(room, codes, None)


class _Waiting:
    """Rows that wait until there are as many as a block has."""

    def __init__(self, numeric: int, block: int, coded: int) -> None:
        self._integers = np.empty((numeric, block))
        self._codes = [np.empty(block, dtype=np.int32) for _ in range(coded)]
        self._block, self._count = block, 0

    def fits(self, rows: int) -> bool:
        """Whether there is room for so many more."""
        return self._count + rows <= self._block

    def put(self, integers: FloatArray, rows: IntArray, codes: list[CodeArray]) -> None:
        """Let these rows of a block wait."""
        span = slice(self._count, self._count + len(rows))
        self._integers[:, span] = np.take(integers, rows, axis=1)
        for waiting, column in zip(self._codes, codes, strict=True):
            waiting[span] = column[rows]
        self._count = span.stop

    def take(self) -> tuple[FloatArray, list[CodeArray]]:
        """What waits, integers (d, n) and codes; from here on nothing does."""
        n, self._count = self._count, 0
        return self._integers[:, :n], [column[:n] for column in self._codes]


def _where(counted: BoolArray, codes: list[CodeArray]) -> list[CodeArray]:
    """The codes of the rows counted, -1 for the others."""
    return [np.where(counted, column, np.int32(-1)) for column in codes]


def _numbers(table: Table, attribute: Attribute) -> FloatArray:
    column = _column(table, attribute.name)
    if isinstance(column, Coded):
        raise LearnError(
            f"column {attribute.name!r} holds text, but its type is {attribute.type.value}; "
            "make it a category (T) or a text (S), or give numbers"
        )
    return column


def levels_of(table: Table, name: str) -> Coded:
    """A column as levels, each once and none empty; raises `LearnError` for one that cannot travel."""
    column = _column(table, name)
    if not isinstance(column, Coded):
        column = _coded(column)
    for level in column.levels:
        if len(level) > MAX_LEVEL:
            raise LearnError(
                f"column {name!r}: level {level[:40]!r}… has {len(level)} characters, at most {MAX_LEVEL}"
            )
        if not level.isascii():
            try:
                level.encode()
            except UnicodeEncodeError:
                raise LearnError(f"column {name!r}: level {level[:40]!r} is not valid Unicode text") from None
    if len(set(column.levels)) < len(column.levels) or "" in column.levels:
        return _distinct(column)
    return column


def _column(table: Table, name: str) -> FloatArray | Coded:
    try:
        return table.columns[name]
    except KeyError:
        there = ", ".join(list(table.columns)[:20]) or "none"
        raise LearnError(f"column {name!r} of the schema is not in the table; its columns: {there}") from None


def _coded(values: FloatArray) -> Coded:
    """Numbers used as a category: each distinct number is a level."""
    distinct, codes = np.unique(values + 0.0, return_inverse=True)  # adding zero makes -0.0 and 0.0 one level
    present = distinct[~np.isnan(distinct)]
    codes = np.where(codes >= len(present), -1, codes)
    return Coded(codes.astype(np.int32), tuple(number_label(float(value)) for value in present))


def _distinct(column: Coded) -> Coded:
    """The same texts with each level once, and "" as missing."""
    index: dict[str, int] = {}
    moved = [-1 if not level else index.setdefault(level, len(index)) for level in column.levels]
    return Coded(np.array([*moved, -1], dtype=np.int32)[column.codes], tuple(index))
