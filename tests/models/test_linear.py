"""Least squares and ridge: from sums alone, the numbers of statsmodels and scikit-learn on pooled rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import datasets
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from federation.models import LinearModel, ModelError, fit, fit_linear, from_dict
from federation.statistics import Moments, Schema, Table

Learned = Callable[..., Moments]
Tabulated = Callable[[dict[str, Any]], Table]


def load(name: str) -> dict[str, Any]:
    """Columns of one of scikit-learn's data sets, the target as "target"."""
    bunch = getattr(datasets, f"load_{name}")()
    return {str(key): bunch.data[:, i].astype(float) for i, key in enumerate(bunch.feature_names)} | {
        "target": bunch.target.astype(float)
    }


def assert_matches(model: LinearModel, reference: Any, rtol: float = 1e-9) -> None:
    np.testing.assert_allclose(model.coef, reference.params, rtol=rtol)
    np.testing.assert_allclose(model.std_error, reference.bse, rtol=rtol)
    np.testing.assert_allclose(model.t, reference.tvalues, rtol=rtol)
    # A p value is exp(-t²/2) or so: its relative error is t² times that of t.
    np.testing.assert_allclose(model.p, reference.pvalues, rtol=1e-8, atol=1e-300)
    np.testing.assert_allclose(
        np.stack([model.ci_low, model.ci_high], axis=1), reference.conf_int(), rtol=1e-8
    )
    for ours, theirs in (
        (model.r2, reference.rsquared),
        (model.adjusted_r2, reference.rsquared_adj),
        (model.sigma, np.sqrt(reference.scale)),
        (model.f, reference.fvalue),
    ):
        assert ours == pytest.approx(theirs, rel=rtol)
    assert model.f_p == pytest.approx(reference.f_pvalue, rel=1e-8, abs=1e-300)
    assert model.rows == reference.nobs
    assert model.df == reference.df_resid


@pytest.mark.parametrize("name", ["diabetes", "breast_cancer", "wine", "iris"])
def test_least_squares_is_that_of_statsmodels(name: str, learned: Learned) -> None:
    columns = load(name)
    inputs = [key for key in columns if key != "target"]
    model = fit_linear(learned(columns), "target", inputs)
    reference = sm.OLS(
        columns["target"], sm.add_constant(np.column_stack([columns[k] for k in inputs]))
    ).fit()
    assert model.terms == ("(intercept)", *inputs)
    assert_matches(model, reference)


def test_without_an_intercept_sums_are_taken_about_zero(learned: Learned) -> None:
    columns = load("diabetes")
    inputs = ["age", "bmi", "bp", "s1"]
    columns["bmi"] = columns["bmi"] + 3.0
    model = fit_linear(learned(columns), "target", inputs, intercept=False)
    reference = sm.OLS(columns["target"], np.column_stack([columns[k] for k in inputs])).fit()
    assert model.terms == tuple(inputs)
    assert_matches(model, reference)


def test_a_category_becomes_indicators_against_its_first_level(
    learned: Learned, tabulated: Tabulated
) -> None:
    iris = datasets.load_iris()
    species = [str(iris.target_names[i]) for i in iris.target]
    columns = {
        "length": iris.data[:, 0],
        "width": iris.data[:, 1],
        "species": species,
        "petal": iris.data[:, 3],
    }
    model = fit_linear(learned(columns), "petal", ["length", "species", "width"])
    assert model.terms == ("(intercept)", "length", "species$versicolor", "species$virginica", "width")
    assert model.reference_levels == {"species": "setosa"}
    design = np.column_stack(
        [np.ones(150), iris.data[:, 0], iris.target == 1, iris.target == 2, iris.data[:, 1]]
    ).astype(float)
    reference = sm.OLS(iris.data[:, 3], design).fit()
    assert_matches(model, reference)
    np.testing.assert_allclose(model.predict(tabulated(columns))["res"], reference.fittedvalues, rtol=1e-10)


