"""Curves of two-class scores (ROC, gain and lift) and the distribution of a regression's errors.

Curves are thinned to some hundreds of points, each of them a point of the exact curve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from federation.assessment.pairs import of_class_one, paired

FloatArray = NDArray[np.float64]

POINTS: Final = 200
BINS: Final = 50
QUANTILES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


@dataclass(frozen=True, slots=True, eq=False)
class Roc:
    """A ROC curve from (0, 0) to (1, 1), all (points,).

    At each point the rows that score `threshold` or more are taken for class 1; the first takes none and
    has the threshold ∞.
    """

    false_positive_rate: FloatArray
    true_positive_rate: FloatArray
    threshold: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Gains:
    """Gain and lift, all (points,): of the `share` of the rows that scores highest.

    gain is the part of class 1 among them, lift = gain / share: how many times more of class 1 than in as
    many rows taken at random.
    """

    share: FloatArray
    gain: FloatArray
    lift: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Residuals:
    """Errors of a regression, predicted less actual, in the target's unit.

    quantiles are those of QUANTILES; counts (bins,) of the errors between edges (bins + 1,).
    """

    mean: float
    stddev: float
    minimum: float
    maximum: float
    quantiles: FloatArray
    edges: FloatArray
    counts: NDArray[np.int64]


def roc(truth: ArrayLike, score: ArrayLike, points: int = POINTS) -> Roc:
    """The ROC curve of `score` (rows,) for `truth` (rows,) of 0 and 1, in at most `points` points.

    Equal scores are one point. Raises `AssessmentError` if the truth has one class only.
    """
    found, taken, threshold, positives, rows = _steps(truth, score)
    tpr, fpr = found / positives, (taken - found) / (rows - positives)
    kept = _thinned(tpr + fpr, points)
    return Roc(fpr[kept], tpr[kept], threshold[kept])


def gains(truth: ArrayLike, score: ArrayLike, points: int = POINTS) -> Gains:
    """Cumulative gain and lift of `score` for `truth`, in at most `points` points; see `roc`."""
    found, taken, _, positives, rows = _steps(truth, score)
    kept = _thinned(taken / rows, points)
    kept = kept[kept > 0]  # none taken: no lift
    share, gain = taken[kept] / rows, found[kept] / positives
    return Gains(share, gain, gain / share)


def residuals(truth: ArrayLike, predicted: ArrayLike, bins: int = BINS) -> Residuals:
    """The distribution of predicted less actual; at most `bins` bins, fewer for few rows."""
    actual, given = paired(truth, predicted)
    errors = given - actual
    counts, edges = np.histogram(errors, bins=min(bins, max(1, round(2.0 * errors.size ** (1 / 3)))))
    return Residuals(
        float(errors.mean()),
        float(errors.std()),
        float(errors.min()),
        float(errors.max()),
        np.quantile(errors, QUANTILES),
        edges,
        counts.astype(np.int64),
    )


def _steps(truth: ArrayLike, score: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray, int, int]:
    """At no row and at each distinct score, from above: positives found, rows taken, threshold.

    Then the number of positives and of rows.
    """
    actual, given = paired(truth, score)
    positive = of_class_one(actual)
    order = np.argsort(-given, kind="stable")
    given = given[order]
    last = np.append(np.flatnonzero(np.diff(given)), given.size - 1)
    found = np.append(0.0, np.cumsum(positive[order], dtype=np.float64)[last])
    taken = np.append(0.0, last + 1.0)
    return found, taken, np.append(np.inf, given[last]), int(positive.sum()), given.size


def _thinned(along: FloatArray, points: int) -> NDArray[np.intp]:
    """Indexes of at most `points` points, both ends among them, evenly spread along an ascending measure."""
    if along.size <= points:
        return np.arange(along.size)
    wanted = np.linspace(along[0], along[-1], points)
    return np.unique(np.minimum(np.searchsorted(along, wanted), along.size - 1))
