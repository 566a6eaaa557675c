"""From reported events to a batch that can be written: checked, sorted by series, the same points dropped.

Pure, and run in a thread: a batch may hold a hundred thousand events, so what is done for each of them is no
more than finding its series. The checks are made on whole series, and event by event only where one failed.
"""

from __future__ import annotations

import math
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic_core import from_json

from node.errors import BadRequest
from node.events.kinds import LARGEST, SINGLE_ITERATION, TYPES, EventKind

Point = tuple[int, float, int]
"""Iteration, value and unix milliseconds."""

PACK_FROM = 1024
"""Bytes from which a plot is compressed."""

_SHARED = ("task", "type", "metric", "variant", "model_event", "allow_locked", "model")
"""The fields that say whose an event is: they are checked once for all events that agree in them."""


class EmptyBatch(BadRequest):
    """There is no event in the batch."""


class MixedBatch(BadRequest):
    """The events of one task differ in whether they may be added to a locked task."""


@dataclass(frozen=True, slots=True)
class Series:
    """Whose points they are; `of_model`: `task` is the id of a model."""

    task: str
    kind: EventKind
    metric: str
    variant: str
    of_model: bool = False


@dataclass(slots=True)
class Reported:
    """What a batch has for one series; `rows` are those of the kind's table without the series, by
    iteration."""

    rows: list[tuple[Any, ...]]
    worker: str | None = None
    x_axis_label: str | None = None


