"""Models: building, showing, removing, and predicting with them."""

from __future__ import annotations

from aiohttp import web

from api.problems import bad_request
from api.routes import Call
from api.symetry.binding import envelope, envelope_of_rows
from api.symetry.entities import BuildQuery, DataFrame, MLContext, PredictQuery
from api.symetry.job_calls import started
from api.symetry.lookups import model_of, project_of
from api.symetry.views import Z1_BELOW_Z0, inputs_of, model_entity, rows_of, table_of, targets_of


async def build(call: Call) -> web.Response:
    query: BuildQuery = call.query
    context: MLContext = call.body
    project = await project_of(call)
    if query.svdreduce:
        raise bad_request("svdreduce is not available.", "Leave it out.")
    targets, inputs = targets_of(context, project), inputs_of(context, project)
    if len(targets) != 1 or not inputs:
        raise bad_request(
            f"The algorithm {query.algo} takes one target and at least one input, "
            f"not {len(targets)} and {len(inputs)}."
        )
    parameters = {
        "model": query.modelid,
        "algorithm": query.algo,
        "target": targets[0],
        "inputs": inputs,
        "parameters": context.extra_parameters,
    }
    task = await call.node.jobs.submit("fit", actor=call.key, project=project.name, parameters=parameters)
    return started(call, task)


async def info(call: Call) -> web.Response:
    project = await project_of(call)
    return envelope(values={"modelInfo": model_entity(await model_of(call), project)})


async def delete(call: Call) -> web.Response:
    project = await project_of(call)
    record = await model_of(call)
    await call.node.projects.delete_model(project.name, record.name)
    return envelope()


async def predict(call: Call) -> web.Response:
    query: PredictQuery = call.query
    frame: DataFrame = call.body
    if query.impute:
        raise bad_request(
            "The dynamic imputer is not available.", "Leave impute out: missing inputs count as their mean."
        )
    project = await project_of(call)
    record = await model_of(call)
    table = await table_of(frame, project)
    columns = await call.node.projects.predict(project.name, record.name, table)
    rows = rows_of(columns)
    if record.algorithm == "lda":
        rows = (row | {"z1LTz0": Z1_BELOW_Z0} for row in rows)
    return await envelope_of_rows("KSVSMap", rows, len(frame.data))
