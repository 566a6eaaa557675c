"""Drift between two statistics: the distances by other means, scikit-learn's reconstruction, and the laws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from sklearn.decomposition import PCA

from federation.explore import DRIFTS, drift
from federation.models import ModelError
from federation.statistics import Extra, Moments, Schema, Table

Learned = Callable[..., Moments]
TABLES = ("iris", "wine", "breast_cancer")


@pytest.fixture(scope="module")
def halves(real_tables: Any, learned: Learned) -> Callable[[str], tuple[Any, Any, Moments, Moments]]:
    """A table cut in two by the size of its first column: columns and statistics of either half."""

    def cut(table: str) -> tuple[Any, Any, Moments, Moments]:
        columns = real_tables[table]
        order = np.argsort(columns["x0"], kind="stable")

        def taken(rows: Any) -> dict[str, Any]:
            return {
                name: [values[row] for row in rows] if isinstance(values, list) else values[rows]
                for name, values in columns.items()
            }

        half = len(order) // 2
        parts = [taken(rows) for rows in (order[:half], order[half:])]
        return parts[0], parts[1], *(learned(part, extras=[Extra.PROFILES]) for part in parts)

    return cut


def normal_distance(a: Any, b: Any) -> float:
    """The Hellinger distance of two normal laws by numeric integration of √(f·g)."""
    f, g = (stats.norm(x.mean(), x.std()) for x in (a, b))
    low, high = min(a.min(), b.min()) - 20 * b.std(), max(a.max(), b.max()) + 20 * b.std()
    shared, _ = integrate.quad(
        lambda x: np.sqrt(f.pdf(x) * g.pdf(x)), low, high, limit=500, points=[f.mean(), g.mean()]
    )
    return float(np.sqrt(1 - shared))


@pytest.mark.parametrize("table", TABLES)
def test_marginal_drift_is_hellingers_distance(table: str, halves: Any) -> None:
    before, after, baseline, analysis = halves(table)
    answer = drift("marginal_stat", baseline, analysis)
    names = list(before)
    for name in names[:-1]:
        assert answer[f"{name}_drift"] == pytest.approx(normal_distance(before[name], after[name]), abs=1e-6)
    kinds = sorted({*before["kind"], *after["kind"]})
    p, q = ([part["kind"].count(kind) / len(part["kind"]) for kind in kinds] for part in (before, after))
    distance = np.linalg.norm(np.sqrt(p) - np.sqrt(q)) / np.sqrt(2)
    assert answer["kind_drift"] == pytest.approx(distance, rel=1e-9)
    assert answer["driftScore"] == pytest.approx(np.mean([answer[f"{name}_drift"] for name in names]))


@pytest.mark.parametrize(("table", "tolerance"), [("iris", 1e-12), ("wine", 0.03), ("breast_cancer", 0.03)])
def test_drift_without_a_law_is_kolmogorovs_distance(table: str, tolerance: float, halves: Any) -> None:
    before, after, baseline, analysis = halves(table)
    answer = drift("marginal_non_stat", baseline, analysis)
    for name in [name for name in before if name != "kind"]:
        expected = stats.ks_2samp(before[name], after[name]).statistic
        assert answer[f"{name}_drift"] == pytest.approx(expected, abs=tolerance)
    kinds = {*before["kind"], *after["kind"]}
    moved = [
        abs(before["kind"].count(k) / len(before["kind"]) - after["kind"].count(k) / len(after["kind"]))
        for k in kinds
    ]
    assert answer["kind_drift"] == pytest.approx(sum(moved) / 2, rel=1e-12)


@pytest.mark.parametrize("table", TABLES)
def test_global_drift_is_the_mean_over_pairs(table: str, halves: Any) -> None:
    before, after, baseline, analysis = halves(table)
    names = [name for name in before if name != "kind"]
    answer = drift("global", baseline, analysis)

    def distance(chosen: list[str]) -> float:
        x, y = (np.array([part[name] for name in chosen]) for part in (before, after))
        a, b = (np.atleast_2d(np.cov(part, ddof=0)) for part in (x, y))
        middle, step = (a + b) / 2, x.mean(axis=1) - y.mean(axis=1)
        shared = (np.linalg.det(a) * np.linalg.det(b)) ** 0.25 / np.sqrt(np.linalg.det(middle))
        return float(np.sqrt(1 - shared * np.exp(-step @ np.linalg.solve(middle, step) / 8)))

    for name in names:
        pairs = [distance([name] if name == other else [name, other]) for other in names]
        assert answer[f"{name}_drift"] == pytest.approx(np.mean(pairs), abs=1e-7)


@pytest.mark.parametrize("table", TABLES)
def test_reconstruction_error_is_that_of_scikit_learns_components(table: str, halves: Any) -> None:
    before, after, baseline, analysis = halves(table)
    names = [name for name in before if name != "kind"]
    x, y = (np.column_stack([part[name] for name in names]) for part in (before, after))
    mean, scale = x.mean(axis=0), x.std(axis=0)
    x, y = (x - mean) / scale, (y - mean) / scale
    full = PCA().fit(x)
    kept = int(np.searchsorted(np.cumsum(full.explained_variance_ratio_), 0.95)) + 1
    components = PCA(min(kept, len(names) - 1)).fit(x)
    errors = [
        np.sqrt(((rows - components.inverse_transform(components.transform(rows))) ** 2).mean(axis=0))
        for rows in (x, y)
    ]
    answer = drift("pca_reconstruction_error", baseline, analysis)
    found = [answer[f"{name}_drift"] for name in names]
    assert found == pytest.approx(np.abs(errors[1] - errors[0]), abs=1e-8)


@pytest.mark.parametrize("metric", list(DRIFTS))
def test_rows_have_not_moved_from_themselves(metric: str, halves: Any) -> None:
    *_, baseline, _ = halves("wine")
    assert drift(metric, baseline, baseline)["driftScore"] == 0.0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["global", "marginal_stat", "marginal_non_stat"]))
def test_distances_are_symmetric_and_within_0_and_1(seed: int, metric: str) -> None:
    rng = np.random.default_rng(seed)

    def statistics() -> Moments:
        values = rng.normal(rng.normal(), rng.exponential() + 0.1, size=(3, 30)).round(2)
        values[2] = values[0] * rng.integers(1, 3)  # a pair of columns that are one
        table = Table({"x": values[0], "y": values[1], "z": values[2]})
        return Moments(replace(Schema.infer(table), extras=frozenset({Extra.PROFILES}))).learn(table)

    a, b = statistics(), statistics()
    there, back = drift(metric, a, b), drift(metric, b, a)
    assert all(0.0 <= value <= 1.0 for value in there.values())
    assert there == pytest.approx(back)


@pytest.mark.parametrize(
    ("metric", "attributes", "message"),
    [
        ("sideways", [], "there is no metric of drift 'sideways': there are 'global'"),
        ("global", ["kind"], "'kind' is a category: explore one of its levels"),
        ("global", ["x0", "nothing"], "'nothing' is unknown"),
        ("global", ["x0", "x0"], "'x0' twice"),
        ("pca_reconstruction_error", ["x0"], "one attribute cannot be reconstructed"),
    ],
)
def test_what_is_no_question_is_refused(
    metric: str, attributes: list[str], message: str, halves: Any
) -> None:
    *_, baseline, analysis = halves("iris")
    with pytest.raises(ModelError, match=message):
        drift(metric, baseline, analysis, attributes)


def test_what_does_not_vary_has_no_law_of_its_own(learned: Learned) -> None:
    still, moving = learned({"x": [1.5, 1.5], "y": [1.5, 2.0]}), learned({"x": [1.5, 2.5], "y": [1.0, 2.0]})
    with pytest.raises(ModelError, match="'x' is constant"):
        drift("global", still, moving)
    assert drift("marginal_stat", still, moving)["x_drift"] == 1.0
    assert drift("marginal_stat", still, still)["x_drift"] == 0.0
    with pytest.raises(ModelError, match='whose extras include "profiles"'):
        drift("marginal_non_stat", still, moving)
    with pytest.raises(ModelError, match="have no attribute in common"):
        drift("global", still, learned({"z": [1.0, 2.5]}))
