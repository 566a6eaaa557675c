"""Exact sums of many pairs of numeric attributes at once, and their quotients as real numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from federation.statistics.double_double import DoubleDouble, divide
from federation.statistics.exact import ExactArray
from federation.statistics.quantum import MAX_FIVES
from federation.statistics.stratum import triangle_between

if TYPE_CHECKING:
    from federation.statistics.moments import Moments
    from federation.statistics.schema import Schema

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_FIVES: Final = ExactArray.from_ints(5**power for power in range(2 * MAX_FIVES + 1))


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """The units of m numeric attributes, 2**-twos · 5**-fives, each (m,), and their places in statistics."""

    twos: IntArray
    fives: IntArray
    places: IntArray

    @classmethod
    def of(cls, schema: Schema, names: Sequence[str]) -> Units:
        """Raises `SchemaError` for a name that is unknown or not numeric."""
        units, places = [schema[name].unit for name in names], schema.places
        return cls(
            np.array([unit.twos for unit in units], dtype=np.int64),
            np.array([unit.fives for unit in units], dtype=np.int64),
            np.array([places[name] for name in names], dtype=np.int64),
        )


@dataclass(frozen=True, slots=True, eq=False)
class PairSums:
    """Of m pairs (a, b): the rows in which both are present, and Σa, Σb and Σab over them, each (m,).

    They are in the attributes' units.
    """

    counts: ExactArray
    first: ExactArray
    second: ExactArray
    products: ExactArray


def pair_sums(moments: Moments, a: IntArray, b: IntArray) -> PairSums:
    """The sums of the pairs of attributes whose places, each (m,), are given."""
    width = len(moments.schema.places)
    cells = triangle_between(np.minimum(a, b), np.maximum(a, b), width)
    found = []
    for stratum in filter(None, moments.strata):
        if stratum.present is None:
            rows = ExactArray.from_ints([stratum.rows])[np.zeros(len(a), dtype=np.intp)]
            found.append((rows, stratum.sums[a], stratum.sums[b], stratum.products[cells]))
        else:
            first, second = stratum.sums[a, b], stratum.sums[b, a]
            found.append((stratum.present[cells], first, second, stratum.products[cells]))
    if not found:
        none = ExactArray.zeros(len(a))
        return PairSums(none, none, none, none)
    return PairSums(*(reduce(ExactArray.__add__, of_each) for of_each in zip(*found, strict=True)))


def quotient(
    numerators: ExactArray, denominators: ExactArray, twos: IntArray, fives: IntArray
) -> DoubleDouble:
    """numerators / denominators · 2**-twos · 5**-fives to about 2**-104, NaN for nothing by nothing.

    Everything broadcasts; fives are from 0 to 44. One denominator for all costs least.
    """
    if denominators.size == 1:
        each = (denominators.reshape(1) * _FIVES).to_double_double()
        below = DoubleDouble(each.hi[fives], each.lo[fives])
    else:
        below = (denominators * _FIVES[fives]).to_double_double()
    return divide(numerators.to_double_double(twos), below)
