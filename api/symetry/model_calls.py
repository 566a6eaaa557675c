"""Models: building, showing, moving, removing, and predicting with them."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import asdict

from aiohttp import web
from pydantic_core import to_json

from api.problems import bad_request
from api.routes import Call
from api.symetry.binding import envelope, envelope_of_rows
from api.symetry.entities import (
    BuildQuery,
    CodeQuery,
    DataFrame,
    MLContext,
    ModelQuery,
    PredictQuery,
    StoredModel,
)
from api.symetry.job_calls import started
from api.symetry.lookups import model_of, project_of
from api.symetry.model_views import Z1_BELOW_Z0, model_entity
from api.symetry.views import inputs_of, rows_of, table_of, targets_of


async def build(call: Call) -> web.Response:
    query: BuildQuery = call.query
    context: MLContext = call.body
    project = await project_of(call)
    if query.svdreduce:
        raise bad_request("svdreduce is not available.", "Leave it out.")
    targets, inputs = targets_of(context, project), inputs_of(context, project)
    if not inputs:
        raise bad_request(
            f"The algorithm {query.algo} takes at least one input.", "Give inputAttributeNames."
        )
    parameters = {
        "model": query.modelid,
        "algorithm": query.algo,
        "target": await call.node.projects.one_target(project.name, targets),
        "inputs": inputs,
        "parameters": context.extra_parameters,
    }
    task = await call.node.jobs.submit("fit", actor=call.key, project=project.name, parameters=parameters)
    return started(call, task)


async def info(call: Call) -> web.Response:
    project = await project_of(call)
    return envelope(values={"modelInfo": model_entity(await model_of(call), project)})


async def code(call: Call) -> web.Response:
    """The model as a function of its inputs, where it is a weighted sum of them."""
    query: CodeQuery = call.query
    await project_of(call)
    record = await model_of(call)
    text = await call.node.projects.code(record, query.language)
    return envelope(values={"string": text})


async def export(call: Call) -> web.Response:
    """Base64 of the model's JSON."""
    query: ModelQuery = call.query
    await project_of(call)
    record = asdict(await model_of(call, query.modelid))
    del record["project"]
    return envelope(values={"string": b64encode(to_json(record)).decode()})


async def import_model(call: Call) -> web.Response:
    query: ModelQuery = call.query
    body: StoredModel = call.body
    project = await project_of(call)
    made = await call.node.projects.import_model(
        project.name,
        query.modelid,
        body.model,
        target=body.target,
        inputs=body.inputs,
        parameters=body.parameters,
        rows_learned=body.rows,
    )
    return envelope(values={"modelInfo": model_entity(made, project)})


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
