"""What several calls look up first, refused in SymetryML's own words."""

from __future__ import annotations

from api.problems import Problem
from api.routes import Call
from api.symetry.entities import ProjectEntity
from api.symetry.views import project_entity
from node.answers import ModelRecord, ProjectInfo
from node.errors import NodeError, NotFound


async def project_of(call: Call, pid: str | None = None) -> ProjectInfo:
    """The project that the path names; raises `Problem` 400 in the documented words."""
    name = call.part("pid") if pid is None else pid
    try:
        return await call.node.projects.info(name)
    except NotFound:
        raise Problem(
            400, "not_found", f"Cannot Find SYMETRYML id[{name}] for Customer id [{call.key.access_key}]"
        ) from None


async def model_of(call: Call, mid: str | None = None) -> ModelRecord:
    """The model that the path names, or `mid`; raises `Problem` 400 in the documented words."""
    name = call.part("mid") if mid is None else mid
    try:
        return await call.node.models.get(call.part("pid"), name)
    except NotFound:
        raise Problem(400, "not_found", f"Generic Exception <Error no such model <{name}>>") from None


async def federated_project_of(call: Call) -> tuple[ProjectInfo, str]:
    """The project that the path names and its federation; raises `Problem` 400 for a local one."""
    info = await project_of(call)
    if info.federation is None:
        raise Problem(400, "bad_request", f"Project [{info.name}] is not a federated project")
    return info, info.federation


async def entity_of(call: Call, info: ProjectInfo) -> ProjectEntity:
    """A project's full entity: with its models' types, its federation's state and its sources."""
    models = await call.node.models.list(info.name) if info.models else []
    federation = None
    if info.federation is not None:
        try:
            federation = await call.node.federations.status(info.federation)
        except NodeError:
            federation = None  # left meanwhile: the project is still there to be shown
    return project_entity(info, models, federation, await call.node.sources.attached(info.name))
