"""Two-class discriminant analysis: SymetryML's documented numbers, and scikit-learn's decisions."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import datasets
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from federation.models import ModelError, fit, fit_lda, from_dict
from federation.statistics import Moments, Table

Learned = Callable[..., Moments]
Tabulated = Callable[[dict[str, Any]], Table]
INPUTS = ["sepal_length", "sepal_width", "petal_length"]


def test_documented_model_on_iris(
    iris_of_the_reference: dict[str, Any], learned: Learned, tabulated: Tabulated
) -> None:
    """The documented sample has a continuous target: the formulas apply to it as they stand."""
    model = fit_lda(learned(iris_of_the_reference), "petal_width", INPUTS)
    np.testing.assert_allclose(model.weights, [0.26570302, -0.28908743, -0.66477546], atol=5e-9)
    assert model.z0 == pytest.approx(-3.840891864408894, rel=1e-14)
    rows = tabulated({"sepal_length": [4.3], "sepal_width": [3.0], "petal_length": [1.1]})
    result = model.predict(rows)
    assert result["res"].tolist() == [1.0]
    assert result["resZ"][0] == pytest.approx(-0.4559922893809558, rel=1e-13)
    assert result["normZ"][0] == pytest.approx(0.2929126883636288, rel=1e-13)
    assert "resU" not in result


@pytest.mark.parametrize("species", ["setosa", "versicolor", "virginica"])
def test_one_species_against_the_others_is_that_of_scikit_learn(
    species: str, iris_of_the_reference: dict[str, Any], learned: Learned, tabulated: Tabulated
) -> None:
    model = fit_lda(learned(iris_of_the_reference), f"species${species}", [*INPUTS, "petal_width"])
    X = np.column_stack([iris_of_the_reference[name] for name in [*INPUTS, "petal_width"]])
    t = np.array([name == species for name in iris_of_the_reference["species"]])
    reference = LinearDiscriminantAnalysis(solver="lsqr").fit(X, t)
    within = sum((X[g] - X[g].mean(axis=0)).T @ (X[g] - X[g].mean(axis=0)) for g in (t, ~t)) / 148.0
    difference = X[t].mean(axis=0) - X[~t].mean(axis=0)
    beta = np.linalg.solve(within, difference)
    np.testing.assert_allclose(model.weights, beta, rtol=1e-10)
    assert model.overall_contribution == pytest.approx(np.sqrt(difference @ beta), rel=1e-11)
    assert (model.n1, model.n0) == (50.0, 100.0)
    result = model.predict(tabulated(iris_of_the_reference))
    # scikit-learn divides by n instead of n - 2: the prior weighs a little differently.
    reference_side = (X @ reference.coef_[0] + reference.intercept_[0]) > 0
    agreement = (result["resU"] == reference_side).mean()
    assert agreement >= 149 / 150
    middle = (X[t].mean(axis=0) + X[~t].mean(axis=0)) @ beta / 2
    np.testing.assert_array_equal(result["res"], (X @ beta >= middle).astype(float))


def test_a_binary_attribute_is_a_target(learned: Learned, tabulated: Tabulated) -> None:
    bunch = datasets.load_breast_cancer()
    names = [f"x{i}" for i in range(30)]
    columns = dict(zip(names, bunch.data.T, strict=True)) | {"benign": bunch.target.astype(float)}
    model = fit("lda", learned(columns), "benign", names)
    assert (model.n1, model.n0) == (357.0, 212.0)
    accuracy = (model.predict(tabulated(columns))["res"] == columns["benign"]).mean()
    assert accuracy > 0.95
    assert from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False))) == model


def test_one_class_alone_is_refused(learned: Learned) -> None:
    moments = learned({"x": [1.0, 2.0, 3.0, 4.0], "t": [1.0, 1.0, 1.0, 1.0]})
    with pytest.raises(ModelError, match=r"'t' has one class only.*learn rows of the other"):
        fit_lda(moments, "t", ["x"])


def test_an_absent_level_is_one_class(iris_of_the_reference: dict[str, Any], learned: Learned) -> None:
    with pytest.raises(ModelError, match="one class only"):
        fit_lda(learned(iris_of_the_reference), "species$orchid", INPUTS)


def test_classes_that_do_not_vary_within_are_refused(learned: Learned) -> None:
    moments = learned({"x": [1.0, 1.0, 2.0, 2.0, 2.0], "t": [0.0, 0.0, 1.0, 1.0, 1.0]})
    with pytest.raises(ModelError, match="'x'"):
        fit_lda(moments, "t", ["x"])


def test_too_few_rows_are_refused(learned: Learned) -> None:
    moments = learned({"x": [1.0, 2.0, 5.0], "y": [3.0, 1.0, 2.0], "t": [0.0, 1.0, 1.0]})
    with pytest.raises(ModelError, match="3 rows for 2 inputs: at least 4"):
        fit_lda(moments, "t", ["x", "y"])
