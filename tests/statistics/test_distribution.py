"""What profiles answer: power sums exactly, quantiles and densities to the bounds that are promised."""

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import datasets

from federation.statistics import (
    Attribute,
    AttributeType,
    Coded,
    Extra,
    Histogram,
    Moments,
    Quantum,
    Schema,
    SchemaError,
    StatisticsError,
    Table,
)

PROFILES = frozenset({Extra.PROFILES})
UNITS = [Quantum(0), Quantum.decimal(1), Quantum.decimal(2), Quantum(40), Quantum(-3), Quantum(22, 22)]


def profiled(values: Any, unit: Quantum) -> Moments:
    schema = Schema((Attribute("x", AttributeType.CONTINUOUS, unit),), PROFILES)
    return Moments(schema).learn(Table({"x": np.asarray(values, dtype=float)}))


def in_units(integers: list[int], unit: Quantum) -> np.ndarray:
    return np.array([float(integer * unit.value) for integer in integers])


INTEGERS = st.lists(
    st.integers(-127, 127) | st.integers(-100_000, 100_000) | st.integers(-(2**50), 2**50), min_size=1
)


@given(INTEGERS, st.sampled_from(UNITS), st.floats(0, 1))
def test_a_quantile_is_within_a_256th_of_the_exact_one(integers: list[int], unit: Quantum, p: float) -> None:
    values = in_units(integers, unit)
    rank = max(1, math.ceil(p * len(values) * (1 - 1e-12)))
    exact = sorted(values.tolist())[rank - 1]
    estimate = profiled(values, unit).histogram("x").quantile(p)
    assert abs(estimate - exact) <= abs(exact) / 256
    if abs(exact) <= float(127 * unit.value):
        assert estimate == exact


@given(INTEGERS, st.sampled_from(UNITS))
def test_every_bucket_holds_the_values_between_its_bounds(integers: list[int], unit: Quantum) -> None:
    values = in_units(integers, unit)
    histogram = profiled(values, unit).histogram("x")
    inside = (values[:, None] >= histogram.lower) & (values[:, None] <= histogram.upper)
    assert (inside.sum(axis=0) == histogram.counts).all()
    assert histogram.count == len(values)
    assert (np.diff(histogram.lower) > 0).all()
    for bound, extreme in ((histogram.minimum, values.min()), (histogram.maximum, values.max())):
        assert abs(bound - extreme) <= abs(extreme) / 128
    assert histogram.minimum <= values.min()
    assert histogram.maximum >= values.max()


@given(INTEGERS, st.sampled_from(UNITS), st.data())
def test_the_distribution_function_is_off_by_one_bucket_at_most(
    integers: list[int], unit: Quantum, data: st.DataObject
) -> None:
    values = in_units(integers, unit)
    histogram = profiled(values, unit).histogram("x")
    x = data.draw(st.sampled_from(values.tolist()) | st.floats(values.min(), values.max()))
    around = histogram.counts[(histogram.lower <= x) & (histogram.upper > x)].sum() / len(values)
    assert abs(histogram.cdf(x) - (values <= x).mean()) <= around + 1e-12
    assert histogram.cdf(histogram.maximum) == 1.0


@given(INTEGERS, st.sampled_from(UNITS[:3]), st.integers(0, 3), st.integers(0, 3))
def test_a_finer_unit_moves_no_value_to_another_bucket(
    integers: list[int], unit: Quantum, twos: int, fives: int
) -> None:
    finer = Quantum(unit.twos + twos, unit.fives + fives)
    moments = profiled(in_units(integers, unit), unit)
    rescaled = moments.rescale(Schema((Attribute("x", AttributeType.CONTINUOUS, finer),), PROFILES))
    assert rescaled.powers("x") == moments.powers("x")
    a, b = moments.histogram("x"), rescaled.histogram("x")
    assert a.counts.tolist() == b.counts.tolist()
    assert (b.lower <= a.lower).all()
    assert (b.upper >= a.upper).all()


@given(st.lists(st.integers(-(2**50), 2**50)), st.sampled_from(UNITS))
def test_powers_are_the_sums_of_rationals(integers: list[int], unit: Quantum) -> None:
    values = in_units(integers, unit)
    counted = [round(Fraction(value) / unit.value) * unit.value for value in values.tolist()]
    found = profiled(values, unit).powers("x")
    assert found.count == len(values)
    assert (found.s1, found.s2, found.s3, found.s4) == tuple(
        sum((value**power for value in counted), Fraction(0)) for power in (1, 2, 3, 4)
    )


@pytest.mark.parametrize("load", [datasets.load_iris, datasets.load_wine, datasets.load_diabetes])
def test_real_data_agree_with_numpy_and_scipy(load: Any) -> None:
    bunch = load()
    table = Table({f"x{i}": np.ascontiguousarray(column) for i, column in enumerate(bunch.data.T)})
    schema = replace(Schema.infer(table), extras=PROFILES)
    halves = [Moments(schema).learn(table.slice(*cut)) for cut in ((0, 60), (60, None))]
    moments = halves[1] + halves[0]
    for name in table.names:
        values = table.columns[name]
        found, histogram = moments.powers(name), moments.histogram(name)
        n, mean = found.count, found.s1 / found.count
        third = found.s3 / n - 3 * mean * found.s2 / n + 2 * mean**3
        fourth = found.s4 / n - 4 * mean * found.s3 / n + 6 * mean**2 * found.s2 / n - 3 * mean**4
        variance = float(found.s2 / n - mean**2)
        assert float(third) / variance**1.5 == pytest.approx(stats.skew(values), rel=1e-9, abs=1e-11)
        assert float(fourth) / variance**2 - 3 == pytest.approx(stats.kurtosis(values), rel=1e-9, abs=1e-11)
        for p in (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99):
            exact = np.quantile(values, p, method="inverted_cdf")
            assert histogram.quantile(p) == pytest.approx(exact, rel=1 / 256)


