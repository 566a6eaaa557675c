"""Which algorithms a task is tried with, and with which penalties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from federation.assessment import Task
from federation.models import ALGORITHMS, ModelError
from federation.selection.options import Grid

TASK_NAMES: Final[Mapping[str, Task]] = {
    "binary_classification": "binary",
    "binary_classifier": "binary",
    "binary": "binary",
    "regression": "regression",
    "multiclass_classification": "multiclass",
    "multiclass_classifier": "multiclass",
    "multiclass": "multiclass",
}
"""Tasks, by SymetryML's names and ours."""

_SUITABLE: Final[Mapping[Task, tuple[str, ...]]] = {
    "binary": ("lda", "mqda", "lsvm", "bayes"),
    "regression": ("mlr", "ridge", "elasticnet", "lsvr"),  # with eta = 1, elasticnet is lasso
    "multiclass": ("mlda", "mqda", "bayes"),
}

PENALISED: Final = frozenset({"ridge", "lasso", "elasticnet"})

_LAMBDAS: Final[Mapping[Grid, tuple[float, ...]]] = {
    "tiny": (1e-3, 1e-2, 0.1),
    "small": (1e-3, 1e-2, 0.1, 1.0),
    "normal": tuple(10.0**power for power in range(-4, 2)),
    "large": tuple(10.0**power for power in range(-9, 4)),
}
_ETAS: Final[Mapping[Grid, tuple[float, ...]]] = {
    "tiny": (0.0, 0.5, 1.0),
    "small": (0.0, 0.5, 1.0),
    "normal": (0.0, 0.3333, 0.6666, 1.0),
    "large": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """An algorithm with its parameters: what a search over subsets is made for."""

    algorithm: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


def task_named(name: str) -> Task:
    """Raises `ModelError` for an unknown name."""
    if name not in TASK_NAMES:
        raise ModelError(
            f"the task {name!r} is unknown", "use binary_classification, regression or multiclass_classifier"
        )
    return TASK_NAMES[name]


def algorithms_of(task: Task) -> tuple[str, ...]:
    """The algorithms that auto-select tries for a task."""
    return tuple(name for name in _SUITABLE[task] if name in ALGORITHMS)


def settings_of(algorithm: str, parameters: Mapping[str, Any], grid: Grid) -> tuple[Setting, ...]:
    """One setting, or for a penalised model without a given penalty one for each point of the grid.

    Raises `ModelError` for an unknown algorithm and for parameters that it does not have.
    """
    if algorithm not in ALGORITHMS:
        raise ModelError(f"algorithm {algorithm!r} is unknown", f"there are {', '.join(ALGORITHMS)}")
    chosen = ALGORITHMS[algorithm]
    parameters = chosen.read(dict(parameters))
    names = {parameter.name for parameter in chosen.parameters}
    if algorithm not in PENALISED or parameters.keys() & {"lambda", "alpha", "eta", "aicc"}:
        return (Setting(algorithm, parameters),)
    etas: tuple[dict[str, float], ...] = ({},)
    if "eta" in names:
        etas = tuple({"eta": eta} for eta in _ETAS[grid])
    return tuple(
        Setting(algorithm, {**parameters, "lambda": penalty, **eta})
        for eta in etas
        for penalty in _LAMBDAS[grid]
    )


def has_target(setting: Setting) -> bool:
    """Whether models of a setting predict a target, which a validation table can tell."""
    has = ALGORITHMS[setting.algorithm].has_target
    return has(setting.parameters) if callable(has) else has


def suitable(task: Task, parameters: Mapping[str, Any], grid: Grid) -> tuple[Setting, ...]:
    """All settings of the task's algorithms; each gets those of the parameters that it has.

    Raises `ModelError` for a parameter that none of them has.
    """
    algorithms = [ALGORITHMS[name] for name in algorithms_of(task)]
    known = {
        algorithm.name: {parameter.name for parameter in algorithm.parameters} for algorithm in algorithms
    }
    for name in parameters:
        if not any(name in names for names in known.values()):
            raise ModelError(f"none of {', '.join(known)} has a parameter {name!r}", "leave it out")
    found: list[Setting] = []
    for algorithm in algorithms:
        own = {name: value for name, value in parameters.items() if name in known[algorithm.name]}
        found += settings_of(algorithm.name, own, grid)
    return tuple(found)
