"""Where the truth stands in a table, and where an answer stands among a model's outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.assessment.errors import AssessmentError
from federation.assessment.scores import Task
from federation.statistics import SEPARATOR, Coded, Table

FloatArray = NDArray[np.float64]

MIDDLE: Final = 0.5  # a regression of a 0/1 target takes for 1 what is nearer to 1


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """A target as a table has it: values (rows,) numbers (NaN missing) or text (object; None missing)."""

    name: str
    values: NDArray[Any]
    present: NDArray[np.bool_]

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers."""
        return self.values.dtype.kind == "f"

    @property
    def zero_one(self) -> bool:
        """Whether the values that are present are numbers, and 0 or 1."""
        return self.numeric and bool(np.isin(self.values[self.present], (0.0, 1.0)).all())


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a model says of each row: a label or value, and of two classes a score that ranks the rows."""

    value: NDArray[Any]
    score: FloatArray | None


def observed(table: Table, target: str, separator: str = SEPARATOR) -> Observed:
    """The target's column, or for `category$level` 1 in the rows of that level and 0 in the others.

    Raises `AssessmentError` if the table has no such column, if it is empty or infinite somewhere.
    """
    found = _column(table, target, separator)
    if isinstance(found, Coded):
        values: NDArray[Any] = np.array(found.decode(), dtype=object)
        present = found.codes >= 0
    else:
        values, present = found, ~np.isnan(found)
        if np.isinf(found).any():
            row = int(np.flatnonzero(np.isinf(found))[0])
            raise AssessmentError(f"target {target!r}, row {row + 1}: the value is infinite; leave it empty")
    if not present.any():
        raise AssessmentError(
            f"target {target!r} is missing in all {table.rows} rows: give rows that tell what happened"
        )
    return Observed(target, values, present)


def outcome(
    predictions: Mapping[str, NDArray[Any]], target: str, task: Task, separator: str = SEPARATOR
) -> Outcome:
    """A model's answer among the columns of its `predict`.

    The value is "res". Two classes are ranked by "resZ", else by the probability of class 1, else by the
    value itself, and a value that is no class is taken for the nearer one. Raises `AssessmentError` if there
    is no answer, or one that is not of this task.
    """
    if "res" not in predictions:
        raise AssessmentError(
            f"the model does not predict {target!r} (it gives {', '.join(predictions)}): "
            "assess one that answers with res"
        )
    value = np.asarray(predictions["res"])
    if task == "multiclass":
        return Outcome(value, None)
    if value.dtype.kind not in "fiub":
        raise AssessmentError(f"the model tells classes by name, but {target!r} holds numbers")
    value = value.astype(np.float64)
    if task == "regression":
        return Outcome(value, None)
    of_class_one = predictions.get(f"{target}{separator}1")
    score = np.asarray(predictions.get("resZ", value if of_class_one is None else of_class_one))
    return Outcome((value >= MIDDLE).astype(np.float64), score.astype(np.float64))


def _column(table: Table, target: str, separator: str) -> Coded | FloatArray:
    if target in table.columns:
        return table.columns[target]
    end = target.find(separator)
    while end >= 0:
        column = table.columns.get(target[:end])
        if isinstance(column, Coded):
            level = target[end + 1 :]
            place = column.levels.index(level) if level in column.levels else len(column.levels)
            return np.where(column.codes < 0, np.nan, (column.codes == place).astype(np.float64))
        end = target.find(separator, end + 1)
    raise AssessmentError(
        f"the table has no column {target!r}, the target (it has {', '.join(table.names[:12])}): "
        "give rows that tell what happened"
    )
