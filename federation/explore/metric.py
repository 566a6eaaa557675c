"""What a metric tells of itself: its name, what it takes, its parameters and how they are read, its answer.

Every file of metrics lists its own as `METRICS`; `metrics` collects them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from federation.models.algorithm import Parameter
from federation.models.errors import ModelError, listed
from federation.statistics import Attribute, AttributeType, Moments, StatisticsError

Span: TypeAlias = tuple[int, int | None]
"""At least and at most so many; None is any number."""


Ask: TypeAlias = Callable[..., dict[str, Any]]
"""(moments, inputs, targets, **options) -> values; `options` are the parameters that were given, read."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; `summary` is a line for people who choose among them.

    `each`: every input is a question of its own, and the answer maps each input to its values. `suits` says
    which attributes are meant if no input is named; None if inputs have to be named.
    """

    name: str
    summary: str
    ask: Ask
    inputs: Span
    targets: Span = (0, 0)
    parameters: tuple[Parameter, ...] = ()
    each: bool = False
    suits: Callable[[Attribute], bool] | None = None

    def answer(
        self, moments: Moments, inputs: Sequence[str], targets: Sequence[str], given: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The values; raises `ModelError` for what the metric does not take, or cannot answer.

        Where no inputs are named and each is a question of its own, those without an answer (such as an
        attribute that is missing in every row) are left out, unless none has one.
        """
        taken = list(inputs) or self._suiting(moments, targets)
        options = self.check(taken, targets, given)
        if not self.each:
            return self.ask(moments, taken, targets, **options)
        found: dict[str, Any] = {}
        problem: Exception | None = None
        for name in taken:
            try:
                found[name] = self.ask(moments, (name,), targets, **options)
            except (ModelError, StatisticsError) as error:
                if inputs:
                    raise
                problem = problem or error
        if problem is not None and not found:
            raise problem
        return found

    def check(
        self, inputs: Sequence[str], targets: Sequence[str], given: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The parameters read; raises `ModelError` for what the metric does not take of any statistics."""
        # Without inputs, where `suits` says which are meant, there are enough of them.
        self._count(len(inputs) if inputs or self.suits is None else self.inputs[0], len(targets))
        readers = {parameter.name: parameter.read for parameter in self.parameters}
        unknown = sorted(set(given) - set(readers))
        if unknown:
            has = f"it has {listed(sorted(readers))}" if readers else "it has none"
            raise ModelError(f"{self.name} has no parameter {listed(unknown)}", f"{has}")
        return {name: readers[name](name, value) for name, value in given.items() if value is not None}

    def _suiting(self, moments: Moments, targets: Sequence[str]) -> list[str]:
        if self.suits is None:
            return []
        taken = [a.name for a in moments.schema.attributes if self.suits(a) and a.name not in targets]
        if not taken:
            raise ModelError(
                f"no attribute suits {self.name} ({self.summary})",
                "learn attributes that do, or ask for another metric",
            )
        return taken

    def _count(self, inputs: int, targets: int) -> None:
        within = [
            least <= count and (most is None or count <= most)
            for count, (least, most) in ((inputs, self.inputs), (targets, self.targets))
        ]
        if not all(within):
            raise ModelError(
                f"{self.name} takes {_counted(self.inputs, 'attribute')} and "
                f"{_counted(self.targets, 'target')} to compare by, not {inputs} and {targets}",
                "name as many",
            )


def numeric(attribute: Attribute) -> bool:
    """Whether its values are numbers."""
    return attribute.numeric


def discrete(attribute: Attribute) -> bool:
    """Whether its values are few: a category or 0/1."""
    return attribute.type in (AttributeType.CATEGORY, AttributeType.BINARY)


def needed(name: str, value: float | None) -> float:
    """A parameter without which there is no question; raises `ModelError` if it was not given."""
    if value is None:
        raise ModelError(f"the parameter {name!r} is needed", "give it a value")
    return value


def _counted(span: Span, what: str) -> str:
    least, most = span
    if most is None:
        return f"{least} or more {what}s" if least else f"any number of {what}s"
    if most == 0:
        return f"no {what}"
    count = (
        f"{least}" if least == most else f"{least} or {most}" if most == least + 1 else f"{least} to {most}"
    )
    return f"{count} {what}" if most == 1 else f"{count} {what}s"
