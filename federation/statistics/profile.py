"""The profile of some rows: third and fourth power sums and a histogram of every numeric attribute.

It is kept beside the strata, because it needs no pairs: one total over all rows, whatever else is missing in
them. Numeric attributes are addressed by position, in order of their names, as in a stratum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from federation.statistics.digits import IntArray
from federation.statistics.exact import ExactArray
from federation.statistics.stratum import Index

_STRIDE: Final = 1 << 21  # more than there are keys of buckets
_ZERO: Final = 1 << 20  # where key 0 stands among an attribute's


@dataclass(frozen=True, slots=True)
class Profile:
    """Σx³ (d,), Σx⁴ (d,) in units of the attribute, and the buckets in which values were counted.

    Bucket k holds counts[k] values (never none) of attribute owners[k], those of `buckets` key keys[k];
    sorted by owner, then key.
    """

    cubes: ExactArray
    fourths: ExactArray
    owners: IntArray
    keys: IntArray
    counts: ExactArray

    @property
    def numeric(self) -> int:
        """Number of numeric attributes."""
        return self.cubes.shape[0]

    def is_zero(self) -> bool:
        """Whether nothing is counted."""
        return not (self.owners.size or self.cubes.any() or self.fourths.any())

    def add(self, other: Profile, sign: int = 1) -> Profile:
        """The sum (or difference) with a profile of the same attributes."""
        other = other if sign > 0 else other.negate()
        joined = np.concatenate([self.places, other.places])
        places, groups = np.unique(joined, return_inverse=True)
        counts = ExactArray.concatenate([self.counts, other.counts]).accumulate(groups, len(places))
        kept = counts.nonzero()
        return Profile(
            self.cubes + other.cubes,
            self.fourths + other.fourths,
            places[kept] // _STRIDE,
            places[kept] % _STRIDE - _ZERO,
            counts[kept],
        )

    def negate(self) -> Profile:
        """The inverse under addition."""
        return Profile(-self.cubes, -self.fourths, self.owners, self.keys, -self.counts)

    def scale(self, factors: list[int]) -> Profile:
        """Every attribute in units finer by its factor; buckets do not depend on the unit."""
        each = ExactArray.from_ints(factors)
        cubed = each * each * each
        return Profile(self.cubes * cubed, self.fourths * (cubed * each), self.owners, self.keys, self.counts)

    def select(self, numeric: Index) -> Profile:
        """Only these attributes (ascending positions)."""
        kept = np.isin(self.owners, numeric)
        owners = np.searchsorted(numeric, self.owners[kept])
        return Profile(self.cubes[numeric], self.fourths[numeric], owners, self.keys[kept], self.counts[kept])

    def spread(self, numeric: Index, width: int) -> Profile:
        """The same among more attributes, which have no values: attribute i becomes numeric[i] of `width`."""
        return Profile(
            self.cubes.place((width,), numeric),
            self.fourths.place((width,), numeric),
            np.asarray(numeric, dtype=np.int64)[self.owners],
            self.keys,
            self.counts,
        )

    @property
    def places(self) -> IntArray:
        """One number for each bucket, ordered as the buckets are."""
        return self.owners * _STRIDE + (self.keys + _ZERO)
