"""Anomalies from histograms: ECOD and histogram-based scores, against the rows themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn import datasets

from federation.models import ModelError, fit, fit_ecod, fit_hba, from_dict
from federation.statistics import Extra, Moments, Schema, Table

Tabulated = Callable[[dict[str, Any]], Table]
Labelled = dict[str, tuple[dict[str, Any], list[str]]]
DATA = ["iris", "wine", "breast_cancer"]


def profiled(table: Table) -> Moments:
    return Moments(replace(Schema.infer(table), extras=frozenset({Extra.PROFILES}))).learn(table)


def ecod_of_rows(X: Any, *, use_skewness: bool = True) -> Any:
    """Algorithm 1 of the paper, on rows."""
    left = np.array([[(column <= value).mean() for value in column] for column in X.T]).T
    right = np.array([[(column >= value).mean() for value in column] for column in X.T]).T
    longer = np.where(stats.skew(X) < 0.0, left, right)
    sums = [-np.log(part).sum(axis=1) for part in (left, right, longer)]
    return np.max(sums if use_skewness else sums[:2], axis=0)


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("use_skewness", [True, False])
def test_ecod_is_that_of_the_rows(
    data: str, use_skewness: bool, labelled: Labelled, tabulated: Tabulated
) -> None:
    """Values of less than 128 units are counted one by one, and so the score is exact (iris).

    Larger ones share buckets up to 1/128 as wide as they are large: a tail is then off by less than the share
    of its bucket, which weighs most where few rows are beyond.
    """
    columns, inputs = labelled[data]
    X = np.column_stack([columns[name] for name in inputs])
    reference = ecod_of_rows(X, use_skewness=use_skewness)
    table = tabulated(columns)
    model = fit("ecod", profiled(table), None, inputs, use_skewness=use_skewness)
    result = model.predict(table)
    score = result["ecodscore"]
    if data == "iris":
        np.testing.assert_allclose(score, reference, rtol=1e-12)
    np.testing.assert_allclose(score, reference, rtol=0.05)
    assert stats.spearmanr(score, reference).statistic > 0.995
    np.testing.assert_array_equal(result["res"], score > model.threshold)
    assert from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False))) == model
    worst = np.abs(score / reference - 1.0).max()
    print(f"\necod {data}: scores within {worst:.1e} of those of the rows, {result['res'].sum():g} anomalies")


@pytest.mark.parametrize("data", DATA)
def test_skewness_and_mean_are_exact(data: str, labelled: Labelled, tabulated: Tabulated) -> None:
    columns, inputs = labelled[data]
    model = fit_ecod(profiled(tabulated(columns)), inputs)
    X = np.column_stack([columns[name] for name in inputs])
    assert [part.skewness for part in model.marginals] == pytest.approx(stats.skew(X).tolist(), rel=1e-9)
    assert [part.mean for part in model.marginals] == pytest.approx(X.mean(axis=0).tolist(), rel=1e-12)


def test_tails_may_be_asked_for(labelled: Labelled, tabulated: Tabulated) -> None:
    columns, _ = labelled["iris"]
    moments = profiled(tabulated(columns))
    model = fit("ecod", moments, None, ["x0", "x2"], desired_prob_feats="x2", ecod_anomaly_threshold="4")
    result = model.predict(tabulated({"x0": [5.0, np.nan, 99.0], "x2": [1.0, 1.0, -1.0]}))
    assert set(result) == {"res", "ecodscore", "x2$prob"}
    x2 = columns["x2"]
    assert result["x2$prob"].tolist() == [(x2 <= 1.0).mean(), (x2 <= 1.0).mean(), 1 / 151]
    assert result["res"].tolist() == [1.0, 1.0, 1.0]
    # A value outside all those learned has the tail that it would have among them.
    assert result["ecodscore"][2] == pytest.approx(2.0 * np.log(151.0))


@pytest.mark.parametrize("data", [*DATA, "diabetes"])
def test_histogram_scores_are_those_of_the_rows(data: str, labelled: Labelled, tabulated: Tabulated) -> None:
    """In equal bins between the same ends; values in wide buckets may be counted in the next bin."""
    if data == "diabetes":
        bunch = datasets.load_diabetes(scaled=False)
        columns: dict[str, Any] = {name: bunch.data[:, i] for i, name in enumerate(bunch.feature_names)}
        inputs = list(columns)
    else:
        columns, inputs = labelled[data]
    table = tabulated(columns)
    model = fit_hba(profiled(table), inputs, bins=10)
    reference = np.zeros(table.rows)
    for name, bins in model.bins.items():
        values = columns[name]
        width = (bins.high - bins.low) / 10
        place = np.clip(np.floor((values - bins.low) / width), 0, 9).astype(int)
        counts = np.bincount(place, minlength=10)
        assert (bins.low, bins.high) == pytest.approx((values.min(), values.max()), rel=1 / 128)
        reference += np.log(counts.max() / counts[place])
    score = model.predict(table)["res"]
    if data == "iris":
        np.testing.assert_allclose(score, reference, rtol=1e-12)
    assert stats.spearmanr(score, reference).statistic > 0.98
    assert from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False))) == model
    print(
        f"\nhba {data}: largest difference {np.abs(score - reference).max():.3f} of scores up to "
        f"{reference.max():.1f}, rank correlation {stats.spearmanr(score, reference).statistic:.4f}"
    )


def test_levels_are_bins(labelled: Labelled, tabulated: Tabulated) -> None:
    columns, _ = labelled["iris"]
    table = tabulated({"x3": columns["x3"], "word": ["often"] * 120 + ["seldom"] * 30})
    model = fit("hba", profiled(table), None, ["x3", "word"])
    assert len(model.bins["x3"].counts) == 12  # √150
    alone = fit_hba(profiled(table), ["word"])
    rows = tabulated({"word": ["often", "seldom", "never seen", None]})
    assert alone.predict(rows)["res"] == pytest.approx([0.0, np.log(4.0), np.log(240.0), 0.0])


@pytest.mark.parametrize("algorithm", ["ecod", "hba"])
@pytest.mark.parametrize(
    ("target", "inputs", "message"),
    [
        ("y", ["x"], "has no target: leave 'y' out"),
        (None, ["gone"], "'gone' is missing in every row"),
        (None, ["kind$a"], r"'kind\$a' is (not a|no) "),
        (None, ["nowhere"], "attribute 'nowhere' is unknown"),
        (None, [], "no inputs"),
    ],
)
def test_what_is_refused(
    algorithm: str, target: str | None, inputs: list[str], message: str, tabulated: Tabulated
) -> None:
    columns = {"x": [1.0, 2.0], "y": [2.0, 1.0], "kind": ["a", "b"], "gone": [np.nan, np.nan]}
    with pytest.raises(ModelError, match=message):
        fit(algorithm, profiled(tabulated(columns)), target, inputs)


@pytest.mark.parametrize("algorithm", ["ecod", "hba"])
def test_statistics_without_profiles_are_refused(algorithm: str, tabulated: Tabulated) -> None:
    table = tabulated({"x": [1.0, 2.0, 3.0]})
    with pytest.raises(ModelError, match="profiles"):
        fit(algorithm, Moments(Schema.infer(table)).learn(table), None, ["x"])
