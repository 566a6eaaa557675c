"""Stored events as the documents in which ClearML returns them. Times are unix milliseconds."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import sqlalchemy as sa

from node.events.kinds import TYPE_NAMES, Document, EventKind
from node.events.logs import LogEvent


def document(row: Mapping[str, Any], kind: EventKind, point: sa.Row[Any]) -> Document:
    """An event of a series: `row` of `event_series`, `point` of the kind's table."""
    found: Document = {
        "task": row["task"],
        "type": TYPE_NAMES[kind],
        "metric": row["metric"],
        "variant": row["variant"],
        "iter": point.iteration,
        "timestamp": point.timestamp,
        "worker": row["worker"] or "",
    }
    match kind:
        case EventKind.SCALAR | EventKind.SINGLE:
            found["value"] = point.value
            if row["x_axis_label"]:
                found["x_axis_label"] = row["x_axis_label"]
        case EventKind.VECTOR:
            found["values"] = np.frombuffer(point.values, "<f8").tolist()
        case EventKind.PLOT:
            body = zlib.decompress(point.body) if point.packed else point.body
            found |= {"plot_str": body.decode("utf-8", "replace"), "valid_plot": point.valid}
        case EventKind.IMAGE:
            found |= {"url": point.url, "key": point.key}
    return found


def log_document(task: str, line: LogEvent) -> Document:
    """A line of a log."""
    found: Document = {
        "task": task,
        "type": TYPE_NAMES[EventKind.LOG],
        "timestamp": line.timestamp,
        "worker": line.worker or "",
        "level": line.level or "",
        "msg": line.message,
    }
    return found | ({"metric": line.metric} if line.metric else {})
