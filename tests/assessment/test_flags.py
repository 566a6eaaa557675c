"""Rows flagged by the quantiles and the tail of their scores, as NumPy and SciPy have them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plotly import graph_objects
from scipy import stats

from federation.assessment import flags, flags_figure
from federation.assessment.flags import MOST_DRAWN


@pytest.mark.parametrize("seed", range(3))
def test_the_rules_are_numpys_quantiles_and_scipys_tail(seed: int) -> None:
    scores = np.random.default_rng(seed).gamma(2.0, size=5_000)
    found = flags(scores)
    columns = found.columns()
    assert list(columns) == ["id", "res", "q95", "q98", "q99", "evt"]
    assert columns["id"].tolist() == list(range(1, 5_001))
    for name, share in (("q95", 0.95), ("q98", 0.98), ("q99", 0.99)):
        assert set(columns[name]) == {np.quantile(scores, share)}
    assert np.array_equal(columns["res"], scores > np.quantile(scores, 0.95))
    start = np.quantile(scores, 0.95)
    shape, _, scale = stats.genpareto.fit(scores[scores > start] - start, floc=0)
    # Beyond the start are 5 % of the scores: 2.5 % of all are half of them.
    assert found.limit == pytest.approx(start + stats.genpareto.isf(0.5, shape, scale=scale), rel=1e-4)
    assert np.array_equal(columns["evt"], scores > found.limit)


@given(st.lists(st.floats(-1e6, 1e6), max_size=19))
def test_few_rows_have_quantiles_but_no_tail(scores: list[float]) -> None:
    found = flags(np.array(scores))
    assert found.limit is None
    assert not found.columns()["evt"].any()
    assert found.columns()["res"].sum() <= 1
    json.dumps(found.to_dict(), allow_nan=False)
    graph_objects.Figure(flags_figure(found.to_dict()))


def test_equal_scores_are_no_anomalies() -> None:
    found = flags(np.full(1_000, 0.1))
    assert found.limit is None
    assert not found.columns()["res"].any() and not found.columns()["evt"].any()


def test_only_the_rare_one_of_two_scores_is_flagged() -> None:
    """Ones are rarer than a false alarm may be: the tail alone would put its limit below the zeros."""
    scores = (np.arange(2_000) % 100 == 0).astype(float)
    columns = flags(scores).columns()
    assert np.array_equal(columns["res"], scores)
    assert np.array_equal(columns["evt"], scores)


def test_missing_scores_are_no_anomalies_and_change_nothing() -> None:
    scores = np.random.default_rng(0).exponential(size=1_000)
    holed = np.insert(scores, 500, [np.nan, np.inf, -np.inf])
    plain, found = flags(scores), flags(holed)
    assert (found.quantiles, found.limit) == (plain.quantiles, plain.limit)
    assert found.columns()["res"][500:503].tolist() == [0, 1, 0]
    assert found.columns()["evt"][500:503].tolist() == [0, 1, 0]
    nothing = flags(np.full(3, np.nan)).columns()
    assert not nothing["res"].any() and np.isnan(nothing["q95"]).all()


def test_the_figure_has_the_highest_scores_of_many_and_a_line_for_each_threshold() -> None:
    scores = np.random.default_rng(1).exponential(size=50_000)
    found = flags(scores)
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    figure = flags_figure(data)
    graph_objects.Figure(figure)  # refuses what plotly does not know
    rows, beyond, *lines = figure["data"]
    assert [line["name"] for line in lines] == ["q95", "q98", "q99", "evt"]
    assert [line["y"][0] for line in lines] == [*found.quantiles.values(), found.limit]
    assert len(rows["x"]) + len(beyond["x"]) <= MOST_DRAWN
    top = np.argsort(scores)[-MOST_DRAWN // 2 :]
    assert set(top + 1) <= set(beyond["x"])
    assert all(scores[row - 1] == score for row, score in zip(beyond["x"], beyond["y"], strict=True))
