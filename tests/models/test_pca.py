"""Principal components from sums are those of the pooled rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from federation.models import ModelError, fit, fit_pca, from_dict
from federation.statistics import Moments, Table

Learned = Callable[..., Moments]
Tabulated = Callable[[dict[str, Any]], Table]


@pytest.mark.parametrize("correlation", [False, True])
def test_components_are_those_of_scikit_learn(
    correlation: bool, learned: Learned, tabulated: Tabulated
) -> None:
    data = datasets.load_wine().data
    columns = {f"x{i}": data[:, i] for i in range(data.shape[1])}
    model = fit_pca(learned(columns), list(columns), correlation=correlation, dimensions=5)
    X = StandardScaler().fit_transform(data) if correlation else data
    reference = PCA(n_components=5, svd_solver="full").fit(X)
    # The scaler divides by the population deviation, correlation by n - 1 throughout.
    shrink = 177 / 178 if correlation else 1.0
    np.testing.assert_allclose(model.explained_variance, reference.explained_variance_ * shrink, rtol=1e-9)
    np.testing.assert_allclose(model.explained_ratio, reference.explained_variance_ratio_, rtol=1e-9)
    signs = np.sign(np.sum(model.components * reference.components_, axis=1))[:, None]
    np.testing.assert_allclose(model.components * signs, reference.components_, atol=1e-9)
    scores = np.column_stack(list(model.predict(tabulated(columns)).values()))
    expected = reference.transform(X) * signs.T * np.sqrt(shrink)
    np.testing.assert_allclose(scores, expected, atol=1e-8 * np.abs(expected).max())


def test_the_largest_weight_of_a_component_is_positive(learned: Learned) -> None:
    data = datasets.load_iris().data
    model = fit_pca(learned({f"x{i}": data[:, i] for i in range(4)}), ["x3", "x0", "x1", "x2"])
    for component in model.components:
        assert max(component, key=abs) > 0


def test_categories_take_part_with_every_level(learned: Learned, tabulated: Tabulated) -> None:
    columns = {"a": [1.0, 2.0, 4.0, 8.0], "kind": ["u", "v", "u", "w"]}
    model = fit("pca", learned(columns), None, ["a", "kind"], dimensions="2")
    assert model.terms == ("a", "kind$u", "kind$v", "kind$w")
    assert list(model.predict(tabulated(columns))) == ["pc1", "pc2"]
    with pytest.raises(ModelError, match="level 'x' was not there"):
        model.predict(tabulated({"a": [1.0], "kind": ["x"]}))
    assert from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False))) == model


def test_what_cannot_be_decomposed_is_refused(learned: Learned) -> None:
    moments = learned({"a": [1.5, 1.5, 1.5], "b": [1.0, 2.0, 5.0]})
    with pytest.raises(ModelError, match="'a' is constant"):
        fit_pca(moments, ["a", "b"], correlation=True)
    with pytest.raises(ModelError, match="every input is constant"):
        fit_pca(moments, ["a"])
    with pytest.raises(ModelError, match="dimensions is 3: choose from 1 to 2"):
        fit_pca(moments, ["a", "b"], dimensions=3)
    with pytest.raises(ModelError, match="at least two rows"):
        fit_pca(learned({"a": [1.0], "b": [2.0]}), ["a", "b"])
