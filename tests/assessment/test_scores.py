"""Scores are scikit-learn's, and what a score is where it has no value is said."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics

from federation.assessment import DEFAULTS, SCORES, TASKS, AssessmentError, score_named

SKLEARN = {
    "auc": metrics.roc_auc_score,
    "recall": metrics.recall_score,
    "precision": lambda truth, given: metrics.precision_score(truth, given, zero_division=0.0),
    "mcc": metrics.matthews_corrcoef,
    "f1": metrics.f1_score,
    "mf1_w": lambda truth, given: metrics.f1_score(truth, given, average="weighted"),
    "mf1": lambda truth, given: metrics.f1_score(truth, given, average="macro"),
    "mkappa": metrics.cohen_kappa_score,
    "accuracy": metrics.accuracy_score,
    "rmse": metrics.root_mean_squared_error,
    "r2": metrics.r2_score,
    "rmslogp1e": metrics.root_mean_squared_log_error,
    "mae": metrics.mean_absolute_error,
}

bits = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=60)
few_scores = st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3)), min_size=2, max_size=60)
classes = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1, max_size=60)
values = st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e4)), min_size=2, max_size=60)


def test_every_score_is_compared_with_scikit_learn() -> None:
    assert set(SKLEARN) == set(SCORES)


@given(bits)
def test_labels_of_two_classes(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    for name in ("recall", "precision", "mcc", "f1"):
        if 0 < truth.sum() < truth.size:
            assert SCORES[name].compute(truth, predicted) == pytest.approx(SKLEARN[name](truth, predicted))
        else:
            with pytest.raises(AssessmentError, match="both classes"):
                SCORES[name].compute(truth, predicted)


@given(few_scores)
def test_auc_counts_ties_half(pairs: list[tuple[int, int]]) -> None:
    truth, score = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    if 0 < truth.sum() < truth.size:
        assert SCORES["auc"].compute(truth, score) == pytest.approx(metrics.roc_auc_score(truth, score))
        wins = [(a > b) + (a == b) / 2 for a in score[truth == 1] for b in score[truth == 0]]
        assert SCORES["auc"].compute(truth, score) == pytest.approx(np.mean(wins))


@given(classes)
def test_labels_of_many_classes(pairs: list[tuple[str, str]]) -> None:
    truth, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    for name in ("mf1_w", "mf1", "mkappa", "accuracy"):
        if name == "mkappa" and len({*truth, *predicted}) == 1:
            assert SCORES[name].compute(truth, predicted) == 0.0
        else:
            expected = SKLEARN[name](truth, predicted)
            assert SCORES[name].compute(truth, predicted) == pytest.approx(expected, abs=1e-12)


@given(values)
def test_numbers(pairs: list[tuple[float, float]]) -> None:
    truth, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    for name in ("rmse", "rmslogp1e", "mae"):
        assert SCORES[name].compute(truth, predicted) == pytest.approx(SKLEARN[name](truth, predicted))
    if np.var(truth) > 1e-9:
        assert SCORES["r2"].compute(truth, predicted) == pytest.approx(
            SKLEARN["r2"](truth, predicted), abs=1e-9
        )


def of(*numbers: float) -> NDArray[np.float64]:
    return np.array(numbers)


def test_what_was_not_found_has_the_score_of_nothing() -> None:
    truth, none = of(0, 1, 1), of(0, 0, 0)
    assert SCORES["precision"].compute(truth, none) == 0.0
    assert SCORES["mcc"].compute(truth, none) == 0.0
    assert SCORES["rmslogp1e"].compute(of(0, 1), of(-2, 1)) == math.inf


@pytest.mark.parametrize(
    ("name", "truth", "predicted", "message"),
    [
        ("auc", of(1, 1), of(0.1, 0.9), "1 in all 2 rows"),
        ("auc", of(0, 2), of(0.1, 0.9), "0 and 1 only"),
        ("r2", of(3, 3), of(3, 4), "not defined"),
        ("rmslogp1e", of(-1, 3), of(3, 4), "use rmse"),
        ("rmse", of(), of(), "no row"),
        ("rmse", of(1, 2), of(1), "shape"),
        ("rmse", of(1, math.nan), of(1, 2), "finite"),
        ("accuracy", of(), of(), "no row"),
    ],
)
def test_rows_that_cannot_tell_are_refused(name: str, truth: Any, predicted: Any, message: str) -> None:
    with pytest.raises(AssessmentError, match=message):
        SCORES[name].compute(truth, predicted)


def test_less_error_is_a_gain() -> None:
    assert SCORES["rmse"].gain(of(1, 2), of(1, 2)) > SCORES["rmse"].gain(of(1, 2), of(1, 3))
    assert SCORES["r2"].gain(of(1, 2), of(1, 2)) > SCORES["r2"].gain(of(1, 2), of(1, 3))


def test_scores_are_found_by_name_and_task() -> None:
    assert all(task in score_named(None, task).tasks for task in TASKS)
    assert score_named(None, "binary").name == DEFAULTS["binary"] == "auc"
    assert score_named("rmslog", "regression").name == "rmslogp1e"
    with pytest.raises(AssessmentError, match="use one of rmse, r2, rmslogp1e, mae"):
        score_named("auc", "regression")
