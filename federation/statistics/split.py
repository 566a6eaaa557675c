"""Statistics kept apart for each level of a category, and how they make up the statistics of all rows.

A part has the counts of its rows over the schema without the category that splits them. Nothing is counted
twice: what the whole says of that category is read off the parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import Final, TypeAlias

import numpy as np

from federation.statistics.counts import Counts
from federation.statistics.exact import ExactArray
from federation.statistics.schema import Schema
from federation.statistics.stratum import Cells, Group, Levelled, Pair, Stratum, triangle_between

REST: Final = ""  # the part of rows without a level; without a split, of all rows

Parts: TypeAlias = Mapping[str, Counts]


def whole(schema: Schema, parts: Parts) -> Counts:
    """The counts of the rows of all parts, over all attributes of the schema."""
    if schema.split is None or schema.split not in schema:
        return parts.get(REST, Counts())
    levelled = Levelled.of(schema)
    totals = [_with_level(parts[level], schema.split, level, levelled) for level in sorted(parts)]
    while len(totals) > 1:
        # Two by two: one after another, thousands of levels would be merged thousands of times.
        pairs = zip_longest(totals[::2], totals[1::2], fillvalue=Counts())
        totals = [one.add(other) for one, other in pairs]
    return totals[0] if totals else Counts()


def _with_level(part: Counts, split: str, level: str, levelled: Levelled) -> Counts:
    complete, partial = part.strata
    if level == REST:
        # Where the level is missing no row is complete.
        strata = [None if stratum is None else stratum.as_partial() for stratum in part.strata]
        one, other = (None if s is None else _without_level(s, split, levelled) for s in strata)
        return replace(part, complete=None, partial=None).add(Counts(None, one)).add(Counts(None, other))
    return replace(
        part,
        complete=None if complete is None else _at_level(complete, split, level, levelled),
        partial=None if partial is None else _at_level(partial, split, level, levelled),
    )


def _without_level(stratum: Stratum, split: str, levelled: Levelled) -> Stratum:
    blank = Stratum.empty(stratum.numeric, levelled, partial=True)
    return replace(
        stratum,
        groups={split: blank.groups[split], **stratum.groups},
        pairs={**blank.pairs, **stratum.pairs},
    )


def _at_level(stratum: Stratum, split: str, level: str, levelled: Levelled) -> Stratum:
    """The same rows with the category that has this level in all of them."""
    d = np.arange(stratum.numeric)
    diagonal = triangle_between(d, d, stratum.numeric)
    sums = stratum.sums[d, d] if stratum.partial else stratum.sums
    group = Group(
        (level,),
        ExactArray.from_ints([stratum.rows]),
        sums[None, :],
        stratum.products[diagonal][None, :],
        None if stratum.present is None else stratum.present[diagonal][None, :],
    )
    pairs: dict[Pair, Cells] = dict(stratum.pairs)
    for a, b in levelled.pairs:
        if split in (a, b):
            counts = stratum.groups[b if a == split else a].counts
            at = np.flatnonzero(counts.nonzero())
            here = np.zeros_like(at)
            pairs[a, b] = Cells(here, at, counts[at]) if a == split else Cells(at, here, counts[at])
    return replace(stratum, groups={split: group, **stratum.groups}, pairs=pairs).compact()
