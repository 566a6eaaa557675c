"""Truth and prediction side by side: what every score and curve checks before it counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from federation.assessment.errors import AssessmentError

FloatArray = NDArray[np.float64]


def paired(truth: ArrayLike, given: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Both as finite numbers (rows,); raises `AssessmentError` unless they are, for at least one row."""
    actual, predicted = np.asarray(truth, dtype=np.float64), np.asarray(given, dtype=np.float64)
    check_shapes(actual.shape, predicted.shape)
    if not (np.isfinite(actual).all() and np.isfinite(predicted).all()):
        raise AssessmentError("truth and predictions must be finite: leave rows without a target out")
    return actual, predicted


def check_shapes(truth: tuple[int, ...], given: tuple[int, ...]) -> None:
    """Raise `AssessmentError` unless there is one truth and one prediction for each of one or more rows."""
    if len(truth) != 1 or truth != given:
        raise AssessmentError(f"truth has the shape {truth}, predictions {given}: one each a row")
    if not truth[0]:
        raise AssessmentError("there is no row to assess: give rows in which the target is present")


def of_class_one(actual: FloatArray) -> NDArray[np.bool_]:
    """Which rows are 1; raises `AssessmentError` for other values than 0 and 1, and if only one occurs."""
    positive: NDArray[np.bool_] = actual == 1.0
    if not (positive | (actual == 0.0)).all():
        raise AssessmentError("a binary target has the values 0 and 1 only: use a score of regression")
    if positive.all() or not positive.any():
        raise AssessmentError(
            f"the target is {actual[0]:g} in all {actual.size} rows: give rows of both classes"
        )
    return positive
