"""`projects`: the tree of folders that tasks and models are in."""

from __future__ import annotations

from typing import Any, Final, Literal

import sqlalchemy as sa
from pydantic import Field

from api.clearml.documents import inward, listed, listed_joined, shown
from api.clearml.endpoint import ClearmlCall, Endpoint, Request
from api.clearml.files import delete_files
from api.clearml.services.requests import IdsRequest
from node.store.schema import tasks
from node.tracking import documents, vocabulary
from node.tracking import project_statistics as statistics
from node.tracking.collection import MODELS, PROJECTS, TASKS, Collection
from node.tracking.documents import Document
from node.tracking.project_statistics import STATES, ChildrenType, State
from node.tracking.query import Query, read_query
from node.tracking.vocabulary import Scope

_PAGE: Final = 500


class ProjectRequest(Request):
    project: str


class ProjectFields(Request):
    description: str | None = None
    default_output_destination: str | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None


class CreateRequest(ProjectFields):
    name: str


class UpdateRequest(ProjectFields):
    project: str
    name: str | None = None


async def create(call: ClearmlCall[CreateRequest]) -> dict[str, Any]:
    fields = call.body.model_dump(exclude_none=True, exclude={"name"})
    return {"id": await call.node.task_projects.create(call.body.name, call.user.login, fields)}


async def get_by_id(call: ClearmlCall[ProjectRequest]) -> dict[str, Any]:
    found = await call.node.store.read(lambda c: documents.get(c, PROJECTS, call.body.project))
    return {"project": shown(call.node.users, PROJECTS, found)}


async def update(call: ClearmlCall[UpdateRequest]) -> dict[str, Any]:
    changes = call.body.model_dump(exclude_unset=True, exclude={"project"})
    fields = await call.node.task_projects.update(call.body.project, changes)
    return {"updated": 1, "fields": fields}


class ListRequest(Request):
    shallow_search: bool = False
    search_hidden: bool = False


async def get_all(call: ClearmlCall[ListRequest]) -> dict[str, Any]:
    return await listed(call, _query(call, shallow=call.body.shallow_search))


class ListExRequest(ListRequest):
    include_stats: bool = False
    include_stats_filter: dict[str, Any] = Field(default_factory=dict)
    stats_with_children: bool = True
    stats_for_state: State | None = None
    include_dataset_stats: bool = False
    check_own_contents: bool = False
    children_type: ChildrenType | None = None
    children_tags: list[str] = Field(default_factory=list)
    active_users: list[str] = Field(default_factory=list)
    non_public: bool = False


async def get_all_ex(call: ClearmlCall[ListExRequest]) -> dict[str, Any]:
    body = call.body
    query = _query(call, shallow=body.shallow_search, own=body.non_public)
    if body.children_type is not None:
        query = query.also(statistics.holding(body.children_type, body.children_tags))
    if body.active_users:
        query = query.also(statistics.with_tasks_of(inward(call.node.users, call.data)["active_users"]))
    answer = await listed_joined(call, query)
    found: list[Document] = answer["projects"]

    def read(connection: sa.Connection) -> None:
        _add_statistics(connection, body, found)

    await call.node.store.read(read)
    return answer


def _query(call: ClearmlCall[Any], *, shallow: bool, own: bool = False) -> Query:
    """Parents are those whose children are wanted, or (unless `shallow`) all that is below them."""
    data = inward(call.node.users, call.data)
    if own:
        data["allow_public"] = False
    top = shallow and not data.get("parent")
    if not shallow and data.get("parent"):
        data["path"] = data.pop("parent")
    query = read_query(PROJECTS, data)
    return query.also(PROJECTS.table.c.parent.is_(None)) if top else query


def _add_statistics(connection: sa.Connection, body: ListExRequest, found: list[Document]) -> None:
    ids = [document["id"] for document in found]
    if body.include_stats:
        counted = statistics.task_statistics(
            connection, ids, children=body.stats_with_children, only=body.stats_for_state
        )
        below = statistics.sub_projects(connection, ids, hidden=body.search_hidden)
        for document in found:
            document["stats"] = counted[document["id"]]
            document["sub_projects"] = below[document["id"]]
    if body.check_own_contents:
        own = statistics.contents(connection, ids)
        for document in found:
            document["own_tasks"] = own[document["id"]]["tasks"]
            document["own_models"] = own[document["id"]]["models"]
    if body.include_dataset_stats:
        sizes = statistics.dataset_statistics(connection, ids)
        for document in found:
            document["dataset_stats"] = sizes.get(document["id"])


class MoveRequest(Request):
    project: str
    new_location: str | None = None


