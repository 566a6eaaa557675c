"""`events`: logs."""

from __future__ import annotations

import re
import time
from typing import Annotated, Any, Final, Literal

from aiohttp import hdrs, web
from pydantic import Field
from pydantic_core import to_json

from api.clearml.endpoint import ClearmlCall, Endpoint, Request
from api.clearml.services.event_requests import LARGEST_PAGE, OneTask, check
from api.clearml.times import iso
from api.clearml.wire import finish
from node.events import EventKind
from node.events.documents import log_document
from node.events.paging import Reading

_PAGE: Final = 5000
_FIELD: Final = re.compile(r"\{(asctime|timestamp|level|worker|msg)\}")


class LogRequest(OneTask):
    batch_size: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = _PAGE
    navigate_earlier: bool = True
    from_timestamp: float | None = Field(None, ge=-(2.0**62), le=2.0**62)
    order: Literal["asc", "desc"] | None = None


async def task_log(call: ClearmlCall[LogRequest]) -> dict[str, Any]:
    """The next page is what lies beyond the time of this one's last line."""
    body = call.body
    task = await check(call)
    beyond = None if body.from_timestamp is None else int(body.from_timestamp)
    lines, total = await call.node.events.log_page(
        task, body.batch_size, earlier=body.navigate_earlier, beyond=beyond
    )
    found = [log_document(task, line) for line in lines]
    order = body.order or ("desc" if body.navigate_earlier else "asc")
    if (order == "desc") != body.navigate_earlier:
        found.reverse()
    return {"events": found, "returned": len(found), "total": total}


class OldLogRequest(OneTask):
    batch_size: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = _PAGE
    order: Literal["asc", "desc"] | None = None
    start: Literal["head", "tail"] = Field("head", alias="from")
    scroll_id: str | None = None


async def old_task_log(call: ClearmlCall[OldLogRequest]) -> dict[str, Any]:
    """As clients before 2.9 ask for it: by scroll id, from the head or the tail."""
    body, events = call.body, call.node.events
    reading = Reading(await check(call), (EventKind.LOG,), descending=body.start == "tail")
    if body.scroll_id:
        reading = events.scrolls.find(body.scroll_id, Reading)
    found, reading, total = await events.page(reading, body.batch_size, count=True)
    if body.order is not None and (body.order == "desc") != reading.descending:
        found.reverse()
    scroll = events.scrolls.keep(reading)
    return {"events": found, "returned": len(found), "total": total, "scroll_id": scroll}


class DownloadRequest(OneTask):
    line_type: Literal["json", "text"] = "json"
    line_format: str = "{asctime} {worker} {level} {msg}"


async def download(call: ClearmlCall[DownloadRequest]) -> web.StreamResponse:
    """The whole log as a file, written as it is read."""
    body = call.body
    task = await check(call)
    response = web.StreamResponse()
    response.content_type, response.charset = "text/plain", "utf-8"
    response.headers[hdrs.CONTENT_DISPOSITION] = f'attachment; filename="task_{_safe(task)}.log"'
    finish(response)
    await response.prepare(call.request)
    async for lines in call.node.events.log_pages(task):
        events = [log_document(task, line) for line in lines]
        if body.line_type == "json":
            text = b"".join(to_json(event) + b"\n" for event in events)
        else:
            text = "".join(_line(body.line_format, event) + "\n" for event in events).encode()
        await response.write(text)
    await response.write_eof()
    return response


def _line(form: str, event: dict[str, Any]) -> str:
    """A line of text. Only the fields that are meant are replaced: the format comes from outside."""
    told = {**event, "asctime": iso(event["timestamp"] / 1000)}
    return _FIELD.sub(lambda match: str(told[match[1]]), form)


def _safe(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z_-]", "_", text)


class ClearRequest(Request):
    task: str
    threshold_sec: Annotated[int, Field(ge=0)] = 0
    allow_locked: bool = False
    include_metrics: list[str] = Field(default_factory=list)
    exclude_metrics: list[str] = Field(default_factory=list)


async def clear(call: ClearmlCall[ClearRequest]) -> dict[str, Any]:
    """Lines older than so many seconds; without a threshold all of them."""
    body = call.body
    before = int((time.time() - body.threshold_sec) * 1000) if body.threshold_sec else None
    deleted = await call.node.events.clear_log(
        body.task, before, body.include_metrics, body.exclude_metrics, allow_locked=body.allow_locked
    )
    return {"deleted": deleted}


ENDPOINTS: Final = (
    Endpoint("events.get_task_log", task_log, "A task's log, from either end", LogRequest, "2.9"),
    Endpoint("events.get_task_log", old_task_log, "A task's log, by scroll id", OldLogRequest, "1.5"),
    Endpoint("events.download_task_log", download, "A task's log as a file", DownloadRequest),
    Endpoint("events.clear_task_log", clear, "Delete the old lines of a task's log", ClearRequest, "2.19"),
)
