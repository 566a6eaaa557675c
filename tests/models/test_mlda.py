"""Discriminant analysis of many classes, against scikit-learn."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from federation.models import ModelError, fit, fit_mlda, from_dict
from federation.statistics import Moments, Table

Learned = Callable[..., Moments]
Tabulated = Callable[[dict[str, Any]], Table]
Labelled = dict[str, tuple[dict[str, Any], list[str]]]


@pytest.mark.parametrize("data", ["iris", "wine", "breast_cancer"])
def test_it_is_that_of_scikit_learn(
    data: str, labelled: Labelled, learned: Learned, tabulated: Tabulated
) -> None:
    """scikit-learn divides the covariance by n: ours does so with ddof=0."""
    columns, inputs = labelled[data]
    moments, table = learned(columns), tabulated(columns)
    model = fit("mlda", moments, "kind", inputs, ddof="0")
    X, kinds = np.column_stack([columns[name] for name in inputs]), np.array(columns["kind"])
    reference = LinearDiscriminantAnalysis(solver="lsqr").fit(X, kinds)
    result = model.predict(table)
    posterior = np.column_stack([result[f"kind${kind}"] for kind in model.classes])
    assert model.classes == tuple(reference.classes_)
    # scikit-learn solves with raw covariances, whose condition number is 1e12 for the tumours.
    np.testing.assert_allclose(posterior, reference.predict_proba(X), rtol=0, atol=1e-7)
    np.testing.assert_array_equal(result["res"], reference.predict(X))
    np.testing.assert_allclose(model.class_means, reference.means_, rtol=1e-13)
    unbiased = fit_mlda(moments, "kind", inputs)
    factor = (len(X) - len(model.classes)) / len(X)
    np.testing.assert_allclose(unbiased.weights, np.array(model.weights) * factor, rtol=1e-14)
    print(
        f"\nmlda {data}: posterior within {np.abs(posterior - reference.predict_proba(X)).max():.1e} of "
        f"scikit-learn's, accuracy {(result['res'] == kinds).mean():.4f}"
    )


def test_two_classes_are_those_of_lda(labelled: Labelled, learned: Learned, tabulated: Tabulated) -> None:
    """Of a 0/1 target the two linear models are one: the discriminants differ by β, and resU is res."""
    columns, inputs = labelled["breast_cancer"]
    numbers = columns | {"kind": np.array([kind == "benign" for kind in columns["kind"]], dtype=float)}
    moments, table = learned(numbers), tabulated(numbers)
    two, many = fit("lda", moments, "kind", inputs), fit("mlda", moments, "kind", inputs)
    np.testing.assert_allclose(np.subtract(*many.weights[::-1]), two.weights, rtol=1e-12)
    np.testing.assert_array_equal(many.predict(table)["res"], two.predict(table)["resU"])
    assert set(many.predict(table)) == {"res", "kind$0", "kind$1", "resZ"}
    indicator = fit("mlda", learned(columns), "kind$benign", inputs)
    np.testing.assert_allclose(indicator.weights, many.weights, rtol=1e-12)


def test_categories_are_inputs(labelled: Labelled, learned: Learned, tabulated: Tabulated) -> None:
    columns, inputs = labelled["iris"]
    sizes = np.array(["short", "middle", "long"])[np.digitize(columns["x0"], [5.4, 6.2])]
    columns = {name: columns[name] for name in inputs[1:]} | {"size": sizes.tolist(), "kind": columns["kind"]}
    model = fit_mlda(learned(columns), "kind", [*inputs[1:], "size"], ddof=0)
    assert model.reference_levels == {"size": "long"}
    X = np.column_stack([columns[name] for name in inputs[1:]] + [sizes == s for s in ("middle", "short")])
    reference = LinearDiscriminantAnalysis(solver="lsqr").fit(X, columns["kind"]).predict_proba(X)
    result = model.predict(tabulated(columns))
    np.testing.assert_allclose(result["kind$virginica"], reference[:, 2], rtol=0, atol=1e-12)


def test_it_is_data(labelled: Labelled, learned: Learned, tabulated: Tabulated) -> None:
    columns, inputs = labelled["iris"]
    model = fit("mlda", learned(columns), "kind", inputs)
    again = from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    assert again == model
    assert json.loads(json.dumps(again.predict(tabulated(columns))["res"].tolist()))[:1] == ["setosa"]


@pytest.mark.parametrize(
    ("target", "inputs", "message"),
    [
        ("same", ["x"], "target 'same' has one class only, 'only'"),
        ("kind$w", ["x"], r"'kind\$w' has one class only in the 6 rows used \('0'\)"),
        ("x", ["y"], "'x' is of type C: classes are the levels of a category"),
        ("kind", ["x", "kind"], r"target 'kind' is among the inputs \('kind'\)"),
        ("kind", ["x", "kind$u"], r"target 'kind' is among the inputs \('kind\$u'\)"),
        ("nowhere", ["x"], "attribute 'nowhere' is unknown"),
        ("kind", [], "no inputs"),
        ("kind", ["still"], "'still' is constant within every class of 'kind'"),
        ("kind", ["x", "twice"], "'twice' is a linear combination of 'x'"),
        ("kind", ["x", "same"], "category 'same' has one level"),
        ("many", ["x", "y"], "6 rows for 2 inputs and 6 classes: at least 8"),
    ],
)
def test_what_is_refused(target: str, inputs: list[str], message: str, learned: Learned) -> None:
    moments = learned(
        {
            "x": [1.0, 2.0, 4.0, 3.0, 7.0, 5.5],
            "y": [2.0, 1.0, 5.0, 3.0, 3.5, 2.0],
            "twice": [2.0, 4.0, 8.0, 6.0, 14.0, 11.0],
            "still": [0.1, 0.1, 0.1, 0.7, 0.7, 0.7],
            "kind": ["u"] * 3 + ["v"] * 3,
            "same": ["only"] * 6,
            "many": list("abcdef"),
        }
    )
    with pytest.raises(ModelError, match=message):
        fit_mlda(moments, target, inputs)
