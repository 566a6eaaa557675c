"""`tasks`, to look at and to write: one by one, by query, made, cloned, edited and moved."""

from __future__ import annotations

from typing import Any, Final, Literal

from api.clearml.batches import many
from api.clearml.documents import listed_joined, outward, query_of, recalled, shown
from api.clearml.endpoint import ClearmlCall, Endpoint, Request
from api.clearml.errors import ApiError
from api.clearml.services.requests import IdsRequest, MoveRequest, ProjectsRequest, TaskRequest, moved
from api.clearml.times import seconds_of
from node.store.schema import tasks
from node.tracking import projects, vocabulary
from node.tracking.collection import TASKS
from node.tracking.task_fields import SETTABLE
from node.tracking.vocabulary import Scope

TaskType = Literal[
    "training",
    "testing",
    "inference",
    "data_processing",
    "application",
    "monitor",
    "controller",
    "optimizer",
    "service",
    "qc",
    "custom",
    "report",
    "import",
    "annotation",
]


class TaskFields(Request):
    """What a task is given; the rest of its form is the client's own."""

    type: TaskType | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    comment: str | None = None
    parent: str | None = None
    project: str | None = None
    output_dest: str | None = None
    execution: dict[str, Any] | None = None
    script: dict[str, Any] | None = None
    models: dict[str, Any] | None = None
    hyperparams: dict[str, Any] | None = None
    configuration: dict[str, Any] | None = None
    runtime: dict[str, Any] | None = None
    container: dict[str, Any] | None = None

    def given(self) -> dict[str, Any]:
        """The fields that there are, by the names that the node has for them."""
        wanted = {*SETTABLE, "output_dest"}
        return {name: value for name, value in self.model_dump(exclude_none=True).items() if name in wanted}


class CreateRequest(TaskFields):
    name: str
    type: TaskType


class EditRequest(TaskFields):
    task: str
    name: str | None = None
    force: bool = False


async def get_by_id(call: ClearmlCall[TaskRequest]) -> dict[str, Any]:
    return {"task": shown(call.node.users, TASKS, await call.node.tasks.get(call.body.task))}


async def get_by_id_ex(call: ClearmlCall[Request]) -> dict[str, Any]:
    return await listed_joined(call, query_of(call, TASKS))


async def get_all(call: ClearmlCall[Request]) -> bytes:
    return await recalled(call, TASKS)


async def get_all_ex(call: ClearmlCall[Request]) -> bytes:
    return await recalled(call, TASKS, joined=True)


async def get_types(call: ClearmlCall[ProjectsRequest]) -> dict[str, Any]:
    scope = Scope(tuple(call.body.projects))
    return {"types": await call.node.store.read(lambda c: vocabulary.distinct(c, tasks.c.type, scope))}


async def create(call: ClearmlCall[CreateRequest]) -> dict[str, Any]:
    return {"id": (await call.node.tasks.create(call.body.given(), call.user.login))["id"]}


async def validate(call: ClearmlCall[CreateRequest]) -> dict[str, Any]:
    await call.node.tasks.validate(call.body.given())
    return {}


async def edit(call: ClearmlCall[EditRequest]) -> dict[str, Any]:
    body = call.body
    fields = await call.node.tasks.edit(body.task, body.given(), call.user.login, force=body.force)
    return {"updated": 1, "fields": outward(call.node.users, TASKS, fields)}


class UpdateRequest(Request):
    task: str
    name: str | None = None
    comment: str | None = None
    project: str | None = None
    created: str | None = None
    status_message: str | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None


async def update(call: ClearmlCall[UpdateRequest]) -> dict[str, Any]:
    fields = await _updated(call, call.body)
    return {"updated": 1, "fields": outward(call.node.users, TASKS, fields)}


async def update_batch(call: ClearmlCall[Request]) -> dict[str, Any]:
    """NDJSON, each line an update. All lines are understood before the first is carried out."""
    if not call.items:
        raise ApiError(400, 17)
    updates = [UpdateRequest.read(item) for item in call.items]
    for one in updates:
        await _updated(call, one)
    return {"updated": len(updates)}


