"""Scores: one number for how well predictions agree with the truth, each a pure function of two arrays.

All agree with scikit-learn where the score is defined. Where it is not there are two cases. If the truth
itself cannot tell (one class only, a constant target) the functions raise `AssessmentError`: no prediction
could be judged on such rows. If it is the prediction's fault the score has its value for having found
nothing, as noted with each function, so that a search can go on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from federation.assessment.confusion import confusion
from federation.assessment.errors import AssessmentError
from federation.assessment.pairs import of_class_one, paired

FloatArray = NDArray[np.float64]
Task: TypeAlias = Literal["binary", "multiclass", "regression"]
TASKS: Final[tuple[Task, ...]] = get_args(Task)


def auc(truth: ArrayLike, score: ArrayLike) -> float:
    """Area under the ROC curve: how often a row of class 1 scores above one of class 0, ties counting half.

    Mann and Whitney, "On a test of whether one of two random variables is stochastically larger than the
    other" (1947). truth (rows,) of 0 and 1, score (rows,) any numbers. Raises `AssessmentError` if the truth
    has one class only.
    """
    actual, given = paired(truth, score)
    positive = of_class_one(actual)
    above, below = np.sort(given[positive]), np.sort(given[~positive])
    wins = np.searchsorted(below, above, "left").sum() + np.searchsorted(below, above, "right").sum()
    return float(wins) / (2.0 * above.size * below.size)


def recall(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Part of the rows of class 1 that were found: tp / (tp + fn)."""
    tp, _, fn, _ = _counts(truth, predicted)
    return tp / (tp + fn)


