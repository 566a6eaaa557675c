"""`reports`: texts with what tasks have reported, and the data that they show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import sqlalchemy as sa
from pydantic import Field

from api.clearml.documents import inward, listed_joined, outward, query_of
from api.clearml.endpoint import ClearmlCall, Endpoint, Request
from api.clearml.services import event_plots, event_scalars
from api.clearml.services.event_plots import CoursesRequest, MultiPlotsRequest
from api.clearml.services.event_requests import MetricVariants, SeveralTasks
from api.clearml.services.event_scalars import MultiHistogramRequest
from node.tracking import vocabulary
from node.tracking.collection import TASKS
from node.tracking.query import read_query
from node.tracking.reports import REPORT
from node.tracking.vocabulary import Scope


class ReportFields(Request):
    tags: list[str] | None = None
    comment: str | None = None
    report: str | None = None
    report_assets: list[str] | None = None


class CreateRequest(ReportFields):
    name: str
    project: str | None = None


class UpdateRequest(ReportFields):
    task: str
    name: str | None = None


class ReportRequest(Request):
    task: str
    message: str = ""


class MoveRequest(Request):
    task: str
    project: str | None = None
    project_name: str | None = None


class DeleteRequest(Request):
    task: str
    force: bool = False


async def create(call: ClearmlCall[CreateRequest]) -> dict[str, Any]:
    body = call.body
    given = body.model_dump(exclude_none=True, exclude={"project"})
    report = await call.node.reports.create(given, call.user.login, body.project)
    return {"id": report["id"], "project_id": report["project"]}


async def update(call: ClearmlCall[UpdateRequest]) -> dict[str, Any]:
    given = call.body.model_dump(exclude_none=True, exclude={"task"})
    fields = await call.node.reports.update(call.body.task, given, call.user.login)
    return {"updated": 1, "fields": outward(call.node.users, TASKS, fields)}


async def move(call: ClearmlCall[MoveRequest]) -> dict[str, Any]:
    body = call.body
    key = await call.node.reports.move(
        body.task, call.user.login, project=body.project, name=body.project_name
    )
    return {"project_id": key}


async def publish(call: ClearmlCall[ReportRequest]) -> dict[str, Any]:
    fields = await call.node.reports.publish(call.body.task, call.user.login, message=call.body.message)
    return {"updated": 1, "fields": outward(call.node.users, TASKS, fields)}


async def archive(call: ClearmlCall[ReportRequest]) -> dict[str, Any]:
    body = call.body
    await call.node.reports.archive(body.task, call.user.login, into=True, message=body.message)
    return {"archived": 1}


async def unarchive(call: ClearmlCall[ReportRequest]) -> dict[str, Any]:
    await call.node.reports.archive(call.body.task, call.user.login, into=False)
    return {"unarchived": 1}


async def delete(call: ClearmlCall[DeleteRequest]) -> dict[str, Any]:
    await call.node.reports.delete(call.body.task, force=call.body.force)
    return {"deleted": 1}


async def get_all_ex(call: ClearmlCall[Request]) -> dict[str, Any]:
    """Reports are hidden as tasks, and shown here. A project is meant with its folder of reports."""
    data = inward(call.node.users, call.data) | {"search_hidden": True, "include_subprojects": True}
    query = read_query(TASKS, data)
    return await listed_joined(call, query.also(TASKS.table.c.type == REPORT))


async def get_tags(call: ClearmlCall[Request]) -> dict[str, Any]:
    def read(connection: sa.Connection) -> list[str]:
        return vocabulary.tags(connection, TASKS, Scope(), only=TASKS.table.c.type == REPORT)

    return {"tags": await call.node.store.read(read)}


# --- what a report shows ----------------------------------------------------------------------------------


class Shown(Request):
    metrics: list[MetricVariants] = Field(default_factory=list)
    iters: int = Field(1, ge=1, le=2**31)


class Drawn(Request):
    metrics: list[MetricVariants] = Field(default_factory=list)
    samples: int = Field(2000, ge=0)
    key: str = "iter"


class DataRequest(Request):
    """What is asked of the tasks that the rest of the request finds."""

    debug_images: Shown | None = None
    plots: Shown | None = None
    scalar_metrics_iter_histogram: Drawn | None = None
    single_value_metrics: dict[str, Any] | None = None
    model_events: bool = False


async def get_task_data(call: ClearmlCall[Any]) -> dict[str, Any]:
    """The tasks that are found, and what they reported, each part in the form of its call in `events`."""
    body: DataRequest = call.body
    answer = await listed_joined(call, query_of(call, TASKS))
    tasks = [task["id"] for task in answer["tasks"]]
    shared = {"tasks": tasks, "model_events": body.model_events}
    if not tasks:
        return answer
    if body.debug_images is not None:
        wanted = [
            {"task": task, **metric}
            for task in tasks
            for metric in body.debug_images.model_dump()["metrics"] or [{}]
        ]
        asked = {"metrics": wanted, "iters": body.debug_images.iters, "model_events": body.model_events}
        found = await event_plots.debug_images(replace(call, body=CoursesRequest.read(asked)))
        answer["debug_images"] = found["metrics"]
    if body.plots is not None:
        asked = shared | body.plots.model_dump() | {"no_scroll": True}
        found = await event_plots.multi_plots(replace(call, body=MultiPlotsRequest.read(asked)))
        answer["plots"] = found["plots"]
    if body.scalar_metrics_iter_histogram is not None:
        asked = shared | body.scalar_metrics_iter_histogram.model_dump()
        found = await event_scalars.multi_histogram(replace(call, body=MultiHistogramRequest.read(asked)))
        answer["scalar_metrics_iter_histogram"] = found["metrics"]
    if body.single_value_metrics is not None:
        found = await event_scalars.single_values(replace(call, body=SeveralTasks.read(shared)))
        answer["single_value_metrics"] = found["tasks"]
    return answer


ENDPOINTS: Final = (
    Endpoint("reports.create", create, "Create a report", CreateRequest, "2.23", access="user"),
    Endpoint("reports.update", update, "Change a report", UpdateRequest, "2.23", access="user"),
    Endpoint("reports.move", move, "Put a report into a project", MoveRequest, "2.23", access="user"),
    Endpoint("reports.publish", publish, "Publish a report", ReportRequest, "2.23", access="user"),
    Endpoint("reports.archive", archive, "Put a report away", ReportRequest, "2.23", access="user"),
    Endpoint("reports.unarchive", unarchive, "Take it out again", ReportRequest, "2.23", access="user"),
    Endpoint("reports.delete", delete, "Delete a report", DeleteRequest, "2.23", access="user"),
    Endpoint("reports.get_task_data", get_task_data, "What tasks reported", DataRequest, "2.23"),
    Endpoint("reports.get_all_ex", get_all_ex, "Reports that a query finds", since="2.23"),
    Endpoint("reports.get_tags", get_tags, "Tags of reports", since="2.23"),
)
