"""Lasso and elastic net: from sums alone, scikit-learn's coefficients on pooled rows, and their choice."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import datasets
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, Ridge, enet_path, lars_path, lasso_path
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from federation.models import ModelError, PenalisedModel, fit, fit_linear, fit_penalised, from_dict
from federation.models.active_set import Quadratic, minimise, violation
from federation.statistics import Moments, Table

Learned = Callable[..., Moments]
Tabulated = Callable[[dict[str, Any]], Table]

EXACT = {"tol": 1e-14, "max_iter": 1_000_000}


def load(name: str) -> tuple[dict[str, Any], list[str], np.ndarray]:
    """Columns with the target as "target", the inputs' names, and the inputs as a matrix."""
    bunch = getattr(datasets, f"load_{name}")()
    inputs = [str(key) for key in bunch.feature_names]
    columns = {key: bunch.data[:, i].astype(float) for i, key in enumerate(inputs)}
    return columns | {"target": bunch.target.astype(float)}, inputs, bunch.data


@pytest.mark.parametrize("name", ["diabetes", "wine", "iris"])
@pytest.mark.parametrize("eta", [1.0, 0.7, 0.1])
@pytest.mark.parametrize("penalty", [1e-3, 0.05, 0.5])
def test_coefficients_are_those_of_scikit_learn(
    name: str, eta: float, penalty: float, learned: Learned
) -> None:
    columns, inputs, X = load(name)
    model = fit_penalised(learned(columns), "target", inputs, penalty=penalty, eta=eta)
    reference = ElasticNet(alpha=penalty, l1_ratio=eta, **EXACT).fit(X, columns["target"])
    np.testing.assert_allclose(model.coef[1:], reference.coef_, rtol=1e-8, atol=1e-8)
    assert model.coef[0] == pytest.approx(reference.intercept_, rel=1e-8)
    assert model.r2 == pytest.approx(reference.score(X, columns["target"]), rel=1e-8)
    assert model.selected == tuple(n for n, b in zip(inputs, reference.coef_, strict=True) if b)
    assert model.algorithm == ("lasso" if eta == 1.0 else "elasticnet")


def test_the_whole_path_is_that_of_scikit_learn(learned: Learned) -> None:
    columns, inputs, X = load("diabetes")
    moments = learned(columns)
    y = columns["target"] - columns["target"].mean()
    centred = X - X.mean(axis=0)
    lars, _, exact = lars_path(centred, y, method="lasso")  # exact; the others stop at a duality gap
    for eta, penalties, coefs, tolerance in (
        (1.0, lars, exact, 1e-10),
        (1.0, *lasso_path(centred, y, **EXACT)[:2], 1e-7),
        (0.3, *enet_path(centred, y, l1_ratio=0.3, **EXACT)[:2], 1e-7),
    ):
        for penalty, coef in list(zip(penalties, coefs.T, strict=True))[1::4]:
            model = fit_penalised(moments, "target", inputs, penalty=penalty, eta=eta)
            np.testing.assert_allclose(model.coef[1:], coef, rtol=0, atol=tolerance * np.abs(coef).max())


def test_standardised_lasso_is_lasso_after_standard_scaler(learned: Learned, tabulated: Tabulated) -> None:
    columns, inputs, X = load("wine")
    model = fit(
        "elasticnet", learned(columns), "target", inputs, **{"lambda": 0.02, "standardize": True, "eta": 0.8}
    )
    reference = make_pipeline(StandardScaler(), ElasticNet(alpha=0.02, l1_ratio=0.8, **EXACT))
    reference.fit(X, columns["target"])
    np.testing.assert_allclose(model.predict(tabulated(columns))["res"], reference.predict(X), atol=1e-9)


def test_without_centring_the_plane_goes_through_zero(learned: Learned, tabulated: Tabulated) -> None:
    columns, inputs, X = load("iris")
    moments = learned(columns)
    model = fit("lasso", moments, "target", inputs, **{"lambda": 0.05, "centerY": False})
    reference = Lasso(alpha=0.05, fit_intercept=False, **EXACT).fit(X, columns["target"])
    assert model.terms == tuple(inputs)
    np.testing.assert_allclose(model.coef, reference.coef_, atol=1e-9)
    np.testing.assert_allclose(model.predict(tabulated(columns))["res"], reference.predict(X), atol=1e-9)
    centred = fit("lasso", moments, "target", inputs, centerY=False, standardize=True)
    assert centred.terms[0] == "(intercept)"  # standardising centres


