"""How attributes are distributed: power sums, histograms and squared products, in real units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from federation.statistics.buckets import bounds
from federation.statistics.centred import univariate
from federation.statistics.errors import SchemaError, StatisticsError
from federation.statistics.exact import ExactArray
from federation.statistics.pair_sums import Units
from federation.statistics.profile import Profile
from federation.statistics.schema import Extra
from federation.statistics.stratum import triangle_between

if TYPE_CHECKING:
    from federation.statistics.moments import Moments

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_SLACK: Final = 1e-12  # 0.1 + 0.2 asks for the same quantile as 0.3
_MOST: Final = 2**62  # values that a histogram may count


@dataclass(frozen=True, slots=True)
class Powers:
    """One numeric attribute over the rows in which it is present: exact sums of x, x², x³ and x⁴ in real
    units.
    """

    count: int
    s1: Fraction
    s2: Fraction
    s3: Fraction
    s4: Fraction


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """The buckets of m numeric attributes, one attribute's after another's, each in ascending order.

    Those of attribute i are starts[i] to starts[i + 1] (m + 1,) of keys and counts (n,): the keys are those
    of `buckets`, the counts at least 1.
    """

    units: Units
    starts: IntArray
    keys: IntArray
    counts: IntArray

    @property
    def owners(self) -> IntArray:
        """The attribute of each bucket (n,)."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """The least and the greatest value that each bucket (n,) may hold, multiples of the unit."""
        owners = self.owners
        return bounds(self.keys, self.units.twos[owners], self.units.fives[owners])


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Exact counts of the values of one numeric attribute over log-linear buckets, in ascending order.

    Bucket k holds counts[k] >= 1 values, each of which lies between lower[k] and upper[k], both included
    and both multiples of the attribute's unit; all three are (k,). Where lower equals upper the value is
    known exactly: that is so for every value of less than 128 units, and else upper - lower is less than
    1/128 of the smaller magnitude.
    """

    lower: FloatArray
    upper: FloatArray
    counts: IntArray

    @property
    def count(self) -> int:
        """Number of values: rows in which the attribute is present."""
        return int(self.counts.sum())

    @property
    def minimum(self) -> float:
        """No value is smaller; exact if the lowest bucket is, else within 1/128 of the smallest value."""
        return float(self._some(self.lower)[0])

    @property
    def maximum(self) -> float:
        """No value is larger; exact if the highest bucket is, else within 1/128 of the largest value."""
        return float(self._some(self.upper)[-1])

    @property
    def middle(self) -> FloatArray:
        """The middle of each bucket (k,): within 1/256 of every value in it."""
        return self.lower + (self.upper - self.lower) / 2.0

    def quantile(self, p: float) -> float:
        """The smallest value that at least a share p of all values do not exceed, 0 <= p <= 1.

        The inverse of the empirical distribution function (definition 1 of Hyndman and Fan, "Sample
        quantiles in statistical packages", 1996), to a relative error of at most 1/256; exact if its bucket
        is. A share that falls short of p by rounding only, 1e-12 of it, is enough. Raises `StatisticsError`
        for another p, or without values.
        """
        if not 0.0 <= p <= 1.0:
            raise StatisticsError(f"a quantile is of a share between 0 and 1, not {p!r}")
        middle = self._some(self.middle)
        rank = max(1, math.ceil(p * self.count * (1.0 - _SLACK)))
        return float(middle[np.searchsorted(np.cumsum(self.counts), rank)])

    def cdf(self, x: float) -> float:
        """The share of values that do not exceed x; those of the bucket around x count in proportion.

        Off by at most the share of that bucket. Raises `StatisticsError` without values.
        """
        lower = self._some(self.lower)
        at = int(np.searchsorted(lower, x, side="right")) - 1
        if at < 0:
            return 0.0
        before, width = int(self.counts[:at].sum()), self.upper[at] - self.lower[at]
        part = 1.0 if x >= self.upper[at] else (x - self.lower[at]) / width
        return (before + part * int(self.counts[at])) / self.count

    def fixed(self, bins: int, low: float, high: float) -> IntArray:
        """Counts (bins,) over bins of equal width from low to high; the last includes high.

        A bucket is counted as a whole, where its middle lies; what lies outside is left out. Raises
        `StatisticsError` unless bins >= 1 and low < high, both finite.
        """
        if bins < 1 or not low < high or not np.isfinite([low, high]).all():
            raise StatisticsError(
                f"{bins} bins from {low!r} to {high!r}", "give at least one, and low < high"
            )
        middle = self.middle
        inside = (middle >= low) & (middle <= high)
        (found,) = equal_bins(middle[inside], self.counts[inside], bins, low, high)
        return np.asarray(found)

    def _some(self, values: FloatArray) -> FloatArray:
        if not len(values):
            raise StatisticsError("the histogram is empty", "learn rows in which the attribute is present")
        return values


