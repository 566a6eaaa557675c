"""`events`: what tasks and models report; reading it by kind is in `event_scalars`, `_plots` and `_logs`."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from api.clearml.endpoint import ClearmlCall, Endpoint, Request
from api.clearml.services import event_logs, event_plots, event_scalars
from api.clearml.services.event_requests import (
    LARGEST_PAGE,
    MetricVariants,
    OneTask,
    SeveralTasks,
    Type,
    check,
    chosen,
    kind_of,
    listed,
    names,
)
from node.events import EventKind
from node.events.paging import Reading

_PAGE: Final = 500


async def add(call: ClearmlCall[Request]) -> dict[str, Any]:
    await call.node.events.add([call.data], call.worker)
    return {}


async def add_batch(call: ClearmlCall[Request]) -> dict[str, Any]:
    """What could be stored; of the rest why, and how often."""
    added = await call.node.events.add(call.items, call.worker)
    return {
        "added": added.added,
        "errors": sum(added.refused.values()),
        "errors_info": added.refused,
    }


class DeleteForTask(Request):
    task: str
    allow_locked: bool = False


async def delete_for_task(call: ClearmlCall[DeleteForTask]) -> dict[str, Any]:
    body = call.body
    return {"deleted": await call.node.events.delete(body.task, allow_locked=body.allow_locked)}


class DeleteForModel(Request):
    model: str
    allow_locked: bool = False


async def delete_for_model(call: ClearmlCall[DeleteForModel]) -> dict[str, Any]:
    body = call.body
    deleted = await call.node.events.delete(body.model, of_model=True, allow_locked=body.allow_locked)
    return {"deleted": deleted}


class EventsRequest(OneTask):
    event_type: Type | None = None
    order: Literal["asc", "desc"] = "asc"
    batch_size: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = _PAGE
    metrics: list[MetricVariants] = Field(default_factory=list)
    count_total: bool = True
    scroll_id: str | None = None


async def task_events(call: ClearmlCall[EventsRequest]) -> dict[str, Any]:
    """All events of a type, or of all, page by page; the end is a page without any."""
    body, events = call.body, call.node.events
    task = await check(call)
    kinds = tuple(_KINDS) if body.event_type is None else (kind_of(body.event_type),)
    reading = Reading(task, kinds, body.order == "desc", chosen(body.metrics))
    if body.scroll_id:
        reading = events.scrolls.find(body.scroll_id, Reading)
    found, after, total = await events.page(reading, body.batch_size, count=body.count_total)
    return {
        "events": found,
        "returned": len(found),
        "total": total,
        "scroll_id": events.scrolls.keep(after),
    }


_KINDS: Final = (EventKind.SCALAR, EventKind.VECTOR, EventKind.PLOT, EventKind.IMAGE, EventKind.LOG)
_NAMED: Final = _KINDS[:-1]


class MetricsRequest(SeveralTasks):
    event_type: Type | None = None


async def task_metrics(call: ClearmlCall[MetricsRequest]) -> dict[str, Any]:
    """The metrics of each task."""
    found = await _metrics(call)
    return {"metrics": [{"task": task, "metrics": sorted(found.get(task, {}))} for task in call.body.tasks]}


async def multi_task_metrics(call: ClearmlCall[MetricsRequest]) -> dict[str, Any]:
    """The metrics and variants that any of the tasks has."""
    merged: dict[str, set[str]] = {}
    for metrics in (await _metrics(call)).values():
        for metric, variants in metrics.items():
            merged.setdefault(metric, set()).update(variants)
    return {"metrics": listed({metric: sorted(merged[metric]) for metric in sorted(merged)})}


async def _metrics(call: ClearmlCall[MetricsRequest]) -> dict[str, dict[str, list[str]]]:
    body = call.body
    await names(call, body.tasks)
    kinds = _NAMED if body.event_type is None else (kind_of(body.event_type),)
    return await call.node.events.metrics(body.tasks, [kind for kind in kinds if kind in _NAMED])


class ClearScroll(Request):
    scroll_id: str


async def clear_scroll(call: ClearmlCall[ClearScroll]) -> dict[str, Any]:
    call.node.events.scrolls.clear(call.body.scroll_id)
    return {}


ENDPOINTS: Final = (
    Endpoint("events.add", add, "Report one event"),
    Endpoint("events.add_batch", add_batch, "Report events, as JSON lines", batch=True),
    Endpoint("events.delete_for_task", delete_for_task, "Delete what a task reported", DeleteForTask),
    Endpoint(
        "events.delete_for_model", delete_for_model, "Delete what a model reported", DeleteForModel, "2.22"
    ),
    Endpoint("events.get_task_events", task_events, "The events of a task, page by page", EventsRequest),
    Endpoint("events.get_task_metrics", task_metrics, "The metrics of tasks", MetricsRequest, "2.7"),
    Endpoint(
        "events.get_multi_task_metrics",
        multi_task_metrics,
        "The metrics of all tasks",
        MetricsRequest,
        "2.28",
    ),
    Endpoint("events.clear_scroll", clear_scroll, "Forget a scroll id", ClearScroll, "2.18"),
    *event_scalars.ENDPOINTS,
    *event_plots.ENDPOINTS,
    *event_logs.ENDPOINTS,
)
