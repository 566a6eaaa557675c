"""Covariance estimators from sums: scikit-learn's graphical lasso, shrinkage and distances on the rows."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import covariance as sk
from sklearn import datasets
from sklearn.linear_model import LinearRegression

from federation.models import CovarianceModel, ModelError, fit, fit_covariance, from_dict
from federation.models.graphical_lasso import graphical_lasso
from federation.statistics import Moments, Table

Learned = Callable[..., Moments]
Tabulated = Callable[[dict[str, Any]], Table]

DATA = ["iris", "wine", "breast_cancer"]


def load(name: str, *, standard: bool = True) -> tuple[dict[str, Any], np.ndarray]:
    """Columns, in units of their standard deviations unless told otherwise, and as a matrix."""
    X = getattr(datasets, f"load_{name}")().data
    if standard:
        X = ((X - X.mean(axis=0)) / X.std(axis=0)).round(6)
    return {f"x{i}": X[:, i] for i in range(X.shape[1])}, X


def of_scikit_learn(S: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it cannot reach this tolerance everywhere, and says so
        return sk.graphical_lasso(S, penalty, tol=1e-12, enet_tol=1e-14, max_iter=500)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("penalty", [0.1, 0.3])
def test_the_graphical_lasso_is_that_of_scikit_learn(name: str, penalty: float, learned: Learned) -> None:
    columns, X = load(name)
    options = {"estimate_type": "graph_lasso", "lambda": penalty}
    model = fit("covest", learned(columns), None, list(columns), **options)
    estimate, precision = of_scikit_learn(sk.empirical_covariance(X), penalty)
    np.testing.assert_allclose(model.cxx_est, estimate, atol=1e-8)
    np.testing.assert_allclose(model.theta, precision, atol=1e-8 * np.abs(precision).max())
    np.testing.assert_array_equal(np.array(model.theta) != 0.0, np.abs(precision) > 1e-9)


def test_the_graphical_lasso_knows_the_units_of_the_columns(learned: Learned) -> None:
    columns, X = load("wine", standard=False)
    columns, X = {name: columns[name] for name in list(columns)[:4]}, X[:, :4]
    options = {"estimate_type": "graph_lasso", "lambda": 0.2}
    model = fit("covest", learned(columns), None, list(columns), **options)
    _, precision = of_scikit_learn(sk.empirical_covariance(X), 0.2)
    np.testing.assert_allclose(model.theta, precision, atol=1e-8 * np.abs(precision).max())


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), p=st.integers(1, 8), rows=st.integers(2, 30), penalty=st.floats(0.02, 1.0)
)
def test_the_gradient_of_the_graphical_lasso_vanishes(seed: int, p: int, rows: int, penalty: float) -> None:
    """W - S is λ sign Θ where Θ is not 0, and at most λ elsewhere; also with fewer rows than columns."""
    rng = np.random.default_rng(seed)
    S = np.cov(rng.normal(size=(rows, p)) @ rng.normal(size=(p, p)), rowvar=False, ddof=0).reshape(p, p)
    found = graphical_lasso(S, penalty, maxiter=5000, tolerance=1e-9)
    largest = np.diagonal(S).max()
    np.testing.assert_allclose(found.covariance @ found.precision, np.eye(p), atol=1e-5)
    difference = found.covariance - S
    np.testing.assert_allclose(np.diagonal(difference), 0.0, atol=1e-12 * largest)
    off = ~np.eye(p, dtype=bool)
    expected = penalty * np.sign(found.precision)
    inside = found.precision == 0.0
    np.testing.assert_allclose(difference[off & ~inside], expected[off & ~inside], atol=1e-6 * largest)
    assert np.all(np.abs(difference[off & inside]) <= penalty + 1e-6 * largest)


@pytest.mark.parametrize("gamma", [0.0, 0.5])
def test_ebic_chooses_from_its_path(gamma: float, learned: Learned) -> None:
    columns, X = load("iris")
    moments = learned(columns)
    options = {"estimate_type": "graph_lasso", "tuning_type": "ebic", "gamma": gamma}
    model = fit("covest", moments, None, list(columns), **options)
    S, n, p = sk.empirical_covariance(X), *X.shape
    assert model.lambda_vec[0] == pytest.approx(np.abs(S - np.diag(np.diag(S))).max())
    assert model.penalty == model.lambda_vec[int(np.argmin(model.ebic_vec))]
    for penalty, score in list(zip(model.lambda_vec, model.ebic_vec, strict=True))[::5]:
        _, theta = of_scikit_learn(S, penalty)
        edges = np.count_nonzero(np.abs(np.triu(theta, 1)) > 1e-9)
        misfit = np.sum(S * theta) - np.linalg.slogdet(theta)[1]
        expected = n * misfit + edges * (math.log(n) + 4.0 * gamma * math.log(p))
        assert score == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("name", DATA)
def test_shrinkage_is_that_of_scikit_learn(name: str, learned: Learned, tabulated: Tabulated) -> None:
    columns, X = load(name, standard=name != "iris")
    moments = learned(columns)
    tuned = fit("covest", moments, None, list(columns))
    reference = sk.OAS().fit(X)
    assert tuned.tuning_type == "oas" and tuned.alpha == pytest.approx(reference.shrinkage_, rel=1e-9)
    np.testing.assert_allclose(tuned.cxx_est, reference.covariance_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(tuned.predict(tabulated(columns))["res"], reference.mahalanobis(X), rtol=1e-8)
    given_alpha = fit_covariance(moments, list(columns), alpha=0.25)
    reference = sk.ShrunkCovariance(shrinkage=0.25).fit(X)
    np.testing.assert_allclose(given_alpha.cxx_est, reference.covariance_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(given_alpha.theta, reference.precision_, rtol=1e-7, atol=1e-9)


def test_rblw_is_near_the_shrinkage_of_ledoit_and_wolf_for_normal_rows(learned: Learned) -> None:
    """It is that shrinkage's expectation, given the sums."""
    rng = np.random.default_rng(8)
    X = (rng.normal(size=(60, 8)) * np.arange(1, 9)).round(4)
    columns = {f"x{i}": X[:, i] for i in range(8)}
    model = fit("covest", learned(columns), None, list(columns), tuning_type="rblw")
    assert model.alpha == pytest.approx(sk.LedoitWolf().fit(X).shrinkage_, rel=0.15)


