"""Algorithms, models and what is asked of them, in the native dialect."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from api.native import paths
from api.native.binding import answer, answer_columns
from api.native.entities import Algorithms, Models, NewModel, Predicting, Predictions, StoredModel
from api.native.paths import EMPTY
from api.native.source_calls import named_rows
from api.problems import bad_request
from api.routes import Call, Route
from api.tables import check_rows, table_from
from node.answers import AlgorithmInfo, ModelRecord, ProjectInfo
from node.project_options import ProjectOptions
from node.tasks import Task

PROJECT = "project"
MODEL = "model"


async def algorithms(call: Call) -> web.Response:
    return answer({"algorithms": await call.node.models.algorithms()})


async def algorithm(call: Call) -> web.Response:
    return answer(await call.node.models.algorithm(call.part("algorithm")))


async def fit(call: Call) -> web.Response:
    body: NewModel = call.body
    made = await call.node.models.fit(
        call.part(PROJECT), body.name, body.algorithm, body.target, body.inputs, body.parameters
    )
    return answer(made, 201)


async def models(call: Call) -> web.Response:
    return answer({"models": await call.node.models.list(call.part(PROJECT))})


async def model(call: Call) -> web.Response:
    return answer(await call.node.models.get(call.part(PROJECT), call.part(MODEL)))


async def onnx(call: Call) -> web.Response:
    content = await call.node.models.onnx(call.part(PROJECT), call.part(MODEL))
    return web.Response(body=content, content_type="application/octet-stream")


async def import_model(call: Call) -> web.Response:
    """What `model` answers, elsewhere or here, made a model of this project."""
    body: StoredModel = call.body
    made = await call.node.models.import_model(
        call.part(PROJECT),
        call.part(MODEL),
        body.model,
        target=body.target,
        inputs=body.inputs,
        parameters=body.parameters,
        rows_learned=body.rows,
    )
    return answer(made, 201)


async def delete_model(call: Call) -> web.Response:
    await call.node.models.delete(call.part(PROJECT), call.part(MODEL))
    return answer({})


async def predict(call: Call) -> web.Response:
    body: Predicting = call.body
    name = call.part(PROJECT)
    named = named_rows(body.path, body.source, body.format)
    output = {key: value for key in ("output", "output_source") if (value := getattr(body, key)) is not None}
    if named and len(output) < 2 and body.names is None and body.rows is None:
        return await _predict_as_job(call, body, named | output)
    if named or body.names is None or body.rows is None or output:
        raise bad_request(
            "There is nothing to predict.",
            "Give either names and rows, or a path or source and maybe an output.",
        )
    if body.flags:
        await check_rows(body.names, body.rows)
        return await _predict_as_job(call, body, {"table": {"names": body.names, "rows": body.rows}})
    if body.score is not None or body.figures:
        raise bad_request("A score and figures are about flags, which are not asked for.", "Add flags: true.")
    project = await call.node.projects.info(name)
    known = letters(project)
    told = ProjectOptions.read(project.parameters).told(body.names, known)
    table = await table_from(body.names, body.rows, told, tuple(known))
    columns = await call.node.models.predict(name, call.part(MODEL), table, impute=body.impute)
    return await answer_columns(columns, table.rows)


async def _predict_as_job(call: Call, body: Predicting, rows: dict[str, Any]) -> web.Response:
    parameters = {"model": call.part(MODEL), "impute": body.impute} | rows
    if body.flags:
        parameters["flags"] = True
    parameters |= {key: value for key in ("score", "figures") if (value := getattr(body, key))}
    task = await call.node.jobs.submit(
        "predict", actor=call.key, project=call.part(PROJECT), parameters=parameters
    )
    return answer(task, 202)


def letters(info: ProjectInfo) -> dict[str, str]:
    """The types by which a project's tables are read: those its attributes have already, or its encoder
    needs."""
    encoded = {} if info.encoder is None else info.encoder.columns
    return {attribute.name: attribute.type for attribute in info.attributes} | encoded


ROUTES: Final = (
    Route(
        "GET",
        "/api/algorithms",
        algorithms,
        "What may be fitted, with its parameters",
        access="annotator",
        answers={200: Algorithms},
    ),
    Route(
        "GET",
        "/api/algorithms/{algorithm}",
        algorithm,
        "One algorithm",
        access="annotator",
        answers={200: AlgorithmInfo},
    ),
    Route(
        "POST",
        paths.PROJECT + "/models",
        fit,
        "Fit a model",
        access="user",
        answers={201: ModelRecord},
        body=NewModel,
    ),
    Route(
        "GET", paths.PROJECT + "/models", models, "List the models", access="annotator", answers={200: Models}
    ),
    Route("GET", paths.MODEL, model, "A model", access="annotator", answers={200: ModelRecord}),
    Route(
        "PUT",
        paths.MODEL,
        import_model,
        "Import a model that was fitted elsewhere",
        access="user",
        answers={201: ModelRecord},
        body=StoredModel,
    ),
    Route(
        "GET",
        paths.MODEL + "/onnx",
        onnx,
        "A model as ONNX",
        access="annotator",
        answers={200: "An ONNX file."},
    ),
    Route("DELETE", paths.MODEL, delete_model, "Delete a model", access="user", answers={200: EMPTY}),
    Route(
        "POST",
        paths.MODEL + "/predict",
        predict,
        "Predict rows, or a file (a job)",
        access="annotator",
        answers={200: Predictions, 202: Task},
        body=Predicting,
    ),
)
