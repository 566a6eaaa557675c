"""What requests of several services have in common."""

from __future__ import annotations

from pydantic import Field

from api.clearml.endpoint import ClearmlCall, Request
from api.clearml.errors import ApiError
from node.tracking.collection import Collection


class TaskRequest(Request):
    task: str


class IdsRequest(Request):
    ids: list[str] = Field(min_length=1)


class ProjectsRequest(Request):
    projects: list[str] = Field(default_factory=list)


class TagsRequest(IdsRequest):
    add_tags: list[str] = Field(default_factory=list)
    remove_tags: list[str] = Field(default_factory=list)


class MoveRequest(IdsRequest):
    project: str | None = None
    project_name: str | None = None


async def moved(call: ClearmlCall[MoveRequest], collection: Collection) -> str | None:
    """Move tasks or models; the id of the project where they are then. Raises `ApiError` 400/11."""
    body = call.body
    if not body.project and not body.project_name and "project" not in call.data:
        raise ApiError(400, 11, "project or project_name is needed; project: null is none")
    return await call.node.task_projects.take_in(
        collection, body.ids, call.user.login, project=body.project, name=body.project_name
    )