@pytest.mark.parametrize("name", DATA)
def test_the_other_types_are_their_formulas(name: str, learned: Learned, tabulated: Tabulated) -> None:
    columns, X = load(name)
    moments = learned(columns)
    S, p = np.cov(X, rowvar=False), X.shape[1]
    values, vectors = np.linalg.eigh(S)
    kept = vectors[:, -3:]
    truncated = kept @ np.diag(values[-3:]) @ kept.T
    for options, expected in (
        ({"estimate_type": "l2_reg_thinkhonov", "lambda": 0.5}, S + 0.5 * np.eye(p)),
        ({"estimate_type": "identity_mixture"}, 0.9 * S + 0.1 * np.eye(p)),
        ({"estimate_type": "eigen_trunc", "q": 3}, truncated),
    ):
        model = fit("covest", moments, None, list(columns), ddof=1, **options)
        assert isinstance(model, CovarianceModel)
        np.testing.assert_allclose(model.cxx_est, expected, atol=1e-9)
        precision = np.linalg.pinv(expected, rcond=1e-9)
        np.testing.assert_allclose(model.theta, precision, atol=1e-8 * np.abs(precision).max())
        centred = X - X.mean(axis=0)
        distances = np.einsum("ij,jk,ik->i", centred, precision, centred)
        np.testing.assert_allclose(model.predict(tabulated(columns))["res"], distances, rtol=1e-6)
        assert from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False))) == model


def test_the_regressions_of_each_column_on_the_others(learned: Learned) -> None:
    columns, X = load("iris", standard=False)
    options = {"estimate_type": "l2_reg_thinkhonov", "lambda": 1e-12}
    model = fit("covest", learned(columns), None, list(columns), **options)
    for j in range(4):
        rest = [k for k in range(4) if k != j]
        reference = LinearRegression().fit(X[:, rest], X[:, j])
        np.testing.assert_allclose(np.array(model.B)[j, rest], reference.coef_, rtol=1e-7)
        assert model.B[j][j] == 0.0


def test_a_category_has_indicators_and_a_missing_value_is_no_distance(
    learned: Learned, tabulated: Tabulated
) -> None:
    rng = np.random.default_rng(9)
    columns = {"a": rng.normal(size=60).round(3), "kind": ["uvw"[i % 3] for i in range(60)]}
    model = fit("covest", learned(columns), None, ["a", "kind"])
    assert model.terms == ("a", "kind$v", "kind$w")
    nothing = tabulated({"a": [np.nan], "kind": [None]})
    np.testing.assert_allclose(model.predict(nothing)["res"], 0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimate_type": "eigen_trunc"}, "q is None: eigen_trunc keeps from 1 to 2 eigenvalues"),
        ({"estimate_type": "eigen_trunc", "q": 3}, "q is 3: eigen_trunc keeps from 1 to 2 eigenvalues"),
        ({"q": 1}, "l2_reg_sig does not read 'q': it reads 'alpha', 'tuning_type'"),
        ({"estimate_type": "graph_lasso", "alpha": 0.1}, "graph_lasso does not read 'alpha'"),
        ({"estimate_type": "graph_lasso", "tuning_type": "oas"}, "oas does not belong to graph_lasso"),
        ({"estimate_type": "graph_lasso", "lambda": 0}, "lambda is 0.0: it must be a finite number above 0"),
        ({"tuning_type": "oas", "alpha": 0.2}, "oas chooses alpha: leave alpha out"),
        ({"alpha": 1.5}, "alpha is 1.5: it must be above 0 and at most 1"),
        ({"ddof": 9}, "ddof is 9: it must lie between 0 and 8"),
        ({"estimate_type": "guess"}, "estimate_type is 'guess': it must be graph_lasso"),
        (
            {"estimate_type": "graph_lasso", "lambda": 1e-9, "maxiter": 1},
            "1 passes of the graphical lasso did not converge to 1e-10: raise maxiter",
        ),
    ],
)
def test_what_makes_no_sense(options: dict[str, Any], message: str, learned: Learned) -> None:
    rng = np.random.default_rng(10)
    a, b = rng.normal(size=(2, 9)).round(2)
    columns = {"a": a, "b": b, "c": a + b, "constant": np.full(9, 2.5)}
    moments = learned(columns)
    with pytest.raises(ModelError, match=message):
        fit("covest", moments, None, ["a", "b", "c"], **options)
    with pytest.raises(ModelError, match="covest has no target: leave 'a' out"):
        fit("covest", moments, "a", ["b"])
    with pytest.raises(ModelError, match="'constant' is constant"):
        fit("covest", moments, None, ["a", "constant"])
