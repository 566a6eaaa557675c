"""Covariance estimators and the machine for two classes beside independent ones, on iris, wine and cancer."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np
from sklearn import covariance, datasets

from federation.models import fit

DATA = ("iris", "wine", "breast_cancer")


def load(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Standardised columns, and the target."""
    bunch = getattr(datasets, f"load_{name}")()
    return ((bunch.data - bunch.data.mean(axis=0)) / bunch.data.std(axis=0)).round(6), bunch.target


def precisions(name: str, learned: Any, tabulated: Any) -> tuple[Any, Any]:
    """Inverse covariances by the graphical lasso."""
    X, _ = load(name)
    columns = {f"x{i}": X[:, i] for i in range(X.shape[1])}
    options = {"estimate_type": "graph_lasso", "lambda": 0.2}
    model = fit("covest", learned(columns), None, list(columns), **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it does not reach the tolerance
        found = covariance.graphical_lasso(
            covariance.empirical_covariance(X), 0.2, tol=1e-12, enet_tol=1e-14, max_iter=500
        )
    return model.theta, found[1]


def distances(name: str, learned: Any, tabulated: Any) -> tuple[Any, Any]:
    """Squared distances of the rows under the covariance shrunk by OAS."""
    X, _ = load(name)
    columns = {f"x{i}": X[:, i] for i in range(X.shape[1])}
    model = fit("covest", learned(columns), None, list(columns), tuning_type="oas")
    return model.predict(tabulated(columns))["res"], covariance.OAS().fit(X).mahalanobis(X)


def margins(name: str, learned: Any, tabulated: Any) -> tuple[Any, Any]:
    """Scores of the proximal machine, whose equations are solved on the rows."""
    X, y = load(name)
    columns = {f"x{i}": X[:, i] for i in range(X.shape[1])}
    model = fit("lsvm", learned(columns | {"y": (y == 1).astype(float)}), "y", list(columns))
    E = np.column_stack([X, -np.ones(len(X))])
    p = E.shape[1]
    labels = np.append(np.where(y == 1, 1.0, -1.0), np.zeros(p))
    solved = np.linalg.lstsq(np.vstack([E, np.eye(p)]), labels, rcond=None)[0]
    return model.predict(tabulated(columns))["resZ"], E @ solved


CASES = [
    (algorithm, name, compared, tolerance, partial(run, name))
    for algorithm, compared, tolerance, run in (
        ("covest graph_lasso", "precision, graphical_lasso", 1e-8, precisions),
        ("covest oas", "distances, OAS", 1e-9, distances),
        ("lsvm", "scores, lstsq on the rows", 1e-9, margins),
    )
    for name in DATA
]
