"""`tasks`: what changes a task's status, one by one and in batches, and what ends it for good."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from pydantic import Field

from api.clearml.batches import many
from api.clearml.documents import outward
from api.clearml.endpoint import ClearmlCall, Endpoint, Request
from api.clearml.files import delete_files
from api.clearml.services.requests import IdsRequest, TaskRequest
from node.tracking.collection import TASKS
from node.tracking.documents import Document


class HowRequest(Request):
    """Why a status changes, and whether in spite of the rules."""

    force: bool = False
    status_reason: str = ""
    status_message: str = ""

    def how(self, *, force: bool = True) -> dict[str, Any]:
        told = {"reason": self.status_reason, "message": self.status_message}
        return told | ({"force": self.force} if force else {})


class StepRequest(HowRequest, TaskRequest):
    pass


class BatchRequest(HowRequest, IdsRequest):
    pass


Step = Callable[[ClearmlCall[Any], str], Awaitable[dict[str, Any]]]


def one(step: Step) -> Callable[[ClearmlCall[StepRequest]], Awaitable[dict[str, Any]]]:
    """The handler that takes a step with one task."""

    async def handle(call: ClearmlCall[StepRequest]) -> dict[str, Any]:
        return await step(call, call.body.task)

    return handle


def batch(step: Step) -> Callable[[ClearmlCall[BatchRequest]], Awaitable[dict[str, Any]]]:
    """The handler that takes a step with many tasks, each for itself."""

    async def handle(call: ClearmlCall[BatchRequest]) -> dict[str, Any]:
        return await many(call.body.ids, lambda key: step(call, key))

    return handle


def _told(call: ClearmlCall[Any], fields: Document) -> dict[str, Any]:
    return {"updated": 1, "fields": outward(call.node.users, TASKS, dict(fields))}


async def started(call: ClearmlCall[Any], task: str) -> dict[str, Any]:
    fields = await call.node.tasks.started(task, call.user.login, **call.body.how())
    return {**_told(call, fields), "started": 1}


async def stopped(call: ClearmlCall[Any], task: str) -> dict[str, Any]:
    return _told(call, await call.node.tasks.stopped(task, call.user.login, **call.body.how()))


async def failed(call: ClearmlCall[Any], task: str) -> dict[str, Any]:
    return _told(call, await call.node.tasks.failed(task, call.user.login, **call.body.how()))


async def close(call: ClearmlCall[Any], task: str) -> dict[str, Any]:
    return _told(call, await call.node.tasks.close(task, call.user.login, **call.body.how()))


async def stop(call: ClearmlCall[Any], task: str) -> dict[str, Any]:
    body = call.body
    fields = await call.node.tasks.stop(
        task, call.user.login, name=call.user.name, reason=body.status_reason, force=body.force
    )
    return _told(call, fields)


class CompletedRequest(StepRequest):
    publish: bool = False


async def completed(call: ClearmlCall[CompletedRequest]) -> dict[str, Any]:
    body = call.body
    fields = await call.node.tasks.completed(body.task, call.user.login, publish=body.publish, **body.how())
    return {**_told(call, fields), **({"published": 1} if body.publish else {})}


class PublishRequest(StepRequest):
    publish_model: bool = True


class PublishManyRequest(BatchRequest):
    publish_model: bool = True


async def publish(call: ClearmlCall[Any], task: str) -> dict[str, Any]:
    body = call.body
    return _told(
        call,
        await call.node.tasks.publish(task, call.user.login, models=body.publish_model, **body.how()),
    )


class QueueFields(HowRequest):
    queue: str | None = None
    queue_name: str | None = None
    verify_watched_queue: bool = False


class EnqueueRequest(QueueFields, TaskRequest):
    pass


class EnqueueManyRequest(QueueFields, IdsRequest):
    pass


async def enqueue(call: ClearmlCall[EnqueueRequest]) -> dict[str, Any]:
    told = await _enqueued(call, call.body.task)
    return told | await _watched(call, [told])


async def enqueue_many(call: ClearmlCall[EnqueueManyRequest]) -> dict[str, Any]:
    told = await many(call.body.ids, lambda key: _enqueued(call, key))
    return told | await _watched(call, told["succeeded"])


async def _watched(call: ClearmlCall[Any], told: list[dict[str, Any]]) -> dict[str, Any]:
    """Whether somebody takes the tasks from where they wait, if that was asked."""
    if not call.body.verify_watched_queue or not told:
        return {}
    queue = told[0]["fields"].get("execution.queue")
    # What waits in no queue waits for the node itself.
    return {"queue_watched": queue is None or await call.node.workers.watches(queue)}


async def _enqueued(call: ClearmlCall[Any], task: str) -> dict[str, Any]:
    body = call.body
    fields = await call.node.tasks.enqueue(
        task, call.user.login, queue=body.queue, queue_name=body.queue_name, **body.how()
    )
    return {"queued": 1, **_told(call, fields)}


class DequeueRequest(StepRequest):
    new_status: str | None = None


class DequeueManyRequest(BatchRequest):
    new_status: str | None = None


async def dequeue(call: ClearmlCall[Any], task: str) -> dict[str, Any]:
    body = call.body
    fields = await call.node.tasks.dequeue(task, call.user.login, to=body.new_status, **body.how(force=False))
    return {"dequeued": 1, **_told(call, fields)}


async def archive(call: ClearmlCall[Any], task: str) -> dict[str, Any]:
    await call.node.tasks.archive(task, call.user.login, **call.body.how(force=False))
    return {"archived": True}


async def unarchive(call: ClearmlCall[Any], task: str) -> dict[str, Any]:
    await call.node.tasks.unarchive(task, call.user.login)
    return {"unarchived": True}


class ArchiveRequest(HowRequest):
    tasks: list[str] = Field(min_length=1)


async def archive_listed(call: ClearmlCall[ArchiveRequest]) -> dict[str, Any]:
    for task in call.body.tasks:
        await archive(call, task)
    return {"archived": len(call.body.tasks)}


class RemovalFields(HowRequest):
    return_file_urls: bool = False
    delete_output_models: bool = True
    delete_external_artifacts: bool = False


class ResetRequest(RemovalFields):
    task: str
    clear_all: bool = False


class ResetManyRequest(RemovalFields, IdsRequest):
    clear_all: bool = False


class DeleteRequest(RemovalFields, TaskRequest):
    pass


class DeleteManyRequest(RemovalFields, IdsRequest):
    pass


async def reset(call: ClearmlCall[Any], task: str) -> dict[str, Any]:
    body = call.body
    done = await call.node.tasks.reset(task, call.user.login, clear_all=body.clear_all, **body.how())
    fields, dequeued = done.pop("fields"), done.pop("dequeued")
    # The answer of `queues.remove_task`, if the task was in a queue.
    done |= {"dequeued": {"removed": 1}} if dequeued else {}
    return {**_told(call, fields), **await _removed(call, done)}


async def delete(call: ClearmlCall[Any], task: str) -> dict[str, Any]:
    body = call.body
    done = await call.node.tasks.delete(task, force=body.force, models=body.delete_output_models)
    return await _removed(call, done)


async def _removed(call: ClearmlCall[Any], done: dict[str, Any]) -> dict[str, Any]:
    """The answer of what was removed; files of the node's own that it had go too, if that was asked."""
    urls = done.pop("urls")
    if call.body.delete_external_artifacts:
        await delete_files(call.node, [url for listed in urls.values() for url in listed])
    done["events"] = {"deleted": done.get("events", 0)}
    return {**done, "urls": urls} if call.body.return_file_urls else done