def test_no_absolute_penalty_is_ridge_and_no_penalty_is_least_squares(learned: Learned) -> None:
    columns, inputs, X = load("diabetes")
    moments = learned(columns)
    ridge = fit_penalised(moments, "target", inputs, penalty=0.01, eta=0.0)
    reference = Ridge(alpha=0.01 * 442).fit(X, columns["target"])
    np.testing.assert_allclose(ridge.coef[1:], reference.coef_, rtol=1e-9)
    plain = fit_penalised(moments, "target", inputs, penalty=0.0)
    np.testing.assert_allclose(plain.coef, fit_linear(moments, "target", inputs).coef, rtol=1e-12)


def test_debiased_coefficients_are_least_squares_on_the_selected_columns(learned: Learned) -> None:
    columns, inputs, X = load("diabetes")
    model = fit("lasso", learned(columns), "target", inputs, **{"lambda": 0.5, "debias": True})
    kept = [inputs.index(name) for name in model.selected]
    assert 0 < len(kept) < len(inputs)
    reference = LinearRegression().fit(X[:, kept], columns["target"])
    np.testing.assert_allclose(np.array(model.coef[1:])[kept], reference.coef_, rtol=1e-9)
    assert model.r2 == pytest.approx(reference.score(X[:, kept], columns["target"]), rel=1e-9)


