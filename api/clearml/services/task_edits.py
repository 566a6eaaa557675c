"""`tasks`: parameters, configurations, artifacts, models, requirements and tags of a task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

from pydantic import Field

from api.clearml.endpoint import ClearmlCall, Endpoint, Request
from api.clearml.services.requests import TagsRequest
from node.tracking import documents, task_edits
from node.tracking.batches import for_each
from node.tracking.collection import TASKS
from node.tracking.documents import Document
from node.tracking.projection import Projection
from node.tracking.task_edits import Edit
from node.tracking.task_states import Step

Items = list[dict[str, Any]]


class EditRequest(Request):
    task: str
    force: bool = False


class ParametersRequest(EditRequest):
    hyperparams: Items
    replace_hyperparams: Literal["none", "section", "all"] = "none"


class ConfigurationRequest(EditRequest):
    configuration: Items
    replace_configuration: bool = False


class ConfigurationNamesRequest(EditRequest):
    configuration: list[str]


class ArtifactsRequest(EditRequest):
    artifacts: Items


async def edit_hyper_params(call: ClearmlCall[ParametersRequest]) -> dict[str, Any]:
    body = call.body
    edit = task_edits.hyperparams(body.hyperparams, body.replace_hyperparams)
    return await _changed(call, edit, task_edits.parameters_step(body.hyperparams))


async def delete_hyper_params(call: ClearmlCall[ParametersRequest]) -> dict[str, Any]:
    gone = call.body.hyperparams
    edit = task_edits.without_hyperparams(gone)
    return await _changed(call, edit, task_edits.parameters_step(gone), "deleted")


async def edit_configuration(call: ClearmlCall[ConfigurationRequest]) -> dict[str, Any]:
    body = call.body
    edit = task_edits.configuration(body.configuration, replace=body.replace_configuration)
    return await _changed(call, edit, Step.EDIT_PARAMETERS)


async def delete_configuration(call: ClearmlCall[ConfigurationNamesRequest]) -> dict[str, Any]:
    edit = task_edits.without_configuration(call.body.configuration)
    return await _changed(call, edit, Step.EDIT_PARAMETERS, "deleted")


async def add_or_update_artifacts(call: ClearmlCall[ArtifactsRequest]) -> dict[str, Any]:
    return await _changed(call, task_edits.artifacts(call.body.artifacts), Step.EDIT_ARTIFACTS)


async def delete_artifacts(call: ClearmlCall[ArtifactsRequest]) -> dict[str, Any]:
    edit = task_edits.without_artifacts(call.body.artifacts)
    return await _changed(call, edit, Step.EDIT_ARTIFACTS, "deleted")


async def _changed(
    call: ClearmlCall[Any], edit: Edit, step: Step, counted: str = "updated"
) -> dict[str, Any]:
    body = call.body
    await call.node.tasks.change(body.task, edit, call.user.login, step, force=body.force)
    return {counted: 1}


class ModelRequest(Request):
    task: str
    name: str
    model: str
    type: Literal["input", "output"]


async def add_or_update_model(call: ClearmlCall[ModelRequest]) -> dict[str, Any]:
    body = call.body
    edit = task_edits.model(body.type, body.name, body.model)
    await call.node.tasks.add_model(body.task, edit, body.model, call.user.login)
    return {"updated": 1}


class ModelsRequest(Request):
    task: str
    models: Items


async def delete_models(call: ClearmlCall[ModelsRequest]) -> dict[str, Any]:
    body = call.body
    edit = task_edits.without_models(body.models)
    await call.node.tasks.change(body.task, edit, call.user.login, Step.PING)
    return {"updated": 1}


class RuntimeRequest(Request):
    task: str
    runtime: dict[str, Any] = Field(default_factory=dict)
    keys: list[str] = Field(default_factory=list)


async def edit_runtime(call: ClearmlCall[RuntimeRequest]) -> dict[str, Any]:
    """Set `runtime`'s properties and remove those named by `keys`."""
    body = call.body
    edit = task_edits.runtime(body.runtime, body.keys)
    await call.node.tasks.change(body.task, edit, call.user.login, Step.PING)
    return {"updated": 1}


class RequirementsRequest(Request):
    task: str
    requirements: dict[str, Any]


