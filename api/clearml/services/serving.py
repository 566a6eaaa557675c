"""`serving`: containers that serve models report themselves, and are looked at by their endpoints."""

from __future__ import annotations

from statistics import fmean
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from api.clearml.endpoint import ClearmlCall, Endpoint, Request
from api.clearml.times import iso
from node.tracking.serving import TIMEOUT, Container, Said

Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=2000)]
Figure = Annotated[float, Field(ge=0, le=1e18, allow_inf_nan=False)]

_PER_INTERVAL: Final = 60.0
_DETAILS: Final = (
    "model_source",
    "model_version",
    "preprocess_artifact",
    "input_type",
    "input_size",
    "tags",
    "system_tags",
    "reference",
    "uptime_sec",
)


class Reference(Request):
    type: Literal["app_id", "app_instance", "model", "task", "url"]
    value: Text


class ContainerFields(Request):
    container_id: Name
    endpoint_name: Text
    model_name: Text
    endpoint_url: Text | None = None
    model_source: Text | None = None
    model_version: Text | None = None
    preprocess_artifact: Text | None = None
    input_type: Text | None = None
    input_size: Text | None = None
    tags: list[Text] | None = Field(None, max_length=100)
    system_tags: list[Text] | None = Field(None, max_length=100)
    reference: list[Reference] | None = Field(None, max_length=100)

    def said(self, timeout: float, figures: dict[str, float] | None) -> Said:
        given = self.model_dump(exclude_none=True)
        return Said(
            self.container_id,
            self.endpoint_name,
            self.model_name,
            self.endpoint_url or None,
            timeout,
            {name: given[name] for name in _DETAILS if name in given},
            figures,
        )


class RegisterRequest(ContainerFields):
    timeout: float = Field(TIMEOUT, ge=1, le=7 * 86_400)


class MachineStats(Request):
    cpu_usage: list[Figure] | Figure | None = None
    gpu_usage: list[Figure] | Figure | None = None
    memory_used: Figure | None = None
    memory_free: Figure | None = None
    gpu_memory_used: list[Figure] | Figure | None = None
    gpu_memory_free: list[Figure] | Figure | None = None
    network_rx: Figure | None = None
    network_tx: Figure | None = None

    def figures(self) -> dict[str, float]:
        """One number for each: of processors the mean load and how many, of GPUs' memory the sum."""
        found: dict[str, float] = {}
        for name, value in self.model_dump(exclude_none=True).items():
            values = value if isinstance(value, list) else [value]
            if values:
                found[name] = fmean(values) if name.endswith("_usage") else sum(values)
            if name in ("cpu_usage", "gpu_usage"):
                found[f"{name[:3]}_count"] = float(len(values))
        return found


class ReportRequest(RegisterRequest):
    uptime_sec: Figure | None = None
    requests_num: Figure | None = None
    requests_min: Figure | None = None
    latency_ms: Figure | None = None
    machine_stats: MachineStats | None = None

    def figures(self) -> dict[str, float]:
        told = {
            "requests": self.requests_num,
            "requests_min": self.requests_min,
            "latency_ms": self.latency_ms,
        }
        machine = {} if self.machine_stats is None else self.machine_stats.figures()
        return {name: value for name, value in told.items() if value is not None} | machine


class ContainerRequest(Request):
    container_id: Name


async def register_container(call: ClearmlCall[RegisterRequest]) -> dict[str, Any]:
    await call.node.serving.register(call.body.said(call.body.timeout, None))
    return {}


async def unregister_container(call: ClearmlCall[ContainerRequest]) -> dict[str, Any]:
    await call.node.serving.unregister(call.body.container_id)
    return {}


async def container_status_report(call: ClearmlCall[ReportRequest]) -> dict[str, Any]:
    await call.node.serving.report(call.body.said(call.body.timeout, call.body.figures()))
    return {}


