"""What goes with a task that is deleted or reset: its events, models, children and place in a queue.

Functions of a connection: all of it in one write.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from node.events import deleting
from node.file_store import rows as file_rows
from node.file_store.stored import OwnPath
from node.store.deployment_tables import INPUT, SCORING, scoring_jobs
from node.store.event_tables import event_images, event_series
from node.store.schema import labels, tasks, tracking_models
from node.tasks import TaskStatus, now
from node.tracking import documents, projects, queue_entries, task_steps
from node.tracking.collection import MODELS, TASKS
from node.tracking.documents import Document
from node.tracking.task_states import Step, next_status
from node.tracking.task_steps import ARCHIVED, DELETED, UNQUEUED, Fields

_NO_RESULTS: Fields = dict.fromkeys(
    (
        "started",
        "completed",
        "published",
        "active_duration",
        "last_worker",
        "last_worker_report",
        "last_metrics",
        "metric_stats",
        "unique_metrics",
        "runtime",
    )
)
"""The fields of a task that are its results."""


def delete(
    connection: sa.Connection, task: Document, *, force: bool = False, models: bool = True
) -> dict[str, Any]:
    """Remove a task. models: with the models that it wrote, but for those ready or read by other tasks.

    Returns {deleted, deleted_models, updated_models, updated_children, events, urls: {model_urls,
    event_urls, artifact_urls}, contents: digests of what its files held}. Raises UndeletableTask.
    """
    archived = ARCHIVED in task.get("system_tags", ())
    next_status(Step.DELETE, TaskStatus(task["status"]), force=force, archived=archived)
    return {"deleted": True} | remove(connection, [task], models=models)


def remove(connection: sa.Connection, found: Sequence[Document], *, models: bool = True) -> dict[str, Any]:
    """As `delete`, of several tasks whatever their status; the numbers are those of all together."""
    keys = [task["id"] for task in found]
    urls = {
        "event_urls": _event_urls(connection, keys),
        "artifact_urls": [url for task in found for url in _artifact_urls(task)],
    }
    drafts = _drafts(connection, keys) if models else []
    gone = _forget_models(connection, drafts, urls)
    written = tracking_models.c.task
    updated = connection.execute(
        tracking_models.update().where(written.in_(keys)).values(task=sa.literal(DELETED).concat(written))
    ).rowcount
    parent = tasks.c.parent
    orphaned = tasks.update().where(parent.in_(keys), tasks.c.id.not_in(keys))
    children = connection.execute(orphaned.values(parent=sa.literal(DELETED).concat(parent))).rowcount
    queue_entries.withdraw_all(connection, keys)
    events = deleting.delete(connection, keys)
    contents = file_rows.remove(connection, _files(connection, keys))
    documents.delete(connection, TASKS, keys)
    for project in {task.get("project") for task in found}:
        projects.touch(connection, project, now())
    return {
        "deleted_models": gone,
        "updated_models": updated,
        "updated_children": children,
        "events": events,
        "urls": urls,
        "contents": set(contents.values()),
    }


def reset(
    connection: sa.Connection, task: Document, user: str, *, clear_all: bool = False, **how: Any
) -> dict[str, Any]:
    """Make a task as it was before it ran. clear_all: without its script too.

    Returns {fields, dequeued, deleted_models, events, urls}. Raises WrongStatus.
    """
    key = task["id"]
    next_status(Step.RESET, TaskStatus(task["status"]), force=how.get("force", False))
    outputs = task.get("models", {}).get("output", [])
    artifacts = task.get("execution", {}).get("artifacts", [])
    kept = [artifact for artifact in artifacts if artifact.get("mode") == "input"]
    urls = {"event_urls": _event_urls(connection, [key]), "artifact_urls": _artifact_urls(task)}
    drafts = _drafts(connection, [key])
    fields: Fields = {**_NO_RESULTS, **UNQUEUED, "last_iteration": 0}
    if outputs:
        ready = [item for item in outputs if _is_ready(connection, item["model"])]
        fields["models"] = task["models"] | {"output": ready}
    if artifacts:
        fields["execution"] = {k: v for k, v in task["execution"].items() if k != "queue"}
        fields["execution"] |= {"artifacts": kept}
    if task.get("output"):
        fields["output"] = {k: v for k, v in task["output"].items() if k == "destination"}
    if clear_all:
        fields["script"] = None
    changes = task_steps.change(connection, task, Step.RESET, user, fields=fields, **how)
    dequeued = queue_entries.withdraw(connection, key)
    gone = _forget_models(connection, drafts, urls)
    events = deleting.delete(connection, [key])
    return {"fields": changes, "dequeued": dequeued, "deleted_models": gone, "events": events, "urls": urls}


def _files(connection: sa.Connection, keys: Sequence[str]) -> list[OwnPath]:
    """The files that go with tasks: those of the scoring of a file."""
    query = sa.select(scoring_jobs.c.task, scoring_jobs.c.output).where(scoring_jobs.c.task.in_(keys))
    return [
        OwnPath(SCORING, key, name)
        for key, output in connection.execute(query)
        for name in (INPUT, output)
        if name
    ]


def _drafts(connection: sa.Connection, keys: Sequence[str]) -> list[Document]:
    """The models that tasks wrote, that are not ready and that no other task reads."""
    c = tracking_models.c
    drafts = list(connection.scalars(sa.select(c.id).where(c.task.in_(keys), c.ready.is_(False))))
    if not drafts:
        return []
    read_by_others = connection.scalars(
        sa.select(labels.c.value).where(
            labels.c.collection == TASKS.name,
            labels.c.field == "models.input.model",
            labels.c.value.in_(drafts),
            labels.c.id.not_in(keys),
        )
    )
    wanted = sorted(set(drafts).difference(read_by_others))
    return list(documents.read_all(connection, MODELS, wanted, documents.WHOLE).values())


def _forget_models(connection: sa.Connection, models: Sequence[Document], urls: dict[str, list[str]]) -> int:
    """Delete models with their events; their addresses are added to `urls`."""
    keys = [model["id"] for model in models]
    urls["model_urls"] = [model["uri"] for model in models if model.get("uri")]
    if not keys:
        return 0
    urls["event_urls"] += _event_urls(connection, keys)
    deleting.delete(connection, keys)
    return documents.delete(connection, MODELS, keys)


def _is_ready(connection: sa.Connection, model: str) -> bool:
    return bool(connection.scalar(sa.select(tracking_models.c.ready).where(tracking_models.c.id == model)))


def _event_urls(connection: sa.Connection, keys: Sequence[str]) -> list[str]:
    found = sa.select(event_images.c.url).join(event_series, event_images.c.series == event_series.c.id)
    return sorted(set(connection.scalars(found.where(event_series.c.task.in_(keys)))))


def _artifact_urls(task: Document) -> list[str]:
    artifacts = task.get("execution", {}).get("artifacts", ())
    return [
        artifact["uri"] for artifact in artifacts if artifact.get("uri") and artifact.get("mode") != "input"
    ]
