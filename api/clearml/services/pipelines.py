"""`pipelines`: start a run anew, and delete runs with their steps."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from api.clearml.batches import told
from api.clearml.endpoint import ClearmlCall, Endpoint, Request
from api.clearml.services.requests import IdsRequest


class Argument(Request):
    name: str
    value: str = ""


class StartRequest(Request):
    task: str
    queue: str | None = None
    args: list[Argument] = Field(default_factory=list)


class DeleteRunsRequest(IdsRequest):
    project: str


async def start_pipeline(call: ClearmlCall[StartRequest]) -> dict[str, Any]:
    body = call.body
    arguments = {item.name: item.value for item in body.args}
    run = await call.node.pipelines.start(body.task, arguments, call.user.login, body.queue)
    return {"pipeline": run, "enqueued": True}


async def delete_runs(call: ClearmlCall[DeleteRunsRequest]) -> dict[str, Any]:
    batch = await call.node.pipelines.delete_runs(call.body.project, call.body.ids)
    for gone in batch.succeeded.values():
        del gone["urls"]
        gone["events"] = {"deleted": gone["events"]}
    return dict(told(batch))


ENDPOINTS: Final = (
    Endpoint(
        "pipelines.start_pipeline", start_pipeline, "Run a pipeline", StartRequest, "2.17", access="user"
    ),
    Endpoint("pipelines.delete_runs", delete_runs, "Delete runs", DeleteRunsRequest, "2.26", access="user"),
)
