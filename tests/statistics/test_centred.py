"""Means and centred sums of products against rational arithmetic over the rows."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.statistics import (
    Attribute,
    AttributeType,
    Coded,
    Moments,
    Quantum,
    Schema,
    SchemaError,
    StatisticsError,
    Table,
)

SCHEMA = Schema(
    (
        Attribute("x", AttributeType.CONTINUOUS, Quantum.decimal(2)),
        Attribute("y", AttributeType.CONTINUOUS, Quantum(12)),
        Attribute("c", AttributeType.CATEGORY),
        Attribute("d", AttributeType.CATEGORY),
    )
)
NAMES = ("y", "c", "x", "d$q")
ROW = st.tuples(
    st.none() | st.integers(-(10**7), 10**7).map(lambda cents: Fraction(cents, 100)),
    st.none() | st.integers(-(2**20), 2**20).map(lambda k: Fraction(k, 2**12)),
    st.none() | st.sampled_from("uvw"),
    st.none() | st.sampled_from("pq"),
)
Matrix = list[list[Fraction | None]]


def learned(rows: list[Any]) -> Moments:
    x, y = (np.array([np.nan if r[i] is None else float(r[i]) for r in rows]) for i in (0, 1))
    c, d = (Coded.of([r[i] for r in rows]) for i in (2, 3))
    return Moments(SCHEMA).learn(Table({"x": x, "y": y, "c": c, "d": d}))


def expanded(rows: list[Any]) -> tuple[list[str], Matrix]:
    """The columns NAMES stand for, as rationals, None where missing."""
    levels = sorted({r[2] for r in rows if r[2] is not None})

    def indicator(cell: str | None, level: str) -> Fraction | None:
        return None if cell is None else Fraction(int(cell == level))

    matrix = [[r[1], *(indicator(r[2], level) for level in levels), r[0], indicator(r[3], "q")] for r in rows]
    return ["y", *(f"c${level}" for level in levels), "x", "d$q"], matrix


def close(hi: np.ndarray, lo: np.ndarray, exact: list[Any]) -> None:
    for h, low, value in zip(hi.ravel().tolist(), lo.ravel().tolist(), exact, strict=True):
        assert h == float(value)
        assert abs(Fraction(h) + Fraction(low) - value) <= abs(value) / 2**98


@given(st.lists(ROW, min_size=1, max_size=12))
def test_listwise_uses_the_rows_without_gaps(rows: list[Any]) -> None:
    whole = [row for row in rows if None not in row]
    if not whole:
        with pytest.raises(StatisticsError, match="pairwise"):
            learned(rows).centred(NAMES)
        return
    names, m = expanded(whole)
    result = learned(rows).centred(NAMES)
    n, p = len(whole), len(names)
    assert (list(result.names), result.rows) == (names, n)
    means = [sum(r[i] for r in m) / n for i in range(p)]
    close(result.mean_hi, result.mean_lo, means)
    scatter = [sum((r[i] - means[i]) * (r[j] - means[j]) for r in m) for i in range(p) for j in range(p)]
    close(result.scatter_hi, result.scatter_lo, scatter)


@given(st.lists(ROW, min_size=1, max_size=12))
def test_mean_puts_missing_values_at_their_column_mean(rows: list[Any]) -> None:
    names, m = expanded(rows)
    p = len(names)
    present = [[r[i] for r in m if r[i] is not None] for i in range(p)]
    if not all(present):
        with pytest.raises(StatisticsError, match="missing in every row"):
            learned(rows).centred(names, "mean")
        return
    result = learned(rows).centred(NAMES, "mean")
    assert (list(result.names), result.rows) == (names, len(rows))
    means = [sum(values) / len(values) for values in present]
    close(result.mean_hi, result.mean_lo, means)
    filled = [[means[i] if r[i] is None else r[i] for i in range(p)] for r in m]
    scatter = [sum((r[i] - means[i]) * (r[j] - means[j]) for r in filled) for i in range(p) for j in range(p)]
    close(result.scatter_hi, result.scatter_lo, scatter)


@given(st.lists(ROW, min_size=1, max_size=12))
def test_pairwise_uses_the_rows_that_have_both(rows: list[Any]) -> None:
    names, m = expanded(rows)
    p = len(names)
    both = {
        (i, j): [r for r in m if r[i] is not None and r[j] is not None] for i in range(p) for j in range(p)
    }
    if not all(both.values()):
        with pytest.raises(StatisticsError, match=r"no row has both|missing in every row"):
            learned(rows).centred(names, "pairwise")
        return
    result = learned(rows).centred(NAMES, "pairwise")
    assert result.rows == min(len(kept) for kept in both.values())
    scatter = []
    for (i, j), kept in both.items():
        n = len(kept)
        a, b = sum(r[i] for r in kept), sum(r[j] for r in kept)
        scatter.append(result.rows * (n * sum(r[i] * r[j] for r in kept) - a * b) / (n * n))
    close(result.scatter_hi, result.scatter_lo, scatter)


@given(st.lists(ROW, max_size=12))
def test_two_attributes_by_their_exact_sums(rows: list[Any]) -> None:
    moments = learned(rows)
    both = [(r[0], r[1]) for r in rows if r[0] is not None and r[1] is not None]
    pair = moments.bivariate("x", "y")
    assert pair.count == len(both)
    assert pair.total_a == sum(a for a, _ in both)
    assert pair.total_b == sum(b for _, b in both)
    assert pair.products == sum(a * b for a, b in both)
    alone = moments.univariate("x")
    assert alone.missing == sum(r[0] is None for r in rows)
    assert alone.squares == sum(r[0] ** 2 for r in rows if r[0] is not None)
    counts = moments.contingency("c", "d")
    assert sum(counts.values()) == sum(r[2] is not None and r[3] is not None for r in rows)
    assert all(counts[u, v] == moments.contingency("d", "c")[v, u] for u, v in counts)


def test_centring_does_not_cancel() -> None:
    values = 1e9 + np.arange(10_000) % 2 * 2.0**-20
    schema = Schema((Attribute("x", AttributeType.CONTINUOUS, Quantum(20)),))
    moments = Moments(schema).learn(Table({"x": values}))
    assert moments.centred(["x"]).scatter_hi[0, 0] == 10_000 / 4 * 2.0**-40
    assert moments.univariate("x").variance == 2.0**-42


def test_what_is_not_there_is_named() -> None:
    moments = learned([(Fraction(1), Fraction(1), "u", "p")])
    with pytest.raises(SchemaError, match="'z' is not in the schema"):
        moments.centred(["z"])
    with pytest.raises(SchemaError, match="not a category"):
        moments.level_counts("x")
    with pytest.raises(SchemaError, match="not numeric"):
        moments.univariate("c")
    with pytest.raises(StatisticsError, match="use listwise, pairwise or mean"):
        moments.centred(["x"], "zeros")  # type: ignore[arg-type]
    assert moments.centred(["d$q"]).scatter_hi[0, 0] == 0.0
