"""Projects: making, learning, forgetting, showing and removing them."""

from __future__ import annotations

from base64 import b64encode
from typing import Literal

from aiohttp import web
from pydantic_core import to_json

from api.problems import bad_request
from api.routes import Call
from api.symetry.binding import envelope
from api.symetry.entities import (
    AsyncQuery,
    DataFrame,
    EnableQuery,
    ExportedProject,
    MergeQuery,
    NewProjectQuery,
    Parameters,
    RenameQuery,
)
from api.symetry.job_calls import started
from api.symetry.lookups import entity_of, project_of
from api.symetry.views import letters_for, rows_of_frame, word
from api.tables import check_rows
from node.expansion import ORDER
from node.project_options import LOWER_CASE, PROFILES, SPLIT, with_split


async def create(call: Call) -> web.Response:
    query: NewProjectQuery = call.query
    body: Parameters | None = call.body
    # SymetryML's levels are trimmed and in lower case.
    options = {LOWER_CASE: "true", PROFILES: word(query.enable_histogram)}
    options |= body.flat() if body is not None else {}
    if query.type == "partition" and not options.get(SPLIT):
        raise bad_request(
            f"A partition project needs {SPLIT}.", f'Send {{"{SPLIT}": "..."}}, the name of an attribute.'
        )
    if (query.type == "sequence") is not bool(options.get(ORDER)):
        raise bad_request(
            f"A sequence project needs {ORDER}, and no other has it.",
            f'Send type=sequence and {{"{ORDER}": "1"}}, how many tokens the next depends on.',
        )
    made = await call.node.projects.create(query.pid, owner=call.key.user, parameters=options)
    return envelope(201, f"Project Created with id:{made.name}", {"smlInfo": await entity_of(call, made)})


async def listed(call: Call) -> web.Response:
    projects = await call.node.projects.list()
    return envelope(values={"stringList": {"values": [info.name for info in projects]}})


async def info(call: Call) -> web.Response:
    query: AsyncQuery = call.query
    project = await project_of(call)
    if query.in_background:
        return started(
            call, await call.node.jobs.submit("project_info", actor=call.key, project=project.name)
        )
    return envelope(values={"smlInfo": await entity_of(call, project)})


async def all_info(call: Call) -> web.Response:
    """Always a job, as documented."""
    return started(call, await call.node.jobs.submit("projects_info", actor=call.key))


async def learn(call: Call) -> web.Response:
    return await _change(call, "learn")


async def forget(call: Call) -> web.Response:
    return await _change(call, "forget")


async def _change(call: Call, kind: Literal["learn", "forget"]) -> web.Response:
    query: AsyncQuery = call.query
    frame: DataFrame = call.body
    project = await project_of(call)
    if not query.in_background:
        read = await rows_of_frame(frame, project)
        service = call.node.projects.learn if kind == "learn" else call.node.projects.forget
        await service(project.name, read.table, read.types)
        return envelope()
    types = with_split(letters_for(frame, project), project.split)
    await check_rows(frame.attribute_names, frame.data)
    table_json = {"names": frame.attribute_names, "rows": frame.data, "types": types}
    task = await call.node.jobs.submit(
        kind, actor=call.key, project=project.name, parameters={"table": table_json}
    )
    return started(call, task)


async def delete(call: Call) -> web.Response:
    project = await project_of(call)
    await call.node.projects.delete(project.name)
    return envelope(
        200, f"deleted Project with id[{project.name}] from Customer[{call.key.access_key}] store"
    )


async def save(call: Call) -> web.Response:
    """What was acknowledged is on disk already: there is nothing left to save."""
    await project_of(call)
    return envelope()


async def freeze(call: Call) -> web.Response:
    """From now on whoever lets it learn or forget is refused."""
    project = await project_of(call)
    await call.node.projects.freeze(project.name)
    return envelope()


async def unfreeze(call: Call) -> web.Response:
    project = await project_of(call)
    await call.node.projects.freeze(project.name, frozen=False)
    return envelope()


async def unload(call: Call) -> web.Response:
    """Free the memory that the project's statistics take; what is on disk stays."""
    project = await project_of(call)
    await call.node.projects.unload(project.name)
    return envelope()


async def merge(call: Call) -> web.Response:
    """Add the other project's statistics; the other stays as it is."""
    query: MergeQuery = call.query
    project, other = await project_of(call), await project_of(call, query.other)
    merged = await call.node.transfer.merge(project.name, other.name)
    return envelope(values={"smlInfo": await entity_of(call, merged)})


async def export(call: Call) -> web.Response:
    """Base64 of the project's JSON."""
    project = await project_of(call)
    exported = await call.node.transfer.export(project.name)
    return envelope(values={"string": b64encode(to_json(exported)).decode()})


async def import_project(call: Call) -> web.Response:
    body: ExportedProject = call.body
    made = await call.node.transfer.import_project(call.part("pid"), body.model_dump(), owner=call.key.user)
    return envelope(values={"smlInfo": await entity_of(call, made)})


async def enable_histogram(call: Call) -> web.Response:
    query: EnableQuery = call.query
    project = await project_of(call)
    changed = await call.node.projects.count_profiles(project.name, query.enable)
    return envelope(values={"smlInfo": await entity_of(call, changed)})


async def rename(call: Call) -> web.Response:
    query: RenameQuery = call.query
    project = await project_of(call)
    renamed = await call.node.projects.rename(project.name, query.new_name)
    return envelope(201, "CREATED", {"smlInfo": await entity_of(call, renamed)})