async def _updated(call: ClearmlCall[Any], body: UpdateRequest) -> dict[str, Any]:
    given: dict[str, Any] = body.model_dump(exclude_none=True, exclude={"task"})
    if body.created is not None:
        given["created"] = seconds_of(body.created)
    return await call.node.tasks.update(body.task, given, call.user.login)


class CloneRequest(Request):
    task: str
    new_task_name: str | None = None
    new_task_comment: str | None = None
    new_task_tags: list[str] | None = None
    new_task_system_tags: list[str] | None = None
    new_task_parent: str | None = None
    new_task_project: str | None = None
    new_project_name: str | None = None
    new_task_hyperparams: dict[str, Any] | None = None
    new_task_configuration: dict[str, Any] | None = None
    new_task_container: dict[str, Any] | None = None
    new_task_input_models: list[dict[str, Any]] | None = None
    execution_overrides: dict[str, Any] | None = None


async def clone(call: ClearmlCall[CloneRequest]) -> dict[str, Any]:
    body = call.body
    given = {
        name.removeprefix("new_task_"): value
        for name, value in body.model_dump(exclude_none=True).items()
        if name.startswith("new_task_")
    }
    if body.execution_overrides is not None:
        given["execution"] = body.execution_overrides
    if "input_models" in given:
        given["models"] = {"input": given.pop("input_models")}
    told: dict[str, Any] = {}
    if body.new_project_name and not body.new_task_project:
        name = body.new_project_name
        key = await call.node.store.write(lambda c: projects.ensure(c, name, call.user.login))
        given["project"] = key
        told = {"new_project": {"id": key, "name": name}}
    return {"id": (await call.node.tasks.clone(body.task, given, call.user.login))["id"], **told}


async def move(call: ClearmlCall[MoveRequest]) -> dict[str, Any]:
    """To a project by its id, or by its name: it is made if there is none; or to none."""
    return {"project_id": await moved(call, TASKS)}


async def make_public(call: ClearmlCall[IdsRequest]) -> dict[str, Any]:
    return await _publish(call, public=True)


async def make_private(call: ClearmlCall[IdsRequest]) -> dict[str, Any]:
    return await _publish(call, public=False)


async def _publish(call: ClearmlCall[IdsRequest], *, public: bool) -> dict[str, Any]:
    async def change(key: str) -> dict[str, Any]:
        await call.node.tasks.set_public(key, public=public)
        return {}

    return {"updated": len((await many(call.body.ids, change))["succeeded"])}


ENDPOINTS: Final = (
    Endpoint("tasks.get_by_id", get_by_id, "A task", TaskRequest),
    Endpoint("tasks.get_by_id_ex", get_by_id_ex, "Tasks with what they refer to", since="2.11"),
    Endpoint("tasks.get_all", get_all, "Tasks that a query finds"),
    Endpoint("tasks.get_all_ex", get_all_ex, "Tasks with what they refer to"),
    Endpoint("tasks.get_types", get_types, "Types in use", ProjectsRequest, "2.8"),
    Endpoint("tasks.create", create, "Create a task", CreateRequest, access="user"),
    Endpoint("tasks.validate", validate, "Whether a task could be created", CreateRequest),
    Endpoint("tasks.edit", edit, "Change a task's fields", EditRequest, access="user"),
    Endpoint("tasks.update", update, "Change what any task may change", UpdateRequest, access="user"),
    Endpoint("tasks.update_batch", update_batch, "Many updates", access="user", batch=True),
    Endpoint("tasks.clone", clone, "Copy a task", CloneRequest, "2.5", access="user"),
    Endpoint("tasks.move", move, "Put tasks into a project", MoveRequest, "2.12", access="user"),
    Endpoint("tasks.make_public", make_public, "Give tasks to everybody", IdsRequest, "2.9", access="user"),
    Endpoint("tasks.make_private", make_private, "Take tasks back", IdsRequest, "2.9", access="user"),
)