def test_numbers_can_be_levels_and_one_level_can_be_an_input(learned: Learned, tabulated: Tabulated) -> None:
    rng = np.random.default_rng(1)
    month = rng.integers(1, 5, 200).astype(float)
    columns = {"month": month, "y": np.round(month**2 + rng.normal(size=200), 3)}
    moments = learned(columns, types={"month": "T"})
    whole = fit_linear(moments, "y", ["month"])
    assert whole.terms == ("(intercept)", "month$2", "month$3", "month$4")
    means = [columns["y"][month == level].mean() for level in (1, 2, 3, 4)]
    predicted = whole.predict(tabulated({"month": [1.0, 2.0, 3.0, 4.0]}))["res"]
    np.testing.assert_allclose(predicted, means, rtol=1e-12)
    one = fit_linear(moments, "y", ["month$4"])
    np.testing.assert_allclose(
        one.predict(tabulated({"month": [4.0, 1.0, 17.0]}))["res"],
        [means[3], columns["y"][month != 4].mean(), columns["y"][month != 4].mean()],
    )


def with_holes(seed: int = 2) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 300)).round(3)
    kind = [None if i % 17 == 0 else "uvw"[i % 3] for i in range(300)]
    y = (1.0 + 2.0 * a - b + rng.normal(size=300)).round(3)
    a[::11], y[5::29] = np.nan, np.nan
    return {"a": a, "b": b, "kind": kind, "y": y}


def test_listwise_deletion_is_exact(learned: Learned) -> None:
    columns = with_holes()
    model = fit_linear(learned(columns), "y", ["a", "b", "kind"])
    kind = np.array([level or "" for level in columns["kind"]])
    keep = ~np.isnan(columns["a"]) & ~np.isnan(columns["y"]) & (kind != "")
    design = np.column_stack([np.ones(300), columns["a"], columns["b"], kind == "v", kind == "w"]).astype(
        float
    )[keep]
    assert_matches(model, sm.OLS(columns["y"][keep], design).fit())
    assert model.rows == keep.sum()


def test_mean_imputation_is_exact(learned: Learned) -> None:
    columns = {name: values for name, values in with_holes().items() if name != "kind"}
    model = fit_linear(learned(columns), "y", ["a", "b"], missing="mean")
    filled = {k: np.where(np.isnan(v), np.nanmean(v), v) for k, v in columns.items()}
    design = np.column_stack([np.ones(300), filled["a"], filled["b"]])
    assert_matches(model, sm.OLS(filled["y"], design).fit())


def test_pairwise_uses_every_pair_of_values(learned: Learned) -> None:
    columns = {name: values for name, values in with_holes().items() if name != "kind"}
    model = fit_linear(learned(columns), "y", ["a", "b"], missing="pairwise")

    def covariance(i: str, j: str) -> float:
        both = ~np.isnan(columns[i]) & ~np.isnan(columns[j])
        return float(np.cov(columns[i][both], columns[j][both], ddof=0)[0, 1])

    matrix = np.array([[covariance(i, j) for j in "ab"] for i in "ab"])
    slopes = np.linalg.solve(matrix, [covariance(i, "y") for i in "ab"])
    intercept = np.nanmean(columns["y"]) - slopes @ [np.nanmean(columns[i]) for i in "ab"]
    np.testing.assert_allclose(model.coef, [intercept, *slopes], rtol=1e-10)


def test_levels_without_rows_in_the_used_stratum_are_dropped(learned: Learned) -> None:
    columns = with_holes()
    columns["a"][[i for i, kind in enumerate(columns["kind"]) if kind == "u"]] = np.nan
    model = fit_linear(learned(columns), "y", ["b", "kind"])
    assert model.reference_levels == {"kind": "v"}
    assert model.terms == ("(intercept)", "b", "kind$w")


@pytest.mark.parametrize("penalty", [1e-6, 0.5, 30.0])
@pytest.mark.parametrize("intercept", [True, False])
def test_ridge_is_that_of_scikit_learn(penalty: float, intercept: bool, learned: Learned) -> None:
    columns = load("diabetes")
    inputs = [key for key in columns if key != "target"]
    X = np.column_stack([columns[k] for k in inputs])
    model = fit_linear(learned(columns), "target", inputs, ridge=penalty, intercept=intercept)
    reference = Ridge(alpha=penalty, fit_intercept=intercept).fit(X, columns["target"])
    np.testing.assert_allclose(model.coef[int(intercept) :], reference.coef_, rtol=1e-9)
    residual = columns["target"] - reference.predict(X)
    total = columns["target"] - (columns["target"].mean() if intercept else 0.0)
    assert model.r2 == pytest.approx(1.0 - (residual @ residual) / (total @ total), rel=1e-9)
    assert model.algorithm == "ridge"
    assert model.std_error is None and model.p is None and model.sigma is None


