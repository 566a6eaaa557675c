"""Models: building, showing, moving, removing, and predicting with them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from aiohttp import web
from numpy.typing import NDArray
from pydantic_core import to_json

from api.problems import bad_request
from api.routes import Call
from api.symetry.binding import envelope, envelope_of_rows
from api.symetry.entities import (
    AnomalyQuery,
    BuildQuery,
    CodeQuery,
    DataFrame,
    FilePredictQuery,
    LearnPredictQuery,
    MLContext,
    ModelQuery,
    StoredModel,
)
from api.symetry.job_calls import started
from api.symetry.lookups import model_of, project_of
from api.symetry.model_views import Z1_BELOW_Z0, model_entity
from api.symetry.views import inputs_of, letters_for, rows_of, rows_of_frame, table_of, targets_of, text
from api.tables import check_rows
from node.answers import ModelRecord, ProjectInfo


async def build(call: Call) -> web.Response:
    query: BuildQuery = call.query
    context: MLContext = call.body
    project = await project_of(call)
    targets, inputs = targets_of(context, project), inputs_of(context, project)
    if not inputs:
        raise bad_request(
            f"The algorithm {query.algo} takes at least one input.", "Give inputAttributeNames."
        )
    if query.svdreduce:
        independent = await call.node.exploration.explore(project.name, "svdfs", inputs)
        inputs = independent.values["attributes"]
    parameters = {
        "model": query.modelid,
        "algorithm": query.algo,
        "target": await call.node.models.one_target(project.name, targets),
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
    text = await call.node.models.code(record, query.language)
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
    made = await call.node.models.import_model(
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
    await call.node.models.delete(project.name, record.name)
    return envelope()


async def predict(call: Call) -> web.Response:
    """One map of texts a row; with anomaly=true a job, whose DataFrame says which rows are anomalies."""
    query: AnomalyQuery = call.query
    frame: DataFrame = call.body
    project = await project_of(call)
    record = await model_of(call)
    if query.anomaly:
        return await _flag_rows(call, frame, project, record)
    table = await table_of(frame, project)
    columns = await call.node.models.predict(project.name, record.name, table, impute=query.impute)
    return await envelope_of_rows("KSVSMap", _rows(record, columns), len(frame.data))


async def learn_predict(call: Call) -> web.Response:
    """Predict rows and learn them; the columns to keep stand before the predictions."""
    query: LearnPredictQuery = call.query
    frame: DataFrame = call.body
    project = await project_of(call)
    record = await model_of(call)
    kept = _kept(query.keep_columns, frame)
    rows = await rows_of_frame(frame, project)
    columns = await call.node.models.learn_predict(
        project.name,
        record.name,
        rows.table,
        rows.types,
        predict_first=query.predict_before_learn,
        rebuild=query.rebuild_model,
        impute=query.impute,
    )
    given = ({name: _cell(row[at]) for name, at in kept.items()} for row in frame.data)
    predicted = _rows(record, columns)
    both = (old | new for old, new in zip(given, predicted, strict=True))
    return await envelope_of_rows("KSVSMap", both, len(frame.data))


async def predict_file(call: Call) -> web.Response:
    """A source's rows with predictions beside them, as a job; the body says no more than their heading."""
    query: FilePredictQuery = call.query
    project = await project_of(call)
    record = await model_of(call)
    rows = {_named(query.indsname, "path", "source"): query.indsname}
    output = {_named(query.outdsname, "output", "output_source"): query.outdsname}
    parameters = {"model": record.name, "impute": query.impute} | rows | output | _flags(query)
    task = await call.node.jobs.submit("predict", actor=call.key, project=project.name, parameters=parameters)
    return started(call, task)


def _named(name: str, path: str, source: str) -> str:
    """What a task calls it: a path, which begins with /, or the name of a data source, which has none."""
    return path if name.startswith("/") else source


async def _flag_rows(call: Call, frame: DataFrame, project: ProjectInfo, record: ModelRecord) -> web.Response:
    query: AnomalyQuery = call.query
    await check_rows(frame.attribute_names, frame.data)
    types = letters_for(frame, project)
    table = {"names": frame.attribute_names, "rows": frame.data, "types": types}
    parameters = {"model": record.name, "table": table, "impute": query.impute} | _flags(query)
    task = await call.node.jobs.submit("predict", actor=call.key, project=project.name, parameters=parameters)
    return started(call, task)


def _flags(query: AnomalyQuery) -> dict[str, Any]:
    """What a task is told of flags; a score without them is refused there."""
    return ({"flags": True} if query.anomaly else {}) | ({"score": query.score} if query.score else {})


def _rows(record: ModelRecord, columns: Mapping[str, NDArray[Any]]) -> Iterator[dict[str, str]]:
    rows = rows_of(columns)
    return (row | {"z1LTz0": Z1_BELOW_Z0} for row in rows) if record.algorithm == "lda" else rows


def _kept(names: str, frame: DataFrame) -> dict[str, int]:
    """The places of the columns to keep."""
    places = {name: at for at, name in enumerate(frame.attribute_names)}
    if names.lower() in ("", "true", "false"):
        return places if names.lower() == "true" else {}
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in places]
    if unknown:
        raise bad_request(f"keepColumns names [{unknown[0]}], which the DataFrame does not have.")
    return {name: places[name] for name in wanted}


def _cell(value: Any) -> str:
    return "" if value is None else text(value)
