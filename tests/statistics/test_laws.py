"""The laws of `Moments`, as properties, against a count of every row by Python integers.

Blocks are made tiny and several threads are used, so that a few rows already cross every boundary that a
million rows would cross.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.statistics import (
    Attribute,
    AttributeType,
    Coded,
    Extra,
    Learner,
    Moments,
    Quantum,
    Schema,
    Table,
    accumulate,
    cores,
    digits,
    learner,
    powers,
    profiler,
    squares,
)
from federation.statistics.counts import Counts
from federation.statistics.stratum import triangle_between

SCHEMA = Schema(
    (
        Attribute("price", AttributeType.CONTINUOUS, Quantum.decimal(2)),
        Attribute("ratio", AttributeType.CONTINUOUS, Quantum(30)),
        Attribute("huge", AttributeType.CONTINUOUS, Quantum(0)),
        Attribute("tiny", AttributeType.CONTINUOUS, Quantum(1080)),
        Attribute("flag", AttributeType.BINARY),
        Attribute("carrier", AttributeType.CATEGORY),
        Attribute("airport", AttributeType.CATEGORY),
        Attribute("remark", AttributeType.TEXT),
        Attribute("visited", AttributeType.LIST),
        Attribute("patient", AttributeType.PATIENT),
    ),
    frozenset(Extra),
    split="carrier",
)
NUMERIC = sorted(attribute.name for attribute in SCHEMA.numeric)
GROUPED = sorted(attribute.name for attribute in SCHEMA.grouped)
COUNTED = [attribute.name for attribute in SCHEMA.attributes if attribute.counted]
LEVELS = ("AA", "UA", "ß", "日本", "a$b")

few = settings(max_examples=12)  # an example learns several tables, block by tiny block

Row = dict[str, Any]
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "price": st.decimals(-10_000, 10_000, places=2, allow_nan=False).map(float),
    "ratio": st.floats(-4, 4, allow_nan=False) | st.sampled_from([0.0, -0.0, 1e-308, 1.0]),
    "huge": st.integers(-100, 100).map(float)
    | st.sampled_from([1e308, -1e308, 2.0**53 - 1, -(2.0**53) + 1, 2.0**53 + 2, -0.0, 1e-308]),
    "tiny": st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 1e-308, -1e-308, 2.0**-60]),
    "flag": st.sampled_from([0.0, 1.0, -0.0]),
    "carrier": st.sampled_from(LEVELS),
    "airport": st.sampled_from(LEVELS[:2]),
    "remark": st.sampled_from(LEVELS[1:]),
}
MISSABLE = st.fixed_dictionaries({name: cell | st.none() for name, cell in CELLS.items()})
WHOLE = st.fixed_dictionaries(CELLS)
ROWS = st.lists(st.one_of(WHOLE, WHOLE, MISSABLE), max_size=40)


@pytest.fixture(autouse=True, scope="module")
def _tiny_blocks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digits, "SMALL_BLOCK", 4)
        patch.setattr(digits, "LARGE_BLOCK", 4)
        patch.setattr(learner, "_CHUNK", 8)
        patch.setattr(learner, "_LEAST", 2)
        patch.setattr(learner, "_KEPT_LEVELS", 3)
        patch.setattr(learner, "_WORTH_THREADS", 0)
        patch.setattr(cores, "_cores", lambda: 3)
        patch.setattr(accumulate, "_FOLD_AFTER", 2)
        patch.setattr(accumulate, "_DENSE_LEVELS", 3)
        patch.setattr(accumulate, "_WAITING_CELLS", 2)
        patch.setattr(profiler, "_NARROW", 300)
        patch.setattr(powers, "_DIGIT_BLOCK", 3)
        patch.setattr(profiler, "POWER_BLOCK", 4)
        patch.setattr(squares, "_FOLD_AFTER", 2)
        yield


def table_of(rows: list[Row], names: tuple[str, ...] = SCHEMA.names) -> Table:
    columns: dict[str, Any] = {}
    for name in filter(COUNTED.__contains__, names):
        cells = [row[name] for row in rows]
        if SCHEMA[name].numeric:
            columns[name] = np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
        else:
            columns[name] = Coded.of(cells)
    return Table(columns)


def schema_of(names: set[str]) -> Schema:
    """Some attributes, split by one that may have yet to come."""
    return replace(SCHEMA, attributes=tuple(SCHEMA[name] for name in sorted(names)))


def learned(rows: list[Row], schema: Schema = SCHEMA) -> Moments:
    return Moments(schema).learn(table_of(rows, schema.names))


def integer_of(name: str, value: float) -> int:
    """One correctly rounded multiplication, then round half to even: by rationals."""
    unit = SCHEMA[name].unit.value
    if math.isinf(rounded := float(Fraction(value) / unit)):
        raise OverflowError(name)
    return round(Fraction(rounded))


def bucket_of(name: str, integer: int) -> int:
    """128 · (exponent + 4096) + seven bits, signed: of the float64 nearest to the value."""
    if integer == 0:
        return 0
    unit = SCHEMA[name].unit
    significand, exponent = math.frexp(float(Fraction(abs(integer), 5**unit.fives)))
    key = 128 * (exponent - 1 - unit.twos + 4096) + int(significand * 256) - 128
    return key if integer > 0 else -key


def counted(rows: list[Row], grouped: list[str] = GROUPED) -> Counter[Any]:
    """Every count and sum that a statistic has, each as one Python integer under a descriptive key."""
    total: Counter[Any] = Counter()
    for row in rows:
        present = {n: integer_of(n, row[n]) for n in NUMERIC if row[n] is not None}
        levels = {c: row[c] for c in grouped if row[c] is not None}
        stratum = "complete" if len(present) + len(levels) == len(NUMERIC) + len(grouped) else "partial"
        total[stratum, "rows"] += 1
        for i, x in present.items():
            total["cube", i] += x**3
            total["fourth", i] += x**4
            total["bucket", i, bucket_of(i, x)] += 1
            for j, y in present.items():
                total[stratum, "present", i, j] += 1
                total[stratum, "sum", i, j] += x
                total[stratum, "product", i, j] += x * y
                total["squared product", i, j] += (x * y) ** 2
        for c, level in levels.items():
            total[stratum, "level", c, level] += 1
            for i, x in present.items():
                total[stratum, "level present", c, level, i] += 1
                total[stratum, "level sum", c, level, i] += x
                total[stratum, "level square", c, level, i] += x * x
            for other, level_there in levels.items():
                if c < other and "remark" not in (c, other):
                    total[stratum, "cell", c, level, other, level_there] += 1
    return Counter({key: value for key, value in total.items() if value})


def counted_apart(rows: list[Row]) -> dict[str, Counter[Any]]:
    """The same for the rows of each carrier, "" for those without one."""
    rest = [name for name in GROUPED if name != "carrier"]
    levels = sorted({row["carrier"] or "" for row in rows})
    return {
        level: counted([row for row in rows if (row["carrier"] or "") == level], rest) for level in levels
    }


def contents(moments: Counts) -> Counter[Any]:
    """The same keys, read out of a statistic."""
    total: Counter[Any] = Counter()
    for stratum, kept in zip(("complete", "partial"), moments.strata, strict=True):
        if kept is None:
            continue
        whole = kept.as_partial()
        total[stratum, "rows"] = kept.rows
        upper = list(zip(*(axis.tolist() for axis in np.triu_indices(len(NUMERIC))), strict=True))
        for what, packed in (("present", whole.present), ("product", whole.products)):
            for (i, j), value in zip(upper, packed.to_ints().tolist(), strict=True):
                total[stratum, what, NUMERIC[i], NUMERIC[j]] = value
                total[stratum, what, NUMERIC[j], NUMERIC[i]] = value
        for (i, j), value in np.ndenumerate(whole.sums.to_ints()):
            total[stratum, "sum", NUMERIC[i], NUMERIC[j]] = value
        for c, group in whole.groups.items():
            for level, value in zip(group.levels, group.counts.to_ints().tolist(), strict=True):
                total[stratum, "level", c, level] = value
            for what, array in (("present", group.present), ("sum", group.sums), ("square", group.squares)):
                for (k, i), value in np.ndenumerate(array.to_ints()):
                    total[stratum, f"level {what}", c, group.levels[k], NUMERIC[i]] = value
        for (a, b), cells in whole.pairs.items():
            counts = cells.counts.to_ints().tolist()
            for i, j, value in zip(cells.first.tolist(), cells.second.tolist(), counts, strict=True):
                total[stratum, "cell", a, whole.groups[a].levels[i], b, whole.groups[b].levels[j]] = value
    if moments.squares is not None:
        for i, a in enumerate(NUMERIC):
            for j, b in enumerate(NUMERIC):
                at = triangle_between(min(i, j), max(i, j), len(NUMERIC))
                total["squared product", a, b] = moments.squares.sums[at].item()
    profile = moments.profile
    if profile is not None:
        for i, cube, fourth in zip(NUMERIC, profile.cubes.to_ints(), profile.fourths.to_ints(), strict=True):
            total["cube", i], total["fourth", i] = cube, fourth
        for owner, key, count in zip(profile.owners, profile.keys, profile.counts.to_ints(), strict=True):
            total["bucket", NUMERIC[owner], int(key)] = count
    return Counter({key: value for key, value in total.items() if value})


def totals(moments: Moments, name: str) -> tuple[Any, ...]:
    powers, histogram = moments.powers(name), moments.histogram(name)
    return moments.univariate(name).missing, powers, histogram.count


@settings(max_examples=40)
@given(ROWS)
def test_learning_counts_what_python_integers_count(rows: list[Row]) -> None:
    moments = learned(rows)
    assert contents(moments.counts) == counted(rows)
    assert {level: contents(part) for level, part in moments.split_counts.items()} == counted_apart(rows)
    assert moments.rows == len(rows)


@pytest.mark.parametrize("missing", [0.02, 0.1, 0.3])
def test_rows_with_and_without_gaps_in_any_mixture_are_all_counted(missing: float) -> None:
    rng = np.random.default_rng(4)
    rows: list[Row] = [
        {
            "price": float(rng.integers(-500, 500)) / 100,
            "ratio": float(rng.normal()),
            "huge": float(rng.integers(-(2**53), 2**53)),
            "tiny": 5e-324,
            "flag": float(i % 2),
            "carrier": LEVELS[i % 3],
            "airport": LEVELS[i % 2],
            "remark": LEVELS[1 + i % 4],
        }
        for i in range(300)
    ]
    gappy = [
        {name: None if rng.random() < missing * (1 + i % 3) else cell for name, cell in row.items()}
        for i, row in enumerate(rows)
    ]
    schema = replace(SCHEMA, split=None)
    assert contents(learned(gappy, schema).counts) == counted(gappy)


@few
@given(st.lists(ROWS, max_size=4))
def test_tables_one_after_another_are_counted_like_one(tables: list[list[Row]]) -> None:
    for schema in (SCHEMA, replace(SCHEMA, split=None)):
        learner = Learner(schema)
        for rows in tables:
            learner.learn(table_of(rows, schema.names))
        assert Moments.of(learner) == learned([row for rows in tables for row in rows], schema)


@few
@given(ROWS, st.data())
def test_any_split_in_any_order_is_the_whole(rows: list[Row], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(rows))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    parts = [learned(shuffled[a:b]) for a, b in pairwise([0, *cuts, len(rows)])]
    total = Moments(SCHEMA)
    for part in data.draw(st.permutations(parts)):
        total = total + part
    whole = learned(rows)
    assert total == whole
    assert total.digest() == whole.digest()


@few
@given(ROWS)
def test_split_or_not_all_rows_have_the_same_statistics(rows: list[Row]) -> None:
    together = replace(SCHEMA, split=None)
    whole, apart = learned(rows, together), learned(rows)
    assert apart.unsplit() == whole
    assert apart.without(*Extra).unsplit() == learned(rows, replace(together, extras=frozenset()))
    assert sum(part.rows for part in apart.parts().values()) == sum(whole.level_counts("carrier").values())
    for level, part in apart.parts().items():
        inner = SCHEMA.inner
        assert part == apart.part(level) == learned([row for row in rows if row["carrier"] == level], inner)


@few
@given(ROWS, ROWS)
def test_learning_in_place_is_adding(a: list[Row], b: list[Row]) -> None:
    assert learned(a).learn(table_of(b)) == learned(a + b) == learned(a) + learned(b)


@few
@given(ROWS, ROWS, ROWS)
def test_addition_is_associative_and_commutative(a: list[Row], b: list[Row], c: list[Row]) -> None:
    x, y, z = learned(a), learned(b), learned(c)
    assert (x + y) + z == x + (y + z)
    assert x + y == y + x


@few
@given(ROWS, ROWS)
def test_subtraction_undoes_addition(a: list[Row], b: list[Row]) -> None:
    x, y = learned(a), learned(b)
    assert (x + y) - y == x
    assert x - x == Moments(SCHEMA)
    minus_x, minus_y = -x, -y
    assert -minus_x == x
    assert x + minus_y == x - y
    assert -(x - y) == y - x


@few
@given(ROWS, ROWS)
def test_forgetting_leaves_no_trace(a: list[Row], b: list[Row]) -> None:
    moments = learned(a).learn(table_of(b)).forget(table_of(b))
    assert moments.to_bytes() == learned(a).to_bytes()
    # Forgetting first is a debt that learning pays back.
    assert Moments(SCHEMA).forget(table_of(a)).learn(table_of(a)) == Moments(SCHEMA)


@few
@given(ROWS, ROWS)
def test_digests_are_equal_exactly_if_the_statistics_are(a: list[Row], b: list[Row]) -> None:
    x, y = learned(a), learned(b)
    same = counted_apart(a) == counted_apart(b)
    assert (x == y) is same
    assert (x.digest() == y.digest()) is same


@few
@given(ROWS, ROWS)
def test_bytes_round_trip_for_any_element_of_the_group(a: list[Row], b: list[Row]) -> None:
    for moments in (learned(a), -learned(a), learned(a) - learned(b)):
        again = Moments.from_bytes(moments.to_bytes())
        assert again == moments
        assert again.schema == moments.schema
        assert again.to_bytes() == moments.to_bytes()


@few
@given(ROWS, ROWS, st.sets(st.sampled_from(COUNTED)), st.sets(st.sampled_from(COUNTED)))
def test_an_attribute_absent_on_one_side_counts_as_missing_there(
    a: list[Row], b: list[Row], names_a: set[str], names_b: set[str]
) -> None:
    left, right = schema_of(names_a), schema_of(names_b)
    union = left.union(right)

    def padded(rows: list[Row], names: set[str]) -> list[Row]:
        return [{name: row[name] if name in names else None for name in union.names} for row in rows]

    together = padded(a, names_a) + padded(b, names_b)
    # A table without columns has no rows to speak of.
    expected = learned([row for row in together if row], union) if union.names else Moments(union)
    x = learned(a, left) if names_a else Moments(left)
    y = learned(b, right) if names_b else Moments(right)
    if (names_a or not a) and (names_b or not b):
        assert x + y == expected
    assert (x + y) - y == x.grow(right)
    assert x.grow(right) == x + Moments(right)


@few
@given(ROWS, st.sets(st.sampled_from(COUNTED), min_size=1))
def test_restricting_whole_rows_is_learning_fewer_columns(rows: list[Row], names: set[str]) -> None:
    whole = [row for row in rows if None not in row.values()]
    kept = sorted(names)
    assert learned(whole).restrict(kept) == learned(whole, SCHEMA.restrict(kept))


@few
@given(ROWS, ROWS, st.sets(st.sampled_from(COUNTED)))
def test_restricting_commutes_with_addition(a: list[Row], b: list[Row], names: set[str]) -> None:
    kept = sorted(names)
    x, y = learned(a), learned(b)
    assert (x + y).restrict(kept) == x.restrict(kept) + y.restrict(kept)


@few
@given(ROWS, st.sets(st.sampled_from(COUNTED), min_size=1))
def test_growing_then_restricting_keeps_every_count(rows: list[Row], names: set[str]) -> None:
    schema = schema_of(names)
    moments = learned(rows, schema)
    back = moments.grow(SCHEMA).restrict(schema.names)
    assert back.rows == moments.rows
    for attribute in schema.numeric:
        assert totals(back, attribute.name) == totals(moments, attribute.name)
    for attribute in schema.grouped:
        assert back.level_counts(attribute.name) == moments.level_counts(attribute.name)


@few
@given(ROWS, ROWS)
def test_rescaling_is_exact_and_additive(a: list[Row], b: list[Row]) -> None:
    finer = replace(
        SCHEMA,
        attributes=tuple(
            Attribute("price", AttributeType.CONTINUOUS, Quantum(7, 4)) if x.name == "price" else x
            for x in SCHEMA.attributes
        ),
    )
    x, y = learned(a), learned(b)
    assert (x + y).rescale(finer) == x.rescale(finer) + y.rescale(finer)
    assert totals(x.rescale(finer), "price") == totals(x, "price")
    # Units that differ meet at their common refinement.
    assert x + y.rescale(finer) == (x + y).rescale(finer)
    # A price in cents is a whole number of the finer unit, so learning it there gives the same.
    assert learned(a).rescale(finer) == Moments(finer).learn(table_of(a))


@few
@given(ROWS)
def test_the_order_of_columns_does_not_matter(rows: list[Row]) -> None:
    backwards = replace(SCHEMA, attributes=SCHEMA.attributes[::-1])
    assert learned(rows, backwards) == learned(rows)
    assert learned(rows, backwards).digest() == learned(rows).digest()
