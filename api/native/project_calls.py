"""Projects in the native dialect; their models are in `model_calls`."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any, Final, Literal

from aiohttp import web

from api.native import paths
from api.native.binding import answer
from api.native.entities import (
    ExportedProject,
    Freezing,
    Merging,
    NewProject,
    NewRows,
    Projects,
    StatisticsInfo,
)
from api.native.model_calls import letters
from api.native.paths import EMPTY
from api.native.source_calls import named_rows
from api.problems import bad_request
from api.routes import Call, Route
from api.tables import rows_from
from federation.statistics import Schema, StatisticsError
from node.answers import ProjectInfo, Snapshot
from node.errors import Unavailable
from node.project_options import ProjectOptions
from node.tasks import Task

NAME = "project"


async def create(call: Call) -> web.Response:
    body: NewProject = call.body
    encoder = None if body.encoder is None else await call.node.encoders.snapshot(body.encoder)
    schema, remarks = await _schema(call, body, encoder)
    made = await call.node.projects.create(
        body.name,
        owner=call.key.user,
        schema=schema,
        federation=body.federation,
        shared_as=body.shared_as,
        parameters=body.parameters,
        encoder=encoder,
    )
    return answer(asdict(made) | {"remarks": remarks}, 201)


async def _schema(call: Call, body: NewProject, encoder: Snapshot | None) -> tuple[Schema | None, list[str]]:
    if body.given_schema is not None and body.schema_from is not None:
        raise bad_request("Both schema and schema_from are given.", "Give one of them.")
    if body.schema_from is not None:
        source = body.schema_from
        place = await call.node.sources.place(named_rows(source.path, source.source))
        if place is None:
            raise bad_request("schema_from names nothing.", "Give a path or a source.")
        return await call.node.projects.schema_from(
            place,
            actor=call.key,
            attributes=source.attributes,
            types=source.types,
            parameters=body.parameters,
            encoder=encoder,
        )
    if body.given_schema is None:
        return None, []
    try:
        given = Schema.from_dict(body.given_schema)
    except StatisticsError as error:
        raise bad_request(f"The schema cannot be used: {error}.") from None
    return given, ProjectOptions.read(body.parameters).remarks(given)


async def listed(call: Call) -> web.Response:
    return answer({"projects": await call.node.projects.list()})


async def info(call: Call) -> web.Response:
    return answer(await call.node.projects.info(call.part(NAME)))


async def delete(call: Call) -> web.Response:
    await call.node.projects.delete(call.part(NAME))
    return answer({})


async def merge(call: Call) -> web.Response:
    body: Merging = call.body
    return answer(await call.node.transfer.merge(call.part(NAME), body.other))


async def freeze(call: Call) -> web.Response:
    body: Freezing | None = call.body
    return answer(await call.node.projects.freeze(call.part(NAME), body is None or body.frozen))


async def export(call: Call) -> web.Response:
    return answer(await call.node.transfer.export(call.part(NAME)))


async def import_project(call: Call) -> web.Response:
    body: ExportedProject = call.body
    exported = body.model_dump(by_alias=True)
    return answer(
        await call.node.transfer.import_project(call.part(NAME), exported, owner=call.key.user), 201
    )


async def learn(call: Call) -> web.Response:
    return await _change(call, "learn")


async def forget(call: Call) -> web.Response:
    return await _change(call, "forget")


async def _change(call: Call, kind: Literal["learn", "forget"]) -> web.Response:
    body: NewRows = call.body
    name = call.part(NAME)
    named = named_rows(body.path, body.source, body.format)
    if named and body.names is None and body.rows is None:
        parameters = named | {"attributes": body.attributes, "types": body.types}
        task = await call.node.jobs.submit(kind, actor=call.key, project=name, parameters=parameters)
        return answer(task, 202)
    if named or body.names is None or body.rows is None:
        raise bad_request(
            f"There is nothing to {kind}.", "Give either a path or a source, or names and rows (and neither)."
        )
    if body.attributes is not None or body.format is not None:
        raise bad_request("attributes and format belong to a path.", "Send only the columns that are meant.")
    project = await call.node.projects.info(name)
    known = letters(project)
    options = ProjectOptions.read(project.parameters)
    told = options.told(body.names, known | (body.types or {}), project.split)
    read = await rows_from(body.names, body.rows, told, tuple(known), options.judged_by)
    service = call.node.projects.learn if kind == "learn" else call.node.projects.forget
    changed = await service(name, read.table, read.types)
    return answer(asdict(changed) | {"remarks": read.remarks})


async def statistics(call: Call) -> web.Response:
    """Own and fused, each with its digest; a missing quorum is part of the answer, not a refusal."""
    name = call.part(NAME)
    info = await call.node.projects.info(name)
    found: dict[str, Any] = {"rows": info.rows, "version": info.version, "digest": info.digest}
    fused, problem, moments = None, None, None
    if info.federation is not None:
        try:
            sum_of_all = await call.node.projects.statistics(name)
            moments = sum_of_all.moments
            fused = {
                "rows": moments.rows,
                "digest": await asyncio.to_thread(moments.digest),
                "contributions": sum_of_all.contributions,
            }
        except Unavailable as error:
            problem = error.message
    elif info.split is not None:
        moments = (await call.node.projects.own_statistics(name)).moments
    levels = None
    if moments is not None and info.split is not None and info.split in moments.schema:
        levels = await asyncio.to_thread(moments.level_counts, info.split)
    return answer(found | {"fused": fused, "problem": problem, "levels": levels})


ROUTES: Final = (
    Route(
        "POST",
        "/api/projects",
        create,
        "Create a project",
        access="user",
        answers={201: ProjectInfo},
        body=NewProject,
    ),
    Route("GET", "/api/projects", listed, "List the projects", access="annotator", answers={200: Projects}),
    Route("GET", paths.PROJECT, info, "A project", access="annotator", answers={200: ProjectInfo}),
    Route(
        "POST",
        paths.PROJECT + "/merge",
        merge,
        "Add what another project has learned",
        access="user",
        answers={200: ProjectInfo},
        body=Merging,
    ),
    Route(
        "POST",
        paths.PROJECT + "/freeze",
        freeze,
        "Let it learn no more, or again",
        access="user",
        answers={200: ProjectInfo},
        body=Freezing,
        body_required=False,
    ),
    Route(
        "GET",
        paths.PROJECT + "/export",
        export,
        "Its statistics, to carry",
        access="user",
        answers={200: ExportedProject},
    ),
    Route(
        "POST",
        paths.PROJECT + "/import",
        import_project,
        "Make a project of exported statistics",
        access="user",
        answers={201: ProjectInfo},
        body=ExportedProject,
    ),
    Route(
        "DELETE",
        paths.PROJECT,
        delete,
        "Delete a project with its models",
        access="user",
        answers={200: EMPTY},
    ),
    Route(
        "POST",
        paths.PROJECT + "/learn",
        learn,
        "Learn a file (a job) or rows",
        access="user",
        answers={200: ProjectInfo, 202: Task},
        body=NewRows,
    ),
    Route(
        "POST",
        paths.PROJECT + "/forget",
        forget,
        "Forget a file (a job) or rows",
        access="user",
        answers={200: ProjectInfo, 202: Task},
        body=NewRows,
    ),
    Route(
        "GET",
        paths.PROJECT + "/statistics",
        statistics,
        "Own and fused statistics, with digests",
        access="annotator",
        answers={200: StatisticsInfo},
    ),
)
