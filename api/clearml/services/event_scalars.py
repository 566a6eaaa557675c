"""`events`: scalars, single values and vectors."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from api.clearml.endpoint import ClearmlCall, Endpoint
from api.clearml.services.event_requests import (
    LARGEST_PAGE,
    MetricVariants,
    OneTask,
    SeveralTasks,
    check,
    chosen,
    listed,
    names,
)
from api.clearml.times import iso
from node.events import EventKind, Variants
from node.events.paging import Reading
from node.events.scalars import Axis, Curve, PointsPlace

_SAMPLES: Final = 2000
_PAGE: Final = 10_000


class HistogramRequest(OneTask):
    samples: Annotated[int, Field(ge=0)] = _SAMPLES
    key: Literal["iter", "timestamp", "iso_time"] = "iter"
    metrics: list[MetricVariants] = Field(default_factory=list)


async def histogram(call: ClearmlCall[HistogramRequest]) -> dict[str, Any]:
    body = call.body
    task = await check(call)
    curves = await call.node.events.curves([task], _axis(body.key), body.samples, chosen(body.metrics))
    found: dict[str, Any] = {}
    for curve in curves:
        label = {"x_axis_label": curve.x_axis_label} if curve.x_axis_label else {}
        drawn = {"name": curve.variant} | _points(curve, body.key) | label
        found.setdefault(curve.metric, {})[curve.variant] = drawn
    return found


class MultiHistogramRequest(SeveralTasks):
    samples: Annotated[int, Field(ge=0)] = _SAMPLES
    key: Literal["iter", "timestamp", "iso_time"] = "iter"
    metrics: list[MetricVariants] = Field(default_factory=list)


async def multi_histogram(call: ClearmlCall[MultiHistogramRequest]) -> dict[str, Any]:
    body = call.body
    named = await names(call, body.tasks)
    curves = await call.node.events.curves(body.tasks, _axis(body.key), body.samples, chosen(body.metrics))
    found: dict[str, Any] = {}
    for curve in curves:
        drawn = {"name": named[curve.task]} | _points(curve, body.key)
        found.setdefault(curve.metric, {}).setdefault(curve.variant, {})[curve.task] = drawn
    return {"metrics": found}


def _axis(key: str) -> Axis:
    return "iter" if key == "iter" else "timestamp"


def _points(curve: Curve, key: str) -> dict[str, Any]:
    x = [iso(stamp / 1000) for stamp in curve.x] if key == "iso_time" else curve.x
    return {"x": x, "y": curve.y}


class RawRequest(OneTask):
    metric: MetricVariants
    key: Literal["iter", "timestamp"] | list[Literal["iter", "timestamp"]] = "iter"
    batch_size: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = _PAGE
    count_total: bool = False
    scroll_id: str | None = None


async def raw(call: ClearmlCall[RawRequest]) -> dict[str, Any]:
    """Points as they were reported; the end is a page without any."""
    body, events = call.body, call.node.events
    task = await check(call)
    axes = tuple(dict.fromkeys([body.key] if isinstance(body.key, str) else body.key)) or ("iter",)
    place = PointsPlace(task, body.metric.chosen, axes)
    if body.scroll_id:
        place = events.scrolls.find(body.scroll_id, PointsPlace)
    page, place = await events.points(place, body.batch_size, count=body.count_total)
    return {
        "variants": page.variants,
        "returned": page.returned,
        "total": page.total,
        "scroll_id": events.scrolls.keep(place),
    }


class DataRequest(OneTask):
    metric: str
    no_scroll: bool = False
    scroll_id: str | None = None


async def metric_data(call: ClearmlCall[DataRequest]) -> dict[str, Any]:
    body, events = call.body, call.node.events
    reading = Reading(await check(call), (EventKind.SCALAR,), metrics=(Variants(body.metric),))
    if body.scroll_id:
        reading = events.scrolls.find(body.scroll_id, Reading)
    found, reading, total = await events.page(reading, _PAGE, count=True)
    return {
        "events": found,
        "returned": len(found),
        "total": total,
        "scroll_id": None if body.no_scroll else events.scrolls.keep(reading),
    }


async def latest(call: ClearmlCall[OneTask]) -> dict[str, Any]:
    found = await call.node.events.latest(await check(call))
    metrics: dict[str, Any] = {}
    for value in found:
        metrics.setdefault(value.metric, []).append(
            {"name": value.variant, "last_value": value.value, "last_100_value": value.last_100}
        )
    return {
        "metrics": [{"name": metric, "variants": variants} for metric, variants in metrics.items()],
        "last_iter": max((value.iteration for value in found), default=0),
        "last_timestamp": max((value.timestamp for value in found), default=None),
    }


async def single_values(call: ClearmlCall[SeveralTasks]) -> dict[str, Any]:
    named = await names(call, call.body.tasks)
    found = await call.node.events.single_values(call.body.tasks)
    return {
        "tasks": [
            {
                "task": task,
                "task_name": named[task],
                "values": [
                    {"metric": v.metric, "variant": v.variant, "value": v.value, "timestamp": v.timestamp}
                    for v in values
                ],
            }
            for task, values in found.items()
        ]
    }


async def scalar_metrics(call: ClearmlCall[OneTask]) -> dict[str, Any]:
    task = await check(call)
    return {"metrics": (await call.node.events.metrics([task], [EventKind.SCALAR])).get(task, {})}


async def vector_metrics(call: ClearmlCall[OneTask]) -> dict[str, Any]:
    task = await check(call)
    return {"metrics": listed((await call.node.events.metrics([task], [EventKind.VECTOR])).get(task, {}))}


class VectorRequest(OneTask):
    metric: str
    variant: str


async def vectors(call: ClearmlCall[VectorRequest]) -> dict[str, Any]:
    """All vectors of a metric and variant, by iteration."""
    body, events = call.body, call.node.events
    wanted = Variants(body.metric, (body.variant,))
    found, _, _ = await events.page(Reading(await check(call), (EventKind.VECTOR,), metrics=(wanted,)), _PAGE)
    return {"images": found}


ENDPOINTS: Final = (
    Endpoint(
        "events.scalar_metrics_iter_histogram",
        histogram,
        "The scalars of a task, averaged only where there are more than were asked for",
        HistogramRequest,
    ),
    Endpoint(
        "events.multi_task_scalar_metrics_iter_histogram",
        multi_histogram,
        "The scalars of several tasks",
        MultiHistogramRequest,
    ),
    Endpoint(
        "events.scalar_metrics_iter_raw", raw, "The points of a metric, page by page", RawRequest, "2.16"
    ),
    Endpoint("events.get_scalar_metric_data", metric_data, "The scalars of a metric", DataRequest),
    Endpoint("events.get_task_latest_scalar_values", latest, "The last value of every scalar", OneTask),
    Endpoint(
        "events.get_task_single_value_metrics",
        single_values,
        "What tasks reported as one value",
        SeveralTasks,
        "2.20",
    ),
    Endpoint(
        "events.get_scalar_metrics_and_variants", scalar_metrics, "The names of a task's scalars", OneTask
    ),
    Endpoint(
        "events.get_vector_metrics_and_variants", vector_metrics, "The names of a task's vectors", OneTask
    ),
    Endpoint("events.vector_metrics_iter_histogram", vectors, "The vectors of a variant", VectorRequest),
)
