"""Classifiers and principal components beside scikit-learn's on iris, wine and cancer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.naive_bayes import GaussianNB

from federation.models import fit
from federation.statistics import Moments, Schema

DATA = ("iris", "wine", "breast_cancer")


def load(name: str) -> tuple[np.ndarray, list[str]]:
    """Standardised columns, and the class of each row."""
    bunch = getattr(datasets, f"load_{name}")()
    X = ((bunch.data - bunch.data.mean(axis=0)) / bunch.data.std(axis=0)).round(6)
    return X, [str(bunch.target_names[label]) for label in bunch.target]


def named(X: np.ndarray) -> dict[str, Any]:
    return {f"x{i}": X[:, i] for i in range(X.shape[1])}


def posteriors(
    algorithm: str,
    options: dict[str, Any],
    reference: Callable[[], Any],
    name: str,
    learned: Any,
    tabulated: Any,
) -> tuple[Any, Any]:
    """The probability of each class."""
    X, kinds = load(name)
    table = tabulated(named(X) | {"kind": kinds})
    split = "kind" if algorithm == "mqda" else None
    moments = Moments(replace(Schema.infer(table, 60), split=split)).learn(table)
    model = fit(algorithm, moments, "kind", list(named(X)), **options)
    predicted = model.predict(table)
    expected = reference().fit(X, kinds)
    return [predicted[f"kind${kind}"] for kind in expected.classes_], expected.predict_proba(X).T


def directions(name: str, learned: Any, tabulated: Any) -> tuple[Any, Any]:
    """Weights that tell the last class from the others; scikit-learn divides by n, not by n - 2."""
    X, kinds = load(name)
    last = max(kinds)
    model = fit("lda", learned(named(X) | {"kind": kinds}), f"kind${last}", list(named(X)))
    expected = LinearDiscriminantAnalysis(solver="lsqr").fit(X, [kind == last for kind in kinds])
    return model.weights, expected.coef_[0] * (len(X) - 2) / len(X)


def variances(name: str, learned: Any, tabulated: Any) -> tuple[Any, Any]:
    """Those of the components."""
    X, _ = load(name)
    expected = PCA(svd_solver="full").fit(X)
    return fit(
        "pca", learned(named(X)), None, list(named(X))
    ).explained_variance, expected.explained_variance_


CLASSIFIERS: tuple[tuple[str, dict[str, Any], Callable[[], Any], str], ...] = (
    ("mlda", {"ddof": 0}, lambda: LinearDiscriminantAnalysis(solver="lsqr"), "LinearDiscriminantAnalysis"),
    ("mqda", {"ddof": 0}, lambda: QuadraticDiscriminantAnalysis(tol=1e-9), "QuadraticDiscriminantAnalysis"),
    ("bayes", {}, GaussianNB, "GaussianNB"),
)

CASES = [
    (algorithm, name, compared, 1e-8, partial(run, name))
    for algorithm, compared, run in (
        ("lda", "weights, LinearDiscriminantAnalysis", directions),
        ("pca", "variances, PCA", variances),
    )
    for name in DATA
] + [
    (
        algorithm,
        name,
        f"posterior, {peer}",
        1e-8,
        partial(posteriors, algorithm, options, reference, name),
    )
    for algorithm, options, reference, peer in CLASSIFIERS
    for name in DATA
]
