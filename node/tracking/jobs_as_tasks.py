"""What a job of the node shows as a task: its project, its parameters, the model that it fitted.

A job's project of statistics is a project of tasks too; that of a federation is below the federation's name.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from node.answers import ModelRecord
from node.store.schema import projects as statistics
from node.tasks import Task
from node.tracking import documents, models, projects, task_edits
from node.tracking.collection import TASKS
from node.tracking.errors import BadFieldValue, InvalidProjectName, PathTooDeep
from node.tracking.names import SHORTEST

FRAMEWORK: Final = "suffice"

_APART: Final = ("parameters", "sample")
"""What is told of a job's request as a section of its own, or not at all."""


def columns(
    connection: sa.Connection, project: str | None, parameters: Mapping[str, Any], user: str
) -> dict[str, Any]:
    """The columns of a new job by which it is a task among others."""
    shown = {"Job": {name: value for name, value in parameters.items() if name not in _APART}}
    if isinstance(parameters.get("parameters"), dict):
        shown["Parameters"] = parameters["parameters"]
    items = {
        section: {name: {"value": _text(value)} for name, value in values.items() if value is not None}
        for section, values in shown.items()
    }
    document = {"hyperparams": task_edits.named_parameters({name: v for name, v in items.items() if v})}
    try:
        documents.check_storable(document)
    except BadFieldValue:  # the job may have what can be said by JSON, but not be stored as text
        document = {}
    return {"project_id": _project(connection, project, user), "document": document}


def keep_model(connection: sa.Connection, task: Task, record: ModelRecord, uri: str) -> None:
    """The model that a job fitted is a model of its task, ready for others; `uri`: where its JSON is."""
    document = documents.get(connection, TASKS, task.id)
    name = record.name if len(record.name) >= SHORTEST else f"model {record.name}"
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


def _project(connection: sa.Connection, project: str | None, user: str) -> str | None:
    """The id of the project of tasks of a project of statistics; None for a name that no folder can have."""
    if project is None:
        return None
    federation = connection.scalar(sa.select(statistics.c.federation).where(statistics.c.name == project))
    name = project if len(project) >= SHORTEST else f"project {project}"
    with contextlib.suppress(InvalidProjectName, PathTooDeep, BadFieldValue):
        return projects.ensure(connection, name if federation is None else f"{federation}/{name}", user)
    return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
