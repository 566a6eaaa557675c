"""`queues`: where tasks wait until an agent takes them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

from pydantic import Field

from api.clearml.documents import outward, page_of, query_of, shown, shown_all, with_owners
from api.clearml.endpoint import ClearmlCall, Endpoint, Request
from api.clearml.times import iso
from node.tracking.collection import QUEUES, TASKS
from node.tracking.documents import Document, Page
from node.tracking.query import Query
from node.tracking.queue_entries import Entry
from node.tracking.references import apart


class QueueRequest(Request):
    queue: str


class LimitedRequest(Request):
    """How many entries of each queue to tell: the first ones, or (negative) the last ones."""

    max_task_entries: int | None = None

    def limited(self, document: Document) -> Document:
        entries, most = document.get("entries"), self.max_task_entries
        if entries is not None and most is not None:
            document["entries"] = entries[:most] if most >= 0 else entries[most:]
        return document


class GetRequest(LimitedRequest):
    queue: str


async def get_by_id(call: ClearmlCall[GetRequest]) -> dict[str, Any]:
    found = _with_entries(call, await call.node.queues.get(call.body.queue))
    return {"queue": shown(call.node.users, QUEUES, found)}


async def get_all(call: ClearmlCall[LimitedRequest]) -> dict[str, Any]:
    query = query_of(call, QUEUES)
    page = await call.node.queues.find(query)
    return page_of(query, page, _all_shown(call, query, page))


async def get_all_ex(call: ClearmlCall[LimitedRequest]) -> dict[str, Any]:
    """With the tasks that wait, and the workers that take them."""
    query = query_of(call, QUEUES)
    page = await call.node.queues.find_joined(query)
    users, owners = call.node.users, apart(QUEUES, query.projection).owners
    found = _all_shown(call, query, page)
    return page_of(query, page, [with_owners(users, document, owners) for document in found])


def _all_shown(call: ClearmlCall[LimitedRequest], query: Query, page: Page) -> list[Document]:
    return shown_all(call.node.users, query, [_with_entries(call, document) for document in page.documents])


def _with_entries(call: ClearmlCall[Any], document: Document) -> Document:
    """With as many entries as were asked for, and their times as clients have them."""
    for entry in call.body.limited(document).get("entries", ()):
        if "added" in entry:
            entry["added"] = iso(entry["added"])
    return document


async def get_default(call: ClearmlCall[Request]) -> dict[str, Any]:
    found = await call.node.queues.default()
    return {"id": found["id"], "name": found["name"]}


class MetadataItem(Request):
    key: str = Field(min_length=1)
    type: str | None = None
    value: str | None = None


class QueueFields(Request):
    display_name: str | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None


class CreateRequest(QueueFields):
    name: str
    metadata: dict[str, MetadataItem] | list[MetadataItem] | None = None


async def create(call: ClearmlCall[CreateRequest]) -> dict[str, Any]:
    body = call.body
    fields = body.model_dump(exclude_none=True, exclude={"metadata"})
    items = list(body.metadata.values()) if isinstance(body.metadata, dict) else body.metadata
    if items:
        fields["metadata"] = _metadata(items)
    return {"id": (await call.node.queues.create(fields, call.user.login))["id"]}


class UpdateRequest(QueueFields):
    queue: str
    name: str | None = None


async def update(call: ClearmlCall[UpdateRequest]) -> dict[str, Any]:
    changes = call.body.model_dump(exclude_none=True, exclude={"queue"})
    return {"updated": 1, "fields": await call.node.queues.update(call.body.queue, changes)}


class MetadataRequest(Request):
    queue: str
    metadata: list[MetadataItem]
    replace_metadata: bool = False


async def add_or_update_metadata(call: ClearmlCall[MetadataRequest]) -> dict[str, Any]:
    body = call.body
    await call.node.queues.set_metadata(body.queue, _metadata(body.metadata), replace=body.replace_metadata)
    return {"updated": 1}


def _metadata(items: list[MetadataItem]) -> dict[str, dict[str, str]]:
    return {item.key: item.model_dump(exclude_none=True) for item in items}


class KeysRequest(Request):
    queue: str
    keys: list[str]


async def delete_metadata(call: ClearmlCall[KeysRequest]) -> dict[str, Any]:
    await call.node.queues.set_metadata(call.body.queue, {}, without=call.body.keys)
    return {"updated": 1}


class DeleteRequest(QueueRequest):
    force: bool = False


async def delete(call: ClearmlCall[DeleteRequest]) -> dict[str, Any]:
    await call.node.queues.delete(call.body.queue, call.user.login, force=call.body.force)
    return {"deleted": 1}


async def clear_queue(call: ClearmlCall[QueueRequest]) -> dict[str, Any]:
    return {"removed_tasks": await call.node.queues.clear(call.body.queue, call.user.login)}


# --- what waits in a queue --------------------------------------------------------------------------------


class EntryRequest(QueueRequest):
    task: str


async def add_task(call: ClearmlCall[EntryRequest]) -> dict[str, Any]:
    await call.node.queues.add(call.body.queue, call.body.task)
    return {"added": 1}


class RemoveRequest(EntryRequest):
    update_task_status: bool = False


async def remove_task(call: ClearmlCall[RemoveRequest]) -> dict[str, Any]:
    body = call.body
    await call.node.queues.remove(body.queue, body.task)
    if body.update_task_status:
        await call.node.tasks.dequeue(body.task, call.user.login)
    return {"removed": 1}


class NextRequest(QueueRequest):
    task: str | None = None
    get_task_info: bool = False


async def get_next_task(call: ClearmlCall[NextRequest]) -> dict[str, Any]:
    """The head, taken out; {} if nothing waits."""
    entry = await call.node.queues.next(call.body.queue, call.body.task)
    if entry is None:
        return {}
    told: dict[str, Any] = {"entry": _entry(entry)}
    if call.body.get_task_info:
        task = outward(call.node.users, TASKS, await call.node.tasks.get(entry.task))
        told["task_info"] = {"company": task["company"], "user": task["user"]}
    return told


def _entry(entry: Entry) -> dict[str, Any]:
    return {"task": entry.task, "added": iso(entry.added)}


async def peek_task(call: ClearmlCall[QueueRequest]) -> dict[str, Any]:
    entry = await call.node.queues.peek(call.body.queue)
    return {} if entry is None else {"task": entry.task}


async def get_num_entries(call: ClearmlCall[QueueRequest]) -> dict[str, Any]:
    return {"num": await call.node.queues.length(call.body.queue)}


class MoveRequest(EntryRequest):
    count: int = Field(1, ge=1)


def _move(
    way: Literal["forward", "backward"], *, whole: bool
) -> Callable[[ClearmlCall[Any]], Awaitable[dict[str, Any]]]:
    """The handler that moves a task towards the head or the end: by `count` places, or the whole way."""

    async def handle(call: ClearmlCall[Any]) -> dict[str, Any]:
        body = call.body
        by = None if whole else body.count
        place = await call.node.queues.move(body.queue, body.task, by, forward=way == "forward")
        return {"position": place}

    return handle


class MetricsRequest(Request):
    from_date: float = Field(ge=0, allow_inf_nan=False)
    to_date: float = Field(ge=0, allow_inf_nan=False)
    interval: int = Field(ge=1)
    queue_ids: list[str] = Field(default_factory=list)


async def get_queue_metrics(call: ClearmlCall[MetricsRequest]) -> dict[str, Any]:
    """Of the queues named, or of all together. The range is in seconds, the dates in milliseconds."""
    body = call.body
    found = await call.node.queues.metrics(body.queue_ids, body.from_date, body.to_date, body.interval)
    return {
        "queues": [
            {
                "queue": key,
                "dates": [int(point[0] * 1000) for point in points],
                "avg_waiting_times": [point[1] for point in points],
                "queue_lengths": [point[2] for point in points],
            }
            for key, points in found.items()
        ]
    }


def _act(name: str, handler: Any, summary: str, request: type[Request], since: str = "2.4") -> Endpoint:
    return Endpoint(f"queues.{name}", handler, summary, request, since, access="user")


ENDPOINTS: Final = (
    Endpoint("queues.get_by_id", get_by_id, "A queue with what waits in it", GetRequest, "2.4"),
    Endpoint("queues.get_all", get_all, "Queues that a query finds", LimitedRequest, "2.4"),
    Endpoint("queues.get_all_ex", get_all_ex, "Queues with their workers", LimitedRequest, "2.4"),
    Endpoint("queues.get_default", get_default, "The default queue", since="2.4"),
    Endpoint("queues.peek_task", peek_task, "What is next, left there", QueueRequest, "2.15"),
    Endpoint("queues.get_num_entries", get_num_entries, "How many tasks wait", QueueRequest, "2.15"),
    Endpoint("queues.get_queue_metrics", get_queue_metrics, "Lengths and waits", MetricsRequest, "2.4"),
    _act("create", create, "Create a queue", CreateRequest),
    _act("update", update, "Change a queue", UpdateRequest),
    _act("delete", delete, "Delete a queue", DeleteRequest),
    _act("clear_queue", clear_queue, "Take all tasks out", QueueRequest, "2.31"),
    _act("add_or_update_metadata", add_or_update_metadata, "Set metadata", MetadataRequest, "2.13"),
    _act("delete_metadata", delete_metadata, "Remove metadata", KeysRequest, "2.13"),
    _act("add_task", add_task, "Put a task at the end", EntryRequest),
    _act("remove_task", remove_task, "Take a task out", RemoveRequest),
    _act("get_next_task", get_next_task, "Take the next task out", NextRequest),
    _act("move_task_forward", _move("forward", whole=False), "Move a task to the head", MoveRequest),
    _act("move_task_backward", _move("backward", whole=False), "Move a task to the end", MoveRequest),
    _act("move_task_to_front", _move("forward", whole=True), "Make a task the next one", EntryRequest),
    _act("move_task_to_back", _move("backward", whole=True), "Make a task the last one", EntryRequest),
)
