"""What an event is, and the words ClearML has for it: every dialect reports and reads these."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class EventKind(StrEnum):
    """A kind of event, as series and listeners name it.

    `single` is a scalar that has no course: one value of its metric and variant, reported at the iteration
    `SINGLE_ITERATION`.
    """

    SCALAR = "scalar"
    SINGLE = "single"
    VECTOR = "vector"
    PLOT = "plot"
    IMAGE = "image"
    LOG = "log"


SINGLE_ITERATION = -(2**31)
"""The iteration that says: this is no course over iterations, but one value."""

TYPES: dict[str, EventKind] = {
    "training_stats_scalar": EventKind.SCALAR,
    "training_stats_vector": EventKind.VECTOR,
    "training_debug_image": EventKind.IMAGE,
    "plot": EventKind.PLOT,
    "log": EventKind.LOG,
}
"""ClearML's names of the kinds that are reported."""

TYPE_NAMES: dict[EventKind, str] = {kind: name for name, kind in TYPES.items()} | {
    EventKind.SINGLE: "training_stats_scalar"
}

LARGEST = 2**63 - 1
"""The largest iteration and timestamp, either way."""


@dataclass(frozen=True, slots=True)
class Variants:
    """A choice of series: a metric and its variants; no variants mean all of them."""

    metric: str
    variants: tuple[str, ...] = ()

    def takes(self, metric: str, variant: str) -> bool:
        return metric == self.metric and (not self.variants or variant in self.variants)


Document = dict[str, Any]
"""One event as ClearML writes it: task, type, metric, variant, iter, timestamp and what its type adds."""
