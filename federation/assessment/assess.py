"""A model judged on a table of rows whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.assessment.confusion import Confusion, confusion
from federation.assessment.curves import Gains, Residuals, Roc, gains, residuals, roc
from federation.assessment.errors import AssessmentError
from federation.assessment.outcome import Observed, Outcome, observed, outcome
from federation.assessment.scores import SCORES, Task
from federation.models import Model
from federation.models.unknown_levels import known_only
from federation.statistics import SEPARATOR, Table


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """How a model did on `rows` rows; `left_out` more had no target.

    scores: those of the task by name, None where the rows do not define one. `remarks` say why, and which
    levels of the inputs the model does not know. Two classes have confusion, roc and gains; more classes a
    confusion; a regression residuals.
    """

    target: str
    task: Task
    rows: int
    left_out: int
    scores: Mapping[str, float | None]
    remarks: tuple[str, ...]
    confusion: Confusion | None = None
    roc: Roc | None = None
    gains: Gains | None = None
    residuals: Residuals | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, arrays as lists, what is infinite or not there as None."""
        plain: dict[str, Any] = _plain(self)
        return plain


def assess(
    model: Model, target: str, table: Table, task: Task | None = None, separator: str = SEPARATOR
) -> Assessment:
    """Predict the rows of `table` in which `target` is present, and compare.

    The task is by default what the truth looks like: text is many classes, 0 and 1 are two, other numbers a
    regression. A level that the model does not know counts as a missing value, and as an error if it is the
    target's. Raises `AssessmentError` if target or answer are not there or do not fit each other, and what
    the model raises for a table that it cannot predict.
    """
    truth = observed(table, target, separator)
    rows = np.flatnonzero(truth.present)
    judged, unknown = known_only(model, table if truth.present.all() else table.take(rows))
    predictions = model.predict(judged)
    chosen = task or task_of(truth, predictions)
    answer = outcome(predictions, target, chosen, separator)
    actual = truth.values[rows]
    _check(truth, actual, answer, chosen, separator)
    scores, remarks = _scores(actual, answer, chosen)
    of_task: dict[str, Any] = {}
    if chosen == "regression":
        of_task["residuals"] = residuals(actual, answer.value)
    else:
        of_task["confusion"] = confusion(actual, answer.value)
    if answer.score is not None and scores["auc"] is not None:
        of_task |= {"roc": roc(actual, answer.score), "gains": gains(actual, answer.score)}
    left_out = table.rows - rows.size
    return Assessment(target, chosen, rows.size, left_out, scores, (*remarks, *unknown), **of_task)


def task_of(truth: Observed, predictions: Mapping[str, NDArray[Any]]) -> Task:
    """What the truth and the answer look like."""
    named = "res" in predictions and np.asarray(predictions["res"]).dtype.kind not in "fiub"
    if named or not truth.numeric:
        return "multiclass"
    return "binary" if truth.zero_one else "regression"


def _check(truth: Observed, actual: NDArray[Any], answer: Outcome, task: Task, separator: str) -> None:
    if task != "multiclass" and not truth.numeric:
        raise AssessmentError(
            f"target {truth.name!r} holds text: assess one of its levels, {truth.name}{separator}LEVEL"
        )
    if task == "binary" and not truth.zero_one:
        raise AssessmentError(
            f"target {truth.name!r} holds other values than 0 and 1: it is no binary target"
        )
    given = answer.value if answer.score is None else answer.score
    if given.dtype.kind == "f" and not np.isfinite(given).all():
        row = int(np.flatnonzero(~np.isfinite(given))[0])
        raise AssessmentError(
            f"the prediction of row {row + 1} of {actual.size} is {given[row]}: its inputs are out of range"
        )


def _scores(
    actual: NDArray[Any], answer: Outcome, task: Task
) -> tuple[dict[str, float | None], tuple[str, ...]]:
    scores: dict[str, float | None] = {}
    remarks: dict[str, None] = {}  # an ordered set
    for score in SCORES.values():
        if task in score.tasks:
            try:
                found = score.compute(actual, answer.score if score.of == "score" else answer.value)
                scores[score.name] = found if math.isfinite(found) else None
            except AssessmentError as undefined:
                scores[score.name] = None
                remarks[str(undefined)] = None
    return scores, tuple(remarks)


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
