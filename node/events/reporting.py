"""Taking a batch in: whose events it may be, what is stored, and what the tasks and models then say of it.

All in the caller's transaction: an answer that says how many events were added means that they can be read.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import md5
from typing import Any

import sqlalchemy as sa

from node.errors import BadRequest
from node.events.batch import Batch, Series
from node.events.kinds import EventKind
from node.events.owners import locked
from node.events.writing import Known, write
from node.store.schema import tasks, tracking_models
from node.tracking import task_values

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
    known = write(connection, batch)
    reported: dict[tuple[str, bool], list[Series]] = {place: [] for place in batch.counts}
    for series in batch.series:
        reported[series.task, series.of_model].append(series)
    for (task, of_model), own in reported.items():
        iterations = [batch.series[series].rows[-1][0] for series in own if _advances(series)]
        scalars = {series: known[series] for series in own if series in known}
        _tell(connection, tracking_models if of_model else tasks, task, iterations, scalars)
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


def _advances(series: Series) -> bool:
    """Whether its iterations say how far a task has come."""
    return series.kind is not EventKind.SINGLE and series.metric not in MONITORS


# Built once: building them takes as long as carrying them out.
_FIND = {
    table: sa.select(table.c.last_iteration, table.c.document).where(table.c.id == sa.bindparam("owner_id"))
    for table in (tasks, tracking_models)
}
_UPDATE = {
    table: table.update().where(table.c.id == sa.bindparam("owner_id")) for table in (tasks, tracking_models)
}


def _tell(
    connection: sa.Connection,
    table: sa.Table,
    owner: str,
    iterations: Sequence[int],
    scalars: Mapping[Series, Known],
) -> None:
    """Bring a task's or model's last_update, last_iteration and last_metrics up to what a batch reported."""
    values: dict[str, Any] = {"last_update": time.time()}
    if table is tasks:
        values["last_change"] = values["last_update"]
    if iterations or scalars:
        found = connection.execute(_FIND[table], {"owner_id": owner}).one()
        if iterations:
            values["last_iteration"] = max(*iterations, found.last_iteration or 0)
        if scalars:
            before = found.document or {}
            values["document"] = _with_metrics(before, scalars)
            if table is tasks:
                told = _of_series(before, scalars), _of_series(values["document"], scalars)
                task_values.keep(connection, owner, *told)
    connection.execute(_UPDATE[table], {"owner_id": owner} | values)


def _with_metrics(document: Mapping[str, Any], scalars: Mapping[Series, Known]) -> dict[str, Any]:
    """A document that tells what is known of some series: last_metrics is {md5 of metric: {md5 of variant:
    ...}}, in the order of the keys."""
    found = {metric: dict(variants) for metric, variants in (document.get("last_metrics") or {}).items()}
    room = MOST_LAST_METRICS - sum(len(variants) for variants in found.values())
    fresh = False
    for series, known in scalars.items():
        metric, variant = key_of(series.metric), key_of(series.variant)
        if variant not in found.get(metric, ()):
            if room == 0:
                continue
            room -= 1
            fresh = True
        found.setdefault(metric, {})[variant] = last_metric(series, known)
    if not fresh:
        return {**document, "last_metrics": found}
    names = sorted(f"{v['metric']}/{v['variant']}" for variants in found.values() for v in variants.values())
    ordered = {metric: dict(sorted(found[metric].items())) for metric in sorted(found)}
    return {**document, "last_metrics": ordered, "unique_metrics": names}


def _of_series(document: Mapping[str, Any], series: Iterable[Series]) -> dict[str, Any]:
    """The last_metrics of these series alone."""
    all_metrics = document.get("last_metrics") or {}
    found: dict[str, dict[str, Any]] = {}
    for one in series:
        metric, variant = key_of(one.metric), key_of(one.variant)
        if variant in all_metrics.get(metric, ()):
            found.setdefault(metric, {})[variant] = all_metrics[metric][variant]
    return {"last_metrics": found}


def key_of(name: str) -> str:
    """The key under which a metric or a variant stands in last_metrics."""
    return md5(name.encode(), usedforsecurity=False).hexdigest()


def last_metric(series: Series, known: Known) -> dict[str, Any]:
    """What last_metrics says of a series."""
    summary = known.summary
    told: dict[str, Any] = {
        "metric": series.metric,
        "variant": series.variant,
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
    return told | ({"x_axis_label": known.x_axis_label} if known.x_axis_label else {})