async def set_requirements(call: ClearmlCall[RequirementsRequest]) -> dict[str, Any]:
    body = call.body
    edit = task_edits.requirements(body.requirements)
    fields = await call.node.tasks.change(body.task, edit, call.user.login, Step.PING)
    return {"updated": 1, "fields": {"script": fields["script"]}}


async def update_tags(call: ClearmlCall[TagsRequest]) -> dict[str, Any]:
    edit = task_edits.tags(call.body.add_tags, call.body.remove_tags)

    async def change(key: str) -> None:
        await call.node.tasks.change(key, edit, call.user.login, Step.PING)

    return {"updated": len((await for_each(call.body.ids, change)).succeeded)}


# --- look -------------------------------------------------------------------------------------------------


class TasksRequest(Request):
    tasks: list[str]
    names: list[str] = Field(default_factory=list)
    skip_empty: bool = True


async def get_hyper_params(call: ClearmlCall[TasksRequest]) -> dict[str, Any]:
    found = await _field(call, "hyperparams", _parameters)
    return {"params": [{"task": key, "hyperparams": items} for key, items in found.items()]}


async def get_configurations(call: ClearmlCall[TasksRequest]) -> dict[str, Any]:
    wanted = call.body.names
    found = await _field(call, "configuration", _named_items)
    shown = {
        key: [item for item in items if not wanted or item["name"] in wanted] for key, items in found.items()
    }
    return {"configurations": [{"task": key, "configuration": items} for key, items in shown.items()]}


async def get_configuration_names(call: ClearmlCall[TasksRequest]) -> dict[str, Any]:
    found = await _field(call, "configuration", _named_items)
    skip = call.body.skip_empty
    return {
        "configurations": [
            {"task": key, "names": [item["name"] for item in items if item.get("value") or not skip]}
            for key, items in found.items()
        ]
    }


async def _field(
    call: ClearmlCall[TasksRequest], name: str, items: Callable[[Document], Sequence[Document]]
) -> dict[str, Sequence[Document]]:
    """What each of the tasks that there are has in a field, as a list."""
    projection = Projection((name,))
    found = await call.node.store.read(lambda c: documents.read_all(c, TASKS, call.body.tasks, projection))
    return {key: items(found[key].get(name) or {}) for key in call.body.tasks if key in found}


def _parameters(sections: Document) -> list[Document]:
    return [
        {"section": section, "name": name, **item}
        for section, items in sorted(sections.items())
        for name, item in sorted(items.items())
    ]


def _named_items(items: Document) -> list[Document]:
    return [{"name": name, **item} for name, item in sorted(items.items())]


def _edit(name: str, handler: Any, summary: str, request: type[Request], since: str = "2.1") -> Endpoint:
    return Endpoint(f"tasks.{name}", handler, summary, request, since, access="user")


ENDPOINTS: Final = (
    _edit("edit_hyper_params", edit_hyper_params, "Set hyperparameters", ParametersRequest, "2.9"),
    _edit("delete_hyper_params", delete_hyper_params, "Remove hyperparameters", ParametersRequest, "2.9"),
    Endpoint("tasks.get_hyper_params", get_hyper_params, "Hyperparameters of tasks", TasksRequest, "2.9"),
    _edit("edit_configuration", edit_configuration, "Set configurations", ConfigurationRequest, "2.9"),
    _edit(
        "delete_configuration",
        delete_configuration,
        "Remove configurations",
        ConfigurationNamesRequest,
        "2.9",
    ),
    Endpoint("tasks.get_configurations", get_configurations, "Configurations of tasks", TasksRequest, "2.9"),
    Endpoint(
        "tasks.get_configuration_names", get_configuration_names, "Their names", TasksRequest, since="2.9"
    ),
    _edit("add_or_update_artifacts", add_or_update_artifacts, "Set artifacts", ArtifactsRequest, "2.10"),
    _edit("delete_artifacts", delete_artifacts, "Remove artifacts", ArtifactsRequest, "2.10"),
    _edit("add_or_update_model", add_or_update_model, "Add a model to a task", ModelRequest, "2.13"),
    _edit("delete_models", delete_models, "Remove models from a task", ModelsRequest, "2.13"),
    _edit("edit_runtime", edit_runtime, "Set runtime properties", RuntimeRequest, "2.34"),
    _edit("set_requirements", set_requirements, "Set the packages of a script", RequirementsRequest),
    _edit("update_tags", update_tags, "Add and remove tags of tasks", TagsRequest, "2.27"),
)