async def move(call: ClearmlCall[MoveRequest]) -> dict[str, Any]:
    return {"moved": await call.node.task_projects.move(call.body.project, call.body.new_location)}


class MergeRequest(Request):
    project: str
    destination_project: str | None = None


async def merge(call: ClearmlCall[MergeRequest]) -> dict[str, Any]:
    merged = await call.node.task_projects.merge(call.body.project, call.body.destination_project)
    return {"moved_entities": merged.entities, "moved_projects": merged.projects}


async def validate_delete(call: ClearmlCall[ProjectRequest]) -> dict[str, Any]:
    return dict(await call.node.project_removal.contents(call.body.project))


class DeleteRequest(Request):
    project: str
    force: bool = False
    delete_contents: bool = False
    delete_external_artifacts: bool = False


async def delete(call: ClearmlCall[DeleteRequest]) -> dict[str, Any]:
    body = call.body
    removed = await call.node.project_removal.delete(
        body.project, force=body.force, with_contents=body.delete_contents
    )
    if body.delete_external_artifacts:
        await delete_files(call.node, [url for listed in removed.urls.values() for url in listed])
    answer: dict[str, Any] = {"deleted": removed.projects, "disassociated_tasks": removed.unassigned_tasks}
    if body.delete_contents:
        answer |= {
            "deleted_models": removed.models,
            "deleted_tasks": removed.tasks,
            "urls": {name: sorted(set(urls)) for name, urls in removed.urls.items()},
        }
    return answer


async def make_public(call: ClearmlCall[IdsRequest]) -> dict[str, Any]:
    return {"updated": await call.node.task_projects.publish(call.body.ids, public=True)}


async def make_private(call: ClearmlCall[IdsRequest]) -> dict[str, Any]:
    return {"updated": await call.node.task_projects.publish(call.body.ids, public=False)}


# --- what words are in use --------------------------------------------------------------------------------


class ScopeRequest(Request):
    """Some calls name one project, others several."""

    project: str | None = None
    projects: list[str] = Field(default_factory=list)
    include_subprojects: bool = True
    allow_public: bool = True

    def scope(self) -> Scope:
        named = [*self.projects, *([self.project] if self.project else [])]
        return Scope(tuple(named), self.include_subprojects, self.allow_public)


class PagedRequest(ScopeRequest):
    page: int = Field(0, ge=0)
    page_size: int = Field(_PAGE, ge=1)

    def page_of(self, found: list[Any]) -> tuple[list[Any], int]:
        """The page, and how many come after it."""
        start = self.page * self.page_size
        return found[start : start + self.page_size], max(0, len(found) - start - self.page_size)


class TagsRequest(ScopeRequest):
    include_system: bool = False
    filter: dict[str, list[str]] = Field(default_factory=dict)


async def get_project_tags(call: ClearmlCall[TagsRequest]) -> dict[str, Any]:
    return await _tags(call, PROJECTS)


async def get_task_tags(call: ClearmlCall[TagsRequest]) -> dict[str, Any]:
    return await _tags(call, TASKS)


async def get_model_tags(call: ClearmlCall[TagsRequest]) -> dict[str, Any]:
    return await _tags(call, MODELS)


async def _tags(call: ClearmlCall[TagsRequest], collection: Collection) -> dict[str, Any]:
    body = call.body
    having = {name: values for name, values in body.filter.items() if name in ("tags", "system_tags")}

    def read(connection: sa.Connection) -> dict[str, Any]:
        fields = ("tags", "system_tags") if body.include_system else ("tags",)
        return {
            field: vocabulary.tags(connection, collection, body.scope(), field, having) for field in fields
        }

    return await call.node.store.read(read)


class MetricsRequest(ScopeRequest):
    model_metrics: bool = False
    ids: list[str] = Field(default_factory=list)


async def get_unique_metric_variants(call: ClearmlCall[MetricsRequest]) -> dict[str, Any]:
    body = call.body
    table = MODELS.table if body.model_metrics else tasks
    found = await call.node.store.recall(
        ("metrics", table.name, body.scope(), tuple(body.ids)),
        lambda c: vocabulary.metric_variants(c, table, body.scope(), body.ids),
    )
    return {"metrics": found}


async def get_hyper_parameters(call: ClearmlCall[PagedRequest]) -> dict[str, Any]:
    scope = call.body.scope()
    found = await call.node.store.recall(
        ("hyperparameters", scope), lambda c: vocabulary.hyperparameters(c, scope)
    )
    page, remaining = call.body.page_of(found)
    return {"parameters": page, "remaining": remaining, "total": len(found)}


class ValuesRequest(PagedRequest):
    section: str
    name: str
    pattern: str = ""


