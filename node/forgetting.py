"""Whether statistics can be those of any rows at all: what is left after forgetting must be.

Rows that were never learned can be subtracted as well as others, and the result is exact and meaningless.
Not every such mistake can be seen in sums; these are the ones that can: a count below zero, and an attribute
whose sum of squares is smaller than its rows and sum allow (Cauchy and Schwarz: n·Σx² ≥ (Σx)²).
"""

from __future__ import annotations

import numpy as np

from federation.statistics import Moments
from federation.statistics.stratum import Stratum


def impossible(moments: Moments) -> str | None:
    """What shows that more was forgotten than was learned; None if nothing does."""
    if moments.rows < 0:
        return f"{-moments.rows} rows more were forgotten than learned"
    names = sorted(attribute.name for attribute in moments.schema.numeric)
    for counts in moments.split_counts.values():
        for stratum in filter(None, counts.strata):
            problem = _impossible(stratum, names)
            if problem is not None:
                return problem
        if counts.profile is not None:
            below = np.flatnonzero(counts.profile.counts.to_float() < 0)
            if below.size:
                owner = names[counts.profile.owners[below[0]]]
                return f"values of {owner!r} were forgotten that were never learned"
    return None


def _impossible(stratum: Stratum, names: list[str]) -> str | None:
    if stratum.rows < 0:
        return "rows were forgotten that were not learned with the same values missing"
    for category, group in stratum.groups.items():
        for level, count in zip(group.levels, group.counts.to_float(), strict=True):
            if count < 0:
                return f"level {level!r} of {category!r} was forgotten in {-count:.0f} rows more than learned"
    if any((cells.counts.to_float() < 0).any() for cells in stratum.pairs.values()):
        return "a combination of categories was forgotten more often than it was learned"
    # The diagonal of a packed upper triangle: row i begins after i rows of d, d-1, … elements.
    d = len(names)
    i = np.arange(d)
    diagonal = i * d - i * (i - 1) // 2
    squares = stratum.products[diagonal].to_ints()
    if stratum.present is None:
        sums, counts = stratum.sums.to_ints(), np.full(d, stratum.rows, dtype=object)
    else:
        sums, counts = stratum.sums[i, i].to_ints(), stratum.present[diagonal].to_ints()
    for name, count, total, square in zip(names, counts, sums, squares, strict=True):
        if count < 0 or square < 0 or count * square < total * total:
            return f"values of {name!r} were forgotten that were never learned"
    return None
