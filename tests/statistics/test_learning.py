"""What learning accepts and refuses, and what a refusal leaves behind."""

import numpy as np
import pytest

from federation.statistics import (
    Attribute,
    AttributeType,
    Coded,
    LearnError,
    Moments,
    Quantum,
    Schema,
    SchemaError,
    Table,
)

X = Schema((Attribute("x", AttributeType.CONTINUOUS, Quantum.decimal(1)),))


def test_an_infinite_value_is_refused_by_column_and_row_and_nothing_is_counted() -> None:
    values = np.arange(60_000.0)
    values[[41_234, 50_000]] = np.inf
    moments = Moments(X).learn(Table({"x": np.array([1.0])}))
    before = moments.digest()
    with pytest.raises(LearnError, match=r"column 'x', row 1041234: inf is infinite"):
        moments.learn(Table({"x": values}), offset=1_000_000)
    with pytest.raises(LearnError, match="row 41235"):
        moments.forget(Table({"x": values}))
    assert moments.digest() == before


def test_the_first_bad_row_is_named_whichever_thread_finds_one() -> None:
    columns = {f"x{i}": np.arange(100_000.0) for i in range(8)}
    columns["x3"][[9_000, 90_000]] = np.inf
    columns["x5"][[8_999, 17_000]] = -np.inf
    table = Table(columns)
    schema = Schema(tuple(Attribute(name, AttributeType.CONTINUOUS, Quantum(0)) for name in columns))
    for _ in range(5):
        with pytest.raises(LearnError, match="column 'x5', row 9000: -inf"):
            Moments(schema).learn(table)


def test_a_value_too_large_for_its_unit_is_refused_with_the_remedy() -> None:
    with pytest.raises(LearnError, match=r"column 'x', row 2: 1e\+308 is too large .* coarser quantum"):
        Moments(X).learn(Table({"x": np.array([1.0, 1e308])}))


@pytest.mark.parametrize("value", [2.0, -1.0, 0.5])
def test_a_binary_column_holds_zeros_and_ones(value: float) -> None:
    schema = Schema((Attribute("flag", AttributeType.BINARY),))
    with pytest.raises(LearnError, match=r"column 'flag', row 3: .* neither 0 nor 1"):
        Moments(schema).learn(Table({"flag": np.array([0.0, np.nan, value])}))


def test_text_where_numbers_belong_is_refused() -> None:
    with pytest.raises(LearnError, match="column 'x' holds text"):
        Moments(X).learn(Table({"x": Coded.of(["a"])}))


def test_a_missing_column_is_refused_and_a_surplus_one_passed_over() -> None:
    with pytest.raises(LearnError, match="column 'x' of the schema is not in the table; its columns: y"):
        Moments(X).learn(Table({"y": np.array([1.0])}))
    surplus = Table({"x": np.array([1.0]), "y": np.array([np.inf])})
    assert Moments(X).learn(surplus) == Moments(X).learn(Table({"x": np.array([1.0])}))


def test_numbers_may_be_levels_of_a_category() -> None:
    schema = Schema((Attribute("month", AttributeType.CATEGORY),))
    months = np.array([1.0, 12.0, 1.0, np.nan, -0.0, 0.0, 2.5])
    moments = Moments(schema).learn(Table({"month": months}))
    assert moments.level_counts("month") == {"0": 2, "1": 2, "12": 1, "2.5": 1}
    assert moments == Moments(schema).learn(
        Table({"month": Coded.of(["1", "12", "1", None, "0", "0", "2.5"])})
    )


def test_a_level_listed_twice_is_one_and_an_empty_one_is_missing() -> None:
    schema = Schema((Attribute("c", AttributeType.CATEGORY),))
    column = Coded(np.array([0, 1, 2, 3], dtype=np.int32), ("a", "", "a", "b"))
    moments = Moments(schema).learn(Table({"c": column}))
    assert moments.level_counts("c") == {"a": 2, "b": 1}
    assert (moments.rows, moments.complete_rows) == (4, 3)


@pytest.mark.parametrize(("level", "what"), [("x" * 1001, "1001 characters"), ("\ud800", "Unicode")])
def test_a_level_that_cannot_travel_is_refused(level: str, what: str) -> None:
    schema = Schema((Attribute("c", AttributeType.CATEGORY),))
    with pytest.raises(LearnError, match=what):
        Moments(schema).learn(Table({"c": Coded.of([level])}))


def test_an_empty_table_and_a_single_row() -> None:
    assert Moments(X).learn(Table({"x": np.array([])})) == Moments(X)
    one = Moments(X).learn(Table({"x": np.array([88.5])}))
    assert (one.rows, one.univariate("x").mean, one.univariate("x").variance) == (1, 88.5, 0.0)


def test_a_constant_column_has_exactly_no_variance() -> None:
    values = np.full(100_000, 0.1)
    moments = Moments(X).learn(Table({"x": values}))
    assert moments.univariate("x").variance == 0.0
    assert moments.centred(["x"]).scatter_hi[0, 0] == 0.0


