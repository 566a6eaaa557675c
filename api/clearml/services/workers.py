"""`workers`: the agents that run tasks, what they are doing, and how their machines fare."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from api.clearml.documents import with_owners
from api.clearml.endpoint import ClearmlCall, Endpoint, Request
from api.clearml.times import iso
from node.store.schema import COMPANY
from node.tracking import worker_statistics
from node.tracking.documents import Document
from node.tracking.worker_statistics import Aggregation, Metric, Series, Span
from node.tracking.workers import SILENCE, Worker

_MONTH: Final = 30 * 86_400

_TIMES: Final = ("register_time", "last_activity_time", "last_report_time")


class WorkerRequest(Request):
    worker: str


class RegisterRequest(WorkerRequest):
    timeout: int = Field(SILENCE, ge=1, le=_MONTH)
    queues: list[str] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    system_tags: list[str] = Field(default_factory=list)


async def register(call: ClearmlCall[RegisterRequest]) -> dict[str, Any]:
    given = call.body.model_dump(exclude={"worker", "timeout"})
    await call.node.workers.register(
        call.body.worker, call.user.login, call.request.remote or "", silence=call.body.timeout, **given
    )
    return {}


async def unregister(call: ClearmlCall[WorkerRequest]) -> dict[str, Any]:
    await call.node.workers.unregister(call.body.worker)
    return {}


class ReportRequest(WorkerRequest):
    """The time of the report is the node's: clocks of machines differ."""

    timestamp: int
    queues: list[str] | None = None
    queue: str | None = None
    task: str | None = None
    tags: list[str] = Field(default_factory=list)
    system_tags: list[str] | None = None
    machine_stats: dict[str, Any] = Field(default_factory=dict)


async def status_report(call: ClearmlCall[ReportRequest]) -> dict[str, Any]:
    body = call.body
    await call.node.workers.report(
        body.worker,
        call.user.login,
        call.request.remote or "",
        queues=body.queues,
        queue=body.queue or None,
        task=body.task or None,
        tags=body.tags,
        system_tags=body.system_tags,
        machine=body.machine_stats,
    )
    return {}


class ListRequest(Request):
    """last_seen: in so many seconds; 0 for all."""

    last_seen: int = 3600
    tags: list[str] = Field(default_factory=list)
    system_tags: list[str] = Field(default_factory=list)
    worker_pattern: str | None = None


async def _found(call: ClearmlCall[ListRequest]) -> list[Worker]:
    body = call.body
    return await call.node.workers.find(
        seen_within=body.last_seen if body.last_seen > 0 else None,
        tags=body.tags,
        system_tags=body.system_tags,
        pattern=body.worker_pattern,
    )


async def get_all(call: ClearmlCall[ListRequest]) -> dict[str, Any]:
    found = await call.node.workers.described(await _found(call))
    return {"workers": [_shown(call, document) for document in found]}


def _shown(call: ClearmlCall[Any], document: Document) -> Document:
    for name in _TIMES:
        document[name] = iso(document[name])
    user = call.node.users.find(document["user"])
    if user is None:  # it is the node's own
        document.pop("user")
    else:
        document["user"] = user.id
    document["company"] = COMPANY
    return with_owners(call.node.users, document, {"user": ("name",), "company": ("name",)})


async def get_count(call: ClearmlCall[ListRequest]) -> dict[str, Any]:
    return {"count": len(await _found(call))}


class KeysRequest(Request):
    worker_ids: list[str] = Field(default_factory=list)


async def get_metric_keys(call: ClearmlCall[KeysRequest]) -> dict[str, Any]:
    workers = call.body.worker_ids
    found = await call.node.store.read(lambda c: worker_statistics.metrics(c, workers))
    return {"categories": [{"name": name, "metric_keys": keys} for name, keys in found.items()]}


class SpanRequest(Request):
    """In seconds; the dates of the answer are in milliseconds."""

    from_date: float = Field(ge=0, allow_inf_nan=False)
    to_date: float = Field(ge=0, allow_inf_nan=False)
    interval: int = Field(ge=1)

    def span(self) -> Span:
        return Span(int(self.from_date), int(self.to_date), self.interval)


class StatItem(Request):
    key: Metric
    category: Aggregation = "avg"


class StatsRequest(SpanRequest):
    items: list[StatItem]
    worker_ids: list[str] = Field(default_factory=list)
    split_by_variant: bool = False
    split_by_resource: bool = False


async def get_stats(call: ClearmlCall[StatsRequest]) -> dict[str, Any]:
    body, span = call.body, call.body.span()
    found = await call.node.store.read(
        lambda c: worker_statistics.series(
            c,
            span,
            [(item.key, item.category) for item in body.items],
            body.worker_ids,
            by_variant=body.split_by_variant,
            by_resource=body.split_by_resource,
        )
    )
    by_worker: dict[str, dict[tuple[str, str | None], list[Series]]] = {}
    for one in found:
        by_worker.setdefault(one.worker, {}).setdefault((one.metric, one.variant), []).append(one)
    return {
        "workers": [
            {
                "worker": worker,
                "metrics": [
                    {
                        "metric": metric,
                        **({"variant": variant} if variant is not None else {}),
                        "stats": [_stats(one, resources=body.split_by_resource) for one in several],
                    }
                    for (metric, variant), several in metrics.items()
                ],
            }
            for worker, metrics in by_worker.items()
        ]
    }


def _stats(one: Series, *, resources: bool) -> dict[str, Any]:
    told = {"aggregation": one.aggregation, "dates": _dates(one.dates), "values": one.values}
    if not resources:
        return told
    return told | {"resource_series": [{"name": n, "values": v} for n, v in one.resources.items()]}


async def get_activity_report(call: ClearmlCall[SpanRequest]) -> dict[str, Any]:
    """How many workers there were, and how many had a task."""
    span = call.body.span()
    total, active = await call.node.store.read(lambda c: worker_statistics.activity(c, span))
    dates = _dates(span.dates)
    return {"total": {"dates": dates, "counts": total}, "active": {"dates": dates, "counts": active}}


def _dates(seconds: tuple[int, ...]) -> list[int]:
    return [date * 1000 for date in seconds]


ENDPOINTS: Final = (
    Endpoint("workers.register", register, "A worker is there", RegisterRequest, "2.4", access="user"),
    Endpoint("workers.unregister", unregister, "A worker is gone", WorkerRequest, "2.4", access="user"),
    Endpoint(
        "workers.status_report", status_report, "What a worker does", ReportRequest, "2.4", access="user"
    ),
    Endpoint("workers.get_all", get_all, "The workers there are", ListRequest, "2.4"),
    Endpoint("workers.get_count", get_count, "How many workers there are", ListRequest, "2.26"),
    Endpoint("workers.get_metric_keys", get_metric_keys, "What machines report", KeysRequest, "2.4"),
    Endpoint("workers.get_stats", get_stats, "How machines fare", StatsRequest, "2.4"),
    Endpoint(
        "workers.get_activity_report", get_activity_report, "How many workers had work", SpanRequest, "2.4"
    ),
)
