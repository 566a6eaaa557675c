"""What one thread learns: complete rows and the others, block by block, each kind into sums of its own."""

from __future__ import annotations

from functools import partial

import numpy as np

from federation.statistics.accumulate import Accumulator, CodeArray
from federation.statistics.counts import Counts
from federation.statistics.digits import BoolArray, FloatArray, IntArray, block_for, norms
from federation.statistics.profiler import Profiler
from federation.statistics.rows import Rows
from federation.statistics.schema import Extra, Schema
from federation.statistics.squares import SquareAccumulator
from federation.statistics.stratum import Levelled


class Worker:
    """Learns chunks into strata of its own; in each block the rows of the rarer kind are set aside, complete
    or not, until they fill a block.
    """

    def __init__(self, schema: Schema, levels: dict[str, tuple[str, ...]]) -> None:
        """For rows whose codes are of these levels."""
        numeric = sorted(schema.numeric, key=lambda attribute: attribute.name)
        d, levelled = len(numeric), Levelled.of(schema)
        self._block, self._paired = block_for(d), bool(levelled.pairs)
        self._complete = Accumulator(self._block, d, levelled, levels, partial=False)
        self._partial = Accumulator(self._block, d, levelled, levels, partial=True)
        self._whole, self._gappy = (_Waiting(d, self._block, len(levels)) for _ in range(2))
        extras = schema.extras if numeric else frozenset()
        self._profiler = Profiler([a.unit for a in numeric]) if Extra.PROFILES in extras else None
        self._squares = SquareAccumulator(d, self._block) if Extra.CONDITIONALS in extras else None

    def learn(self, rows: Rows, start: int, stop: int) -> None:
        """Count rows start to stop; raises `LearnError`, and then this is of no more use."""
        ends = [(first, min(first + self._block, stop)) for first in range(start, stop, self._block)]
        gaps = [self._count(rows, *end) for end in ends]
        if self._profiler is not None:
            self._profile(self._profiler, rows, start, stop)
        if self._squares is not None:
            for first, last in ends:
                self._squares.add(last - first, partial(rows.integers, start=first, stop=last))
        if not self._paired:
            return
        codes = [column[start:stop] for column in rows.codes]
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

    def _profile(self, profiler: Profiler, rows: Rows, start: int, stop: int) -> None:
        room = np.empty(profiler.block)
        for first in range(start, stop, profiler.block):
            last = min(first + profiler.block, stop)
            for column in range(len(rows.numeric)):
                profiler.add(column, rows.integers(column, first, last, room[: last - first]))

    def _count(self, rows: Rows, start: int, stop: int) -> BoolArray | None:
        """Count one block; returns which of its rows have something missing, None if none has."""
        n = stop - start
        integers = self._complete.integers(n)
        rows.fill(integers, start, stop)
        logs = norms(integers)
        codes = [column[start:stop] for column in rows.codes]
        gap = np.zeros(n, dtype=bool)
        for column in codes:
            if column.min() < 0:
                gap |= column < 0
        holes = np.flatnonzero(np.isnan(logs) | (logs == np.inf))
        if holes.size:
            held = integers if len(holes) == len(integers) else integers[holes]
            rows.refuse_infinite(held, holes, start)
            gap |= np.isnan(held).any(axis=0)
        if not gap.any():
            self._complete.add(n, logs, codes)
            return None
        gappy, whole = np.flatnonzero(gap), np.flatnonzero(~gap)
        if len(gappy) <= len(whole):
            if not self._gappy.fits(len(gappy)):
                self._add_gappy()
            self._gappy.put(integers, gappy, codes)
            integers[:, gappy] = 0.0
            logs[holes] = norms(integers[holes])
            self._complete.add(n, logs, _where(~gap, codes), counted=~gap)
        else:
            moved = self._partial.integers(n)
            moved[...] = integers
            if not self._whole.fits(len(whole)):
                self._add_whole()
            self._whole.put(moved, whole, codes)
            moved[:, whole] = 0.0
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
