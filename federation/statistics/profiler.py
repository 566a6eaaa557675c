"""Learning profiles: blocks of a column's integers into power sums and counts of buckets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from federation.statistics.buckets import Grid
from federation.statistics.digits import FloatArray, IntArray
from federation.statistics.exact import ExactArray
from federation.statistics.powers import POWER_BLOCK, PowerSums
from federation.statistics.profile import Profile
from federation.statistics.quantum import Quantum

_NARROW: Final = 4096  # integers of a smaller range than this are first counted one by one


class Profiler:
    """Profiles columns of integers: `add` up to `POWER_BLOCK` of each in turn, `next_block`, and in the end
    `profile`.
    """

    def __init__(self, units: Sequence[Quantum]) -> None:
        self._grids = [Grid(unit) for unit in units]
        self._powers = PowerSums(len(units))
        self._counts: list[IntArray] = [np.zeros(2, dtype=np.int64) for _ in units]

    def add(self, column: int, integers: FloatArray) -> None:
        """Add a block (n,) of one column's integers, NaN where missing."""
        low, high = integers.min(), integers.max()
        if np.isnan(low):
            integers = integers[~np.isnan(integers)]
            if not integers.size:
                return
            low, high = integers.min(), integers.max()
        weights: FloatArray | None = None
        if high - low < _NARROW:
            found = np.bincount((integers - low).astype(np.intp))
            at = np.flatnonzero(found)
            values, weights = at + low, found[at].astype(np.float64)
        else:
            values = integers + 0.0  # makes -0.0 positive
        self._powers.add(column, values, weights, max(-low, high))
        counts = np.bincount(self._grids[column].numbers(values), weights)
        if len(counts) > len(self._counts[column]):
            room = len(counts) + 1 - len(self._counts[column])
            self._counts[column] = np.pad(self._counts[column], (0, room))
        held = self._counts[column][: len(counts)]
        np.add(held, counts, out=held, casting="unsafe")

    def next_block(self) -> None:
        """Every column has had at most one `add` since the last call."""
        self._powers.next_block()

    def profile(self) -> Profile:
        """Everything added so far."""
        cubes, fourths = self._powers.sums()
        owners, keys, counts = [], [], []
        for column, (grid, table) in enumerate(zip(self._grids, self._counts, strict=True)):
            numbers = np.flatnonzero(table)
            found = grid.keys(numbers)
            order = np.argsort(found)
            owners.append(np.full(len(numbers), column, dtype=np.int64))
            keys.append(found[order])
            counts.append(table[numbers[order]])
        return Profile(
            cubes,
            fourths,
            np.concatenate(owners) if owners else np.zeros(0, dtype=np.int64),
            np.concatenate(keys) if keys else np.zeros(0, dtype=np.int64),
            ExactArray.of(np.concatenate(counts)) if counts else ExactArray.zeros(0),
        )


def blocks(start: int, stop: int) -> list[tuple[int, int]]:
    """Rows start to stop in pieces of at most `POWER_BLOCK`."""
    return [(first, min(first + POWER_BLOCK, stop)) for first in range(start, stop, POWER_BLOCK)]