def test_fixed_bins_of_small_decimals_are_exactly_those_of_all_rows() -> None:
    iris = datasets.load_iris().data
    for column in iris.T:
        histogram = profiled(column, Quantum.decimal(1)).histogram("x")
        counts, _ = np.histogram(column, 7, (column.min(), column.max()))
        assert histogram.fixed(7, histogram.minimum, histogram.maximum).tolist() == counts.tolist()
    assert histogram.fixed(1, 10.0, 20.0).tolist() == [0]


def test_missing_values_and_flags() -> None:
    schema = Schema(
        (Attribute("flag", AttributeType.BINARY), Attribute("c", AttributeType.CATEGORY)), PROFILES
    )
    table = Table({"flag": np.array([1.0, np.nan, 0.0, 1.0]), "c": Coded.of(["a", "b", None, "a"])})
    moments = Moments(schema).learn(table)
    assert moments.powers("flag").s4 == 2
    histogram = moments.histogram("flag")
    assert (histogram.lower.tolist(), histogram.counts.tolist()) == ([0.0, 1.0], [1, 2])
    with pytest.raises(SchemaError, match="'c'"):
        moments.histogram("c")


def test_without_values_there_is_no_quantile() -> None:
    empty = Moments(Schema((Attribute("x", AttributeType.BINARY),), PROFILES))
    assert (empty.histogram("x").count, empty.powers("x").s3) == (0, 0)
    for ask in (lambda h: h.quantile(0.5), lambda h: h.cdf(0.0), lambda h: h.minimum, lambda h: h.maximum):
        with pytest.raises(StatisticsError, match="the histogram is empty: learn rows"):
            ask(empty.histogram("x"))


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
def test_a_share_lies_between_0_and_1(p: float) -> None:
    with pytest.raises(StatisticsError, match="share between 0 and 1"):
        Histogram(np.zeros(1), np.zeros(1), np.ones(1, dtype=np.int64)).quantile(p)


@pytest.mark.parametrize(("bins", "low", "high"), [(0, 0, 1), (3, 1, 1), (3, 0, float("inf"))])
def test_bins_need_a_range(bins: int, low: float, high: float) -> None:
    with pytest.raises(StatisticsError, match="low < high"):
        Histogram(np.zeros(1), np.zeros(1), np.ones(1, dtype=np.int64)).fixed(bins, low, high)


def test_rows_forgotten_that_were_never_learned_make_no_histogram() -> None:
    debt = profiled([1.0], Quantum(0)) - profiled([1.0, 2.0], Quantum(0))
    with pytest.raises(StatisticsError, match="is not one of rows: learn again what was forgotten"):
        debt.histogram("x")


def test_squared_products_give_the_documented_conditional_variance_of_iris() -> None:
    """SymetryML's published bivariate answer: sepal length weighted by petal width."""
    bunch = datasets.load_iris()
    a, b = np.ascontiguousarray(bunch.data[:, 0]), np.ascontiguousarray(bunch.data[:, 3])
    b[34] = 0.1  # as in the copy of iris at UCI, which the documentation uses
    table = Table({"sepal_length": a, "petal_width": b})
    schema = replace(Schema.infer(table), extras=frozenset({Extra.CONDITIONALS}))
    parts = [Moments(schema).learn(part) for part in (table.slice(0, 40), table.slice(40))]
    moments = parts[0] + parts[1]
    weights, products = moments.univariate("petal_width").total, moments.bivariate(*table.names).products
    mean = products / weights
    variance = moments.squared_products("petal_width", "sepal_length") / weights - mean**2
    assert float(weights) == 179.8
    assert float(mean) == pytest.approx(6.2717, abs=5e-5)
    assert float(variance) == pytest.approx(30.9294, abs=5e-5)
    assert moments.squared_products("petal_width", "petal_width") == sum(
        Fraction(str(value)) ** 4 for value in b.tolist()
    )


def test_statistics_without_the_extra_name_the_remedy() -> None:
    plain = Moments(Schema((Attribute("x", AttributeType.BINARY),)))
    for ask in (plain.powers, plain.histogram):
        with pytest.raises(SchemaError, match='extras include "profiles"'):
            ask("x")
    with pytest.raises(SchemaError, match='extras include "conditionals"'):
        plain.squared_products("x", "x")


def test_extras_must_be_the_same_on_both_sides() -> None:
    moments = profiled([1.0, 2.0], Quantum(0))
    plain = moments.without(Extra.PROFILES)
    assert plain == Moments(replace(moments.schema, extras=frozenset())).learn(
        Table({"x": np.array([1.0, 2.0])})
    )
    with pytest.raises(SchemaError, match=r"only one of two schemas counts profiles.*without"):
        moments + plain
    with pytest.raises(SchemaError, match="rescaling keeps extras, split"):
        moments.rescale(plain.schema)
    # Before there are attributes there is nothing to agree on.
    assert Moments(Schema(())) + moments == moments == moments + Moments(Schema(()))


def test_a_schema_says_its_extras() -> None:
    schema = profiled([], Quantum(0)).schema
    assert schema.to_dict()["extras"] == ["profiles"]
    assert Schema.from_dict(schema.to_dict()) == schema
    plain = replace(schema, extras=frozenset())
    assert "extras" not in plain.to_dict()
    assert plain != schema
    assert plain.digest() != schema.digest()
    with pytest.raises(SchemaError, match="extras are a list of profiles, conditionals"):
        Schema.from_dict(plain.to_dict() | {"extras": ["everything"]})
