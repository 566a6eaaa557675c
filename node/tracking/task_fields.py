"""The fields of a task that clients set: which, how they are put together, and what they refer to."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from node.jobs.kinds import KINDS
from node.store.schema import COMPANY, tasks
from node.tasks import EXTERNAL, TaskStatus, now
from node.tracking import documents
from node.tracking.collection import PROJECTS, TASKS
from node.tracking.documents import Document
from node.tracking.errors import BadFieldValue
from node.tracking.names import check_name
from node.tracking.task_edits import named_configuration, named_parameters
from node.tracking.task_steps import ARCHIVED, DELETED, DEVELOPMENT, Fields

SETTABLE = (
    "name",
    "type",
    "tags",
    "system_tags",
    "comment",
    "parent",
    "project",
    "execution",
    "script",
    "output",
    "models",
    "hyperparams",
    "configuration",
    "runtime",
    "container",
    "report",
    "report_assets",
)
"""What is set when a task is made or edited; `output_dest` stands for output.destination."""

ALWAYS_SETTABLE = ("name", "tags", "system_tags", "comment", "project", "created", "status_message")
"""What may be changed in any status."""

_MERGED = ("execution", "script", "output", "models")
"""Fields of which an edit names only the parts that change."""

_COPIED = ("comment", "tags", "hyperparams", "configuration", "script", "container")


def settled(given: Mapping[str, Any], before: Document, names: Sequence[str]) -> Fields:
    """The fields among `names` that are given, as they will be stored. Raises NameTooShort, BadFieldValue."""
    fields: Fields = {name: given[name] for name in names if given.get(name) is not None}
    if given.get("output_dest") is not None and "output" in names:
        fields["output"] = {**(fields.get("output") or {}), "destination": given["output_dest"]}
    if "name" in fields:
        check_name(fields["name"], "task")
    for name in _MERGED:
        if name in fields:
            if not isinstance(fields[name], dict):
                raise BadFieldValue(f"{name} is not an object", "send it as one")
            fields[name] = {**before.get(name, {}), **fields[name]}
    if "hyperparams" in fields:
        fields["hyperparams"] = named_parameters(fields["hyperparams"])
    if "configuration" in fields:
        fields["configuration"] = named_configuration(fields["configuration"])
    return fields


def check_references(connection: sa.Connection, fields: Mapping[str, Any]) -> None:
    """Raise UnknownProject, UnknownTask for a project or parent that there is not."""
    if fields.get("project"):
        documents.get(connection, PROJECTS, fields["project"])
    parent = fields.get("parent")
    if parent and not parent.startswith(DELETED):
        documents.get(connection, TASKS, parent)


def insert(connection: sa.Connection, fields: Mapping[str, Any], user: str, **columns: Any) -> Document:
    """A new task with these fields. Raises UnknownProject, UnknownTask, BadFieldValue."""
    check_references(connection, fields)
    at = now()
    document: Document = {
        "type": "training",
        **fields,
        "id": uuid.uuid4().hex,
        "user": user,
        "company": COMPANY,
        "status": TaskStatus.CREATED.value,
        "status_reason": "",
        "status_message": "",
        "created": at,
        "status_changed": at,
        "last_update": at,
        "last_change": at,
        "last_changed_by": user,
        "last_iteration": 0,
    }
    row = {"kind": EXTERNAL, "parameters": {}, "priority": 0, **columns}
    documents.insert(connection, TASKS, document, attempts=0, current=0, maximum=0, **row)
    return document


def cloned(source: Document, given: Mapping[str, Any]) -> Fields:
    """The fields of a copy: what the source was given and not what it made, with what is given instead."""
    fields: Fields = {name: source[name] for name in (*_COPIED, "type", "project") if name in source}
    fields["name"] = f"Clone Of {source['name']}"
    unwanted = (ARCHIVED, DEVELOPMENT)
    fields["system_tags"] = [tag for tag in source.get("system_tags", ()) if tag not in unwanted]
    execution = {k: v for k, v in source.get("execution", {}).items() if k not in ("queue", "artifacts")}
    artifacts = source.get("execution", {}).get("artifacts", ())
    fields["execution"] = execution | {"artifacts": [a for a in artifacts if a.get("mode") == "input"]}
    fields["models"] = {"input": source.get("models", {}).get("input", []), "output": []}
    if source.get("output", {}).get("destination"):
        fields["output"] = {"destination": source["output"]["destination"]}
    fields |= settled(given, fields, SETTABLE)
    fields["parent"] = given.get("parent") or source.get("parent") or source["id"]
    return fields


def job_columns(connection: sa.Connection, source: str) -> dict[str, Any]:
    """What a copy of a job of the node needs to run as the job did; nothing for other tasks."""
    columns = (tasks.c.kind, tasks.c.parameters, tasks.c.priority, tasks.c.payload)
    row = connection.execute(sa.select(*columns, tasks.c.project).where(tasks.c.id == source)).one()
    if row.kind not in KINDS:
        return {}
    return dict(row._mapping)  # noqa: SLF001 (SQLAlchemy's public name for it)
