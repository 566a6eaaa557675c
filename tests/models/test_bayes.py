"""Naive Bayes, against scikit-learn's for numbers, for 0/1 values and for categories."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import datasets
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, GaussianNB
from sklearn.preprocessing import OrdinalEncoder

from federation.models import ModelError, fit, fit_bayes, from_dict
from federation.statistics import Extra, Moments, Table

Learned = Callable[..., Moments]
Tabulated = Callable[[dict[str, Any]], Table]
Labelled = dict[str, tuple[dict[str, Any], list[str]]]


def probabilities(result: dict[str, Any], classes: tuple[str, ...], target: str = "kind") -> Any:
    return np.column_stack([result[f"{target}${label}"] for label in classes])


@pytest.mark.parametrize("data", ["iris", "wine", "breast_cancer"])
def test_continuous_inputs_are_normal(
    data: str, labelled: Labelled, learned: Learned, tabulated: Tabulated
) -> None:
    columns, inputs = labelled[data]
    X = np.column_stack([columns[name] for name in inputs])
    reference = GaussianNB().fit(X, columns["kind"])
    model = fit("bayes", learned(columns), "kind", inputs)
    result = model.predict(tabulated(columns))
    ours = probabilities(result, model.classes)
    np.testing.assert_allclose(ours, reference.predict_proba(X), rtol=0, atol=1e-9)
    np.testing.assert_array_equal(result["res"], reference.predict(X))
    np.testing.assert_array_equal(result["Prob"], ours.max(axis=1))
    print(
        f"\nbayes {data}: posterior within {np.abs(ours - reference.predict_proba(X)).max():.1e} "
        "of GaussianNB's"
    )


@pytest.mark.parametrize("data", ["iris", "wine", "breast_cancer"])
def test_a_target_of_zeros_and_ones_has_normal_inputs_too(
    data: str, labelled: Labelled, learned: Learned, tabulated: Tabulated
) -> None:
    """Where the statistics have conditional squares; one level of a category needs nothing extra."""
    columns, inputs = labelled[data]
    X = np.column_stack([columns[name] for name in inputs])
    alone = columns["kind"][0]
    two = columns | {"kind": np.array([float(kind == alone) for kind in columns["kind"]])}
    reference = GaussianNB().fit(X, two["kind"]).predict_proba(X)[:, 1]
    moments = learned(two, extras=[Extra.CONDITIONALS])
    as_number = fit_bayes(moments, "kind", inputs).predict(tabulated(two))["kind$1"]
    as_level = fit_bayes(learned(columns), f"kind${alone}", inputs).predict(tabulated(columns))
    np.testing.assert_allclose(as_number, reference, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(as_number, as_level[f"kind${alone}$1"])


@pytest.mark.parametrize("data", ["iris", "wine", "breast_cancer", "digits"])
def test_inputs_of_zeros_and_ones_are_counted(
    data: str, labelled: Labelled, learned: Learned, tabulated: Tabulated
) -> None:
    """Each measurement as whether it is above its mean; the digits as whether a point is inked."""
    if data == "digits":
        bunch = datasets.load_digits()
        X, kinds = (bunch.data > 7.0).astype(float), [str(label) for label in bunch.target]
        X = X[:, (X.mean(axis=0) > 0.0) & (X.mean(axis=0) < 1.0)]
    else:
        columns, inputs = labelled[data]
        X, kinds = np.column_stack([columns[name] for name in inputs]), columns["kind"]
        X = (X.mean(axis=0) < X).astype(float)
    inputs = [f"b{i}" for i in range(X.shape[1])]
    columns = dict(zip(inputs, X.T, strict=True)) | {"kind": kinds}
    reference = BernoulliNB().fit(X, kinds).predict_proba(X)
    moments, table = learned(columns), tabulated(columns)
    model = fit_bayes(moments, "kind", inputs)
    ours = probabilities(model.predict(table), model.classes)
    np.testing.assert_allclose(ours, reference, rtol=0, atol=1e-12)
    print(f"\nbayes {data}: posterior within {np.abs(ours - reference).max():.1e} of BernoulliNB's")
    # A 0/1 target, and one level against the others, are two classes.
    alone = kinds[0]
    two = {**columns, "kind": [float(kind == alone) for kind in kinds]}
    as_number = fit_bayes(learned(two), "kind", inputs).predict(tabulated(two))
    as_level = fit_bayes(moments, f"kind${alone}", inputs).predict(table)
    reference = BernoulliNB().fit(X, two["kind"]).predict_proba(X)[:, 1]
    np.testing.assert_allclose(as_number["kind$1"], reference, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(as_number["kind$1"], as_level[f"kind${alone}$1"])
    assert as_number["res"].dtype == np.float64


@pytest.mark.parametrize("data", ["iris", "wine", "breast_cancer"])
@pytest.mark.parametrize("laplace", [1.0, 0.25])
def test_categories_are_counted(
    data: str, laplace: float, labelled: Labelled, learned: Learned, tabulated: Tabulated
) -> None:
    """Each measurement as the third of the rows in which it lies."""
    columns, inputs = labelled[data]
    X = np.column_stack([columns[name] for name in inputs])
    thirds = np.array([np.digitize(column, np.quantile(column, [1 / 3, 2 / 3])) for column in X.T]).T
    words = np.array(["low", "middle", "high"])[thirds]
    columns = {name: words[:, i].tolist() for i, name in enumerate(inputs)} | {"kind": columns["kind"]}
    codes = OrdinalEncoder().fit_transform(words)
    reference = CategoricalNB(alpha=laplace).fit(codes, columns["kind"]).predict_proba(codes)
    moments, table = learned(columns), tabulated(columns)
    model = fit("bayes", moments, "kind", inputs, laplace_factor=laplace)
    ours = probabilities(model.predict(table), model.classes)
    np.testing.assert_allclose(ours, reference, rtol=0, atol=1e-12)
    print(
        f"\nbayes {data}, factor {laplace}: posterior within {np.abs(ours - reference).max():.1e} "
        "of CategoricalNB's"
    )
    alone = columns["kind"][0]
    two = {**columns, "kind": [float(kind == alone) for kind in columns["kind"]]}
    as_number = fit_bayes(learned(two), "kind", inputs, laplace_factor=laplace).predict(tabulated(two))
    reference = CategoricalNB(alpha=laplace).fit(codes, two["kind"]).predict_proba(codes)[:, 1]
    np.testing.assert_allclose(as_number["kind$1"], reference, rtol=0, atol=1e-12)


def test_mixed_inputs_multiply(labelled: Labelled, learned: Learned, tabulated: Tabulated) -> None:
    """Continuous, 0/1, category and one level of a category together: the log-densities add up."""
    columns, _ = labelled["iris"]
    long = (columns["x0"] > 5.8).astype(float)
    width = np.array(["narrow", "wide"])[(columns["x3"] > 1.0).astype(int)]
    columns = columns | {"long": long, "width": width.tolist()}
    moments, table = learned(columns), tabulated(columns)
    kinds = ("setosa", "versicolor", "virginica")
    parts = [["x1", "x2"], ["long"], ["width"]]
    reference = -2.0 * np.log([50 / 150] * 3) + sum(
        np.log(probabilities(fit_bayes(moments, "kind", part).predict(table), kinds)) for part in parts
    )
    reference = np.exp(reference) / np.exp(reference).sum(axis=1, keepdims=True)
    model = fit_bayes(moments, "kind", ["x1", "x2", "long", "width"])
    result = model.predict(table)
    np.testing.assert_allclose(probabilities(result, model.classes), reference, rtol=1e-9, atol=1e-300)
    # The indicator of one of two levels is a 0/1 attribute that tells the same.
    indicator = fit_bayes(moments, "kind", ["x1", "x2", "long", "width$wide"]).predict(table)
    np.testing.assert_allclose(indicator["Prob"], result["Prob"], rtol=1e-12)
    assert from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False))) == model


def test_a_missing_value_says_nothing(labelled: Labelled, learned: Learned, tabulated: Tabulated) -> None:
    """Learned from the rows that have it; at prediction the posterior is that without the attribute."""
    columns, _ = labelled["wine"]
    holes = columns | {"x1": np.where(np.arange(178) % 5 == 0, np.nan, columns["x1"])}
    model = fit_bayes(learned(holes), "kind", ["x0", "x1"], var_smoothing=0.0)
    there = ~np.isnan(holes["x1"])
    reference = GaussianNB(var_smoothing=0.0).fit(
        columns["x1"][there, None], np.array(columns["kind"])[there]
    )
    np.testing.assert_allclose(model.normal["x1"][0], reference.theta_[:, 0], rtol=1e-13)
    np.testing.assert_allclose(model.normal["x1"][1], reference.var_[:, 0], rtol=1e-11)
    alone = fit_bayes(learned(columns), "kind", ["x0"], var_smoothing=0.0).predict(tabulated(columns))
    result = model.predict(tabulated(holes))
    np.testing.assert_allclose(result["Prob"][~there], alone["Prob"][~there], rtol=1e-12)


@pytest.mark.parametrize(
    ("target", "inputs", "options", "message"),
    [
        ("kind", ["gone"], {}, "'gone' is missing in every row of class 'v': leave it out"),
        ("kind", ["still"], {"var_smoothing": 0}, "'still' is constant in class 'u'"),
        ("kind", ["flag"], {"laplace_factor": 0}, "'flag' has a value that never occurs in class 'u'"),
        ("kind", ["word"], {"laplace_factor": 0}, "'word' has a value that never occurs in class 'v'"),
        ("kind", ["x"], {"laplace_factor": -1}, "must not be negative"),
        (
            "flag",
            ["x"],
            {},
            "no sums of squares of 'x' in the classes of 'flag': learn the target as a category",
        ),
        ("x", ["word"], {}, "'x' is of type C"),
        ("kind", ["word", "kind"], {}, "target 'kind' is among the inputs"),
    ],
)
def test_what_is_refused(
    target: str, inputs: list[str], options: dict[str, Any], message: str, learned: Learned
) -> None:
    moments = learned(
        {
            "x": [1.0, 2.0, 4.0, 3.0, 7.0, 5.5],
            "still": [2.0, 2.0, 2.0, 3.0, 3.5, 2.0],
            "gone": [2.0, 4.0, 8.0, np.nan, np.nan, np.nan],
            "flag": [0.0, 0.0, 0.0, 0.0, 1.0, 1.0],
            "word": ["a", "b", "b", "b", "b", "b"],
            "kind": ["u"] * 3 + ["v"] * 3,
        }
    )
    with pytest.raises(ModelError, match=message):
        fit("bayes", moments, target, inputs, **options)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"flag": [1.0, 2.0], "word": ["a", "b"]}, "column 'flag', row 2: 2 is neither 0 nor 1"),
        ({"flag": [1.0, 0.0], "word": ["a", "z"]}, "column 'word', row 2: level 'z' was not there"),
        ({"flag": [1.0]}, "the table lacks 'word'"),
    ],
)
def test_rows_that_cannot_be_predicted(
    rows: dict[str, Any], message: str, learned: Learned, tabulated: Tabulated
) -> None:
    moments = learned({"flag": [0.0, 1.0, 1.0, 0.0], "word": list("abba"), "kind": list("uuvv")})
    model = fit_bayes(moments, "kind", ["flag", "word"])
    with pytest.raises(ModelError, match=message):
        model.predict(tabulated(rows))
