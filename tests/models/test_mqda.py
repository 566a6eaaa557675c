"""Quadratic discriminants from statistics split by class, against scikit-learn."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis

from federation.models import ModelError, fit, fit_mqda, from_dict
from federation.statistics import Moments, Schema, Table

Learned = Callable[..., Moments]
Tabulated = Callable[[dict[str, Any]], Table]
Labelled = dict[str, tuple[dict[str, Any], list[str]]]


def split(table: Table, by: str = "kind") -> Moments:
    return Moments(replace(Schema.infer(table, 60), split=by)).learn(table)


@pytest.mark.parametrize("data", ["iris", "wine", "breast_cancer"])
def test_it_is_that_of_scikit_learn(data: str, labelled: Labelled, tabulated: Tabulated) -> None:
    columns, inputs = labelled[data]
    table = tabulated(columns)
    X, kinds = np.column_stack([columns[name] for name in inputs]), np.array(columns["kind"])
    # Units do not matter to the model, but do to scikit-learn's singular values. It divides by the rows.
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    reference = QuadraticDiscriminantAnalysis(tol=1e-9).fit(Z, kinds)
    moments = split(table)
    model = fit("mqda", moments, "kind", inputs, sml_det_norm_use="true", ddof="0")
    result = model.predict(table)
    posterior = np.column_stack([result[f"kind${kind}"] for kind in model.classes])
    np.testing.assert_allclose(posterior, reference.predict_proba(Z), rtol=0, atol=1e-8)
    np.testing.assert_array_equal(result["res"], reference.predict(Z))
    assert from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False))) == model
    # One class against the others, whose statistics add up.
    alone = model.classes[1]
    two = QuadraticDiscriminantAnalysis(tol=1e-9).fit(Z, kinds == alone).predict_proba(Z)[:, 1]
    against = fit_mqda(moments, f"kind${alone}", inputs, ddof=0).predict(table)
    np.testing.assert_allclose(against[f"kind${alone}$1"], two, rtol=0, atol=1e-8)
    print(
        f"\nmqda {data}: posterior within {np.abs(posterior - reference.predict_proba(Z)).max():.1e} of "
        f"scikit-learn's, accuracy {(result['res'] == kinds).mean():.4f}"
    )


def test_linear_models_do_not_mind_the_split(
    labelled: Labelled, learned: Learned, tabulated: Tabulated
) -> None:
    columns, inputs = labelled["wine"]
    apart, together = split(tabulated(columns)), learned(columns)
    assert fit("mlda", apart, "kind", inputs) == fit("mlda", together, "kind", inputs)
    assert fit("bayes", apart, "kind", inputs) == fit("bayes", together, "kind", inputs)


def test_categories_and_missing_values(labelled: Labelled, tabulated: Tabulated) -> None:
    """Rows with a missing value are left out; indicators are the whole table's."""
    columns, _ = labelled["iris"]
    rng = np.random.default_rng(4)
    sides = rng.choice(["left", "right"], 150).tolist()
    holes = np.where(np.arange(150) % 11 == 0, np.nan, columns["x1"])
    table = tabulated({"x0": columns["x0"], "x1": holes, "side": sides, "kind": columns["kind"]})
    model = fit_mqda(split(table), "kind", ["x0", "x1", "side"], ddof=0)
    there = ~np.isnan(holes)
    X = np.column_stack([columns["x0"], holes, [side == "right" for side in sides]])[there].astype(float)
    kinds = np.array(columns["kind"])[there]
    reference = QuadraticDiscriminantAnalysis().fit(X, kinds).predict_proba(X)
    result = model.predict(table)
    np.testing.assert_allclose(result["kind$setosa"][there], reference[:, 0], rtol=0, atol=1e-10)
    assert (model.reference_levels, model.rows) == ({"side": "left"}, int(there.sum()))


@pytest.mark.parametrize(
    ("target", "inputs", "message"),
    [
        (
            "other",
            ["x"],
            "classes of 'kind' apart: make it with statistics split by 'other'.* or fit mlda",
        ),
        ("flag", ["x"], "statistics split by 'flag', a category"),
        ("kind", ["x", "y"], "class 'v': 2 rows for 2 columns; at least 3"),
        ("kind", ["still"], "class 'u': 'still' is constant in the 3 rows used"),
        ("kind", ["x", "twice"], "class 'u': 'twice' is a linear combination of 'x'"),
        ("kind$w", ["x"], r"target 'kind\$w' has one class only"),
    ],
)
def test_what_is_refused(target: str, inputs: list[str], message: str, tabulated: Tabulated) -> None:
    table = tabulated(
        {
            "x": [1.0, 2.0, 4.0, 3.0, 7.0],
            "y": [2.0, 1.0, 5.0, 3.0, 3.5],
            "twice": [2.0, 4.0, 8.0, 6.0, 14.0],
            "still": [0.5, 0.5, 0.5, 0.7, 0.9],
            "flag": [0.0, 1.0, 0.0, 1.0, 1.0],
            "other": ["a", "b", "a", "b", "a"],
            "kind": ["u"] * 3 + ["v"] * 2,
        }
    )
    with pytest.raises(ModelError, match=message):
        fit_mqda(split(table), target, inputs)


def test_statistics_that_are_not_split_are_refused(labelled: Labelled, learned: Learned) -> None:
    columns, inputs = labelled["iris"]
    with pytest.raises(ModelError, match="not keep classes apart: make it with statistics split by 'kind'"):
        fit_mqda(learned(columns), "kind", inputs)