async def get_hyperparam_values(call: ClearmlCall[ValuesRequest]) -> dict[str, Any]:
    body = call.body
    found = await call.node.store.read(
        lambda c: vocabulary.hyperparameter_values(c, body.section, body.name, body.scope())
    )
    found = [value for value in found if body.pattern.lower() in value.lower()]
    return {"total": len(found), "values": body.page_of(found)[0]}


async def get_model_metadata_keys(call: ClearmlCall[PagedRequest]) -> dict[str, Any]:
    scope = call.body.scope()
    found = await call.node.store.recall(
        ("metadata keys", scope), lambda c: vocabulary.metadata_keys(c, scope)
    )
    page, remaining = call.body.page_of(found)
    return {"keys": page, "remaining": remaining, "total": len(found)}


class MetadataRequest(PagedRequest):
    key: str


async def get_model_metadata_values(call: ClearmlCall[MetadataRequest]) -> dict[str, Any]:
    body = call.body
    found = await call.node.store.read(lambda c: vocabulary.metadata_values(c, body.key, body.scope()))
    return {"total": len(found), "values": body.page_of(found)[0]}


class ParentsRequest(ScopeRequest):
    tasks_state: Literal["active", "archived"] | None = None
    task_name: str = ""


async def get_task_parents(call: ClearmlCall[ParentsRequest]) -> dict[str, Any]:
    body = call.body
    archived = None if body.tasks_state is None else body.tasks_state == STATES[1]
    found = await call.node.store.read(
        lambda c: vocabulary.parents(c, body.scope(), archived=archived, name=body.task_name)
    )
    return {"parents": [parent | {"project": {"id": parent["project"]}} for parent in found]}


async def get_user_names(call: ClearmlCall[ScopeRequest]) -> dict[str, Any]:
    """Who made what is in the projects."""
    scope = call.body.scope()
    logins = await call.node.store.read(
        lambda c: statistics.owners(c, scope.projects, children=scope.subprojects)
    )
    users = [call.node.users.find(login) for login in logins]
    return {"users": [{"id": user.id, "name": user.name} for user in users if user is not None]}


ENDPOINTS: Final = (
    Endpoint(
        "projects.create", create, "Create a project and its missing parents", CreateRequest, access="user"
    ),
    Endpoint("projects.get_by_id", get_by_id, "A project", ProjectRequest),
    Endpoint("projects.get_all", get_all, "Projects that a query finds", ListRequest),
    Endpoint("projects.get_all_ex", get_all_ex, "Projects with statistics", ListExRequest),
    Endpoint("projects.update", update, "Change a project", UpdateRequest, access="user"),
    Endpoint("projects.move", move, "Put a project elsewhere", MoveRequest, "2.13", access="user"),
    Endpoint(
        "projects.merge", merge, "Move what is in a project to another", MergeRequest, "2.13", access="user"
    ),
    Endpoint("projects.validate_delete", validate_delete, "What a project holds", ProjectRequest, "2.14"),
    Endpoint("projects.delete", delete, "Delete a project and all below it", DeleteRequest, access="user"),
    Endpoint(
        "projects.make_public", make_public, "Give projects to everybody", IdsRequest, "2.9", access="user"
    ),
    Endpoint("projects.make_private", make_private, "Take projects back", IdsRequest, "2.9", access="user"),
    Endpoint("projects.get_project_tags", get_project_tags, "Tags of projects", TagsRequest, "2.17"),
    Endpoint("projects.get_task_tags", get_task_tags, "Tags of tasks", TagsRequest, "2.8"),
    Endpoint("projects.get_model_tags", get_model_tags, "Tags of models", TagsRequest, "2.8"),
    Endpoint(
        "projects.get_unique_metric_variants", get_unique_metric_variants, "Metrics in use", MetricsRequest
    ),
    Endpoint("projects.get_hyper_parameters", get_hyper_parameters, "Parameters in use", PagedRequest, "2.9"),
    Endpoint(
        "projects.get_hyperparam_values",
        get_hyperparam_values,
        "Values of a parameter",
        ValuesRequest,
        "2.13",
    ),
    Endpoint(
        "projects.get_model_metadata_keys", get_model_metadata_keys, "Metadata in use", PagedRequest, "2.17"
    ),
    Endpoint(
        "projects.get_model_metadata_values",
        get_model_metadata_values,
        "Values of a key of metadata",
        MetadataRequest,
        "2.17",
    ),
    Endpoint("projects.get_task_parents", get_task_parents, "Tasks that are parents", ParentsRequest, "2.12"),
    Endpoint("projects.get_user_names", get_user_names, "Who made what is there", ScopeRequest, "2.26"),
)
