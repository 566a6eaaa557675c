"""The node's answers as SymetryML's entities, and SymetryML's ways of naming things as the node's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from numpy.typing import NDArray

from api.problems import bad_request
from api.symetry.entities import DataFrame, JobInfo, MLContext, ProjectEntity
from api.symetry.selection_views import selection_details, selection_job_type
from api.tables import rows_from
from federation.statistics import Table
from node.answers import FederationInfo, LogLine, ModelRecord, ProjectInfo
from node.expansion import ORDER
from node.project_options import ProjectOptions
from node.sources import Rows
from node.tasks import Task, TaskStatus

# - is internal. D, columns of dates, is ours: SymetryML has no letter for them.
_LETTERS: Final[Mapping[str, str]] = {letter: letter for letter in "CBTDSLPX"} | {"-": "X"}

_JOB_TYPES: Final[Mapping[str, str]] = {
    "learn": "DSUpdateJob",
    "forget": "DSUpdateJob",
    "encoder_learn": "EncoderUpdateJob",
    "encoder_forget": "EncoderUpdateJob",
    "explore": "ExploreJob",
    "fit": "BuildModelJob",
    "predict": "DSPredictJob",
    "project_info": "ProjectInfoJob",
    "projects_info": "ListProjectsInfoJob",
    "assess": "AssessModelJob",
}
_EXPLORE_JOB_TYPES: Final[Mapping[str, str]] = {
    "vif": "ExploreVIFJob",
    "svd": "SVDJob",
    "svdfs": "SVDJob",
    "pca": "PCAJob",
}


async def rows_of_frame(frame: DataFrame, project: ProjectInfo) -> Rows:
    """What is learned of a DataFrame. Raises `Problem` 400: unknown letters, ragged rows, unfit cells."""
    known = [attribute.name for attribute in project.attributes]
    known += () if project.encoder is None else project.encoder.columns
    options = ProjectOptions.read(project.parameters)
    told = options.told(frame.attribute_names, letters_for(frame, project), project.split)
    return await rows_from(frame.attribute_names, frame.data, told, known, options.judged_by)


async def table_of(frame: DataFrame, project: ProjectInfo) -> Table:
    """As `rows_of_frame`, the columns alone."""
    return (await rows_of_frame(frame, project)).table


def letters_for(frame: DataFrame, project: ProjectInfo) -> dict[str, str]:
    """The letter of each name; of a column that the project's encoder takes, that by which it is read."""
    encoded = {} if project.encoder is None else project.encoder.columns
    return {name: encoded.get(name, letter) for name, letter in letters_of(frame).items()}


def letters_of(frame: DataFrame) -> dict[str, str]:
    """The letter of each name; raises `Problem` 400."""
    if len(frame.attribute_types) != len(frame.attribute_names):
        raise bad_request(
            f"The DataFrame has {len(frame.attribute_names)} attributeNames and "
            f"{len(frame.attribute_types)} attributeTypes.",
            "Give one type for each name.",
        )
    for name, letter in zip(frame.attribute_names, frame.attribute_types, strict=True):
        if letter not in _LETTERS:
            raise bad_request(
                f"Attribute {name!r} has the unknown type {letter[:20]!r}.", "Use C, B, T, X, S, L, P or D."
            )
    return {
        name: _LETTERS[letter]
        for name, letter in zip(frame.attribute_names, frame.attribute_types, strict=True)
    }


def targets_of(context: MLContext, project: ProjectInfo) -> list[str]:
    return _named(context.targets, context.target_attribute_names, project)


def inputs_of(context: MLContext, project: ProjectInfo) -> list[str]:
    return _named(context.input_attributes, context.input_attribute_names, project)


def _named(ids: Sequence[str], names: Sequence[str], project: ProjectInfo) -> list[str]:
    """Attributes by index (as text) or by name; a category's level is `name$level`."""
    if ids and names:
        raise bad_request("Attributes are given both by id and by name.", "Give one of the two.")
    if names:
        known = {attribute.name for attribute in project.attributes}
        for name in names:
            if name not in known and name.split(project.separator, 1)[0] not in known:
                raise bad_request(f"Project [{project.name}] has no attribute [{name}].", "See its info.")
        return list(names)
    return [_by_index(text, project) for text in ids]