@dataclass(slots=True)
class Batch:
    """Checked events.

    `logs`: (task, unix ms, level, worker, metric, message); `refused`: why, and how often; `allow_locked`:
    whether a task's events may be added even if it is published; `counts`: how many events each task or model
    (True) has.
    """

    series: dict[Series, Reported] = field(default_factory=dict)
    logs: list[tuple[str, int, str | None, str | None, str | None, str]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    allow_locked: dict[str, bool] = field(default_factory=dict)
    counts: Counter[tuple[str, bool]] = field(default_factory=Counter)


def sort(events: Sequence[Any], worker: str | None = None) -> Batch:
    """The batch that these events are; `worker` is the worker of those that name none.

    An event is ClearML's: type, task, metric, variant, iter, timestamp (unix ms, now if it has none), and
    value, values, plot_str, url and key, or msg and level; null is as good as absent. Raises EmptyBatch,
    MixedBatch.
    """
    if not events:
        raise EmptyBatch("the batch has no events", "send at least one")
    groups: dict[Any, list[dict[str, Any]]] = {}
    for event in events:
        try:
            get = event.get
            key = tuple(map(get, _SHARED))
            group = groups.get(key)
        except (AttributeError, TypeError):
            key, group = None, groups.get(None)
        if group is None:
            group = groups[key] = []
        group.append(event)
    batch = Batch()
    now = int(time.time() * 1000)
    for key, found in groups.items():
        _take(batch, key, found, worker, now)
    return batch


def _take(batch: Batch, key: Any, events: list[dict[str, Any]], worker: str | None, now: int) -> None:
    """Add the events that share a key: all but one of their fields are checked once."""
    if key is None:
        batch.refused["an event is an object whose task, type, metric and variant are texts"] += len(events)
        return
    task, kind_name, metric, variant, model_event, allow_locked, model = key
    of_model = bool(model_event)
    if of_model:
        task = model or task
    problem = _problem(task, kind_name, metric, variant, of_model)
    if problem is not None:
        batch.refused[problem] += len(events)
        return
    if batch.allow_locked.setdefault(task, bool(allow_locked)) != bool(allow_locked):
        raise MixedBatch(
            f"the events of {task} differ in allow_locked",
            "send those that may be added to it when locked apart",
        )
    kind = TYPES[kind_name]
    good: list[tuple[Any, ...]] | None = _scalars(events, now) if kind is EventKind.SCALAR else None
    if good is None:
        good = _one_by_one(batch, kind, events, worker, now)
    if not good:
        return
    batch.counts[(task, of_model)] += len(good)
    if kind is EventKind.LOG:
        batch.logs += [(task, row[0], row[1], row[2], metric, row[3]) for row in good]
        return
    last = events[-1]
    told = {"worker": last.get("worker") or worker, "x_axis_label": last.get("x_axis_label")}
    if kind is EventKind.SCALAR:
        single = [row for row in good if row[0] == SINGLE_ITERATION] if good[0][0] <= SINGLE_ITERATION else []
        if single:
            _merge(batch, Series(task, EventKind.SINGLE, metric or "", variant or "", of_model), single, told)
            good = [row for row in good if row[0] != SINGLE_ITERATION]
    if good:
        _merge(batch, Series(task, kind, metric or "", variant or "", of_model), good, told)


def _merge(batch: Batch, series: Series, rows: list[tuple[Any, ...]], told: dict[str, Any]) -> None:
    """Two keys may be one series: null and the empty text."""
    present = batch.series.get(series)
    if present is not None:
        keys = 2 if series.kind is EventKind.IMAGE else 1
        rows = _distinct(present.rows + rows, keys)
    batch.series[series] = Reported(
        rows,
        _text(told["worker"]) or (present.worker if present else None),
        _text(told["x_axis_label"]) or (present.x_axis_label if present else None),
    )


def _problem(task: Any, kind: Any, metric: Any, variant: Any, of_model: bool) -> str | None:
    """Why no event with these fields can be stored."""
    if not isinstance(task, str) or not task:
        return "an event names its task"
    if not isinstance(kind, str) or kind not in TYPES:
        return f"there is no event type {str(kind)[:80]!r}"
    if not isinstance(metric, (str, type(None))) or not isinstance(variant, (str, type(None))):
        return "metric and variant are texts"
    if of_model and kind == "log":
        return "a model has no log"
    return None


def _scalars(events: list[dict[str, Any]], now: int) -> list[tuple[Any, ...]] | None:
    """Scalars of one series that are all as they should be, distinct and by iteration; else None."""
    try:
        iterations = np.array([event.get("iter", 0) for event in events])
        values = np.array([event["value"] for event in events])
        stamps = np.array([event.get("timestamp", now) for event in events])
    except (KeyError, ValueError, OverflowError):
        return None
    if iterations.dtype.kind != "i" or values.dtype.kind not in "if" or stamps.dtype.kind not in "if":
        return None
    if not np.isfinite(values).all() or not (np.abs(stamps) < 2.0**62).all():
        return None
    stamps, values = stamps.astype(np.int64), values.astype(np.float64)
    rows = list(zip(iterations.tolist(), values.tolist(), stamps.tolist(), strict=True))
    return rows if (iterations[1:] > iterations[:-1]).all() else _distinct(rows, 1)


def _distinct(rows: Iterable[tuple[Any, ...]], keys: int) -> list[tuple[Any, ...]]:
    """Sorted by the first `keys` fields; of several that agree in them the last one counts."""
    latest = {row[:keys]: row for row in rows}
    return [latest[key] for key in sorted(latest)]


def _one_by_one(
    batch: Batch, kind: EventKind, events: list[dict[str, Any]], worker: str | None, now: int
) -> list[tuple[Any, ...]]:
    """The good ones as rows; the reasons of the others are counted."""
    rows = []
    for event in events:
        try:
            rows.append(_row(kind, event, worker, now))
        except ValueError as error:
            batch.refused[str(error)] += 1
    if kind is EventKind.LOG:
        return rows
    return _distinct(rows, 2 if kind is EventKind.IMAGE else 1)


def _row(kind: EventKind, event: dict[str, Any], worker: str | None, now: int) -> tuple[Any, ...]:
    """One event's row. Raises ValueError saying what is wrong with it."""
    stamp = _whole(event.get("timestamp"), "timestamp", now)
    if kind is EventKind.LOG:
        message, level = event.get("msg"), event.get("level")
        if not isinstance(message, str):
            raise ValueError("the msg of a log event is a text")
        return stamp, _text(level), _text(event.get("worker")) or worker, message
    iteration = _whole(event.get("iter"), "iter", 0)
    if kind is EventKind.SCALAR:
        return iteration, _number(event.get("value"), "value"), stamp
    if kind is EventKind.VECTOR:
        values = event.get("values")
        if not isinstance(values, list):
            raise ValueError("the values of a vector are a list of numbers")
        numbers = np.array([_number(value, "value") for value in values], dtype="<f8")
        return iteration, numbers.tobytes(), stamp
    if kind is EventKind.PLOT:
        return iteration, *_packed(event.get("plot_str"), bool(event.get("skip_validation"))), stamp
    url, name = event.get("url"), event.get("key")
    if not isinstance(url, str) or not isinstance(name, (str, type(None))):
        raise ValueError("an image has a url, and its key is a text")
    return iteration, name or "", url, stamp


def _packed(text: Any, unchecked: bool) -> tuple[bytes, bool, bool]:
    """A plot's bytes, whether they are compressed, and whether the text is JSON."""
    if not isinstance(text, str):
        raise ValueError("the plot_str of a plot is a text")
    body = text.encode("utf-8", "surrogatepass")
    valid = True
    if not unchecked:
        try:
            from_json(body)
        except ValueError:
            valid = False
    if len(body) >= PACK_FROM:
        packed = zlib.compress(body, 1)
        if len(packed) < 0.9 * len(body):
            return packed, True, valid
    return body, False, valid


def _whole(value: Any, name: str, default: int) -> int:
    """A whole number of at most 63 bits; of a fraction its whole part, as ClearML has it."""
    if value is None:
        return default
    number = _number(value, name) if isinstance(value, float) else value
    if isinstance(number, bool) or not isinstance(number, (int, float)) or abs(number) > LARGEST:
        raise ValueError(f"{name} is a whole number between -2^63 and 2^63")
    return int(number)


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name} is a number")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f"{name} is a number") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} is a finite number")
    return number


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
