"""Curves go through scikit-learn's points, whole or thinned; errors are counted once each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from federation.assessment import SCORES, confusion, gains, residuals, roc

few_scores = st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3)), min_size=2, max_size=60)


@given(few_scores)
def test_a_short_roc_curve_is_whole(pairs: list[tuple[int, int]]) -> None:
    truth, score = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    if not 0 < truth.sum() < truth.size:
        return
    expected = metrics.roc_curve(truth, score, drop_intermediate=False)
    found = roc(truth, score)
    for ours, theirs in zip(
        (found.false_positive_rate, found.true_positive_rate, found.threshold), expected, strict=True
    ):
        np.testing.assert_allclose(ours, theirs)


def test_a_long_roc_curve_is_thinned_to_points_of_its_own() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random(20_000) < 0.1).astype(float)
    score = truth + rng.normal(size=truth.size)
    found = roc(truth, score)
    assert found.threshold.size <= 200
    exact = metrics.roc_curve(truth, score, drop_intermediate=False)
    points = set(zip(*(values.tolist() for values in exact), strict=True))
    ours = (found.false_positive_rate, found.true_positive_rate, found.threshold)
    assert set(zip(*(values.tolist() for values in ours), strict=True)) <= points
    area = np.trapezoid(found.true_positive_rate, found.false_positive_rate)
    assert area == pytest.approx(SCORES["auc"].compute(truth, score), abs=1e-4)
    assert (found.false_positive_rate[-1], found.true_positive_rate[-1]) == (1.0, 1.0)


def test_gain_is_the_part_of_class_one_among_the_highest_scores() -> None:
    found = gains(np.array([1.0, 1, 0, 1, 0, 0, 0, 0]), np.array([9.0, 8, 7, 6, 5, 5, 5, 1]))
    np.testing.assert_allclose(found.share, np.array([1, 2, 3, 4, 7, 8]) / 8)
    np.testing.assert_allclose(found.gain, np.array([1, 2, 2, 3, 3, 3]) / 3)
    np.testing.assert_allclose(found.lift, found.gain / found.share)


def test_gain_of_many_rows_ends_with_all_of_them() -> None:
    rng = np.random.default_rng(1)
    truth = (rng.random(5_000) < 0.3).astype(float)
    found = gains(truth, truth + rng.normal(size=truth.size))
    assert found.share.size <= 200
    assert (found.share[-1], found.gain[-1], found.lift[-1]) == (1.0, 1.0, 1.0)
    assert found.lift[0] > 1.0


def test_errors_are_predicted_less_actual() -> None:
    rng = np.random.default_rng(2)
    truth = rng.normal(size=1_000)
    found = residuals(truth, truth + rng.normal(0.5, 0.1, truth.size))
    assert found.mean == pytest.approx(0.5, abs=0.02)
    assert found.stddev == pytest.approx(0.1, abs=0.01)
    assert found.counts.sum() == truth.size
    assert found.edges.size == found.counts.size + 1 <= 51
    assert found.minimum == found.edges[0]
    assert found.maximum == found.edges[-1]


def test_errors_that_are_all_alike_have_one_bin_with_rows() -> None:
    found = residuals(np.array([1.0, 2, 3]), np.array([2.0, 3, 4]))
    assert np.count_nonzero(found.counts) == 1


def test_the_confusion_matrix_is_scikit_learns() -> None:
    rng = np.random.default_rng(3)
    truth, predicted = rng.choice(list("cab"), 200), rng.choice(list("abd"), 200)
    found = confusion(truth, predicted)
    assert found.classes == ("a", "b", "c", "d")
    np.testing.assert_array_equal(
        found.counts, metrics.confusion_matrix(truth, predicted, labels=list("abcd"))
    )