def _by_index(text: str, project: ProjectInfo) -> str:
    if text.isascii() and text.isdigit() and len(text) < 9 and int(text) < len(project.attributes):
        return project.attributes[int(text)].name
    raise bad_request(
        f"Project [{project.name}] has no attribute with the id [{text}].",
        f"Ids are the attributeIndexes of its info, 0 to {len(project.attributes) - 1}.",
    )


def project_entity(
    info: ProjectInfo,
    models: Sequence[ModelRecord] = (),
    federation: FederationInfo | None = None,
    sources: Sequence[str] = (),
) -> ProjectEntity:
    """SymetryML's ProjectInfo."""
    types = {record.name: record.algorithm for record in models}
    params = {name: text(value) for name, value in info.parameters.items()}
    params["sml_project_is_freeze"] = word(info.frozen)
    if federation is not None:
        params |= {
            "fed_pulsing": word(federation.pulse),
            "fed_has_error": word(federation.problem is not None),
            "fed_is_admin": word(federation.is_admin),
        }
    return ProjectEntity(
        pid=info.name,
        encoder_name="" if info.encoder is None else info.encoder.name,
        models_list=list(info.models),
        model_type_list=[types.get(name, "") for name in info.models],
        ds_list=list(sources),
        attribute_names=[attribute.name for attribute in info.attributes],
        attribute_indexes=list(range(len(info.attributes))),
        attribute_types=[attribute.type for attribute in info.attributes],
        params=params,
        partition_column=info.split or "",
        category_separator=info.separator,
        type=_type(info),
        histogram_enabled="profiles" in info.extras,
        creation_date=milliseconds(info.created),
        last_modification_date=milliseconds(info.changed),
    )


def _type(info: ProjectInfo) -> str:
    if info.parameters.get(ORDER) is not None:
        return "sequence"
    return "cpu" if info.split is None else "partition"


def job_entity(task: Task) -> JobInfo:
    """SymetryML's JobInfo; its id is the task's number, its details what else the node knows."""
    details = {"id": task.id, "status": task.status.value}
    details |= {"project": task.project} if task.project is not None else {}
    details |= {"error": task.error} if task.error else {}
    details |= selection_details(task) if task.kind == "select" else {}
    return JobInfo(
        job_id=task.number,
        job_type=_job_type(task),
        owner=task.owner,
        starting_date=milliseconds(task.started or 0.0),
        current=task.current,
        maximum=task.maximum,
        is_on_bounded_executor=True,
        is_started=task.started is not None,
        is_done=task.finished,
        details=details,
    )


def _job_type(task: Task) -> str:
    if task.kind == "select":
        return selection_job_type(task)
    if task.kind == "predict" and task.parameters.get("flags"):
        return "DSPredictDataFrameJob"
    known = _EXPLORE_JOB_TYPES.get(task.parameters["metric"]) if task.kind == "explore" else None
    return known or _JOB_TYPES.get(task.kind, task.kind)


def failed(task: Task) -> str | None:
    """What to say of a job that ended without a result; None if it has not."""
    if task.status is TaskStatus.FAILED:
        return f"Job failed: {task.error or 'no reason is known'}"
    return "Job was killed" if task.status is TaskStatus.STOPPED else None


def rows_of(columns: Mapping[str, NDArray[Any] | Sequence[Any]]) -> Iterator[dict[str, str]]:
    """Predictions as one map of texts a row."""
    lists = [values if isinstance(values, list) else values.tolist() for values in columns.values()]  # type: ignore[union-attr]
    for row in zip(*lists, strict=True):
        yield {key: text(value) for key, value in zip(columns, row, strict=True)}


def text(value: Any) -> str:
    """A value as SymetryML writes it in a map of texts: whole numbers without a fraction."""
    if isinstance(value, bool):
        return word(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def line(entry: LogLine) -> str:
    """A log line as text, with its time at the end as SymetryML has it."""
    return f"{entry.message} time:{datetime.fromtimestamp(entry.time, UTC):%Y-%m-%dT%H:%M:%S}"


def milliseconds(seconds: float) -> int:
    """A time as SymetryML writes it."""
    return round(seconds * 1000)


def word(value: bool) -> str:
    """A truth value as text."""
    return "true" if value else "false"