async def ping(call: ClearmlCall[TaskRequest]) -> dict[str, Any]:
    await call.node.tasks.ping(call.body.task)
    return {}


def _step(
    name: str, handler: Any, summary: str, request: type[Request] = StepRequest, since: str = "2.1"
) -> Endpoint:
    return Endpoint(f"tasks.{name}", handler, summary, request, since, access="user")


ENDPOINTS: Final = (
    _step("started", one(started), "A task runs"),
    _step("stopped", one(stopped), "A task has stopped"),
    _step("failed", one(failed), "A task has failed"),
    _step("completed", completed, "A task has completed", CompletedRequest, "2.2"),
    _step("close", one(close), "Nothing more will be done with a task"),
    _step("stop", one(stop), "Stop a task, or ask its worker to"),
    _step("stop_many", batch(stop), "Stop tasks", BatchRequest, "2.13"),
    _step("publish", one(publish), "Publish a task for ever", PublishRequest),
    _step("publish_many", batch(publish), "Publish tasks", PublishManyRequest, "2.13"),
    _step("enqueue", enqueue, "Put a task into a queue", EnqueueRequest, "1.5"),
    _step("enqueue_many", enqueue_many, "Put tasks into a queue", EnqueueManyRequest, "2.13"),
    _step("dequeue", one(dequeue), "Take a task out of its queue", DequeueRequest, "1.5"),
    _step("dequeue_many", batch(dequeue), "Take tasks out of queues", DequeueManyRequest, "2.13"),
    _step("archive", archive_listed, "Put tasks into the archive", ArchiveRequest, "2.12"),
    _step("archive_many", batch(archive), "Put tasks into the archive", BatchRequest, "2.13"),
    _step("unarchive_many", batch(unarchive), "Take tasks out of it", BatchRequest, "2.13"),
    _step("reset", one(reset), "Make a task as before it ran", ResetRequest),
    _step("reset_many", batch(reset), "Make tasks as before they ran", ResetManyRequest, "2.13"),
    _step("delete", one(delete), "Delete a task and its events", DeleteRequest),
    _step("delete_many", batch(delete), "Delete tasks", DeleteManyRequest, "2.13"),
    _step("ping", ping, "Somebody works on a task", TaskRequest),
)
