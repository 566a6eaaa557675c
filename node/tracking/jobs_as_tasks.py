"""What a job of the node shows as a task: its project, its parameters, the model that it fitted.

A job's project of statistics is a project of tasks too; that of a federation is below the federation's name.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from node.answers import ModelRecord
from node.events import deleting
from node.jobs.kinds import KINDS
from node.project_rows import check_name
from node.store.schema import projects as statistics
from node.store.schema import tasks, tracking_models
from node.tasks import Task
from node.tracking import documents, models, projects, task_edits
from node.tracking.collection import MODELS, TASKS
from node.tracking.documents import Document
from node.tracking.errors import BadFieldValue, InvalidProjectName, PathTooDeep, StatusOvertaken
from node.tracking.names import SHORTEST

FRAMEWORK: Final = "suffice"

JOB: Final = "Job"
PARAMETERS: Final = "Parameters"
"""The sections of the hyperparameters: of the job, and of its algorithm."""

CHANGEABLE: Final = frozenset(
    {"model", "algorithm", "target", "inputs", "task", "metric", "attributes", "targets"}
)
"""What of a job may be changed in a copy of it."""

_APART: Final = ("parameters", "sample")
"""What is told of a job's request as a section of its own, or not at all."""


def columns(
    connection: sa.Connection,
    project: str | None,
    parameters: Mapping[str, Any],
    user: str,
    *,
    folder: str | None = None,
) -> dict[str, Any]:
    """The columns of a new job by which it is a task among others. folder: the project of tasks that it is
    in, if not that of its project of statistics."""
    items = {
        section: {name: {"value": _text(value)} for name, value in values.items()}
        for section, values in _sections(parameters).items()
        if values
    }
    document = {"hyperparams": task_edits.named_parameters(items)}
    try:
        documents.check_storable(document)
    except BadFieldValue:  # the job may have what can be said by JSON, but not be stored as text
        document = {}
    if folder is None and project is not None:
        folder = _folder(connection, project)
    return {"project_id": _project_of_tasks(connection, folder, user), "document": document}


@dataclass(frozen=True, slots=True)
class Edited:
    """What a job that is to run once more is to do, by the hyperparameters that its task has by now."""

    kind: str
    project: str | None
    parameters: dict[str, Any]


def edited(connection: sa.Connection, task: Document) -> Edited | None:
    """None for what is no job, and for one that is to do what it did.

    What a job reads and writes stays: who submits a job is asked whether he may, who edits a task is not.
    Raises BadFieldValue for a change of that, BadRequest for a name that no model can have.
    """
    wanted = sa.select(tasks.c.kind, tasks.c.project, tasks.c.parameters).where(tasks.c.id == task["id"])
    kind, project, given = connection.execute(wanted).one()
    hyperparams = task.get("hyperparams")
    if kind not in KINDS or not hyperparams:
        return None
    parameters: dict[str, Any] = given or {}
    before = _sections(parameters)
    after = {
        section: {
            name: _read(item.get("value", ""), before[section].get(name)) for name, item in items.items()
        }
        for section, items in hyperparams.items()
        if section in before
    }
    job = after.get(JOB, {})
    changed = {name for name in {*job, *before[JOB]} if job.get(name) != before[JOB].get(name)}
    if not changed <= CHANGEABLE:
        raise BadFieldValue(
            f"a copy of a job has the {', '.join(sorted(changed - CHANGEABLE))} of the job",
            "submit another job",
        )
    for name in changed:
        if not _fits(job.get(name), before[JOB].get(name)):
            raise BadFieldValue(f"the {name} of a job cannot be that", "give what the job had, or its like")
    if "model" in changed:
        check_name(job["model"])
    kept = {name: value for name, value in parameters.items() if name in _APART or value is None}
    if after.get(PARAMETERS) or before[PARAMETERS]:
        kept["parameters"] = after.get(PARAMETERS, {})
    wanted_now = {**kept, **job}
    return None if wanted_now == parameters else Edited(kind, project, wanted_now)


def take_edits(connection: sa.Connection, task: Document, checked: Edited | None) -> None:
    """Let a job do what was checked. Raises StatusOvertaken if it was edited once more meanwhile."""
    if edited(connection, task) != checked:
        raise StatusOvertaken(f"the task {task['id']} was edited meanwhile", "look again")
    if checked is not None:
        mine = tasks.c.id == task["id"]
        connection.execute(tasks.update().where(mine).values(parameters=checked.parameters))


def keep_model(connection: sa.Connection, task: Task, record: ModelRecord, uri: str) -> None:
    """The model that a job fitted is a model of its task, ready for others; `uri`: where its JSON is."""
    document = documents.get(connection, TASKS, task.id)
    name = _model_name(record.name)
    given = {
        "name": name,
        "uri": uri,
        "framework": FRAMEWORK,
        "comment": f"{record.algorithm} of {record.target}" if record.target else str(record.algorithm),
        "project": document.get("project"),
        "task": task.id,
        "ready": True,
    }
    made = models.create(connection, given, task.owner)["id"]
    documents.update(connection, TASKS, task.id, task_edits.model("output", name, made)(document))


def model_file(task: str) -> str:
    """The path at the file host of the JSON of the model that a job fitted."""
    return f"jobs/{task}/model.json"


def models_of(connection: sa.Connection, project: str, model: str) -> dict[str, str]:
    """The models of tasks that jobs of a project of statistics fitted under a name: their ids, by tasks."""
    fitted = sa.select(tracking_models.c.task, tracking_models.c.id).join(
        tasks, tasks.c.id == tracking_models.c.task
    )
    mine = (tasks.c.project == project) & tasks.c.kind.in_(KINDS)
    named = tracking_models.c.name == _model_name(model)
    return {row.task: row.id for row in connection.execute(fitted.where(mine, named))}


def forget_models(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Remove models of tasks, with what was reported of them."""
    if ids:
        deleting.delete(connection, ids)
        documents.delete(connection, MODELS, ids)


def _model_name(name: str) -> str:
    return name if len(name) >= SHORTEST else f"model {name}"


def _folder(connection: sa.Connection, project: str) -> str:
    """The name of the project of tasks of a project of statistics."""
    federation = connection.scalar(sa.select(statistics.c.federation).where(statistics.c.name == project))
    name = project if len(project) >= SHORTEST else f"project {project}"
    return name if federation is None else f"{federation}/{name}"


def _project_of_tasks(connection: sa.Connection, folder: str | None, user: str) -> str | None:
    """Its id; None without a folder, and for a name that none can have."""
    if folder is not None:
        with contextlib.suppress(InvalidProjectName, PathTooDeep, BadFieldValue):
            return projects.ensure(connection, folder, user)
    return None


def _sections(parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A job's parameters as they are told: of the job, and of its algorithm."""
    own = parameters.get("parameters")
    return {
        JOB: {name: v for name, v in parameters.items() if name not in _APART and v is not None},
        PARAMETERS: {n: v for n, v in own.items() if v is not None} if isinstance(own, dict) else {},
    }


def _read(text: str, before: Any) -> Any:
    """What a text says in the place of a value: `before`, if that is its text; a text for a text; else what
    it is in JSON, or the text."""
    if before is not None and text == _text(before):
        return before
    if isinstance(before, str):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _fits(value: Any, before: Any) -> bool:
    """Whether a value can stand where another stood: a text, or a list of texts."""
    if isinstance(before, list):
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, str)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
