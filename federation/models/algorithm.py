"""What an algorithm tells of itself: its name, its parameters and how they are read, the model that it fits.

Every file of models lists its algorithms as `ALGORITHMS`; `dispatch` collects them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from numpy.typing import NDArray

from federation.models.errors import ModelError, listed
from federation.statistics import Moments, Table

Reader: TypeAlias = Callable[[str, Any], Any]
"""From a parameter's name and its value, which may be text, to the value; raises `ModelError`."""


class Model(Protocol):
    """A fitted model: a frozen dataclass of plain values."""

    @property
    def algorithm(self) -> str:
        """The name under which it was fitted."""

    def predict(self, table: Table) -> dict[str, NDArray[Any]]:
        """Its outputs by name, each (rows,); raises `ModelError` for a table that does not fit."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `models.from_dict`."""


class Fit(Protocol):
    """Fits a model; `options` are the parameters that were given, read. Raises `ModelError`.

    The target of an algorithm that has none is "".
    """

    def __call__(self, moments: Moments, target: str, inputs: Sequence[str], /, **options: Any) -> Model: ...


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; `help` is a line that says what it does and what happens without it."""

    name: str
    read: Reader
    help: str


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One algorithm; `summary` is a line for people who choose among them.

    has_target: whether it predicts a target, which it then needs; a function if that depends on the
    parameters, read.
    """

    name: str
    summary: str
    fit: Fit
    model: type[Any]
    parameters: tuple[Parameter, ...] = ()
    has_target: bool | Callable[[Mapping[str, Any]], bool] = True

    def check_target(self, target: str | None, parameters: Mapping[str, Any]) -> None:
        """Raise `ModelError` if there is no target where one is needed, or one where there is none."""
        has = self.has_target(parameters) if callable(self.has_target) else self.has_target
        if has and not target:
            raise ModelError(f"{self.name} needs a target", "name the attribute to predict")
        if target and not has:
            other = "say in score which model has it" if callable(self.has_target) else "make it an input"
            raise ModelError(f"{self.name} has no target", f"leave {target!r} out, or {other}")

    def read(self, given: dict[str, Any]) -> dict[str, Any]:
        """The parameters as `fit` takes them, those that are None left out; raises `ModelError`."""
        readers = {parameter.name: parameter.read for parameter in self.parameters}
        unknown = sorted(set(given) - set(readers))
        if unknown:
            has = f"it has {listed(sorted(readers))}" if readers else "it has none"
            raise ModelError(f"{self.name} has no parameter {listed(unknown)}", f"{has}")
        return {name: readers[name](name, value) for name, value in given.items() if value is not None}


def one_of(*choices: str) -> Reader:
    """A reader of one of these words."""

    def read(name: str, value: Any) -> str:
        if value not in choices:
            raise ModelError(f"{name} is {value!r}", f"it must be {', '.join(choices[:-1])} or {choices[-1]}")
        return str(value)

    return read


def number(name: str, value: Any) -> float:
    """A finite number."""
    try:
        read = float(value)
    except (TypeError, ValueError, OverflowError):  # overflow: a whole number of more than 308 digits
        read = math.nan
    if not math.isfinite(read) or isinstance(value, bool):
        raise ModelError(f"{name} is {value!r}", "it must be a finite number")
    return read


def whole(name: str, value: Any) -> int:
    """A whole number."""
    read = number(name, value)
    if not read.is_integer():
        raise ModelError(f"{name} is {value!r}", "it must be a whole number")
    return int(read)


def flag(name: str, value: Any) -> bool:
    """True or false."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ModelError(f"{name} is {value!r}", "it must be true or false")


def text(name: str, value: Any) -> str:
    """Text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ModelError(f"{name} is {value!r}", "it must be text")
    return value


MISSING = Parameter(
    "missing",
    one_of("listwise", "pairwise", "mean"),
    "rows with missing values: listwise leaves them out (the default), pairwise uses what each pair of "
    "columns has, mean puts the column's mean in their place",
)
