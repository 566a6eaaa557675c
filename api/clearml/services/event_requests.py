"""What the endpoints of `events` have in common: their requests, and looking for whom they are about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from api.clearml.endpoint import ClearmlCall, Request
from node.events import TYPES, EventKind, Variants

MOST_TASKS: Final = 100
"""Tasks that one call compares at most."""

LARGEST_PAGE: Final = 200_000
"""Events that one page holds at most; there are as many pages as it takes."""

Type = Literal["training_stats_scalar", "training_stats_vector", "training_debug_image", "plot", "log"]
Count = Annotated[int, Field(ge=1, le=2**31)]


class MetricVariants(Request):
    metric: str
    variants: list[str] = Field(default_factory=list)

    @property
    def chosen(self) -> Variants:
        return Variants(self.metric, tuple(self.variants))


class OneTask(Request):
    """`task` is the id of a model if `model_events` is set."""

    task: str
    model_events: bool = False


class SeveralTasks(Request):
    tasks: Annotated[list[str], Field(max_length=MOST_TASKS)]
    model_events: bool = False


def kind_of(name: str) -> EventKind:
    return TYPES[name]


def chosen(metrics: Iterable[MetricVariants]) -> tuple[Variants, ...]:
    return tuple(item.chosen for item in metrics)


async def names(call: ClearmlCall[Any], ids: Sequence[str]) -> dict[str, str]:
    """What the tasks or models of a call are named; raises 400/101 or 400/201 if there is one not."""
    return await call.node.events.names(ids, of_models=call.body.model_events)


async def check(call: ClearmlCall[Any]) -> str:
    """The task or model of a call, which there is."""
    task: str = call.body.task
    await names(call, [task])
    return task


def listed(metrics: dict[str, list[str]]) -> list[dict[str, Any]]:
    """[{metric, variants}]"""
    return [{"metric": metric, "variants": variants} for metric, variants in metrics.items()]
