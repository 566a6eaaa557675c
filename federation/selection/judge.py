"""What candidates are judged by: the rows of a validation table whose truth is known, and one score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.assessment import AssessmentError, Score, Task, observed, outcome, score_named, task_of
from federation.models import Model, ModelError
from federation.models.unknown_levels import known_only
from federation.statistics import SEPARATOR, Table

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """`table` holds the rows with a truth, `truth` (rows,) is theirs: numbers, or names of classes."""

    target: str
    task: Task
    score: Score
    table: Table
    truth: NDArray[Any]
    separator: str

    def gain(self, predictions: Mapping[str, NDArray[Any]]) -> float:
        """The score of a model's outputs, signed so that more is better."""
        answer = outcome(predictions, self.target, self.task, self.separator)
        given = answer.score if self.score.of == "score" else answer.value
        return self.score.gain(self.truth, answer.value if given is None else given)

    def gain_of_line(self, values: FloatArray, middle: float) -> float:
        """The same of values (rows,) that rank or predict the rows, class 1 beginning at `middle`."""
        if self.score.of == "label":
            return self.score.gain(self.truth, (values >= middle).astype(np.float64))
        return self.score.gain(self.truth, values)

    def codes(self, classes: Sequence[str]) -> NDArray[np.int64]:
        """The truth as places among `classes`, and after them for what is none of these; (rows,)."""
        place = {name: at for at, name in enumerate(classes)}
        for name in self.truth.tolist():
            place.setdefault(name, len(place))
        return np.array([place[name] for name in self.truth.tolist()], dtype=np.int64)

    def gain_of_classes(self, truth: NDArray[np.int64], scores: FloatArray) -> float:
        """The same of the scores of classes (classes, rows), log-posteriors up to a term of each row.

        truth holds the `codes` of many classes; of two classes the second one is class 1.
        """
        if self.task != "binary":
            return self.score.gain(truth, scores.argmax(axis=0))
        if self.score.of == "score":
            return self.score.gain(self.truth, scores[1] - scores[0])
        return self.score.gain(self.truth, (scores[1] > scores[0]).astype(np.float64))

    def of_model(self, model: Model) -> float:
        """The score of a fitted model, in its own unit and sign."""
        return self.score.sign * self.gain_of_model(model)

    def gain_of_model(self, model: Model) -> float:
        """The gain of a fitted model; levels that it does not know are missing values."""
        return self.gain(model.predict(known_only(model, self.table)[0]))

    def unknown_to(self, model: Model) -> tuple[str, ...]:
        """Remarks on levels in the table that a model does not know."""
        return known_only(model, self.table)[1]


def judge(
    table: Table, target: str, metric: str | None, task: Task | None, separator: str = SEPARATOR
) -> Judge:
    """A judge of models of `target`; without a task, the truth's look and the metric decide.

    Raises `ModelError` for a table without truth, of one class only, or that does not fit task or metric.
    """
    try:
        truth = observed(table, target, separator)
        chosen = task or task_of(truth, {})
        if (
            chosen == "binary"
            and task is None
            and not _suits(metric, "binary")
            and _suits(metric, "regression")
        ):
            chosen = "regression"  # a target of 0 and 1, judged as numbers
        score = score_named(metric, chosen)
        if (chosen == "multiclass") == truth.numeric or (chosen == "binary" and not truth.zero_one):
            raise AssessmentError(f"target {target!r} is not one of a {chosen} task")
        rows = np.flatnonzero(truth.present)
        actual = truth.values[rows]
        # A judge who could not tell the truth from a guess is none; found out before anything is fitted.
        score.compute(actual, actual)
    except AssessmentError as error:
        raise ModelError(f"validation: {error}", "or choose other rows, target or score") from None
    return Judge(target, chosen, score, table.take(rows), actual, separator)


def _suits(metric: str | None, task: Task) -> bool:
    try:
        score_named(metric, task)
    except AssessmentError:
        return False
    return True