async def get_endpoints(call: ClearmlCall[Request]) -> dict[str, Any]:
    found = await call.node.serving.endpoints()
    return {
        "endpoints": [
            {
                "endpoint": held[0].endpoint,
                "model": held[0].model,
                "url": url,
                "instances": len(held),
                "uptime_sec": _uptime(held),
                "requests": round(sum(one.figure("requests") for one in held)),
                "requests_min": fmean(one.figure("requests_min") for one in held),
                "latency_ms": round(fmean(one.figure("latency_ms") for one in held)),
                "last_update": iso(max(one.reported for one in held)),
            }
            for url, held in found.items()
        ]
    }


async def get_loading_instances(call: ClearmlCall[Request]) -> dict[str, Any]:
    return {"instances": [_described(one) for one in await call.node.serving.loading()]}


class UrlRequest(Request):
    endpoint_url: Text


async def get_endpoint_details(call: ClearmlCall[UrlRequest]) -> dict[str, Any]:
    held = await call.node.serving.endpoint(call.body.endpoint_url)
    shared = _described(held[0])
    del shared["id"], shared["age_sec"]
    newest = iso(max(one.reported for one in held))
    instances = [
        {
            "id": one.id,
            "uptime_sec": _uptime([one]),
            "requests": round(one.figure("requests")),
            "requests_min": one.figure("requests_min"),
            "latency_ms": round(one.figure("latency_ms")),
            "cpu_count": round(one.figure("cpu_count")),
            "gpu_count": round(one.figure("gpu_count")),
            "last_update": iso(one.reported),
            "reference": one.document.get("reference", []),
        }
        for one in held
    ]
    return shared | {"uptime_sec": _uptime(held), "last_update": newest, "instances": instances}


def _uptime(held: list[Container]) -> int:
    return round(max(one.figure("uptime_sec") for one in held))


def _described(one: Container) -> dict[str, Any]:
    fields = ("model_source", "model_version", "preprocess_artifact", "input_type", "input_size")
    return {
        "id": one.id,
        "endpoint": one.endpoint,
        "model": one.model,
        "url": one.url,
        **{name: one.document.get(name) for name in fields},
        "uptime_sec": _uptime([one]),
        "age_sec": round(one.age),
        "last_update": iso(one.reported),
    }


class HistoryRequest(UrlRequest):
    from_date: float = Field(ge=0, le=1e11)
    to_date: float = Field(ge=0, le=1e11)
    interval: float = Field(_PER_INTERVAL, ge=1, le=1e11)
    metric_type: str = "requests"
    instance_charts: bool = True


async def get_endpoint_metrics_history(call: ClearmlCall[HistoryRequest]) -> dict[str, Any]:
    """Dates are asked for in seconds and answered in milliseconds."""
    body = call.body
    chart = await call.node.serving.history(
        body.endpoint_url, body.metric_type, body.from_date, body.to_date, body.interval
    )
    answer: dict[str, Any] = {
        "computed_interval": round(chart.interval),
        "total": _series(body.metric_type, chart.total),
    }
    if body.instance_charts:
        answer["instances"] = {key: _series(key, values) for key, values in chart.instances.items()}
    return answer


def _series(title: str, values: dict[float, float]) -> dict[str, Any]:
    return {"title": title, "dates": [round(at * 1000) for at in values], "values": list(values.values())}


def _told(name: str, handler: Any, summary: str, request: type[Request]) -> Endpoint:
    return Endpoint(f"serving.{name}", handler, summary, request, "2.31", access="user")


def _asked(name: str, handler: Any, summary: str, request: type[Request] = Request) -> Endpoint:
    return Endpoint(f"serving.{name}", handler, summary, request, "2.31")


ENDPOINTS: Final = (
    _told("register_container", register_container, "A container begins", RegisterRequest),
    _told("unregister_container", unregister_container, "A container ends", ContainerRequest),
    _told("container_status_report", container_status_report, "How a container does", ReportRequest),
    _asked("get_endpoints", get_endpoints, "What serves models"),
    _asked("get_loading_instances", get_loading_instances, "What does not serve yet"),
    _asked("get_endpoint_details", get_endpoint_details, "The containers of an endpoint", UrlRequest),
    _asked(
        "get_endpoint_metrics_history", get_endpoint_metrics_history, "Charts of an endpoint", HistoryRequest
    ),
)
