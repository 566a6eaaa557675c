"""Taking a batch in: whose events it may be, what is stored, and what the tasks and models then say of it.

All in the caller's transaction: an answer that says how many events were added means that they can be read.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import md5
from typing import Any

import sqlalchemy as sa

from node.errors import BadRequest
from node.events.batch import Batch, Series
from node.events.kinds import EventKind
from node.events.owners import locked
from node.events.series import series_of
from node.events.summaries import Summary, summary_of
from node.events.writing import write
from node.store.schema import tasks, tracking_models

MONITORS = (":monitor:machine", ":monitor:gpu")
"""Metrics that say nothing of how far a task has come."""

MOST_LAST_METRICS = 2000
"""Series of a task that its `last_metrics` show; events have no such limit."""


class NothingAdded(BadRequest):
    """No event of a batch could be stored; `reasons` says why, and how often."""

    def __init__(self, reasons: Mapping[str, int]) -> None:
        told = "; ".join(f"{reason} ({count})" for reason, count in reasons.items())
        super().__init__(f"no event was added: {told}", "mend the events and send them again")
        self.reasons = dict(reasons)


@dataclass(frozen=True, slots=True)
class Added:
    """How many events were stored, and of the others why, and how often."""

    added: int
    refused: dict[str, int]


def report(connection: sa.Connection, batch: Batch) -> Added:
    """Store what may be stored of a batch, and tell the tasks and models. Raises NothingAdded."""
    refused = Counter(batch.refused)
    closed: set[tuple[str, bool]] = set()
    for of_model in {True, False}:
        names = [task for task, model in batch.counts if model is of_model]
        for task, reason in _closed(connection, names, of_model, batch.allow_locked).items():
            refused[reason] += batch.counts[task, of_model]
            closed.add((task, of_model))
    for place in closed:
        del batch.counts[place]
    if not batch.counts:
        raise NothingAdded(refused)
    if closed:
        batch.series = {s: rows for s, rows in batch.series.items() if (s.task, s.of_model) not in closed}
        batch.logs = [row for row in batch.logs if (row[0], False) not in closed]
    write(connection, batch)
    for task, of_model in batch.counts:
        _tell(connection, task, [series for series in batch.series if series.task == task], batch, of_model)
    return Added(sum(batch.counts.values()), dict(refused))


def _closed(
    connection: sa.Connection, names: list[str], of_model: bool, allowed: Mapping[str, bool]
) -> dict[str, str]:
    """Of these tasks or models, those that take no events, and why."""
    found = locked(connection, names, of_models=of_model)
    what = "model" if of_model else "task"
    closed = {name: f"there is no {what} with the id of the event" for name in names if name not in found}
    return closed | {
        name: f"the {what} is published: its events need allow_locked"
        for name, is_locked in found.items()
        if is_locked and not allowed[name]
    }


def _tell(connection: sa.Connection, task: str, reported: list[Series], batch: Batch, of_model: bool) -> None:
    """Bring a task's or model's last_update, last_iteration and last_metrics up to what a batch reported."""
    table = tracking_models if of_model else tasks
    mine = table.c.id == task
    values: dict[str, Any] = {"last_update": time.time()}
    if not of_model:
        values["last_change"] = values["last_update"]
    iterations = [
        batch.series[series].rows[-1][0]
        for series in reported
        if series.kind is not EventKind.SINGLE and series.metric not in MONITORS
    ]
    if iterations:
        last = table.c.last_iteration
        newest = max(iterations)
        values["last_iteration"] = sa.case((last >= newest, last), else_=newest)
    scalars = {series for series in reported if series.kind in (EventKind.SCALAR, EventKind.SINGLE)}
    if scalars:
        document = dict(connection.scalar(sa.select(table.c.document).where(mine)) or {})
        document["last_metrics"] = _last_metrics(
            connection, task, scalars, document.get("last_metrics") or {}
        )
        document["unique_metrics"] = sorted(
            f"{variant['metric']}/{variant['variant']}"
            for variants in document["last_metrics"].values()
            for variant in variants.values()
        )
        values["document"] = document
    connection.execute(table.update().where(mine).values(values))


def _last_metrics(
    connection: sa.Connection, task: str, changed: set[Series], before: dict[str, Any]
) -> dict[str, Any]:
    """{md5 of metric: {md5 of variant: what is known of the series}}, in the order of the keys."""
    found = {metric: dict(variants) for metric, variants in before.items()}
    room = MOST_LAST_METRICS - sum(len(variants) for variants in found.values())
    names = {(series.metric, series.variant) for series in changed}
    for row in series_of(connection, [task], [EventKind.SCALAR, EventKind.SINGLE]):
        summary = summary_of(row)
        if (row["metric"], row["variant"]) not in names or summary is None:
            continue
        variants = found.get(key_of(row["metric"]), {})
        variant = key_of(row["variant"])
        if variant not in variants:
            if room == 0:
                continue
            room -= 1
        found[key_of(row["metric"])] = variants | {variant: last_metric(row, summary)}
    return {metric: dict(sorted(found[metric].items())) for metric in sorted(found)}


def key_of(name: str) -> str:
    """The key under which a metric or a variant stands in last_metrics."""
    return md5(name.encode(), usedforsecurity=False).hexdigest()


def last_metric(row: Mapping[str, Any], summary: Summary) -> dict[str, Any]:
    """What last_metrics says of a series."""
    told: dict[str, Any] = {
        "metric": row["metric"],
        "variant": row["variant"],
        "value": summary.last_value,
        "min_value": summary.min_value,
        "min_value_iteration": summary.min_iteration,
        "max_value": summary.max_value,
        "max_value_iteration": summary.max_iteration,
        "first_value": summary.first_value,
        "first_value_iteration": summary.first_iteration,
        "mean_value": round(summary.mean, 2),
        "count": summary.count,
    }
    return told | ({"x_axis_label": row["x_axis_label"]} if row["x_axis_label"] else {})