def test_standardised_ridge_is_ridge_after_standard_scaler(learned: Learned, tabulated: Tabulated) -> None:
    columns = load("wine")
    inputs = [key for key in columns if key != "target"]
    X = np.column_stack([columns[k] for k in inputs])
    model = fit("ridge", learned(columns), "target", inputs, alpha=2.0, standardize=True)
    reference = make_pipeline(StandardScaler(), Ridge(alpha=2.0)).fit(X, columns["target"])
    np.testing.assert_allclose(model.predict(tabulated(columns))["res"], reference.predict(X), rtol=1e-10)


def test_ridge_fits_dependent_columns_and_fewer_rows_than_inputs(learned: Learned) -> None:
    columns = {"a": [1.0, 2.0, 4.0], "b": [2.0, 4.0, 8.0], "c": [1.0, 0.0, 3.0], "y": [1.0, 5.0, 2.0]}
    model = fit_linear(learned(columns), "y", ["a", "b", "c"], ridge=1.0)
    X = np.column_stack([columns[k] for k in "abc"])
    np.testing.assert_allclose(model.coef[1:], Ridge(alpha=1.0).fit(X, columns["y"]).coef_, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 150), max_size=4), seed=st.integers(0, 2**32 - 1))
def test_any_split_of_the_rows_gives_the_same_model_to_the_bit(cuts: list[int], seed: int) -> None:
    iris = datasets.load_iris()
    table = Table({f"x{i}": iris.data[:, i] for i in range(4)})
    schema = Schema.infer(table)
    order = np.random.default_rng(seed).permutation(150)
    parts = np.split(order, sorted(cuts))
    fused = sum((Moments(schema).learn(table.take(part)) for part in parts), Moments(schema))
    pooled = Moments(schema).learn(table)
    assert fit_linear(fused, "x3", ["x0", "x1", "x2"]) == fit_linear(pooled, "x3", ["x0", "x1", "x2"])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), p=st.integers(1, 12), spread=st.floats(0.0, 12.0))
def test_coefficients_solve_the_rational_normal_equations(
    nist: Any, seed: int, p: int, spread: float
) -> None:
    """Columns of any scale and nearly any dependence: the float64 result is right to its last digits."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(3 * p + 3, p)) * 10.0 ** rng.uniform(-6, 6, p)
    if p > 1:
        X[:, -1] = X[:, 0] * (1.0 + rng.normal(size=len(X)) * 10.0**-spread)
    names = [f"x{i}" for i in range(p)]
    floats = dict(zip(names, X.T, strict=True)) | {"y": rng.normal(size=len(X))}
    exact = {name: [nist.Fraction(v) for v in floats[name].tolist()] for name in ["y", *names]}
    schema = Schema(
        tuple(
            nist.Attribute(name, nist.AttributeType.CONTINUOUS, nist.exact_quantum(values))
            for name, values in floats.items()
        )
    )
    try:
        model = fit_linear(Moments(schema).learn(Table(floats)), "y", names)
    except ModelError as error:
        assert "linear combination" in str(error)
        assert spread > 8.0
        return
    coef, squares = nist.exact_fit(exact, True)
    np.testing.assert_allclose(model.coef, [float(value) for value in coef], rtol=1e-9)
    np.testing.assert_allclose(model.std_error, np.sqrt([float(value) for value in squares]), rtol=1e-9)


def test_a_missing_value_is_predicted_with_the_mean_of_its_column(
    learned: Learned, tabulated: Tabulated
) -> None:
    columns = with_holes()
    model = fit_linear(learned(columns), "y", ["a", "b", "kind"])
    base = dict(zip(model.terms, model.coef, strict=True))
    table = tabulated({"a": [np.nan, 1.0], "b": [2.0, 2.0], "kind": ["w", None]})
    expected = [
        base["(intercept)"] + base["a"] * model.means["a"] + 2.0 * base["b"] + base["kind$w"],
        base["(intercept)"]
        + base["a"]
        + 2.0 * base["b"]
        + sum(base[term] * model.means[term] for term in ("kind$v", "kind$w")),
    ]
    np.testing.assert_allclose(model.predict(table)["res"], expected, rtol=1e-12)


def test_a_model_is_json_and_back(learned: Learned) -> None:
    for options in ({}, {"ridge": 0.5}, {"intercept": False}):
        model = fit_linear(learned(with_holes()), "y", ["a", "kind", "b"], **options)
        text = json.dumps(model.to_dict(), allow_nan=False)
        assert from_dict(json.loads(text)) == model
