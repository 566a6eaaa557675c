"""Tests of means, variances and proportions agree with SciPy and statsmodels on the pooled rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportions_ztest
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW, ztest

from federation.explore import explore
from federation.models import ModelError
from federation.statistics import Extra, Moments

Learned = Callable[..., Moments]
TABLES = ("iris", "wine", "breast_cancer")


def two_kinds(columns: dict[str, Any], name: str) -> tuple[list[str], list[np.ndarray]]:
    """The first two kinds by name, and the values of a column in each."""
    kinds = sorted(set(columns["kind"]))[:2]
    return kinds, [columns[name][np.array(columns["kind"]) == kind] for kind in kinds]


@pytest.mark.parametrize("table", TABLES)
def test_two_groups_of_a_column(table: str, real_tables: Any, learned: Learned) -> None:
    columns = real_tables[table]
    moments = learned(columns)
    for name in [name for name in columns if name != "kind"]:
        kinds, (a, b) = two_kinds(columns, name)
        groups = [f"kind${kind}" for kind in kinds]
        t = explore("ttest", moments, [name], groups)
        student, welch = stats.ttest_ind(a, b), stats.ttest_ind(a, b, equal_var=False)
        assert (t["t"], t["tdf"]) == (pytest.approx(student.statistic, rel=1e-9), student.df)
        assert t["tu"] == pytest.approx(welch.statistic, rel=1e-9)
        assert t["tdfu"] == pytest.approx(welch.df, rel=1e-9)
        assert (t["tp"], t["tpu"]) == (
            pytest.approx(student.pvalue, rel=1e-7),
            pytest.approx(welch.pvalue, rel=1e-7),
        )
        assert [t[key] for key in ("tn1", "tm1", "ts1")] == pytest.approx([len(a), a.mean(), a.std(ddof=1)])
        assert [t[key] for key in ("tn2", "tm2", "ts2")] == pytest.approx([len(b), b.mean(), b.std(ddof=1)])
        z = explore("ztest", moments, [name], groups)
        expected = CompareMeans(DescrStatsW(a), DescrStatsW(b)).ztest_ind(usevar="unequal")
        assert (z["z"], z["zp"]) == pytest.approx(expected, rel=1e-7)
        f = explore("ftest", moments, [name], groups)
        ratio = a.var(ddof=1) / b.var(ddof=1)
        tails = stats.f(len(a) - 1, len(b) - 1)
        assert (f["f"], f["fdf1"], f["fdf2"]) == pytest.approx((ratio, len(a) - 1, len(b) - 1), rel=1e-9)
        assert f["fp"] == pytest.approx(2 * min(tails.cdf(ratio), tails.sf(ratio)), rel=1e-7)


@pytest.mark.parametrize("table", TABLES)
def test_two_columns_are_two_samples(table: str, real_tables: Any, learned: Learned) -> None:
    columns = real_tables[table]
    moments = learned(columns)
    a, b = columns["x0"], columns["x1"]
    t = explore("ttest", moments, ["x0", "x1"])
    assert t == explore("ttest", moments, ["x0"], ["x1"])
    assert t["t"] == pytest.approx(stats.ttest_ind(a, b).statistic, rel=1e-9)
    assert t["tpu"] == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue, rel=1e-7)
    z = explore("ztest", moments, ["x0", "x1"])
    expected = CompareMeans(DescrStatsW(a), DescrStatsW(b)).ztest_ind(usevar="unequal")
    assert (z["z"], z["zp"]) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("table", TABLES)
def test_one_column_against_what_is_known(table: str, real_tables: Any, learned: Learned) -> None:
    columns = real_tables[table]
    moments, x = learned(columns), columns["x1"]
    mu, sigma = round(float(x.mean()) * 1.02, 3), round(float(x.std()) * 1.1, 3)
    t = explore("ttestmu", moments, ["x1"], (), {"mu": mu})["x1"]
    expected = stats.ttest_1samp(x, mu)
    assert (t["t"], t["tp"]) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-8)
    z = explore("ztestmu", moments, ["x1"], (), {"mu": str(mu)})["x1"]
    assert (z["z"], z["zp"]) == pytest.approx(ztest(x, value=mu), rel=1e-8)
    f = explore("ftestmu", moments, ["x1"], (), {"sigma": sigma})["x1"]
    statistic, law = (len(x) - 1) * x.var(ddof=1) / sigma**2, stats.chi2(len(x) - 1)
    assert f["f"] == pytest.approx(x.var(ddof=1) / sigma**2, rel=1e-9)
    assert f["fp"] == pytest.approx(2 * min(law.cdf(statistic), law.sf(statistic)), rel=1e-8)


def test_proportions(fair: Any, learned: Learned) -> None:
    moments = learned(fair)
    counts = [fair["had_affair"].sum(), fair["has_children"].sum()]
    rows = len(fair["age"])
    two = explore("ztestp", moments, ["had_affair", "has_children"])
    assert (two["z"], two["zp"]) == pytest.approx(proportions_ztest(counts, [rows, rows]), rel=1e-9)
    rating = np.array(fair["rating"])
    groups = [fair["had_affair"][rating == level] for level in ("r2", "r3")]
    expected = proportions_ztest([group.sum() for group in groups], [len(group) for group in groups])
    split = explore("ztestp", moments, ["had_affair"], ["rating$r2", "rating$r3"])
    assert (split["z"], split["zp"]) == pytest.approx(expected, rel=1e-9)


def test_groups_may_be_binary_columns_or_a_category_of_two_levels(fair: Any, learned: Learned) -> None:
    children = fair["has_children"]
    columns = {
        "affair": fair["had_affair"],
        "with": children,
        "without": 1 - children,
        "family": ["yes" if value else "no" for value in children],
    }
    moments = learned(columns)
    expected = stats.ttest_ind(columns["affair"][children == 0], columns["affair"][children == 1])
    by_category = explore("ttest", moments, ["affair"], ["family"])
    by_columns = explore("ttest", moments, ["affair"], ["without", "with"])
    assert by_category == by_columns
    assert (by_category["t"], by_category["tp"]) == pytest.approx(
        (expected.statistic, expected.pvalue), rel=1e-9
    )


def test_a_missing_value_leaves_its_own_sample_only(learned: Learned) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 80)).round(2)
    x[:9], y[60:] = np.nan, np.nan
    kind: list[str | None] = [str(value) for value in rng.choice(["u", "v"], 80)]
    kind[5:20] = [None] * 15
    moments = learned({"x": x, "y": y, "kind": kind})
    t = explore("ttest", moments, ["x", "y"])
    expected = stats.ttest_ind(x, y, nan_policy="omit")
    assert (t["t"], t["tp"]) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)
    parts = [x[[level == name for level in kind]] for name in ("u", "v")]
    expected = stats.ttest_ind(*parts, equal_var=False, nan_policy="omit")
    t = explore("ttest", moments, ["x"], ["kind"])
    assert (t["tu"], t["tpu"]) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)


@pytest.mark.parametrize(
    ("metric", "inputs", "targets", "parameters", "message"),
    [
        ("ttest", ["x0"], [], {}, "there are 0 samples, not two"),
        (
            "ttest",
            ["x0", "x1", "x2"],
            [],
            {},
            "ttest takes 1 or 2 attributes and 0 to 2 targets to compare by, not 3 and 0",
        ),
        ("ttest", ["x0"], ["kind"], {}, "3 samples, not two"),
        ("ttest", ["x0", "x1"], ["kind$setosa"], {}, "two attributes are two samples already"),
        ("ttest", ["x0"], ["x1", "x2"], {}, "'x1' is continuous: a group is a category"),
        ("ttest", ["x0"], ["kind$setosa", "kind$tulip"], {}, "no level 'tulip'"),
        ("ttest", ["x0"], ["kind$setosa", "kind$virginica"], {"mu": 1}, "ttest has no parameter 'mu'"),
        ("ttestmu", ["x0"], [], {}, "the parameter 'mu' is needed"),
        ("ttestmu", ["x0"], [], {"mu": "much"}, "mu is 'much': it must be a finite number"),
        ("ftestmu", ["x0"], [], {"sigma": 0}, "sigma is 0.0: give a standard deviation above 0"),
        ("ztestp", ["x0", "x1"], [], {}, "'x0' is continuous"),
        ("tri", ["x0"], [], {}, "there is no metric 'tri': there are 'uni', 'bi'"),
    ],
)
def test_what_is_no_question_is_refused(
    metric: str,
    inputs: list[str],
    targets: list[str],
    parameters: dict[str, Any],
    message: str,
    real_tables: Any,
    learned: Learned,
) -> None:
    with pytest.raises(ModelError, match=message):
        explore(metric, learned(real_tables["iris"]), inputs, targets, parameters)


def test_what_does_not_vary_cannot_be_tested(learned: Learned) -> None:
    moments = learned(
        {
            "still": [2.5, 2.5, 2.5],
            "other": [3.5, 3.5, 3.5],
            "one": [1.5, np.nan, np.nan],
            "x": [1.5, 2.0, 4.0],
        }
    )
    for inputs in (["still", "other"], ["other", "still"]):
        with pytest.raises(ModelError, match="are constant: name attributes that vary"):
            explore("ttest", moments, inputs)
    with pytest.raises(ModelError, match="'still' is constant: name an attribute that varies"):
        explore("ftest", moments, ["x", "still"])
    with pytest.raises(ModelError, match="'one' has one value, and so no variance"):
        explore("ztest", moments, ["x", "one"])
    with pytest.raises(ModelError, match="'still' is constant: name attributes that vary"):
        explore("ttestmu", moments, ["still"], (), {"mu": 1})


def test_a_group_whose_squares_were_not_kept_is_refused_with_the_remedy(fair: Any, learned: Learned) -> None:
    with pytest.raises(
        ModelError, match="learn 'had_affair' as a category, or make the project with conditionals"
    ):
        explore("ttest", learned(fair), ["age"], ["had_affair", "has_children"])


@pytest.mark.parametrize("metric", ["ttest", "ztest", "ftest", "anova"])
def test_binary_columns_are_groups_where_squared_products_are_kept(
    metric: str, fair: Any, learned: Learned
) -> None:
    children = fair["has_children"]
    columns = {"age": fair["age"], "with": children, "without": 1 - children}
    columns["family"] = ["with" if value else "without" for value in children]
    moments = learned(columns, extras=[Extra.CONDITIONALS])
    by_columns = explore(metric, moments, ["age"], ["with", "without"])
    assert by_columns == explore(metric, moments, ["age"], ["family"])
    if metric == "ttest":
        expected = stats.ttest_ind(fair["age"][children == 1], fair["age"][children == 0])
        assert (by_columns["t"], by_columns["tp"]) == pytest.approx(
            (expected.statistic, expected.pvalue), rel=1e-8
        )
