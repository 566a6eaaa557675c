"""Tables of counts: Pearson's chi-square test, and the information that one attribute gives about another.

A table's rows and columns are groups. A whole category stands for its levels; two of them cross exactly by
their contingency table. Inputs that are categories, without a target, are compared with each other: a row for
each category, a column for each level that any of them has.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from scipy import special

from federation.explore.metric import Metric, discrete
from federation.explore.samples import indicator, is_category
from federation.explore.sums import level_sums, pair
from federation.models.errors import ModelError
from federation.statistics import Moments

MOST_CELLS: Final = 10_000

Table = Mapping[tuple[str, str], int]
"""Counts by row and column; a cell that is not there is 0."""


def chi2(moments: Moments, inputs: Sequence[str], targets: Sequence[str], /) -> dict[str, float]:
    """chiStat, df, pval, coef (Tschuprow's T) and the observed counts as obs$row:col.

    Rows and columns without a count are left out, and the counts themselves of a table of more than 10,000
    cells. Raises `ModelError` unless two rows and two columns remain.
    """
    table = crossed(moments, inputs, targets) if targets else compared(moments, inputs)
    rows, columns = _margins(table)
    if len(rows) < 2 or len(columns) < 2:
        raise ModelError(
            f"the table has {len(rows)} rows and {len(columns)} columns with counts",
            "chi2 takes two or more of each, from categories or from 0/1 attributes on either side",
        )
    n = sum(rows.values())
    # Σ (o - e)²/e = Σ o²/e - n
    statistic = n * (
        math.fsum(count**2 / (rows[row] * columns[column]) for (row, column), count in table.items()) - 1.0
    )
    statistic = max(statistic, 0.0)
    df = (len(rows) - 1) * (len(columns) - 1)
    answer = {
        "chiStat": statistic,
        "df": float(df),
        "pval": float(special.chdtrc(df, statistic)),
        "coef": math.sqrt(statistic / n / math.sqrt(df)),
    }
    if len(rows) * len(columns) > MOST_CELLS:
        return answer
    return answer | {
        f"obs${row}:{column}": float(table.get((row, column), 0)) for row in rows for column in columns
    }


def gain(moments: Moments, inputs: Sequence[str], targets: Sequence[str], /) -> dict[str, float]:
    """What knowing the input tells about the target, in bits: gain = entropy - condEntropy.

    Over the rows that have both. gainRatio is the gain divided by the input's own entropy (Quinlan 1986),
    absent if that is zero.
    """
    table = _partitions(moments, inputs[0], targets[0])
    rows, columns = _margins(table)
    if not rows:
        raise ModelError(f"no row has both {inputs[0]!r} and {targets[0]!r}", "learn rows that do")
    entropy, own = _entropy(columns.values()), _entropy(rows.values())
    found = max(entropy + own - _entropy(table.values()), 0.0)
    answer = {"gain": found, "entropy": entropy, "condEntropy": entropy - found}
    return answer | ({"gainRatio": found / own} if own > 0.0 else {})


def crossed(moments: Moments, inputs: Sequence[str], targets: Sequence[str]) -> Table:
    """Rows of the inputs' groups by columns of the targets', over the rows of data that have both.

    Where a side is a single 0/1 attribute or indicator, its complement is the other group.
    """
    if len(inputs) == len(targets) == 1:
        return _partitions(moments, inputs[0], targets[0])
    rows, columns = (
        [group for name in side for group in _groups(moments, name)] for side in (inputs, targets)
    )
    if len(rows) * len(columns) > MOST_CELLS:
        raise ModelError(
            f"{len(rows)} groups by {len(columns)} are more than {MOST_CELLS:,} cells",
            "cross one attribute with one other",
        )
    table: dict[tuple[str, str], int] = {}
    for row in rows:
        for column in columns:
            both, a, b, _ = _overlap(moments, row, column)
            table[row, column] = both
            if len(rows) == 1:
                table[f"not {row}", column] = b - both
            if len(columns) == 1:
                table[row, f"not {column}"] = a - both
    return _occupied(table)


def compared(moments: Moments, categories: Sequence[str]) -> Table:
    """A row for each category, a column for each level of any of them."""
    for name in categories:
        if not is_category(moments, name):
            raise ModelError(
                f"{name!r} is not a category", "name categories to compare, or targets to cross with"
            )
    return {
        (name, level): count for name in categories for level, count in moments.level_counts(name).items()
    }


def _groups(moments: Moments, name: str) -> list[str]:
    if is_category(moments, name):
        return [moments.schema.indicator(name, level) for level in moments.level_counts(name)]
    return [name]


def _partitions(moments: Moments, a: str, b: str) -> Table:
    """Two attributes crossed: a category by its levels, a 0/1 attribute by what it is and is not."""
    if is_category(moments, a) and is_category(moments, b):
        if a == b:
            raise ModelError(f"{a!r} is crossed with itself", "name two attributes")
        return moments.contingency(a, b)
    if is_category(moments, b):
        return {(row, column): count for (column, row), count in _partitions(moments, b, a).items()}
    if is_category(moments, a):
        table: dict[tuple[str, str], int] = {}
        for level, sums in level_sums(moments, indicator(moments, b), a).items():
            table |= {(level, b): int(sums.total), (level, f"not {b}"): sums.count - int(sums.total)}
        return _occupied(table)
    both, ones_a, ones_b, count = _overlap(moments, a, b)
    return _occupied(
        {
            (a, b): both,
            (a, f"not {b}"): ones_a - both,
            (f"not {a}", b): ones_b - both,
            (f"not {a}", f"not {b}"): count - ones_a - ones_b + both,
        }
    )


def _overlap(moments: Moments, a: str, b: str) -> tuple[int, int, int, int]:
    """Over the rows with both: those where both are 1, where a is, where b is, and all."""
    sums = pair(moments, indicator(moments, a), indicator(moments, b))
    return int(sums.ab), int(sums.a), int(sums.b), sums.count


def _occupied(table: Table) -> Table:
    return {cell: count for cell, count in table.items() if count}


def _margins(table: Table) -> tuple[dict[str, int], dict[str, int]]:
    rows: dict[str, int] = {}
    columns: dict[str, int] = {}
    for (row, column), count in table.items():
        rows[row] = rows.get(row, 0) + count
        columns[column] = columns.get(column, 0) + count
    return rows, columns


def _entropy(counts: Iterable[int]) -> float:
    """In bits; zero counts have no part in it."""
    present = [count for count in counts if count > 0]
    n = sum(present)
    return max(math.log2(n) - math.fsum(count * math.log2(count) for count in present) / n, 0.0)


METRICS: Final = (
    Metric(
        "chi2",
        "whether two attributes are independent, or several categories distributed alike",
        chi2,
        (1, None),
        (0, None),
    ),
    Metric(
        "gain",
        "how many bits an attribute (0/1 or category) tells about the target",
        gain,
        (1, None),
        (1, 1),
        each=True,
        suits=discrete,
    ),
)