def test_a_column_that_is_always_missing() -> None:
    moments = Moments(X).learn(Table({"x": np.full(5000, np.nan)}))
    assert (moments.rows, moments.complete_rows) == (5000, 0)
    assert moments.univariate("x").count == 0


def test_ten_thousand_levels_are_counted_in_any_split() -> None:
    rng = np.random.default_rng(7)
    rows, levels = 40_000, tuple(f"level {i}" for i in range(10_000))
    table = Table(
        {
            "x": np.round(rng.normal(size=rows), 1),
            "c": Coded(rng.integers(-1, 10_000, rows).astype(np.int32), levels),
            "d": Coded(rng.integers(0, 10_000, rows).astype(np.int32), levels[::-1]),
        }
    )
    schema = Schema.infer(table)
    whole = Moments(schema).learn(table)
    parts = Moments(schema).learn(table.slice(25_000)) + Moments(schema).learn(table.slice(0, 25_000))
    assert whole == parts
    codes = table.columns["c"].codes
    expected = np.bincount(codes[codes >= 0], minlength=10_000)
    assert whole.level_counts("c") == {level: n for level, n in zip(levels, expected, strict=True) if n}
    assert sum(whole.contingency("d", "c").values()) == int((codes >= 0).sum())
    assert Moments.from_bytes(whole.to_bytes()) == whole
    assert whole.forget(table) == Moments(schema)


def test_an_outlier_takes_more_digits_and_is_not_clipped() -> None:
    values = np.ones(20_000)
    values[[3, 9_999]] = 2.0**53 - 1, -(2.0**53)
    moments = Moments(Schema((Attribute("x", AttributeType.CONTINUOUS, Quantum(0)),))).learn(
        Table({"x": values})
    )
    assert moments.univariate("x").total == 19_998 - 1
    assert moments.univariate("x").squares == 19_998 + (2**53 - 1) ** 2 + 2**106


@pytest.mark.parametrize("columns", [3, 70])
def test_many_rows_and_columns_add_up_to_the_last_bit(columns: int) -> None:
    """Full blocks on several threads, with few columns and with so many that three products do for one."""
    rng = np.random.default_rng(columns)
    rows = 30_000
    integers = rng.integers(-(2**40), 2**40, (columns, rows))
    table = Table({f"x{i:02}": integers[i] * 2.0**-30 for i in range(columns)})
    schema = Schema(tuple(Attribute(name, AttributeType.CONTINUOUS, Quantum(30)) for name in table.names))
    complete, partial = Moments(schema).learn(table).strata
    assert partial is None
    exact = integers.astype(object)
    assert complete.sums.to_ints().tolist() == exact.sum(axis=1).tolist()
    some = [0, columns // 2, columns - 1]
    upper = {
        pair: k
        for k, pair in enumerate(zip(*(axis.tolist() for axis in np.triu_indices(columns)), strict=True))
    }
    for i in some:
        for j in some:
            if i <= j:
                assert complete.products[upper[i, j]].item() == (exact[i] * exact[j]).sum()


def test_a_text_is_counted_by_level_and_stays_out_of_contingency_tables() -> None:
    schema = Schema(
        (
            *X.attributes,
            Attribute("carrier", AttributeType.CATEGORY),
            Attribute("airport", AttributeType.CATEGORY),
            Attribute("remark", AttributeType.TEXT),
        )
    )
    table = Table(
        {
            "x": np.array([1.0, 2.5, 4.0]),
            "carrier": Coded.of(["AA", "UA", "AA"]),
            "airport": Coded.of(["JFK", "JFK", "EWR"]),
            "remark": Coded.of(["late", "late", "snow"]),
        }
    )
    moments = Moments(schema).learn(table)
    assert moments.level_counts("remark") == {"late": 2, "snow": 1}
    complete, _ = moments.strata
    assert complete.groups["remark"].sums.to_ints().tolist() == [[35], [40]]
    assert list(complete.pairs) == [("airport", "carrier")]
    with pytest.raises(SchemaError, match="attribute 'remark' is of type S, not a category"):
        moments.contingency("carrier", "remark")
    with pytest.raises(SchemaError, match="'remark' of type S has no values to compute with"):
        moments.centred(["remark"])


@pytest.mark.parametrize("letter", ["L", "P", "X"])
def test_lists_patients_and_what_is_ignored_are_not_read(letter: str) -> None:
    schema = Schema((*X.attributes, Attribute("note", AttributeType(letter))))
    moments = Moments(schema).learn(Table({"x": np.array([1.0])}))
    assert moments.complete_rows == 1
    assert Moments.from_bytes(moments.to_bytes()).schema == schema
    assert Table.from_rows(["x", "note"], [[1, "a"]], ["C", letter]).names == ("x",)
