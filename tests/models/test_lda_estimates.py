"""Two-class discriminants with a regularised covariance, against scikit-learn's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.covariance import graphical_lasso, oas
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from federation.models import ModelError, fit
from federation.statistics import Moments

Learned = Callable[..., Moments]
Labelled = dict[str, tuple[dict[str, Any], list[str]]]
ONE = {"iris": "versicolor", "wine": "class_1", "breast_cancer": "benign"}


def classes(data: str, labelled: Labelled) -> tuple[Any, Any, Any]:
    """Rows, which are of the one class, and the rows less their class's mean."""
    columns, inputs = labelled[data]
    X = np.column_stack([columns[name] for name in inputs])
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    t = np.array(columns["kind"]) == ONE[data]
    return X, t, X - np.where(t[:, None], X[t].mean(axis=0), X[~t].mean(axis=0))


@pytest.mark.parametrize("data", list(ONE))
@pytest.mark.parametrize("alpha", [0.02, 0.5])
def test_shrinkage_is_that_of_scikit_learn(
    data: str, alpha: float, labelled: Labelled, learned: Learned
) -> None:
    """Its covariance divides by n, ours by n - 2; both shrink towards the mean variance, in proportion."""
    X, t, _ = classes(data, labelled)
    names = [f"z{i}" for i in range(X.shape[1])]
    moments = learned(dict(zip(names, X.T, strict=True)) | {"t": t.astype(float)})
    model = fit("lda", moments, "t", names, estimate_type="l2_reg_sig", alpha=alpha)
    reference = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=alpha).fit(X, t)
    expected = reference.coef_[0] * (len(X) - 2) / len(X)
    np.testing.assert_allclose(model.weights, expected, rtol=1e-7, atol=1e-8 * np.abs(expected).max())
    assert (model.estimate_type, model.alpha, model.penalty) == ("l2_reg_sig", alpha, None)
    worst = np.abs(np.array(model.weights) - expected).max() / np.abs(expected).max()
    print(f"\nlda {data}, shrunk by {alpha}: weights within {worst:.1e} of the largest of scikit-learn's")


@pytest.mark.parametrize("data", list(ONE))
def test_tuned_and_sparse_estimates(data: str, labelled: Labelled, learned: Learned) -> None:
    X, t, within = classes(data, labelled)
    n = len(X)
    names = [f"z{i}" for i in range(X.shape[1])]
    moments = learned(dict(zip(names, X.T, strict=True)) | {"t": t.astype(float)})
    difference = X[t].mean(axis=0) - X[~t].mean(axis=0)
    covariance = within.T @ within / (n - 2)
    tuned = fit("lda", moments, "t", names, estimate_type="l2_reg_sig", tuning_type="oas")
    estimate, alpha = oas(within, assume_centered=True)
    assert tuned.alpha == pytest.approx(alpha, rel=1e-8)
    expected = np.linalg.solve(estimate * n / (n - 2), difference)
    np.testing.assert_allclose(tuned.weights, expected, rtol=1e-6)
    sparse = fit("lda", moments, "t", names, **{"estimate_type": "graph_lasso", "lambda": "0.2"})
    precision = graphical_lasso(covariance, 0.2, tol=1e-8, max_iter=1000, enet_tol=1e-9)[1]
    np.testing.assert_allclose(sparse.weights, precision @ difference, rtol=1e-4, atol=1e-5)
    assert sparse.penalty == 0.2


def test_a_singular_covariance_is_no_obstacle(labelled: Labelled, learned: Learned) -> None:
    """More columns than rows, and columns that depend on others."""
    columns, inputs = labelled["breast_cancer"]
    few = {name: columns[name][:20] for name in inputs}
    few |= {"twin": 2.0 * few["x0"], "t": [float(kind == "benign") for kind in columns["kind"][:20]]}
    moments = learned(few)
    with pytest.raises(ModelError, match=r"20 rows for 31 inputs: at least 33 .* or give an estimate_type"):
        fit("lda", moments, "t", [*inputs, "twin"])
    model = fit("lda", moments, "t", [*inputs, "twin"], estimate_type="l2_reg_thinkhonov")
    X = np.column_stack([few[name] for name in [*inputs, "twin"]])
    t = np.array(few["t"]) == 1.0
    within = X - np.where(t[:, None], X[t].mean(axis=0), X[~t].mean(axis=0))
    difference = X[t].mean(axis=0) - X[~t].mean(axis=0)
    expected = np.linalg.solve(within.T @ within / 18 + np.eye(31), difference)
    np.testing.assert_allclose(model.weights, expected, rtol=1e-6, atol=1e-9)


def test_strength_without_an_estimate_is_refused(labelled: Labelled, learned: Learned) -> None:
    columns, inputs = labelled["iris"]
    with pytest.raises(ModelError, match=r"'alpha' belong to a covariance estimate: name estimate_type"):
        fit("lda", learned(columns), "kind$setosa", inputs, alpha=0.1)
    with pytest.raises(ModelError, match="eigen_trunc does not read 'alpha'"):
        fit("lda", learned(columns), "kind$setosa", inputs, estimate_type="eigen_trunc", alpha=0.1)
