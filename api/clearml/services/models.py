"""`models`: the files that tasks write and read, with what is known of them."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from api.clearml.batches import many
from api.clearml.documents import listed, listed_joined, outward, query_of, shown
from api.clearml.endpoint import ClearmlCall, Endpoint, Request
from api.clearml.errors import ApiError
from api.clearml.files import delete_files
from api.clearml.services.requests import (
    IdsRequest,
    MoveRequest,
    ProjectsRequest,
    TagsRequest,
    TaskRequest,
    moved,
)
from api.clearml.times import seconds_of
from node.store.schema import tracking_models
from node.tracking import vocabulary
from node.tracking.batches import for_each
from node.tracking.collection import MODELS
from node.tracking.models import SETTABLE
from node.tracking.vocabulary import Scope

Items = list[dict[str, Any]]


class ModelRequest(Request):
    model: str


class ModelFields(Request):
    comment: str | None = None
    framework: str | None = None
    design: dict[str, Any] | None = None
    labels: dict[str, int] | None = None
    parent: str | None = None
    project: str | None = None
    ready: bool | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    task: str | None = None
    metadata: Items | dict[str, dict[str, Any]] | None = None
    ui_cache: dict[str, Any] | None = None
    created: str | None = None
    iteration: int | None = None

    def given(self) -> dict[str, Any]:
        """The fields that there are; metadata as a list."""
        fields = self.model_dump(exclude_none=True)
        if isinstance(fields.get("metadata"), dict):
            fields["metadata"] = [{"key": key, **item} for key, item in fields["metadata"].items()]
        if "created" in fields:
            fields["created"] = seconds_of(fields["created"])
        return {name: value for name, value in fields.items() if name in SETTABLE}


class CreateRequest(ModelFields):
    name: str
    uri: str
    public: bool = False


class EditRequest(ModelFields):
    model: str
    name: str | None = None
    uri: str | None = None


async def get_by_id(call: ClearmlCall[ModelRequest]) -> dict[str, Any]:
    found = await call.node.tracking_models.get(call.body.model)
    return {"model": shown(call.node.users, MODELS, found)}


async def get_by_task_id(call: ClearmlCall[TaskRequest]) -> dict[str, Any]:
    """The newest model that a task wrote."""
    task = await call.node.tasks.get(call.body.task)
    written = task.get("models", {}).get("output") or []
    if not written:
        raise ApiError(400, 201, "the task has no output model", task=call.body.task)
    found = await call.node.tracking_models.get(written[-1]["model"])
    return {"model": shown(call.node.users, MODELS, found)}


async def get_all(call: ClearmlCall[Request]) -> dict[str, Any]:
    return await listed(call, query_of(call, MODELS))


class ListExRequest(Request):
    include_stats: bool = False


async def get_all_ex(call: ClearmlCall[ListExRequest]) -> dict[str, Any]:
    answer = await listed_joined(call, query_of(call, MODELS))
    if call.body.include_stats:
        for document in answer["models"]:
            document["stats"] = {"labels_count": len(document.get("labels") or {})}
    return answer


async def get_frameworks(call: ClearmlCall[ProjectsRequest]) -> dict[str, Any]:
    scope, column = Scope(tuple(call.body.projects)), tracking_models.c.framework
    return {"frameworks": await call.node.store.read(lambda c: vocabulary.distinct(c, column, scope))}


async def create(call: ClearmlCall[CreateRequest]) -> dict[str, Any]:
    body = call.body
    model = await call.node.tracking_models.create(body.given(), call.user.login, public=body.public)
    return {"id": model["id"], "created": True}


async def edit(call: ClearmlCall[EditRequest]) -> dict[str, Any]:
    body = call.body
    fields = await call.node.tracking_models.edit(body.model, body.given(), iteration=body.iteration)
    return {"updated": 1, "fields": outward(call.node.users, MODELS, dict(fields))}


class ForTaskRequest(Request):
    task: str
    uri: str | None = None
    name: str | None = None
    comment: str | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    override_model_id: str | None = None
    iteration: int | None = None


async def update_for_task(call: ClearmlCall[ForTaskRequest]) -> dict[str, Any]:
    body = call.body
    given = body.model_dump(exclude_none=True, exclude={"task", "iteration"})
    return await call.node.tracking_models.of_task(
        body.task, given, call.user.login, iteration=body.iteration
    )


class ReadyFields(Request):
    force_publish_task: bool = False


class ReadyRequest(ReadyFields):
    model: str
    publish_task: bool = True


class PublishManyRequest(ReadyFields, IdsRequest):
    publish_task: bool = Field(True, alias="publish_tasks")


async def set_ready(call: ClearmlCall[ReadyRequest]) -> dict[str, Any]:
    return await _made_ready(call, call.body.model)


async def publish_many(call: ClearmlCall[PublishManyRequest]) -> dict[str, Any]:
    return await many(call.body.ids, lambda key: _made_ready(call, key))


async def _made_ready(call: ClearmlCall[Any], key: str) -> dict[str, Any]:
    body = call.body
    return await call.node.tracking_models.set_ready(
        key, call.user.login, publish_task=body.publish_task, force_task=body.force_publish_task
    )


async def archive_many(call: ClearmlCall[IdsRequest]) -> dict[str, Any]:
    async def archive(key: str) -> dict[str, Any]:
        await call.node.tracking_models.archive(key, into=True)
        return {"archived": True}

    return await many(call.body.ids, archive)


async def unarchive_many(call: ClearmlCall[IdsRequest]) -> dict[str, Any]:
    async def unarchive(key: str) -> dict[str, Any]:
        await call.node.tracking_models.archive(key, into=False)
        return {"unarchived": True}

    return await many(call.body.ids, unarchive)


class DeleteFields(Request):
    force: bool = False
    delete_external_artifacts: bool = False


class DeleteRequest(DeleteFields):
    model: str


class DeleteManyRequest(DeleteFields, IdsRequest):
    pass


async def delete(call: ClearmlCall[DeleteRequest]) -> dict[str, Any]:
    return await _deleted(call, call.body.model)


async def delete_many(call: ClearmlCall[DeleteManyRequest]) -> dict[str, Any]:
    return await many(call.body.ids, lambda key: _deleted(call, key))


async def _deleted(call: ClearmlCall[Any], key: str) -> dict[str, Any]:
    url = await call.node.tracking_models.delete(key, force=call.body.force)
    if url and call.body.delete_external_artifacts:
        await delete_files(call.node, [url])
    return {"deleted": True, "url": url}


async def make_public(call: ClearmlCall[IdsRequest]) -> dict[str, Any]:
    return {"updated": await call.node.tracking_models.set_public(call.body.ids, public=True)}


async def make_private(call: ClearmlCall[IdsRequest]) -> dict[str, Any]:
    return {"updated": await call.node.tracking_models.set_public(call.body.ids, public=False)}


async def move(call: ClearmlCall[MoveRequest]) -> dict[str, Any]:
    """To a project by its id, or by its name: it is made if there is none; or to none."""
    return {"project_id": await moved(call, MODELS)}


class MetadataRequest(Request):
    model: str
    metadata: Items
    replace_metadata: bool = False


async def add_or_update_metadata(call: ClearmlCall[MetadataRequest]) -> dict[str, Any]:
    body = call.body
    await call.node.tracking_models.set_metadata(body.model, body.metadata, replace=body.replace_metadata)
    return {"updated": 1}


class KeysRequest(Request):
    model: str
    keys: list[str]


async def delete_metadata(call: ClearmlCall[KeysRequest]) -> dict[str, Any]:
    await call.node.tracking_models.delete_metadata(call.body.model, call.body.keys)
    return {"updated": 1}


async def update_tags(call: ClearmlCall[TagsRequest]) -> dict[str, Any]:
    body = call.body

    async def change(key: str) -> None:
        await call.node.tracking_models.tag(key, body.add_tags, body.remove_tags)

    return {"updated": len((await for_each(body.ids, change)).succeeded)}


def _write(
    name: str, handler: Any, summary: str, request: type[Request] = IdsRequest, since: str = "2.1"
) -> Endpoint:
    return Endpoint(f"models.{name}", handler, summary, request, since, access="user")


ENDPOINTS: Final = (
    Endpoint("models.get_by_id", get_by_id, "A model", ModelRequest),
    Endpoint("models.get_by_task_id", get_by_task_id, "The model that a task wrote", TaskRequest),
    Endpoint("models.get_by_id_ex", get_all_ex, "Models with what they refer to", ListExRequest, "2.11"),
    Endpoint("models.get_all", get_all, "Models that a query finds"),
    Endpoint("models.get_all_ex", get_all_ex, "Models with what they refer to", ListExRequest),
    Endpoint("models.get_frameworks", get_frameworks, "Frameworks in use", ProjectsRequest, "2.8"),
    _write("create", create, "Register a model", CreateRequest),
    _write("edit", edit, "Change a model", EditRequest),
    _write("update", edit, "Change a model", EditRequest),
    _write("update_for_task", update_for_task, "Give a task its output model", ForTaskRequest),
    _write("set_ready", set_ready, "Make a model ready", ReadyRequest),
    _write("publish_many", publish_many, "Make models ready", PublishManyRequest, "2.13"),
    _write("archive_many", archive_many, "Put models into the archive", since="2.13"),
    _write("unarchive_many", unarchive_many, "Take models out of it", since="2.13"),
    _write("delete", delete, "Delete a model", DeleteRequest),
    _write("delete_many", delete_many, "Delete models", DeleteManyRequest, "2.13"),
    _write("make_public", make_public, "Give models to everybody", since="2.9"),
    _write("make_private", make_private, "Take models back", since="2.9"),
    _write("move", move, "Put models into a project", MoveRequest, "2.12"),
    _write("add_or_update_metadata", add_or_update_metadata, "Set metadata", MetadataRequest, "2.13"),
    _write("delete_metadata", delete_metadata, "Remove metadata", KeysRequest, "2.13"),
    _write("update_tags", update_tags, "Add and remove tags of models", TagsRequest, "2.27"),
)
