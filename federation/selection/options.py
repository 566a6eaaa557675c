"""What a selection may be told, under SymetryML's names, and how it is read from what comes from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from federation.models import ModelError, Parameter
from federation.models.algorithm import Reader, number, one_of, whole

Selector: TypeAlias = Literal["fw_bw", "simple", "brute", "iteration"]
Grid: TypeAlias = Literal["tiny", "small", "normal", "large"]

DEFAULT_ROUNDS: Final = 5
DEFAULT_DRAWS: Final = 1_000
MOST_BRUTE: Final = 17
"""Attributes of which all subsets are tried: 131,071 of them."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to search. max_iterations: rounds of fw_bw, subsets drawn by iteration (None: their defaults).

    max_seconds bounds any search (None: no bound). seed is that of the subsets drawn. delta is how much a
    score must gain for an attribute to be taken in, 0 or more, in the score's own unit.
    """

    selector: Selector = "fw_bw"
    metric: str | None = None
    max_iterations: int | None = None
    max_seconds: float | None = None
    seed: int = 0
    grid: Grid = "tiny"
    delta: float = 0.0


def _prefixed(prefix: str, *choices: str) -> Reader:
    """A reader of one of these words, with or without the prefix that SymetryML writes before it."""

    def read(name: str, value: Any) -> str:
        return str(one_of(*choices)(name, value.removeprefix(prefix) if isinstance(value, str) else value))

    return read


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ModelError(f"{name} is {value!r}", "it must be a name")
    return value


def _above(least: float, read: Reader) -> Reader:
    def above(name: str, value: Any) -> Any:
        found = read(name, value)
        if found < least:
            raise ModelError(f"{name} is {value!r}", f"it must be {least:g} or more")
        return found

    return above


_FIELDS: Final[Mapping[str, str]] = {
    "selector_type": "selector",
    "sml_model_assessment_type": "metric",
    "selector_max_iterations": "max_iterations",
    "selector_max_seconds": "max_seconds",
    "rnd_seed": "seed",
    "autoselect_grid_type": "grid",
    "delta": "delta",
}

PARAMETERS: Final = (
    Parameter(
        "selector_type",
        _prefixed("selector_type_", "fw_bw", "simple", "brute", "iteration"),
        "fw_bw (forward and backward; default), simple (one pass), brute (all subsets), iteration (random)",
    ),
    Parameter(
        "sml_model_assessment_type",
        _text,
        "the score: auc, recall, precision, mcc, f1; rmse, r2, rmslogp1e, mae; mf1_w, mf1, mkappa; or aicc",
    ),
    Parameter(
        "selector_max_iterations",
        _above(1, whole),
        f"rounds of fw_bw ({DEFAULT_ROUNDS}), subsets drawn by iteration ({DEFAULT_DRAWS:,})",
    ),
    Parameter("selector_max_seconds", _above(0, number), "when to stop and take the best so far (no limit)"),
    Parameter("rnd_seed", _above(0, whole), "seed of the subsets drawn by iteration (0)"),
    Parameter(
        "autoselect_grid_type",
        _prefixed("", "tiny", "small", "normal", "large"),
        "lambda and eta tried with penalised models: tiny (the default), small, normal or large",
    ),
    Parameter("delta", _above(0, number), "how much the score must gain for an attribute to be taken in (0)"),
)
"""The parameters of a selection; any others are those of the algorithm."""


def read_options(given: Mapping[str, Any]) -> tuple[Options, dict[str, Any]]:
    """The options among the parameters given, and the rest of these; raises `ModelError`."""
    readers = {parameter.name: parameter.read for parameter in PARAMETERS}
    options = {
        _FIELDS[name]: readers[name](name, value)
        for name, value in given.items()
        if name in _FIELDS and value is not None
    }
    return Options(**options), {name: value for name, value in given.items() if name not in _FIELDS}
