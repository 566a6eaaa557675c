"""Regression on principal components and on partial least squares components, beside scikit-learn's."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import datasets
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.linear_model import Lasso, LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from federation.models import ModelError, fit, fit_linear, fit_pcr, fit_pls, from_dict
from federation.statistics import Moments, Table

Learned = Callable[..., Moments]
Tabulated = Callable[[dict[str, Any]], Table]


def load(name: str) -> tuple[dict[str, Any], list[str], np.ndarray, np.ndarray]:
    bunch = getattr(datasets, f"load_{name}")()
    inputs = [str(key) for key in bunch.feature_names]
    columns = {key: bunch.data[:, i].astype(float) for i, key in enumerate(inputs)}
    return columns | {"target": bunch.target.astype(float)}, inputs, bunch.data, bunch.target.astype(float)


@pytest.mark.parametrize("name", ["diabetes", "wine", "breast_cancer"])
@pytest.mark.parametrize("standardize", [True, False])
def test_principal_component_regression_is_pca_and_least_squares(
    name: str, standardize: bool, learned: Learned, tabulated: Tabulated
) -> None:
    columns, inputs, X, y = load(name)
    model = fit_pcr(learned(columns), "target", inputs, q=4, standardize=standardize)
    predicted = model.predict(tabulated(columns))
    assert list(predicted) == ["res", "1", "2", "3", "4"]
    for q in range(1, 5):
        scaler = StandardScaler(with_std=standardize)
        reference = make_pipeline(scaler, PCA(q, svd_solver="full"), LinearRegression()).fit(X, y)
        np.testing.assert_allclose(predicted[str(q)], reference.predict(X), atol=1e-9 * np.abs(y).max())
        assert model.path_r2[q - 1] == pytest.approx(reference.score(X, y), rel=1e-8)
    np.testing.assert_array_equal(predicted["res"], predicted["4"])
    variances = reference[1].explained_variance_ * (len(y) - 1) / len(y)
    np.testing.assert_allclose(model.explained_variance, variances, rtol=1e-9)


def test_without_q_the_number_of_components_has_the_lowest_aicc(learned: Learned) -> None:
    columns, inputs, X, y = load("diabetes")
    model = fit("pcr", learned(columns), "target", inputs)

    def aicc(q: int) -> float:
        pipeline = make_pipeline(StandardScaler(), PCA(q, svd_solver="full"), LinearRegression())
        residual = y - pipeline.fit(X, y).predict(X)
        k, n = q + 2, len(y)
        return float(n * math.log(residual @ residual / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1))

    best = min(range(1, 11), key=aicc)
    assert len(model.path) == best
    assert model.aicc == pytest.approx(aicc(best), rel=1e-10)


@pytest.mark.parametrize("name", ["diabetes", "wine"])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("penalty", [0.01, 0.3])
def test_full_principal_component_regression_is_a_lasso_on_columns_and_scores(
    name: str, standardize: bool, penalty: float, learned: Learned, tabulated: Tabulated
) -> None:
    columns, inputs, X, y = load(name)
    options = {"pcr_type": "full", "lambda": penalty, "standardize": standardize}
    model = fit("pcr", learned(columns), "target", inputs, **options)
    Z = StandardScaler(with_std=standardize).fit_transform(X)
    both = np.hstack([Z, PCA(svd_solver="full").fit_transform(Z)])
    both = StandardScaler(with_std=standardize).fit_transform(both)
    reference = Lasso(alpha=penalty, tol=1e-14, max_iter=10**6).fit(both, y)
    predicted = model.predict(tabulated(columns))
    assert list(predicted) == ["res"]
    np.testing.assert_allclose(predicted["res"], reference.predict(both), atol=1e-8 * np.abs(y).max())
    assert model.r2 == pytest.approx(reference.score(both, y), rel=1e-8)
    assert np.count_nonzero([*model.column_coef, *model.component_coef]) <= len(inputs)


def test_full_principal_component_regression_chooses_its_penalty(learned: Learned) -> None:
    columns, inputs, _, _ = load("diabetes")
    moments = learned(columns)
    grid = {"min_lambda_power": -2, "max_lambda_power": 1, "num_lambda": 4}
    best = fit("pcr", moments, "target", inputs, pcr_type="full", aicc=True, **grid)
    each = [
        fit("pcr", moments, "target", inputs, **{"pcr_type": "full", "lambda": 10.0**power})
        for power in (-2, -1, 0, 1)
    ]
    assert best.aicc == pytest.approx(min(model.aicc for model in each), rel=1e-12)


@pytest.mark.parametrize("name", ["diabetes", "wine", "breast_cancer"])
@pytest.mark.parametrize("standardize", [True, False])
def test_partial_least_squares_is_that_of_scikit_learn(
    name: str, standardize: bool, learned: Learned, tabulated: Tabulated
) -> None:
    columns, inputs, X, y = load(name)
    model = fit_pls(learned(columns), "target", inputs, q=5, standardize=standardize)
    predicted = model.predict(tabulated(columns))
    assert list(predicted) == ["res", "1", "2", "3", "4", "5"]
    for q in range(1, 6):
        reference = PLSRegression(q, scale=standardize, tol=1e-14).fit(X, y)
        theirs = reference.predict(X).ravel()
        np.testing.assert_allclose(predicted[str(q)], theirs, atol=1e-8 * np.abs(y).max())
        assert model.path_r2[q - 1] == pytest.approx(reference.score(X, y), rel=1e-8)
    Z = (X - X.mean(axis=0)) / model.scales
    scores = Z @ np.transpose(model.rotations)
    norms = np.sqrt(np.square(scores).sum(axis=0))
    angles = np.abs(np.sum(scores * reference.x_scores_, axis=0))
    np.testing.assert_allclose(angles / norms / np.linalg.norm(reference.x_scores_, axis=0), 1.0, rtol=1e-9)
    np.testing.assert_allclose(scores.T @ scores / np.outer(norms, norms), np.eye(5), atol=1e-8)


def test_as_many_components_as_columns_are_least_squares(learned: Learned) -> None:
    columns, inputs, _, _ = load("wine")
    moments = learned(columns)
    plain = fit_linear(moments, "target", inputs)
    for algorithm in ("pcr", "plsq"):
        model = fit(algorithm, moments, "target", inputs, q=len(inputs))
        np.testing.assert_allclose(model.coef, plain.coef, rtol=1e-6)
        assert model.r2 == pytest.approx(plain.r2, rel=1e-10)


def test_one_prediction_is_given_if_only_q_is_wanted(learned: Learned, tabulated: Tabulated) -> None:
    columns, inputs, _, _ = load("iris")
    moments = learned(columns)
    one = fit("plsq", moments, "target", inputs, q="3", oneq="true", ddof=1)
    every = fit("plsq", moments, "target", inputs, q=3)
    predicted, all_predicted = one.predict(tabulated(columns)), every.predict(tabulated(columns))
    assert list(predicted) == ["res", "3"]
    np.testing.assert_allclose(predicted["3"], all_predicted["3"], rtol=1e-12)  # ddof cancels
    np.testing.assert_allclose(one.scales, np.std([columns[k] for k in inputs], axis=1, ddof=1), rtol=1e-12)


def test_categories_missing_values_and_json(learned: Learned, tabulated: Tabulated) -> None:
    rng = np.random.default_rng(5)
    a, b, y = rng.normal(size=(3, 90)).round(2)
    columns = {"a": a, "b": b, "kind": ["uvw"[i % 3] for i in range(90)], "y": (y + a).round(2)}
    moments = learned(columns)
    for algorithm, options in (("pcr", {}), ("pcr", {"pcr_type": "full"}), ("plsq", {"q": 4})):
        model = fit(algorithm, moments, "y", ["a", "b", "kind"], **options)
        assert model.terms == ("(intercept)", "a", "b", "kind$v", "kind$w")
        assert from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False))) == model
        missing = model.predict(tabulated({"a": [np.nan], "b": [np.nan], "kind": [None]}))["res"]
        assert missing[0] == pytest.approx(model.target_mean, rel=1e-9)


@pytest.mark.parametrize(
    ("algorithm", "options", "message"),
    [
        ("pcr", {"q": 0}, "q is 0: choose from 1 to 3, the number of components that the inputs have"),
        ("pcr", {"q": 4}, "q is 4: choose from 1 to 3"),  # twice is no direction of its own
        ("pcr", {"pcr_type": "full", "q": 2}, "q belongs to pcr_type=qfirst"),
        ("pcr", {"lambda": 2}, "lambda belongs to pcr_type=full: set it, or leave lambda out"),
        ("pcr", {"aicc": True}, "aicc belongs to pcr_type=full"),
        ("pcr", {"pcr_type": "half"}, "pcr_type is 'half': it must be qfirst or full"),
        ("pcr", {"pcr_type": "full", "lambda": -1}, "lambda is -1.0: it must be a finite number, 0 or more"),
        ("plsq", {"q": 5}, "q is 5: choose from 1 to 4, the number of columns"),
        ("plsq", {"q": 4}, "q is 4, but 3 explain all that the inputs can: choose q from 1 to 3"),
        ("plsq", {"ddof": 60}, "ddof is 60: it must lie between 0 and 59"),
    ],
)
def test_options_that_make_no_sense(
    algorithm: str, options: dict[str, Any], message: str, learned: Learned
) -> None:
    rng = np.random.default_rng(6)
    a, b, c, y = rng.normal(size=(4, 60)).round(2)
    columns = {"a": a, "b": b, "c": c, "twice": 2.0 * a, "y": y}
    with pytest.raises(ModelError, match=message):
        fit(algorithm, learned(columns), "y", ["a", "b", "c", "twice"], **options)


@pytest.mark.parametrize("algorithm", ["pcr", "plsq"])
def test_data_that_cannot_be_fitted(algorithm: str, learned: Learned) -> None:
    columns = {"a": [1.0, 2.0, 4.0], "b": [3.0, 3.0, 3.0], "y": [1.0, 3.0, 2.0]}
    with pytest.raises(ModelError, match="'b' is constant in the 3 rows"):
        fit(algorithm, learned(columns), "y", ["a", "b"], q=1)
    with pytest.raises(ModelError, match="target 'b' is constant"):
        fit(algorithm, learned(columns), "b", ["a"], q=1)


def test_a_target_that_covaries_with_nothing(learned: Learned) -> None:
    columns = {"a": [-1.0, 1.0, -1.0, 1.0], "y": [1.0, 1.0, 2.0, 2.0]}
    with pytest.raises(ModelError, match="no input covaries with the target"):
        fit("plsq", learned(columns), "y", ["a"], q=1)