def precision(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Part of the rows taken for class 1 that are: tp / (tp + fp); 0 if none was taken for it."""
    tp, fp, _, _ = _counts(truth, predicted)
    return tp / (tp + fp) if tp + fp else 0.0


def f1(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Harmonic mean of precision and recall: 2 tp / (2 tp + fp + fn)."""
    tp, fp, fn, _ = _counts(truth, predicted)
    return 2.0 * tp / (2.0 * tp + fp + fn)


def mcc(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Correlation of truth and prediction, -1 to 1; 0 if all rows were taken for one class.

    Matthews, "Comparison of the predicted and observed secondary structure of T4 phage lysozyme" (1975).
    """
    tp, fp, fn, tn = _counts(truth, predicted)
    under = math.sqrt(tp + fp) * math.sqrt(tp + fn) * math.sqrt(tn + fp) * math.sqrt(tn + fn)
    return (tp * tn - fp * fn) / under if under else 0.0


def accuracy(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Part of the rows that were taken for their own class; any number of classes."""
    found = confusion(truth, predicted)
    return float(np.trace(found.counts)) / found.rows


def mf1(truth: ArrayLike, predicted: ArrayLike) -> float:
    """F1 of each class that occurs in truth or prediction, averaged: every class counts alike."""
    found, _ = _f1_of_each(truth, predicted)
    return float(found.mean())


def mf1_w(truth: ArrayLike, predicted: ArrayLike) -> float:
    """F1 of each class, averaged with the number of its rows as weight."""
    found, rows = _f1_of_each(truth, predicted)
    return float(found @ rows / rows.sum())


def mkappa(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Agreement beyond chance, at most 1; 0 if truth and prediction both name one and the same class only.

    Cohen, "A coefficient of agreement for nominal scales" (1960).
    """
    found = confusion(truth, predicted)
    counts = found.counts / found.rows
    chance = float(counts.sum(axis=1) @ counts.sum(axis=0))
    return (float(np.trace(counts)) - chance) / (1.0 - chance) if len(found.classes) > 1 else 0.0


def rmse(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Root of the mean squared error, in the target's unit."""
    actual, given = paired(truth, predicted)
    return math.sqrt(float(np.mean(np.square(actual - given))))


def mae(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Mean absolute error, in the target's unit."""
    actual, given = paired(truth, predicted)
    return float(np.mean(np.abs(actual - given)))


def r2(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Part of the target's variance that is predicted, 1 at most; negative if its mean is nearer.

    Raises `AssessmentError` for a constant truth, which has no variance to predict.
    """
    actual, given = paired(truth, predicted)
    spread = float(np.sum(np.square(actual - actual.mean())))
    if not actual.min() < actual.max():
        raise AssessmentError(f"the target is {actual[0]:g} in all {actual.size} rows: R² is not defined")
    return 1.0 - float(np.sum(np.square(actual - given))) / spread


def rmslogp1e(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Root of the mean squared difference of ln(1 + x): errors count in proportion to size.

    Infinite, and so worse than any other, if a prediction is -1 or less; raises `AssessmentError` if a
    truth is.
    """
    actual, given = paired(truth, predicted)
    if actual.min() <= -1.0:
        raise AssessmentError(f"the target is {actual.min():g} in a row: ln(1 + x) is not defined; use rmse")
    return rmse(np.log1p(actual), np.log1p(given)) if given.min() > -1.0 else math.inf


@dataclass(frozen=True, slots=True)
class Score:
    """One score. `of` says what it compares with the truth: a ranking score, a class label or a value.

    sign is 1 if more is better, -1 if less is.
    """

    name: str
    summary: str
    tasks: tuple[Task, ...]
    of: Literal["score", "label", "value"]
    sign: int
    compute: Callable[[Any, Any], float]

    def gain(self, truth: ArrayLike, given: ArrayLike) -> float:
        """The score with the sign by which more is better."""
        return self.sign * self.compute(truth, given)


SCORES: Final[Mapping[str, Score]] = {
    score.name: score
    for score in (
        Score("auc", "area under the ROC curve", ("binary",), "score", 1, auc),
        Score("recall", "part of class 1 that is found", ("binary",), "label", 1, recall),
        Score("precision", "part of what is taken for class 1 that is", ("binary",), "label", 1, precision),
        Score("mcc", "Matthews' correlation", ("binary",), "label", 1, mcc),
        Score("f1", "harmonic mean of precision and recall", ("binary",), "label", 1, f1),
        Score("mf1_w", "F1 of the classes, weighted by rows", ("multiclass",), "label", 1, mf1_w),
        Score("mf1", "F1 of the classes, all alike", ("multiclass",), "label", 1, mf1),
        Score("mkappa", "Cohen's kappa", ("multiclass",), "label", 1, mkappa),
        Score("accuracy", "part of the rows that is right", ("binary", "multiclass"), "label", 1, accuracy),
        Score("rmse", "root mean squared error", ("regression",), "value", -1, rmse),
        Score("r2", "part of the variance that is predicted", ("regression",), "value", 1, r2),
        Score("rmslogp1e", "root mean squared error of ln(1 + x)", ("regression",), "value", -1, rmslogp1e),
        Score("mae", "mean absolute error", ("regression",), "value", -1, mae),
    )
}
"""All scores, by SymetryML's names where it has them."""

ALIASES: Final[Mapping[str, str]] = {"rmslog": "rmslogp1e", "kappa": "mkappa"}

DEFAULTS: Final[Mapping[Task, str]] = {"binary": "auc", "multiclass": "mf1_w", "regression": "rmse"}
"""What a model is judged by if nobody says otherwise."""


def score_named(name: str | None, task: Task | None) -> Score:
    """The score of this name, or the task's default; without a task, one of any.

    Raises `AssessmentError` listing those of the task.
    """
    score = SCORES.get(DEFAULTS[task or "binary"] if name is None else ALIASES.get(name, name))
    if score is None or (task is not None and task not in score.tasks):
        suitable = ", ".join(other.name for other in SCORES.values() if task in (None, *other.tasks))
        of_task = f" of {task} models" if task else ""
        raise AssessmentError(f"{name!r} is not a score{of_task}: use one of {suitable}")
    return score


def _counts(truth: ArrayLike, predicted: ArrayLike) -> tuple[int, int, int, int]:
    """True positives, false positives, false negatives, true negatives."""
    actual, given = paired(truth, predicted)
    positive, taken = of_class_one(actual), given == 1.0
    tp = int(np.count_nonzero(positive & taken))
    fp, fn = int(np.count_nonzero(taken)) - tp, int(np.count_nonzero(positive)) - tp
    return tp, fp, fn, actual.size - tp - fp - fn


def _f1_of_each(truth: ArrayLike, predicted: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """F1 of each class and its rows, both (classes,)."""
    counts = confusion(truth, predicted).counts
    rows = counts.sum(axis=1)
    return 2.0 * np.diagonal(counts) / (rows + counts.sum(axis=0)), rows.astype(np.float64)
