"""Selecting models and judging them, in the native dialect: jobs, with the rows to judge by."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from api.native import paths
from api.native.binding import answer
from api.native.entities import Assessing, Selecting
from api.native.model_calls import PROJECT
from api.native.source_calls import named_rows
from api.problems import bad_request
from api.routes import Call, Route
from api.tables import check_rows
from node.answers import SelectionInfo
from node.tasks import Task


async def offered(call: Call) -> web.Response:
    return answer(await call.node.models.selection())


async def select(call: Call) -> web.Response:
    body: Selecting = call.body
    parameters = {
        "model": body.model,
        "target": body.target,
        "inputs": body.inputs,
        "algorithm": body.algorithm,
        "task": body.task,
        "parameters": body.parameters,
    }
    return await _started(call, "select", parameters | await _rows(body))


async def assess(call: Call) -> web.Response:
    body: Assessing = call.body
    parameters = {"model": body.model, "task": body.task, "figures": body.figures}
    return await _started(call, "assess", parameters | await _rows(body))


async def _started(call: Call, kind: str, parameters: dict[str, Any]) -> web.Response:
    task = await call.node.jobs.submit(
        kind, actor=call.key, project=call.part(PROJECT), parameters=parameters
    )
    return answer(task, 202)


async def _rows(body: Selecting | Assessing) -> dict[str, Any]:
    """The file, or the table that came along; nothing if there is neither."""
    named = named_rows(body.path, body.source, body.format)
    if named:
        if body.names is not None or body.rows is not None:
            raise bad_request("Both a file and rows are given.", "Give one of them.")
        return named
    if (body.names is None) != (body.rows is None):
        raise bad_request(
            "The rows to judge by are incomplete.", "Give a path (and format), or names and rows."
        )
    if body.names is None or body.rows is None:
        return {}
    await check_rows(body.names, body.rows)
    return {"table": {"names": body.names, "rows": body.rows}}


ROUTES: Final = (
    Route(
        "GET",
        "/api/selection",
        offered,
        "What a selection may be told: parameters, scores, algorithms of each task",
        access="annotator",
        answers={200: SelectionInfo},
    ),
    Route(
        "POST",
        paths.PROJECT + "/select",
        select,
        "Select a model by rows that were not learned (a job)",
        access="user",
        answers={202: Task},
        body=Selecting,
    ),
    Route(
        "POST",
        paths.PROJECT + "/assess",
        assess,
        "Judge a model by rows that were not learned (a job)",
        access="user",
        answers={202: Task},
        body=Assessing,
    ),
)
