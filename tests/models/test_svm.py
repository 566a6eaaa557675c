"""Proximal support vector machines: the numbers of the normal equations on the rows themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import datasets
from sklearn.linear_model import Ridge

from federation.models import ModelError, fit, fit_svm, fit_svr, from_dict
from federation.statistics import Moments, Table

Learned = Callable[..., Moments]
Tabulated = Callable[[dict[str, Any]], Table]


def load(name: str) -> tuple[dict[str, Any], list[str], np.ndarray, np.ndarray]:
    bunch = getattr(datasets, f"load_{name}")()
    inputs = [str(key) for key in bunch.feature_names]
    columns = {key: bunch.data[:, i].astype(float) for i, key in enumerate(inputs)}
    return columns, inputs, bunch.data, bunch.target.astype(float)


def on_the_rows(X: np.ndarray, labels: np.ndarray, nu: float) -> np.ndarray:
    """ω and γ: least squares of the errors, and of the coefficients as errors weighted by 1/√ν."""
    E = np.column_stack([X, -np.ones(len(X))])
    stacked = np.vstack([E, np.eye(E.shape[1]) / np.sqrt(nu)])
    return np.linalg.lstsq(stacked, np.append(labels, np.zeros(E.shape[1])), rcond=None)[0]


@pytest.mark.parametrize("name", ["breast_cancer", "wine", "iris"])
@pytest.mark.parametrize("nu", [1e-4, 1.0, 100.0])
def test_classes_are_told_apart_as_by_the_rows(
    name: str, nu: float, learned: Learned, tabulated: Tabulated
) -> None:
    columns, inputs, X, y = load(name)
    y = (y == 1.0).astype(float)
    model = fit_svm(learned(columns | {"one": y}), "one", inputs, nu=nu)
    solved = on_the_rows(X, 2.0 * y - 1.0, nu)
    np.testing.assert_allclose([*model.omegas.values(), model.gamma], solved, rtol=1e-8)
    predicted = model.predict(tabulated(columns))
    np.testing.assert_allclose(predicted["resZ"], X @ solved[:-1] - solved[-1], atol=1e-9)
    np.testing.assert_array_equal(predicted["res"], predicted["resZ"] >= 0.0)
    if name == "breast_cancer" and nu == 1.0:
        assert np.mean(predicted["res"] == y) > 0.95


@pytest.mark.parametrize("name", ["diabetes", "wine", "iris"])
@pytest.mark.parametrize("nu", [1e-3, 1.0, 50.0])
def test_regression_is_ridge_whose_intercept_is_penalised(
    name: str, nu: float, learned: Learned, tabulated: Tabulated
) -> None:
    columns, inputs, X, y = load(name)
    model = fit_svr(learned(columns | {"y": y}), "y", inputs, nu=nu)
    np.testing.assert_allclose([*model.omegas.values(), model.gamma], on_the_rows(X, y, nu), rtol=1e-8)
    E = np.column_stack([X, -np.ones(len(X))])
    reference = Ridge(alpha=1.0 / nu, fit_intercept=False).fit(E, y)
    np.testing.assert_allclose(model.predict(tabulated(columns))["res"], reference.predict(E), rtol=1e-8)


def test_one_level_of_a_category_can_be_the_class(learned: Learned, tabulated: Tabulated) -> None:
    columns, inputs, X, y = load("iris")
    columns["species"] = ["abc"[int(i)] for i in y]
    moments = learned(columns)
    model = fit("lsvm", moments, "species$a", inputs, sml_model_svm_nu="10")
    solved = on_the_rows(X, np.where(y == 0.0, 1.0, -1.0), 10.0)
    np.testing.assert_allclose([*model.omegas.values(), model.gamma], solved, rtol=1e-9)
    np.testing.assert_array_equal(model.predict(tabulated(columns))["res"], y == 0.0)
    assert from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False))) == model


def test_dependent_columns_are_no_obstacle(learned: Learned) -> None:
    columns, inputs, X, y = load("iris")
    columns["twice"] = 2.0 * X[:, 0]
    model = fit("lsvr", learned(columns | {"y": y}), "y", [*inputs, "twice"])
    expected = on_the_rows(np.column_stack([X, columns["twice"]]), y, 1.0)
    np.testing.assert_allclose([*model.omegas.values(), model.gamma], expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("algorithm", "target", "options", "message"),
    [
        ("lsvm", "y", {"sml_model_svm_nu": 0}, "sml_model_svm_nu is 0.0: it must be a finite number above 0"),
        ("lsvr", "y", {"missing": "pairwise"}, "no common rows to take sums about zero"),
        ("lsvm", "kind", {}, "lsvm tells two classes apart: choose one of its levels.*or use mlda"),
        ("lsvm", "x", {}, "target 'x' is of type C: classes are"),
        ("lsvm", "never", {}, r"target 'never' has one class only in the 6 rows used \(0 of them are 1\)"),
        ("lsvr", "never", {}, "target 'never' is constant"),
        ("lsvr", "kind$u", {}, "'never' is constant in the 6 rows used"),
    ],
)
def test_what_makes_no_sense(
    algorithm: str, target: str, options: dict[str, Any], message: str, learned: Learned
) -> None:
    columns = {
        "a": [1.0, 2.0, 4.0, 5.0, 5.5, 6.0],
        "x": [1.5, 2.5, 4.0, 3.0, 2.0, 1.0],
        "never": [0.0] * 6,
        "kind": ["u", "v"] * 3,
        "y": [0.0, 1.0, 1.0, 0.0, 0.0, 1.0],
    }
    inputs = [name for name in ("a", "never") if name != target]
    with pytest.raises(ModelError, match=message):
        fit(algorithm, learned(columns, types={"never": "B"}), target, inputs, **options)
