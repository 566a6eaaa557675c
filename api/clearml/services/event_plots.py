"""`events`: plots and debug images."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from api.clearml.endpoint import ClearmlCall, Endpoint, Request
from api.clearml.errors import ApiError
from api.clearml.services.event_requests import (
    MOST_TASKS,
    Count,
    MetricVariants,
    OneTask,
    SeveralTasks,
    check,
    chosen,
    names,
)
from node.events import EventKind, Variants
from node.events.plots import Course, Courses, LastPlots
from node.events.samples import Position, Sample


class PlotsRequest(OneTask):
    iters: Count = 1
    metrics: list[MetricVariants] = Field(default_factory=list)
    no_scroll: bool = False
    scroll_id: str | None = None


async def task_plots(call: ClearmlCall[PlotsRequest]) -> dict[str, Any]:
    body = call.body
    reading = LastPlots((await check(call),), body.iters, chosen(body.metrics), body.no_scroll)
    found, answer = await _last_plots(call, reading)
    return {"plots": found} | answer


class MultiPlotsRequest(SeveralTasks):
    iters: Count = 1
    metrics: list[MetricVariants] = Field(default_factory=list)
    no_scroll: bool = False
    scroll_id: str | None = None


async def multi_plots(call: ClearmlCall[MultiPlotsRequest]) -> dict[str, Any]:
    """{metric: {variant: {task: {iteration: {name, plots}}}}}"""
    body = call.body
    named = await names(call, body.tasks)
    reading = LastPlots(tuple(body.tasks), body.iters, chosen(body.metrics), body.no_scroll)
    found, answer = await _last_plots(call, reading)
    nested: dict[str, Any] = {}
    for plot in found:
        variants = nested.setdefault(plot["metric"], {}).setdefault(plot["variant"], {})
        iterations = variants.setdefault(plot["task"], {})
        name = named.get(plot["task"], "")
        iterations.setdefault(str(plot["iter"]), {"name": name, "plots": []})["plots"].append(plot)
    return {"plots": nested} | answer


async def _last_plots(
    call: ClearmlCall[Any], reading: LastPlots
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The next plots, and what the answer says of them."""
    events = call.node.events
    if call.body.scroll_id:
        reading = events.scrolls.find(call.body.scroll_id, LastPlots)
    found, total, reading = await events.last_plots(reading)
    scroll = None if call.body.no_scroll else events.scrolls.keep(reading)
    return found, {"returned": len(found), "total": total, "scroll_id": scroll}


class TaskMetric(Request):
    task: str
    metric: str | None = None
    variants: list[str] = Field(default_factory=list)


class CoursesRequest(Request):
    metrics: list[TaskMetric] = Field(min_length=1, max_length=1000)
    iters: Count = 1
    navigate_earlier: bool = True
    refresh: bool = False
    scroll_id: str | None = None
    model_events: bool = False


async def debug_images(call: ClearmlCall[CoursesRequest]) -> dict[str, Any]:
    return await _courses(call, EventKind.IMAGE)


async def plots(call: ClearmlCall[CoursesRequest]) -> dict[str, Any]:
    return await _courses(call, EventKind.PLOT)


async def _courses(call: ClearmlCall[CoursesRequest], kind: EventKind) -> dict[str, Any]:
    """The next iterations of each task, backwards or forwards from what the scroll has shown so far."""
    body, events = call.body, call.node.events
    wanted: dict[str, list[Variants]] = {}
    whole = set()
    for item in body.metrics:
        found = wanted.setdefault(item.task, [])
        if item.metric is None:
            whole.add(item.task)
        else:
            found.append(Variants(item.metric, tuple(item.variants)))
    if len(wanted) > MOST_TASKS:
        raise ApiError(400, 12, f"at most {MOST_TASKS} tasks at once")
    await names(call, list(wanted))
    places = Courses(
        kind,
        tuple(Course(task, () if task in whole else tuple(metrics)) for task, metrics in wanted.items()),
    )
    if body.scroll_id and not body.refresh:
        places = events.scrolls.find(body.scroll_id, Courses)
        if places.kind is not kind:
            raise ApiError(400, 1104, "it belongs to another question")
    pages, places = await events.courses(places, body.iters, earlier=body.navigate_earlier)
    return {
        "metrics": [
            {
                "task": place.task,
                "iterations": [{"iter": item.iteration, "events": item.events} for item in page],
            }
            for place, page in zip(places.each, pages, strict=True)
        ],
        "scroll_id": events.scrolls.keep(places),
    }


