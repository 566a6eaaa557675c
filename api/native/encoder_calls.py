"""Encoders in the native dialect."""

from __future__ import annotations

from typing import Final, Literal

from aiohttp import web

from api.native import paths
from api.native.binding import answer
from api.native.entities import (
    EncoderKeyValues,
    EncoderList,
    EncoderName,
    EncoderRows,
    EncoderStatistics,
    EncoderValues,
    NewEncoder,
)
from api.native.paths import EMPTY
from api.native.source_calls import named_rows
from api.problems import bad_request
from api.routes import Call, Route
from api.tables import table_from
from node.answers import EncoderInfo, ProjectInfo
from node.tasks import Task

NAME = "encoder"


async def create(call: Call) -> web.Response:
    body: NewEncoder = call.body
    made = await call.node.encoders.create(
        body.name,
        owner=call.key.user,
        kind=body.kind,
        keys=body.keys,
        target=body.target,
        binary=body.binary,
        parameters=body.parameters,
        project=body.project,
    )
    return answer(made, 201)


async def listed(call: Call) -> web.Response:
    return answer({"encoders": await call.node.encoders.list()})


async def info(call: Call) -> web.Response:
    return answer(await call.node.encoders.info(call.part(NAME)))


async def delete(call: Call) -> web.Response:
    await call.node.encoders.delete(call.part(NAME))
    return answer({})


async def learn(call: Call) -> web.Response:
    return await _change(call, 1)


async def forget(call: Call) -> web.Response:
    return await _change(call, -1)


async def _change(call: Call, sign: Literal[1, -1]) -> web.Response:
    body: EncoderRows = call.body
    name, encoders = call.part(NAME), call.node.encoders
    named = named_rows(body.path, body.source, body.format)
    if named and body.names is None and body.rows is None:
        kind = "encoder_learn" if sign > 0 else "encoder_forget"
        return answer(
            await call.node.jobs.submit(kind, actor=call.key, parameters={"encoder": name} | named), 202
        )
    if named or body.names is None or body.rows is None:
        raise bad_request(
            "There is nothing to learn.", "Give either a path or a source, or names and rows (and neither)."
        )
    found = await encoders.info(name)
    letters = dict.fromkeys(found.keys, "C" if found.kind == "binning" else "S") | (body.types or {})
    table = await table_from(body.names, body.rows, letters, tuple(body.names))
    return answer(await encoders.learn(name, table, sign))


async def statistics(call: Call) -> web.Response:
    return answer({"keys": await call.node.encoders.statistics(call.part(NAME))})


async def values(call: Call) -> web.Response:
    return answer({"values": await call.node.encoders.values(call.part(NAME), call.part("key"))})


async def set_values(call: Call) -> web.Response:
    body: EncoderValues = call.body
    return answer(await call.node.encoders.set_values(call.part(NAME), body.values))


async def assign(call: Call) -> web.Response:
    body: EncoderName = call.body
    snapshot = await call.node.encoders.snapshot(body.encoder)
    return answer(await call.node.projects.assign_encoder(call.part("project"), snapshot))


ROUTES: Final = (
    Route(
        "PUT",
        paths.PROJECT + "/encoder",
        assign,
        "Let the rows of an empty project pass through an encoder",
        access="user",
        answers={200: ProjectInfo},
        body=EncoderName,
    ),
    Route(
        "POST",
        "/api/encoders",
        create,
        "Make an encoder",
        access="user",
        answers={201: EncoderInfo},
        body=NewEncoder,
    ),
    Route(
        "GET", "/api/encoders", listed, "List the encoders", access="annotator", answers={200: EncoderList}
    ),
    Route("GET", paths.ENCODER, info, "An encoder", access="annotator", answers={200: EncoderInfo}),
    Route(
        "DELETE",
        paths.ENCODER,
        delete,
        "Delete an encoder that no project uses",
        access="user",
        answers={200: EMPTY},
    ),
    Route(
        "POST",
        paths.ENCODER + "/learn",
        learn,
        "Learn rows, or a file (a job)",
        access="user",
        answers={200: EncoderInfo, 202: Task},
        body=EncoderRows,
    ),
    Route(
        "POST",
        paths.ENCODER + "/forget",
        forget,
        "Forget what was learned",
        access="user",
        answers={200: EncoderInfo, 202: Task},
        body=EncoderRows,
    ),
    Route(
        "GET",
        paths.ENCODER + "/statistics",
        statistics,
        "The columns it encodes, and how many values they have",
        access="annotator",
        answers={200: EncoderStatistics},
    ),
    Route(
        "GET",
        paths.ENCODER + "/values/{key}",
        values,
        "The values of a column",
        access="annotator",
        answers={200: EncoderKeyValues},
    ),
    Route(
        "PUT",
        paths.ENCODER + "/values",
        set_values,
        "Say what values are worth, whatever was learned",
        access="user",
        answers={200: EncoderInfo},
        body=EncoderValues,
    ),
)