def equal_bins(
    values: FloatArray,
    counts: IntArray,
    bins: int,
    low: FloatArray | float,
    high: FloatArray | float,
    owners: IntArray | int = 0,
) -> IntArray:
    """Counts (m, bins) of values (n,) in bins of equal width from low to high, each (m,); the last includes
    high.

    The values are those of attributes owners (n,), and lie between their ends.
    """
    low, high = np.atleast_1d(low), np.atleast_1d(high)
    width = (high - low) / bins
    place = np.floor((values - low[owners]) / width[owners]).astype(np.int64)
    found = np.zeros(len(low) * bins, dtype=np.int64)
    np.add.at(found, owners * bins + np.minimum(place, bins - 1), counts)
    return found.reshape(len(low), bins)


def powers(moments: Moments, name: str) -> Powers:
    """Exact sums of powers of one numeric attribute; `SchemaError` without `Extra.PROFILES`."""
    unit, profile, sums = moments.schema[name].unit.value, _profile(moments), univariate(moments, name)
    third = fourth = 0
    if profile is not None:
        place = moments.schema.places[name]
        third, fourth = profile.cubes[place].item(), profile.fourths[place].item()
    return Powers(sums.count, sums.total, sums.squares, third * unit**3, fourth * unit**4)


def cubes(moments: Moments, places: IntArray) -> ExactArray:
    """Σx³ of the numeric attributes at these places (m,), in their units; `SchemaError` likewise."""
    profile = _profile(moments)
    return ExactArray.zeros(len(places)) if profile is None else profile.cubes[places]


def buckets(moments: Moments, names: Sequence[str]) -> Buckets:
    """The buckets of numeric attributes.

    Raises `SchemaError` without `Extra.PROFILES`, `StatisticsError` if more was forgotten than learned.
    """
    units, profile = Units.of(moments.schema, names), _profile(moments)
    if profile is None:
        none = np.zeros(0, dtype=np.int64)
        return Buckets(units, np.zeros(len(names) + 1, dtype=np.int64), none, none)
    first, stop = (np.searchsorted(profile.owners, places) for places in (units.places, units.places + 1))
    starts = np.concatenate([[0], np.cumsum(stop - first)])
    taken = np.arange(starts[-1]) + np.repeat(first - starts[:-1], stop - first)
    found = Buckets(units, starts, profile.keys[taken], _counted(profile.counts[taken]))
    negative = found.owners[found.counts < 0]
    wrong = np.append(negative, np.flatnonzero(np.bincount(found.owners, found.counts) > _MOST))
    if wrong.size:
        raise StatisticsError(
            f"the histogram of {names[wrong[0]]!r} is not one of rows",
            "learn again what was forgotten and had never been learned",
        )
    return found


def histogram(moments: Moments, name: str) -> Histogram:
    """The histogram of one numeric attribute; raises as `buckets` does."""
    found = buckets(moments, (name,))
    return Histogram(*found.bounds(), found.counts)


def squared_products(moments: Moments, a: str, b: str) -> Fraction:
    """Exact Σ(a·b)² over the rows in which both are present; `SchemaError` without `Extra.CONDITIONALS`."""
    units = moments.schema[a].unit.value * moments.schema[b].unit.value
    places = Units.of(moments.schema, (a, b)).places
    return squares_of_pairs(moments, places[:1], places[1:]).item() * units**2


def squares_of_pairs(moments: Moments, a: IntArray, b: IntArray) -> ExactArray:
    """Those of pairs of numeric attributes at these places (m,), in their units; raises likewise."""
    if Extra.CONDITIONALS not in moments.schema.extras:
        raise SchemaError(
            "these statistics have no squared products",
            'learn with a schema whose extras include "conditionals"',
        )
    squares = moments.counts.squares
    if squares is None:
        return ExactArray.zeros(len(a))
    return squares.sums[triangle_between(np.minimum(a, b), np.maximum(a, b), squares.numeric)]


def _counted(counts: ExactArray) -> IntArray:
    """Counts of values; what exceeds int64 is no number of rows, and -1."""
    try:
        return counts.to_int64()
    except OverflowError:
        return np.array([value if abs(value) <= _MOST else -1 for value in counts.to_ints()], dtype=np.int64)


def _profile(moments: Moments) -> Profile | None:
    if Extra.PROFILES not in moments.schema.extras:
        raise SchemaError(
            "these statistics have no third and fourth powers and no histograms",
            'learn them with a schema whose extras include "profiles"',
        )
    return moments.counts.profile