class PlotSampleRequest(OneTask):
    metric: str
    iteration: int | None = Field(None, gt=-(2**63), lt=2**63 - 1)
    navigate_current_metric: bool = True
    refresh: bool = False
    scroll_id: str | None = None


class ImageSampleRequest(PlotSampleRequest):
    variant: str


async def image_sample(call: ClearmlCall[ImageSampleRequest]) -> dict[str, Any]:
    return _image(await _sample(call, EventKind.IMAGE, call.body.variant))


async def plot_sample(call: ClearmlCall[PlotSampleRequest]) -> dict[str, Any]:
    return await _sample(call, EventKind.PLOT, None)


async def _sample(call: ClearmlCall[Any], kind: EventKind, variant: str | None) -> dict[str, Any]:
    body, events = call.body, call.node.events
    task = await check(call)
    own_metric = body.navigate_current_metric
    sample = await events.sample(task, kind, body.metric, variant, body.iteration, own_metric=own_metric)
    start = Position(task, kind, body.metric, variant, body.iteration or 0, own_metric)
    return _shown(sample, events.scrolls.keep(start if sample is None else sample.position))


class NextRequest(OneTask):
    scroll_id: str
    navigate_earlier: bool = True
    next_iteration: bool = False


async def next_image(call: ClearmlCall[NextRequest]) -> dict[str, Any]:
    return _image(await _next(call, EventKind.IMAGE))


async def next_plot(call: ClearmlCall[NextRequest]) -> dict[str, Any]:
    return await _next(call, EventKind.PLOT)


async def _next(call: ClearmlCall[NextRequest], kind: EventKind) -> dict[str, Any]:
    body, events = call.body, call.node.events
    task = await check(call)
    here = events.scrolls.find(body.scroll_id, Position)
    if here.task != task or here.kind is not kind:
        raise ApiError(400, 1104, "it belongs to another question")
    sample = await events.step(here, earlier=body.navigate_earlier, next_iteration=body.next_iteration)
    return _shown(sample, events.scrolls.keep(here if sample is None else sample.position))


def _shown(sample: Sample | None, scroll: str) -> dict[str, Any]:
    return {
        "events": [] if sample is None else sample.events,
        "min_iteration": None if sample is None else sample.low,
        "max_iteration": None if sample is None else sample.high,
        "scroll_id": scroll,
    }


def _image(shown: dict[str, Any]) -> dict[str, Any]:
    """One image has one event."""
    events = shown.pop("events")
    return {"event": events[0] if events else None} | shown


ENDPOINTS: Final = (
    Endpoint("events.get_task_plots", task_plots, "The last plots of every variant of a task", PlotsRequest),
    Endpoint(
        "events.get_multi_task_plots", multi_plots, "The last plots of several tasks", MultiPlotsRequest
    ),
    Endpoint("events.debug_images", debug_images, "Debug images by iteration", CoursesRequest),
    Endpoint("events.plots", plots, "Plots by iteration", CoursesRequest, "2.20"),
    Endpoint(
        "events.get_debug_image_sample", image_sample, "An image of a variant", ImageSampleRequest, "2.12"
    ),
    Endpoint("events.next_debug_image_sample", next_image, "The image beside one", NextRequest, "2.12"),
    Endpoint("events.get_plot_sample", plot_sample, "The plots of a metric", PlotSampleRequest, "2.20"),
    Endpoint("events.next_plot_sample", next_plot, "The plots beside some", NextRequest, "2.20"),
)
