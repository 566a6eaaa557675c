"""Univariate and bivariate answers: SymetryML's documented numbers, and numpy's on the pooled rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from federation.explore import explore
from federation.models import ModelError
from federation.statistics import Extra, Moments, Schema, Table

Learned = Callable[..., Moments]
ALL_BIVARIATE = {
    *("covar", "linCorr", "biCi95Down", "biCi95Up"),
    *("condCount", "condSum", "condMean", "condVariance", "condStddev"),
}


def univariate(moments: Moments, name: str) -> dict[str, float]:
    return explore("uni", moments, [name])[name]


def bivariate(moments: Moments, a: str, b: str) -> dict[str, float]:
    return explore("bi", moments, [a], [b])


def test_documented_univariate_sample(iris_of_the_reference: dict[str, Any], learned: Learned) -> None:
    answer = univariate(learned(iris_of_the_reference), "sepal_length")
    assert answer["variance"] == pytest.approx(0.6811222222222204, rel=1e-14)
    assert answer["stddev"] == pytest.approx(0.8253012917851398, rel=1e-14)
    assert answer["count"] == 150.0
    assert answer["stderr"] == pytest.approx(answer["stddev"] / np.sqrt(150))
    assert answer["meanMarginErrorC95"] == pytest.approx(1.959963984540054 * answer["stderr"])
    assert set(answer) == {"count", "mean", "variance", "stddev", "stderr", "meanMarginErrorC95"}


def test_documented_skewness_and_the_quantiles(
    iris_of_the_reference: dict[str, Any], learned: Learned
) -> None:
    moments = learned(iris_of_the_reference, extras=[Extra.PROFILES])
    assert univariate(moments, "sepal_length")["skewness"] == pytest.approx(0.31808651443435426, rel=1e-14)
    for name in list(iris_of_the_reference)[:-1]:
        x, answer = iris_of_the_reference[name], univariate(moments, name)
        assert (answer["min"], answer["median"], answer["max"]) == (x.min(), np.median(x), x.max())
        quartiles = np.quantile(x, [0.25, 0.75], method="inverted_cdf")
        assert (answer["q1"], answer["q3"]) == tuple(quartiles)


@pytest.mark.parametrize("table", ["iris", "wine", "breast_cancer"])
def test_shape_and_quantiles_of_real_columns(table: str, real_tables: Any, learned: Learned) -> None:
    columns = real_tables[table]
    moments = learned(columns, extras=[Extra.PROFILES])
    for name in [name for name in columns if name != "kind"]:
        x, answer = columns[name], univariate(moments, name)
        n, z = len(x), (x - x.mean()) / x.std()
        kurtosis = n * (n + 1) / ((n - 1) * (n - 2) * (n - 3)) * (z**4).sum()
        kurtosis -= 3 * (n - 1) ** 2 / ((n - 2) * (n - 3))
        assert answer["skewness"] == pytest.approx(n / ((n - 1) * (n - 2)) * (z**3).sum(), rel=1e-9)
        assert answer["kurtosis"] == pytest.approx(kurtosis, rel=1e-9)
        # Other corrections for small n are stated in the same moments: SciPy's, with its own.
        biased = answer["skewness"] * (n - 1) * (n - 2) / n**2
        assert biased == pytest.approx(stats.skew(x), rel=1e-9)
        found = [answer[key] for key in ("min", "q1", "median", "q3", "max")]
        quartiles = np.quantile(x, [0.25, 0.75], method="inverted_cdf")
        expected = [x.min(), quartiles[0], np.median(x), quartiles[1], x.max()]
        assert found == pytest.approx(expected, rel=1 / 128)


def test_shape_of_what_is_binary_needs_no_profiles(
    iris_of_the_reference: dict[str, Any], learned: Learned
) -> None:
    answer = univariate(learned(iris_of_the_reference), "species$setosa")
    z = (np.repeat([1.0, 0.0], [50, 100]) - 1 / 3) / np.sqrt(2 / 9)
    assert answer["skewness"] == pytest.approx(150 / (149 * 148) * (z**3).sum(), rel=1e-12)
    assert "kurtosis" in answer
    assert "median" not in answer


def test_documented_bivariate_sample(iris_of_the_reference: dict[str, Any], learned: Learned) -> None:
    answer = bivariate(learned(iris_of_the_reference), "sepal_length", "petal_width")
    assert answer["covar"] == pytest.approx(0.5135, abs=5e-5)
    assert answer["linCorr"] == pytest.approx(0.818, abs=5e-5)
    assert answer["condCount"] == 179.8
    assert answer["condMean"] == pytest.approx(6.2717, abs=5e-5)
    assert "condVariance" not in answer  # it takes Σ(xy)² of two continuous attributes


def test_documented_conditional_variance(iris_of_the_reference: dict[str, Any], learned: Learned) -> None:
    moments = learned(iris_of_the_reference, extras=[Extra.CONDITIONALS])
    answer = bivariate(moments, "sepal_length", "petal_width")
    assert set(answer) == ALL_BIVARIATE
    assert answer["condVariance"] == pytest.approx(30.9294, abs=5e-5)
    assert answer["condStddev"] == pytest.approx(np.sqrt(answer["condVariance"]), rel=1e-14)


def test_an_indicator_conditions_on_its_rows(iris_of_the_reference: dict[str, Any], learned: Learned) -> None:
    moments = learned(iris_of_the_reference)
    x = iris_of_the_reference["sepal_length"]
    among = x[np.array(iris_of_the_reference["species"]) == "virginica"]
    answer = bivariate(moments, "sepal_length", "species$virginica")
    assert set(answer) == ALL_BIVARIATE
    assert answer["condCount"] == 50.0
    assert answer["condSum"] == pytest.approx(among.sum(), rel=1e-14)
    assert answer["condMean"] == pytest.approx(among.mean(), rel=1e-14)
    assert answer["condVariance"] == pytest.approx(among.var(), rel=1e-12)
    assert univariate(moments, "species$virginica")["mean"] == pytest.approx(1 / 3)


def test_limits_of_the_correlation_are_fishers(
    iris_of_the_reference: dict[str, Any], learned: Learned
) -> None:
    answer = bivariate(learned(iris_of_the_reference), "sepal_length", "sepal_width")
    reference = stats.pearsonr(iris_of_the_reference["sepal_length"], iris_of_the_reference["sepal_width"])
    interval = reference.confidence_interval(0.95)
    assert answer["linCorr"] == pytest.approx(reference.statistic, rel=1e-12)
    assert answer["biCi95Down"] == pytest.approx(interval.low, rel=1e-12)
    assert answer["biCi95Up"] == pytest.approx(interval.high, rel=1e-12)


def random_columns(seed: int, missing: bool) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    n = 60
    columns: dict[str, Any] = {
        "x": rng.normal(size=n).round(2),
        "flag": rng.integers(0, 2, n).astype(float),
        "flop": rng.integers(0, 2, n).astype(float),
        "kind": [str(v) for v in rng.choice(["u", "v", "w"], n)],
        "sort": [str(v) for v in rng.choice(["p", "q"], n)],
    }
    if missing:
        for name in ("x", "flag"):
            columns[name][rng.integers(0, n, 6)] = np.nan
        for row in rng.integers(0, n, 6):
            columns["kind"][row] = None
    return columns


def as_numbers(columns: dict[str, Any], name: str) -> Any:
    if "$" not in name:
        return columns[name]
    category, level = name.split("$")
    return np.array([np.nan if v is None else float(v == level) for v in columns[category]])


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize(
    "pair",
    [
        ("x", "flag"),
        ("x", "kind$u"),
        ("kind$u", "x"),
        ("flag", "flop"),
        ("kind$u", "sort$q"),
        ("kind$u", "kind$u"),
        ("kind$u", "kind$v"),
        ("flag", "kind$w"),
    ],
)
def test_every_kind_of_pair_is_what_numpy_says(
    missing: bool, pair: tuple[str, str], learned: Learned
) -> None:
    columns = random_columns(5, missing)
    a, b = (as_numbers(columns, name) for name in pair)
    both = ~np.isnan(a) & ~np.isnan(b)
    answer = bivariate(learned(columns), *pair)
    assert answer["covar"] == pytest.approx(np.cov(a[both], b[both], ddof=0)[0, 1], abs=1e-12)
    assert answer["condCount"] == pytest.approx(b[both].sum())
    assert answer["condSum"] == pytest.approx((a * b)[both].sum(), abs=1e-12)
    if "condVariance" in answer:
        expected = (a * b)[both] @ (a * b)[both] / b[both].sum() - answer["condMean"] ** 2
        assert answer["condVariance"] == pytest.approx(expected, abs=1e-12)
    if not (missing and pair == ("x", "flag")):
        assert answer["linCorr"] == pytest.approx(np.corrcoef(a[both], b[both])[0, 1], rel=1e-12)
    assert "condVariance" in answer or pair == ("x", "flag")


def test_what_is_not_defined_is_absent(learned: Learned) -> None:
    moments = learned(
        {"still": [2.5, 2.5, 2.5], "zero": [0.0, 0.0, 0.0], "x": [1.5, 2.5, 4.0], "y": [3.0, 5.0, 8.0]}
    )
    assert set(bivariate(moments, "x", "still")) == {"covar", "condCount", "condSum", "condMean"}
    assert set(bivariate(moments, "x", "zero")) == {"covar", "condCount", "condSum"}
    with_profiles = learned({"still": [2.5] * 4, "pair": [1.5, 2.5, np.nan, np.nan]}, extras=[Extra.PROFILES])
    for name in ("still", "pair"):
        assert not {"skewness", "kurtosis"} & set(univariate(with_profiles, name))
    assert univariate(with_profiles, "pair")["median"] == 2.0
    perfect = bivariate(moments, "x", "y")
    assert perfect["linCorr"] == 1.0
    assert "biCi95Down" not in perfect


@settings(max_examples=50, deadline=None)
@given(
    values=st.lists(
        st.one_of(st.floats(allow_infinity=False, width=64), st.sampled_from([1e308, 1e-308, -0.0])),
        min_size=1,
        max_size=12,
    )
)
def test_no_answer_is_ever_nan_or_infinite(values: list[float]) -> None:
    table = Table({"x": np.array(values), "y": np.arange(float(len(values)))})
    moments = Moments(replace(Schema.infer(table), extras=frozenset({Extra.PROFILES}))).learn(table)
    try:
        answers = univariate(moments, "x") | bivariate(moments, "x", "y") | bivariate(moments, "y", "x")
    except ModelError:
        return
    assert all(np.isfinite(value) for value in answers.values())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "attribute 'nowhere' is unknown: the statistics have 'x'"),
        ("kind", r"'kind' is a category: explore one of its levels, as in 'kind\$level'"),
        ("kind$z", r"category 'kind' has no level 'z': it has 'u', 'v', 'w'"),
    ],
)
def test_unknown_names_are_refused(name: str, message: str, learned: Learned) -> None:
    moments = learned(random_columns(1, False))
    with pytest.raises(ModelError, match=message):
        univariate(moments, name)
    with pytest.raises(ModelError, match=message):
        bivariate(moments, "x", name)


def test_attributes_that_never_meet_are_refused(learned: Learned) -> None:
    moments = learned({"a": [1.0, 2.5, np.nan], "b": [np.nan, np.nan, 2.5], "c": [np.nan] * 3})
    with pytest.raises(ModelError, match="no row has both 'a' and 'b'"):
        bivariate(moments, "a", "b")
    with pytest.raises(ModelError, match="'c' has no value in 3 rows"):
        univariate(moments, "c")
    assert set(explore("uni", moments, [])) == {"a", "b"}
    with pytest.raises(ModelError, match="'c' has no value in 3 rows"):
        explore("uni", moments.restrict(["c"]), [])