def test_a_penalty_above_all_covariances_leaves_the_mean(learned: Learned, tabulated: Tabulated) -> None:
    columns, inputs, _ = load("iris")
    model = fit("lasso", learned(columns), "target", inputs, **{"lambda": 50.0})
    assert model.selected == () and model.df == 0.0 and model.r2 == 0.0
    np.testing.assert_allclose(model.predict(tabulated(columns))["res"], columns["target"].mean())


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    p=st.integers(1, 15),
    rows=st.integers(3, 40),
    eta=st.floats(0.0, 1.0),
    power=st.floats(-3.0, 1.0),
    twins=st.booleans(),
)
def test_the_conditions_of_karush_kuhn_and_tucker_hold(
    seed: int, p: int, rows: int, eta: float, power: float, twins: bool
) -> None:
    """Also with more columns than rows, and columns that are equal."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, p))
    if twins and p > 1:
        X[:, -1] = X[:, 0]
    X -= X.mean(axis=0)
    X /= np.sqrt(np.square(X).sum(axis=0))
    y = X[:, 0] + rng.normal(size=rows) / 3.0
    problem = Quadratic(X.T @ X, X.T @ (y - y.mean()))
    absolute, squared = np.full(p, 10.0**power * eta), np.full(p, 10.0**power * (1.0 - eta))
    found = minimise(problem, absolute, squared, np.zeros(p), maxiter=1000, tolerance=1e-10)
    assert found.converged
    assert violation(problem, absolute, squared, found.coef) < 1e-8


@pytest.mark.parametrize("name", ["diabetes", "iris"])
@pytest.mark.parametrize("standardize", [False, True])
def test_the_grid_is_searched_for_the_lowest_aicc(name: str, standardize: bool, learned: Learned) -> None:
    columns, inputs, _ = load(name)
    moments = learned(columns)
    grid = {"min_lambda_power": -4, "max_lambda_power": 1, "num_lambda": 11, "num_eta": 3}
    options = {"standardize": standardize}
    best = fit("elasticnet", moments, "target", inputs, aicc=True, **grid, **options)
    each = [
        fit("elasticnet", moments, "target", inputs, **{"lambda": penalty, "eta": eta}, **options)
        for penalty in np.logspace(-4, 1, 11)
        for eta in (0.0, 0.5, 1.0)
    ]
    assert best.aicc == pytest.approx(min(model.aicc for model in each), rel=1e-12)
    assert (best.penalty, best.eta) in {(model.penalty, model.eta) for model in each}


def test_aicc_counts_the_trace_of_the_hat_matrix(learned: Learned) -> None:
    columns, inputs, X = load("diabetes")
    y = columns["target"]
    model = fit("elasticnet", learned(columns), "target", inputs, **{"lambda": 0.02, "eta": 0.6})
    n = len(y)
    kept = [inputs.index(name) for name in model.selected]
    active = (X - X.mean(axis=0))[:, kept]
    penalty = n * 0.02 * 0.4 * np.eye(len(kept))
    hat = active @ np.linalg.solve(active.T @ active + penalty, active.T)
    assert model.df == pytest.approx(np.trace(hat), rel=1e-9)
    k = np.trace(hat) + 2.0
    rss = np.square(y - model.coef[0] - X @ model.coef[1:]).sum()
    expected = n * math.log(rss / n) + 2.0 * k + 2.0 * k * (k + 1.0) / (n - k - 1.0)
    assert model.aicc == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("standardize", [False, True])
def test_ridge_chooses_its_penalty_by_aicc(standardize: bool, learned: Learned) -> None:
    columns, inputs, X = load("diabetes")
    y, n = columns["target"], 442
    Z = StandardScaler(with_std=standardize).fit_transform(X)

    def aicc(alpha: float) -> float:
        residual = y - Ridge(alpha=alpha).fit(Z, y).predict(Z)
        spectrum = np.linalg.svd(Z, compute_uv=False) ** 2
        k = np.sum(spectrum / (spectrum + alpha)) + 2.0
        return float(n * math.log(residual @ residual / n) + 2.0 * k * n / (n - k - 1.0))

    model = fit("ridge", learned(columns), "target", inputs, aicc="true", standardize=standardize)
    assert model.penalty == pytest.approx(min(np.logspace(-10, 3, 100), key=aicc))


def test_more_columns_than_rows(learned: Learned) -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(30, 60)).round(3)
    y = (X[:, 0] - 2.0 * X[:, 1] + rng.normal(size=30) / 4.0).round(3)
    columns = {f"x{i}": X[:, i] for i in range(60)} | {"y": y}
    inputs = [name for name in columns if name != "y"]
    model = fit("lasso", learned(columns), "y", inputs, **{"lambda": 0.1})
    np.testing.assert_allclose(model.coef[1:], Lasso(alpha=0.1, **EXACT).fit(X, y).coef_, atol=1e-9)
    chosen = fit("lasso", learned(columns), "y", inputs, aicc=True)
    assert {"x0", "x1"} <= set(chosen.selected) and len(chosen.selected) < 28


def test_dependent_columns_are_shared_or_left_out(learned: Learned, tabulated: Tabulated) -> None:
    columns, inputs, X = load("iris")
    columns["twice"] = 2.0 * columns[inputs[0]]
    X = np.column_stack([X, columns["twice"]])
    model = fit("lasso", learned(columns), "target", [*inputs, "twice"], **{"lambda": 0.01})
    reference = Lasso(alpha=0.01, **EXACT).fit(X, columns["target"])
    np.testing.assert_allclose(model.predict(tabulated(columns))["res"], reference.predict(X), atol=1e-6)


@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(0, 442), max_size=4))
def test_any_split_of_the_rows_gives_the_same_model_to_the_bit(cuts: list[int], learned: Learned) -> None:
    columns, inputs, _ = load("diabetes")
    pooled = learned(columns)
    table = Table(columns)
    parts = [table.take(part) for part in np.split(np.arange(442), sorted(cuts))]
    fused = sum((Moments(pooled.schema).learn(part) for part in parts), Moments(pooled.schema))
    options = {"lambda": 0.1, "eta": 0.5}
    assert fit("elasticnet", fused, "target", inputs, **options) == fit(
        "elasticnet", pooled, "target", inputs, **options
    )


def test_categories_and_missing_values(learned: Learned, tabulated: Tabulated) -> None:
    rng = np.random.default_rng(6)
    a, y = rng.normal(size=(2, 120)).round(2)
    kind = ["uvw"[i % 3] for i in range(120)]
    y += np.array([kind[i] == "w" for i in range(120)])
    a[::7] = np.nan
    columns = {"a": a, "kind": kind, "y": y.round(2)}
    model = fit("lasso", learned(columns), "y", ["a", "kind"], missing="mean", **{"lambda": 0.01})
    assert isinstance(model, PenalisedModel)
    assert model.terms == ("(intercept)", "a", "kind$v", "kind$w")
    filled = np.where(np.isnan(a), np.nanmean(a), a)
    X = np.column_stack([filled, [k == "v" for k in kind], [k == "w" for k in kind]]).astype(float)
    reference = Lasso(alpha=0.01, **EXACT).fit(X, columns["y"])
    np.testing.assert_allclose(model.predict(tabulated(columns))["res"], reference.predict(X), atol=1e-9)
    assert from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False))) == model


@pytest.mark.parametrize(
    ("algorithm", "options", "message"),
    [
        ("lasso", {"lambda": -1}, "lambda is -1.0: it must be a finite number, 0 or more"),
        ("lasso", {"eta": 0.5}, "lasso has no parameter 'eta'"),
        ("elasticnet", {"eta": 1.5}, r"eta is 1.5: it must lie between 0 \(ridge\) and 1 \(lasso\)"),
        ("lasso", {"maxiter": 0}, "maxiter is 0: it must be 1 or more"),
        ("lasso", {"tolerance": 0}, "tolerance is 0.0: it must lie between 0 and 1"),
        ("lasso", {"num_lambda": 5}, "'num_lambda' belongs to the grid of aicc: set aicc=true"),
        ("lasso", {"aicc": True, "lambda": 1}, "aicc chooses lambda: leave lambda out"),
        ("lasso", {"aicc": True, "num_lambda": 0}, "num_lambda is 0: choose from 1 to 10000"),
        ("lasso", {"aicc": True, "min_lambda_power": 4}, "powers of lambda go from 4 to 3: they must ascend"),
        ("elasticnet", {"aicc": True, "max_eta": 2}, "eta goes from 0 to 2: it must ascend between 0 and 1"),
        ("lasso", {"centerY": False, "missing": "pairwise"}, "no common rows to take sums about zero"),
        ("ridge", {"aicc": True, "alpha": 1}, "aicc chooses alpha: leave alpha out"),
        ("ridge", {"intercept": True, "centerY": False}, "two names of one thing, but differ"),
    ],
)
def test_options_that_make_no_sense(
    algorithm: str, options: dict[str, Any], message: str, learned: Learned
) -> None:
    columns, inputs, _ = load("iris")
    with pytest.raises(ModelError, match=message):
        fit(algorithm, learned(columns), "target", inputs, **options)


def test_data_that_cannot_be_fitted(learned: Learned) -> None:
    columns = {"a": [1.0, 2.0, 4.0], "b": [3.0, 3.0, 3.0], "y": [1.0, 3.0, 2.0]}
    with pytest.raises(ModelError, match="'b' is constant in the 3 rows"):
        fit("lasso", learned(columns), "y", ["a", "b"])
    with pytest.raises(ModelError, match="target 'b' is constant"):
        fit("lasso", learned(columns), "b", ["a"])
    with pytest.raises(ModelError, match="no lambda of the grid gives a model that 3 rows can judge"):
        fit("lasso", learned(columns), "y", ["a"], aicc=True)


def test_pairwise_sums_of_no_table_do_not_converge(learned: Learned) -> None:
    none, up, about = [np.nan] * 6, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 3.0, 2.0, 4.0, 5.0, 6.5]
    columns = {
        "a": [*up, *up, *none],
        "b": [*about, *none, *up],
        "c": [*none, *about, *about[::-1]],
        "y": [1.0, 3.0, 2.0, 5.0, 3.0, 3.0] * 3,
    }
    with pytest.raises(ModelError, match=r"did not reach a minimum.*use missing='listwise' or 'mean'"):
        fit("lasso", learned(columns), "y", list("abc"), missing="pairwise", **{"lambda": 1e-6})
