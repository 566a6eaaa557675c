"""Selecting models, as jobs: of one algorithm, of all that suit a task, or reduced by what was learned."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from api.problems import bad_request
from api.routes import Call
from api.symetry.entities import (
    AutoSelectQuery,
    MLContext,
    ReduceQuery,
    SelectionBody,
    SelectQuery,
)
from api.symetry.job_calls import started
from api.symetry.lookups import project_of
from api.symetry.source_calls import source_of
from api.symetry.views import inputs_of, letters_of, targets_of
from api.tables import check_rows
from node.answers import ProjectInfo

# How many threads the search has is the node's business: its workers are processes.
_THREADS: Final = "autoselect_thread_pool_size"


async def select_model(call: Call) -> web.Response:
    query: SelectQuery = call.query
    return await _by_rows(call, {"model": query.modelid, "algorithm": query.algo}, "SelectModel Job Created")


async def auto_select(call: Call) -> web.Response:
    query: AutoSelectQuery = call.query
    return await _by_rows(call, {"model": query.modelid, "task": query.task}, "Job Created")


async def select_by_source(call: Call) -> web.Response:
    query: SelectQuery = call.query
    return await _by_source(
        call, {"model": query.modelid, "algorithm": query.algo}, "SelectModel Job Created"
    )


async def auto_select_by_source(call: Call) -> web.Response:
    query: AutoSelectQuery = call.query
    return await _by_source(call, {"model": query.modelid, "task": query.task}, "Job Created")


async def reduce(call: Call) -> web.Response:
    """The rows learned choose, by Akaike's corrected criterion: there are no others in this call."""
    query: ReduceQuery = call.query
    context: MLContext = call.body
    project = await project_of(call)
    search: dict[str, Any] = {"sml_model_assessment_type": "aicc", "delta": query.delta}
    if query.iterations is not None:
        search["selector_max_iterations"] = query.iterations
    parameters = {"model": query.modelid, "algorithm": query.algo} | await _asked(call, context, project)
    parameters["parameters"] |= search
    task = await call.node.jobs.submit("select", actor=call.key, project=project.name, parameters=parameters)
    return started(call, task, "Reduce Job Created")


async def _by_rows(call: Call, parameters: dict[str, Any], words: str) -> web.Response:
    body: SelectionBody = call.body
    project = await project_of(call)
    frame = body.dataframe
    await check_rows(frame.attribute_names, frame.data)
    table = {"names": frame.attribute_names, "rows": frame.data, "types": letters_of(frame)}
    parameters = parameters | await _asked(call, body.mlcontext, project) | {"table": table}
    task = await call.node.jobs.submit("select", actor=call.key, project=project.name, parameters=parameters)
    return started(call, task, words)


async def _by_source(call: Call, parameters: dict[str, Any], words: str) -> web.Response:
    context: MLContext = call.body
    project, source = await project_of(call), await source_of(call)
    parameters = parameters | await _asked(call, context, project) | {"source": source.name}
    task = await call.node.jobs.submit("select", actor=call.key, project=project.name, parameters=parameters)
    return started(call, task, words)


async def _asked(call: Call, context: MLContext, project: ProjectInfo) -> dict[str, Any]:
    """Target, inputs and parameters of an MLContext."""
    targets, inputs = targets_of(context, project), inputs_of(context, project)
    target = await call.node.models.one_target(project.name, targets)
    if target is None or not inputs:
        raise bad_request(
            "A selection has one target and inputs to choose among.",
            "Give targetAttributeNames and inputAttributeNames.",
        )
    given = {name: value for name, value in context.extra_parameters.items() if name != _THREADS}
    return {"target": target, "inputs": inputs, "parameters": given}
