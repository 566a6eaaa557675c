"""Anomalies by second moments: Mahalanobis distance and reconstruction error, against scikit-learn."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.covariance import EmpiricalCovariance
from sklearn.decomposition import PCA

from federation.models import ModelError, fit, fit_mahalanobis, fit_reconstruction, from_dict
from federation.statistics import Moments, Table

Learned = Callable[..., Moments]
Tabulated = Callable[[dict[str, Any]], Table]
Labelled = dict[str, tuple[dict[str, Any], list[str]]]
DATA = ["iris", "wine", "breast_cancer"]


@pytest.mark.parametrize("data", DATA)
def test_mahalanobis_distance(data: str, labelled: Labelled, learned: Learned, tabulated: Tabulated) -> None:
    """scikit-learn gives squared distances with a covariance that divides by n; ours divides by n - 1."""
    columns, inputs = labelled[data]
    X = np.column_stack([columns[name] for name in inputs])
    reference = EmpiricalCovariance().fit(X).mahalanobis(X) * (len(X) - 1) / len(X)
    model = fit("mahalanobis", learned(columns), None, inputs)
    result = model.predict(tabulated(columns))
    # scikit-learn inverts the raw covariance, whose condition number is 1e12 for the tumours.
    np.testing.assert_allclose(result["res"] ** 2, reference, rtol=1e-7)
    np.testing.assert_allclose(result["p"], stats.chi2.sf(result["res"] ** 2, len(inputs)), rtol=1e-12)
    assert from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False))) == model
    worst = np.abs(result["res"] ** 2 / reference - 1.0).max()
    print(f"\nmahalanobis {data}: d² within {worst:.1e} of EmpiricalCovariance's, relatively")


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("standardised", [False, True])
def test_reconstruction_error(
    data: str, standardised: bool, labelled: Labelled, learned: Learned, tabulated: Tabulated
) -> None:
    columns, inputs = labelled[data]
    X = np.column_stack([columns[name] for name in inputs])
    if standardised:
        X = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    reference = PCA(n_components=2, svd_solver="full").fit(X)
    errors = ((X - reference.inverse_transform(reference.transform(X))) ** 2).sum(axis=1)
    model = fit("oospca", learned(columns), None, inputs, q="2", correlation=standardised)
    result = model.predict(tabulated(columns))["res"]
    np.testing.assert_allclose(result, errors, rtol=1e-8, atol=1e-10 * errors.max())
    assert model.explained == pytest.approx(reference.explained_variance_ratio_.sum(), rel=1e-12)
    assert from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False))) == model
    print(f"\noospca {data}: errors within {np.abs(result - errors).max() / errors.max():.1e} of the largest")


def test_as_few_components_as_explain_a_share(labelled: Labelled, learned: Learned) -> None:
    columns, inputs = labelled["wine"]
    moments = learned(columns)
    ratios = PCA().fit(np.column_stack([columns[name] for name in inputs])).explained_variance_ratio_
    assert fit_reconstruction(moments, inputs, explained=0.999).q == 2
    assert ratios[:1].sum() < 0.999 <= ratios[:2].sum()
    named = fit("repca", moments, None, inputs)
    assert (named.algorithm, named.q) == ("repca", 1)  # 0.95 without a choice


def test_categories_are_indicators(labelled: Labelled, learned: Learned, tabulated: Tabulated) -> None:
    columns, _ = labelled["iris"]
    kinds = np.array(columns["kind"])
    X = np.column_stack([columns["x0"], kinds == "versicolor", kinds == "virginica"])
    reference = EmpiricalCovariance().fit(X).mahalanobis(X) * 149 / 150
    result = fit_mahalanobis(learned(columns), ["x0", "kind"]).predict(tabulated(columns))
    np.testing.assert_allclose(result["res"] ** 2, reference, rtol=1e-10)


@pytest.mark.parametrize(
    ("algorithm", "target", "inputs", "options", "message"),
    [
        ("mahalanobis", "y", ["x"], {}, "mahalanobis has no target: leave 'y' out"),
        ("mahalanobis", None, ["x", "still"], {}, "'still' is constant in the 4 rows used"),
        ("mahalanobis", None, ["x", "twice"], {}, "'twice' is a linear combination of 'x'"),
        ("mahalanobis", None, ["x", "y", "z", "w"], {}, "4 rows for 4 columns: at least 5"),
        ("oospca", "y", ["x"], {}, "oospca has no target"),
        ("oospca", None, ["x"], {}, "name at least two inputs"),
        ("oospca", None, ["x", "y"], {"q": 2}, "q is 2: choose from 1 to 1"),
        ("oospca", None, ["x", "y"], {"q": 1, "explained": 0.5}, "give one of them"),
        ("oospca", None, ["x", "y"], {"explained": 1}, "explained is 1.0: choose a share"),
    ],
)
def test_what_is_refused(
    algorithm: str, target: str | None, inputs: list[str], options: Any, message: str, learned: Learned
) -> None:
    columns = {
        "x": [1.0, 2.0, 4.0, 3.0],
        "y": [2.0, 1.0, 5.0, 3.0],
        "z": [2.0, 1.0, 1.0, 3.0],
        "w": [2.0, 2.5, 5.0, 3.0],
        "twice": [2.0, 4.0, 8.0, 6.0],
        "still": [0.5] * 4,
    }
    with pytest.raises(ModelError, match=message):
        fit(algorithm, learned(columns), target, inputs, **options)
