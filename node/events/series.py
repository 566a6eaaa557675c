"""Which series there are: the metrics and variants of tasks and models, by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from node.events.kinds import EventKind, Variants
from node.store.event_tables import event_series

_c = event_series.c


def series_of(
    connection: sa.Connection,
    tasks: Sequence[str],
    kinds: Sequence[EventKind],
    metrics: Sequence[Variants] = (),
) -> list[Mapping[str, Any]]:
    """The rows of `event_series` of these tasks or models, by task (as given), metric and variant; of all
    metrics if none are named."""
    query = sa.select(event_series).where(
        _c.task.in_(list(dict.fromkeys(tasks))) & _c.kind.in_([kind.value for kind in kinds])
    )
    if metrics:
        query = query.where(_c.metric.in_(list({wanted.metric for wanted in metrics})))
    rows: list[Mapping[str, Any]] = [
        dict(row)
        for row in connection.execute(query).mappings()
        if not metrics or any(wanted.takes(row["metric"], row["variant"]) for wanted in metrics)
    ]
    place = {task: number for number, task in reversed(list(enumerate(tasks)))}
    rows.sort(key=lambda row: (place[row["task"]], row["metric"], row["variant"], row["kind"]))
    return rows


def metrics_of(
    connection: sa.Connection, tasks: Sequence[str], kinds: Sequence[EventKind]
) -> dict[str, dict[str, list[str]]]:
    """{task: {metric: [variant, ...]}}, sorted, for each task that has some."""
    found: dict[str, dict[str, list[str]]] = {}
    for row in series_of(connection, tasks, kinds):
        variants = found.setdefault(row["task"], {}).setdefault(row["metric"], [])
        if row["variant"] not in variants:
            variants.append(row["variant"])
    return found
