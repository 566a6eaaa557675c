"""Selecting models by rows whose truth is known, and judging them by such rows, as plain functions.

Run in a worker process: a selection may take as long as it is allowed to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from federation.statistics import Moments, Schema, Table
from node.answers import ParameterInfo, ScoreInfo, SelectionInfo
from node.modelling import described

if TYPE_CHECKING:
    from federation.selection import Progress


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to select: among the subsets of the inputs, for one algorithm or for all that suit a task.

    `parameters` are those of the search (`federation.selection.PARAMETERS`) and of the algorithm.
    """

    target: str
    inputs: tuple[str, ...]
    algorithm: str | None = None
    task: str | None = None
    parameters: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Wanted:
        """From a task's parameters."""
        return cls(
            given["target"],
            tuple(given["inputs"]),
            given.get("algorithm"),
            given.get("task"),
            given.get("parameters") or {},
        )


def offered() -> SelectionInfo:
    """What may be selected, and by what."""
    from federation import assessment, selection

    return SelectionInfo(
        tuple(ParameterInfo(item.name, item.help) for item in selection.PARAMETERS),
        tuple(ScoreInfo(item.name, item.summary, item.tasks) for item in assessment.SCORES.values()),
        {name: selection.algorithms_of(task) for name, task in selection.TASK_NAMES.items()},
    )


def check(wanted: Wanted) -> None:
    """Raise ModelError for what no rows could select: unknown names, unreadable parameters."""
    from federation.selection import plan_for

    plan_for(wanted.algorithm, wanted.task, wanted.parameters or {})


def select(
    moments: Moments, wanted: Wanted, validation: Table | None, tell: Callable[[Progress], bool]
) -> dict[str, Any]:
    """The model chosen as a `Fitted`'s fields, with the algorithm, parameters and inputs that it has, and how
    it was chosen as "selection". Raises ModelError."""
    from federation import selection

    begun = time.perf_counter()
    search = selection.select if wanted.algorithm is not None else selection.auto_select
    found = search(
        str(wanted.algorithm or wanted.task),
        moments,
        wanted.target,
        wanted.inputs,
        validation,
        clock=time.monotonic,
        tell=tell,
        **(wanted.parameters or {}),
    )
    chosen = found.chosen
    fitted = described(found.model, chosen.inputs, moments.schema, time.perf_counter() - begun)
    how = {
        "metric": found.metric,
        "task": found.task,
        "score": found.score,
        "rows": found.rows,
        "tried": found.tried,
        "offered": list(wanted.inputs),
        "candidates": [asdict(candidate) for candidate in found.candidates],
        "stopped": found.stopped,
        "remarks": list(found.remarks),
    }
    return asdict(fitted) | {
        "algorithm": chosen.algorithm,
        "parameters": dict(chosen.parameters),
        "inputs": list(chosen.inputs),
        "selection": how,
    }


def assess(
    model: Mapping[str, Any], target: str, table: Table, task: str | None, *, separator: str, draw: bool
) -> dict[str, Any]:
    """The assessment as its `to_dict()`, and if asked for its Plotly figures.

    Raises ModelError, AssessmentError.
    """
    from federation import assessment, models, selection

    kind = None if task is None else selection.task_named(task)
    found = assessment.assess(models.from_dict(model), target, table, kind, separator).to_dict()
    return {"assessment": found} | ({"figures": assessment.figures(found)} if draw else {})


def columns_of(names: Sequence[str], known: Schema) -> list[str]:
    """The attributes whose columns a table must have for these inputs and targets, each once."""
    from node.modelling import attribute_of

    return list(dict.fromkeys(attribute_of(name, known) for name in names))
