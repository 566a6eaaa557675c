"""Learning profiles: blocks of a column's integers into power sums and counts of buckets.

A column of few distinct integers is only tallied, integer by integer: its powers and buckets are read off the
tally in the end. One that proves wider is taken block by block from there on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from federation.statistics.buckets import BucketCounts, bucket_table
from federation.statistics.digits import FloatArray, IntArray
from federation.statistics.exact import ExactArray
from federation.statistics.powers import POWER_BLOCK, PowerSums, weighted_power_sums
from federation.statistics.profile import Profile
from federation.statistics.quantum import Quantum

_NARROW: Final = 1 << 14  # integers below this are tallied, so that a tally stays in the cache
_TALLIED: Final = 1 << 21  # integers that the tallies of all columns may have, 16 MB of each sign


class Profiler:
    """Profiles columns of integers: `add` at most a `block` of one at a time, and in the end take the
    `profile`.
    """

    def __init__(self, units: Sequence[Quantum]) -> None:
        """For columns of these units."""
        self.block = POWER_BLOCK
        self._narrow = min(_NARROW, _TALLIED // max(1, len(units)))
        self._tallies: list[_Tally | None] = [_Tally() for _ in units]
        self._buckets = [BucketCounts(unit) for unit in units]
        self._cubes, self._fourths = [0] * len(units), [0] * len(units)
        self._powers = PowerSums(self.block)
        self._integers = np.empty(self.block, dtype=np.int64)
        self._table: IntArray | None = None

    def add(self, column: int, integers: FloatArray) -> None:
        """Add a block (n,) of one column's integers, NaN where missing; it is overwritten."""
        low, high = float(integers.min()), float(integers.max())
        if low != low:
            missing = np.isnan(integers)
            integers[missing] = 0.0
            self._buckets[column].add_zeros(-int(np.count_nonzero(missing)))
            low, high = float(integers.min()), float(integers.max())
        tally = self._tallies[column]
        if tally is not None:
            if max(-low, high) < self._narrow:
                rounded = self._integers[: len(integers)]
                np.copyto(rounded, integers, casting="unsafe")
                tally.add(rounded, int(low), int(high))
                return
            self._settle(column, tally)
        self._count(column, integers, max(-low, high))

    def profile(self) -> Profile:
        """Everything added so far."""
        owners, keys, counts = [], [], []
        for column, (tally, buckets) in enumerate(zip(self._tallies, self._buckets, strict=True)):
            if tally is not None:
                self._settle(column, tally)
            found, held = buckets.counts()
            owners.append(np.full(len(found), column, dtype=np.int64))
            keys.append(found)
            counts.append(held)
        none = np.zeros(0, dtype=np.int64)
        return Profile(
            ExactArray.from_ints(self._cubes),
            ExactArray.from_ints(self._fourths),
            np.concatenate([none, *owners]),
            np.concatenate([none, *keys]),
            ExactArray.of(np.concatenate([none, *counts])),
        )

    def _count(self, column: int, integers: FloatArray, largest: float) -> None:
        self._raise(column, self._powers.sums(integers, largest))
        self._buckets[column].add(integers, largest, self._room())

    def _settle(self, column: int, tally: _Tally) -> None:
        """Read powers and buckets off the tally of a column, which has none from here on."""
        self._tallies[column] = None
        values, counts = tally.counts()
        if values.size:
            self._raise(column, weighted_power_sums(values, counts))
            largest = float(np.abs(values).max())
            self._buckets[column].add(values.astype(np.float64), largest, self._room(), counts)

    def _raise(self, column: int, sums: tuple[int, int]) -> None:
        self._cubes[column] += sums[0]
        self._fourths[column] += sums[1]

    def _room(self) -> IntArray:
        if self._table is None:
            self._table = bucket_table()
        return self._table


class _Tally:
    """How often each integer occurred of a range that grows."""

    def __init__(self) -> None:
        self._counts: IntArray = np.zeros(0, dtype=np.int64)
        self._below = 0  # how many negative integers the range has

    def add(self, integers: IntArray, low: int, high: int) -> None:
        """Count integers (n,), none less than `low` or greater than `high`; they are overwritten."""
        above = len(self._counts) - self._below
        if high >= above or -low > self._below:
            self._widen(max(self._below, _rounded(-low)), max(above, _rounded(high)))
        if self._below:
            integers += self._below  # negative indices would mean the end, and are slow to tell apart
        np.add.at(self._counts, integers, 1)

    def _widen(self, below: int, above: int) -> None:
        counts = np.zeros(below + above, dtype=np.int64)
        start = below - self._below
        counts[start : start + len(self._counts)] = self._counts
        self._counts, self._below = counts, below

    def counts(self) -> tuple[IntArray, IntArray]:
        """The integers that occurred, and how often (k,)."""
        at = np.flatnonzero(self._counts)
        return at - self._below, self._counts[at]


def _rounded(most: int) -> int:
    """A power of two greater than this, none for less than nothing: widened so, a tally is seldom moved."""
    return 1 << most.bit_length() if most >= 0 else 0
