"""Estimators over statistics: scikit-learn's answers, learning and forgetting to the bit, categories."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import datasets, decomposition, discriminant_analysis, linear_model, naive_bayes
from sklearn.cross_decomposition import PLSRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from federation.models import ModelError
from federation.statistics import Moments, Schema, Table
from suffice import estimators
from suffice.estimators.columns import exact_unit

REGRESSIONS = {"diabetes": datasets.load_diabetes, "linnerud": datasets.load_linnerud}
CLASSES = {
    "breast cancer": datasets.load_breast_cancer,
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
}


def regression_data(name: str) -> tuple[np.ndarray, np.ndarray]:
    X, y = REGRESSIONS[name](return_X_y=True)
    return X, y if y.ndim == 1 else y[:, 0]


@pytest.mark.parametrize("name", REGRESSIONS)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (estimators.LinearRegression(), linear_model.LinearRegression()),
        (
            estimators.LinearRegression(fit_intercept=False),
            linear_model.LinearRegression(fit_intercept=False),
        ),
        (estimators.Ridge(0.5), linear_model.Ridge(0.5)),
        (estimators.Lasso(0.05), linear_model.Lasso(0.05, tol=1e-12, max_iter=100_000)),
        (
            estimators.ElasticNet(0.01, l1_ratio=0.7),
            linear_model.ElasticNet(0.01, l1_ratio=0.7, tol=1e-12, max_iter=100_000),
        ),
    ],
)
def test_regressions_are_those_of_scikit_learn(name: str, ours: Any, theirs: Any) -> None:
    X, y = regression_data(name)
    ours.fit(X, y), theirs.fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-7)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-9)
    assert ours.score(X, y) == pytest.approx(theirs.score(X, y), rel=1e-9)


@pytest.mark.parametrize("name", REGRESSIONS)
@pytest.mark.parametrize("q", [1, 2, 3])
def test_component_regressions_are_those_of_scikit_learn(name: str, q: int) -> None:
    X, y = regression_data(name)
    scaled = make_pipeline(StandardScaler(), decomposition.PCA(q), linear_model.LinearRegression())
    for ours, theirs in (
        (estimators.PartialLeastSquares(q), PLSRegression(q, tol=1e-14)),
        (estimators.PartialLeastSquares(q, scale=False), PLSRegression(q, scale=False, tol=1e-14)),
        (estimators.PrincipalComponentRegression(q), scaled),
    ):
        expected = theirs.fit(X, y).predict(X).ravel()
        np.testing.assert_allclose(ours.fit(X, y).predict(X), expected, rtol=1e-8)
    chosen = estimators.PrincipalComponentRegression().fit(X, y)
    assert 1 <= len(chosen.model_.component_coef) <= X.shape[1]


@pytest.mark.parametrize("name", REGRESSIONS)
def test_the_proximal_machine_is_ridge_with_a_penalised_intercept(name: str) -> None:
    X, y = regression_data(name)
    whole = np.column_stack([X, np.ones(len(X))])
    theirs = linear_model.Ridge(1.0 / 3.0, fit_intercept=False).fit(whole, y)
    ours = estimators.ProximalSVR(3.0).fit(X, y)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(whole), rtol=1e-8)
    np.testing.assert_allclose([*ours.coef_, ours.intercept_], theirs.coef_, rtol=1e-7)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            estimators.LinearDiscriminantAnalysis(),
            discriminant_analysis.LinearDiscriminantAnalysis(solver="lsqr"),
        ),
        (estimators.NaiveBayes(), naive_bayes.GaussianNB()),
    ],
)
def test_classes_are_told_apart_as_scikit_learn_does(name: str, ours: Any, theirs: Any) -> None:
    X, y = CLASSES[name](return_X_y=True)
    ours.fit(X, y), theirs.fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-5, atol=1e-12)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("name", ["iris", "wine"])
def test_a_covariance_of_each_class_is_that_of_scikit_learn(name: str) -> None:
    X, y = CLASSES[name](return_X_y=True)
    ours = estimators.QuadraticDiscriminantAnalysis().fit(X, y)
    theirs = discriminant_analysis.QuadraticDiscriminantAnalysis().fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-9)


def test_classes_kept_apart_are_learned_and_forgotten() -> None:
    X, y = datasets.load_iris(return_X_y=True)
    even, odd = (X[::2], y[::2]), (X[1::2], y[1::2])
    once = estimators.QuadraticDiscriminantAnalysis().fit(X, y)
    parts = estimators.QuadraticDiscriminantAnalysis().partial_fit(*even).partial_fit(*odd)
    assert parts.moments_ == once.moments_
    np.testing.assert_array_equal(parts.predict_proba(X), once.predict_proba(X))
    assert parts.forget(*even).moments_ == estimators.QuadraticDiscriminantAnalysis().fit(*odd).moments_


@pytest.mark.parametrize("name", CLASSES)
def test_a_decision_is_the_weighted_sum_of_the_columns(name: str) -> None:
    X, y = CLASSES[name](return_X_y=True)
    model = estimators.LinearDiscriminantAnalysis().fit(X, y)
    decision = model.decision_function(X)
    by_hand = X @ model.coef_.T + model.intercept_
    np.testing.assert_allclose(decision.reshape(len(X), -1), by_hand, rtol=1e-9, atol=1e-6)


def test_classes_are_in_their_own_order_not_in_that_of_their_names() -> None:
    X, y = datasets.load_iris(return_X_y=True)
    model = estimators.LinearDiscriminantAnalysis().fit(X, np.array([9, 10, 11])[y])
    assert model.classes_.tolist() == [9, 10, 11]
    assert (model.predict_proba(X).argmax(axis=1) == model.predict(X) - 9).all()
    assert model.decision_function(X)[:50].argmax(axis=1).max() == 0


@pytest.mark.parametrize("load", [datasets.load_iris, datasets.load_wine, datasets.load_breast_cancer])
def test_components_are_those_of_scikit_learn(load: Any) -> None:
    X = load().data
    ours = estimators.PCA(3).fit(X)
    theirs = decomposition.PCA(3, svd_solver="full").fit(X)
    np.testing.assert_allclose(ours.components_, theirs.components_, atol=1e-8)
    np.testing.assert_allclose(ours.explained_variance_ratio_, theirs.explained_variance_ratio_, rtol=1e-9)
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-5)
    assert list(ours.get_feature_names_out()) == ["pca0", "pca1", "pca2"]


def test_all_components_give_the_rows_back() -> None:
    X = datasets.load_wine().data
    ours = estimators.PCA(correlation=True).fit(X)
    np.testing.assert_allclose(ours.inverse_transform(ours.transform(X)), X, rtol=1e-8)


numbers = st.builds(
    lambda whole, power: whole * 2.0**-power, st.integers(-(2**53), 2**53), st.integers(0, 80)
)
cells = st.one_of(numbers, st.just(np.nan))


@given(hnp.arrays(np.float64, st.tuples(st.integers(2, 12), st.just(2)), elements=cells), st.data())
def test_learning_in_parts_is_learning_at_once_and_forgetting_undoes_it(X: np.ndarray, data: Any) -> None:
    """To the bit: no number is rounded, and units become finer when the rows need it."""
    cut = data.draw(st.integers(1, len(X) - 1))
    once = estimators.PCA().partial_fit(X)
    parts = estimators.PCA().partial_fit(X[:cut]).partial_fit(X[cut:])
    assert parts.moments_ == once.moments_
    assert parts.forget(X[:cut]).forget(X[cut:]).moments_.rows == 0


@given(hnp.arrays(np.float64, st.integers(1, 8), elements=numbers))
def test_a_unit_counts_every_number_as_it_is(values: np.ndarray) -> None:
    unit = exact_unit(values)
    assert unit.multiplier is not None
    np.testing.assert_array_equal(unit.to_integers(values) / unit.multiplier, values)


def test_a_number_that_counts_for_nothing_beside_another_does_not_make_the_unit() -> None:
    assert exact_unit(np.array([1e-300, 1.0])).twos == 199
    assert exact_unit(np.array([2.0**300, 0.0])).twos == -300


def test_forgetting_rows_that_were_not_learned_is_refused() -> None:
    X, y = datasets.load_diabetes(return_X_y=True)
    model = estimators.LinearRegression().fit(X[:200], y[:200])
    with pytest.raises(ValueError, match="these rows were not learned: "):
        model.forget(X, y)


def test_a_forgotten_class_is_gone() -> None:
    X, y = datasets.load_iris(return_X_y=True)
    model = estimators.LinearDiscriminantAnalysis().fit(X, y).forget(X[y == 1], y[y == 1])
    assert model.classes_.tolist() == [0, 2]
    assert model.score(X[y != 1], y[y != 1]) == 1.0


def penguin_like() -> tuple[pd.DataFrame, pd.Series]:
    bunch = datasets.load_iris(as_frame=True)
    frame = bunch.frame.drop(columns="target")
    frame["species"] = pd.Categorical.from_codes(bunch.target, bunch.target_names)
    return frame.drop(columns="petal width (cm)"), frame["petal width (cm)"]


def test_categories_of_pandas_become_indicators() -> None:
    X, y = penguin_like()
    ours = estimators.LinearRegression().fit(X, y)
    theirs = linear_model.LinearRegression().fit(pd.get_dummies(X, drop_first=True, dtype=float), y)
    assert ours.target_ == "petal width (cm)"
    assert ours.terms_.tolist()[-2:] == ["species$versicolor", "species$virginica"]
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-9)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(pd.get_dummies(X, drop_first=True)), rtol=1e-9)
    with pytest.raises(ModelError, match="'gentoo' was not there"):
        ours.predict(X.assign(species="gentoo"))


def test_pyarrow_and_pandas_are_learned_alike() -> None:
    X, y = penguin_like()
    X["species"] = X["species"].astype(str)
    X.loc[3, "species"] = None
    X.loc[5, "sepal length (cm)"] = np.nan
    pandas = estimators.Ridge(missing="mean").fit(X, y)
    arrow = pa.table({name: pa.array(X[name], from_pandas=True) for name in X.columns})
    pyarrow = estimators.Ridge(missing="mean").fit(arrow, y)
    assert pyarrow.moments_ == pandas.moments_
    np.testing.assert_array_equal(pyarrow.predict(arrow), pandas.predict(X))


def test_statistics_learned_elsewhere_make_an_estimator() -> None:
    bunch = datasets.load_breast_cancer()
    names = [f"x{i}" for i in range(30)]
    text = [["malignant", "benign"][label] for label in bunch.target]
    rows = [[*map(float, row), label] for row, label in zip(bunch.data, text, strict=True)]
    table = Table.from_rows([*names, "diagnosis"], rows)
    moments = Moments(Schema.infer(table, 60)).learn(table)
    model = estimators.LinearDiscriminantAnalysis.from_moments(moments, inputs=names, target="diagnosis")
    assert model.classes_.tolist() == ["benign", "malignant"]
    assert model.score(pd.DataFrame(bunch.data, columns=names), text) > 0.95
    fitted = estimators.LinearDiscriminantAnalysis().fit(bunch.data, text)
    np.testing.assert_allclose(fitted.coef_, model.coef_, rtol=1e-9)


def test_an_estimator_is_pickled_with_its_statistics() -> None:
    X, y = datasets.load_diabetes(return_X_y=True)
    model = estimators.Ridge().fit(X[:300], y[:300])
    again = pickle.loads(pickle.dumps(model))  # noqa: S301
    assert again.partial_fit(X[300:], y[300:]).moments_ == model.partial_fit(X[300:], y[300:]).moments_


def test_estimators_work_inside_scikit_learn() -> None:
    X, y = datasets.load_diabetes(return_X_y=True)
    pipeline = make_pipeline(estimators.PCA(correlation=True), estimators.Ridge(0.1))
    assert cross_val_score(pipeline, X, y, cv=3).min() > 0.4


def test_naive_bayes_takes_numbers_and_categories_together() -> None:
    X, _ = penguin_like()
    X["size"] = np.where(X["sepal length (cm)"] > 6, "large", "small")
    X.loc[::7, "sepal width (cm)"] = np.nan
    model = estimators.NaiveBayes().fit(X.drop(columns="species"), X["species"])
    assert model.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert model.score(X.drop(columns="species"), X["species"]) >= 0.9
