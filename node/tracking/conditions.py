"""Ranges and date conditions of the query language."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from node.tracking.collection import Collection
from node.tracking.errors import BadFieldValue, InvalidRequest
from node.tracking.fields import Condition, Field, field_of
from node.tracking.times import read_time

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}

_TICK = 0.0005
"""Half of the millisecond to which dates are told: within it, times are equal."""


def range_condition(collection: Collection, name: str, value: Any) -> Condition:
    """From a field's least and greatest value, either of them null; without a least, no value is low enough.

    Raises InvalidRequest, BadFieldValue.
    """
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise InvalidRequest(f"the range of {name} is not a pair", "send its least and its greatest value")
    low, high = value
    if low is None and high is None:
        raise InvalidRequest(f"the range of {name} has no limit", "give the least or the greatest value")
    found = field_of(collection, name)
    number = found.number()
    slack = _TICK if name in collection.times else 0.0
    limits = []
    if low is not None:
        limits.append(number >= _limit(collection, name, low) - slack)
    if high is not None:
        limits.append(number <= _limit(collection, name, high) + slack)
    condition = sa.and_(*limits)
    return sa.or_(_without_number(found), condition) if low is None else condition


def _without_number(found: Field) -> Condition:
    condition: Condition = found.number().is_(None)
    return condition


def _limit(collection: Collection, name: str, value: Any) -> float:
    if name in collection.times:
        return read_time(value, name)
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if math.isnan(number):
        raise BadFieldValue(f"{value!r} is not a number ({name})", "give numbers as limits")
    return number


def date_condition(collection: Collection, name: str, value: Any) -> Condition:
    """From a date, one behind >=, >, <= or <, a list of such, or a pair of limits. Raises BadFieldValue."""
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    if len(values) == 2 and not any(_compared(item) for item in values):
        return range_condition(collection, name, values)
    time = field_of(collection, name).number()
    return sa.and_(sa.true(), *(_moment(time, name, item) for item in values))


def _compared(value: Any) -> bool:
    return isinstance(value, str) and value.strip().startswith((">", "<"))


def _moment(time: Any, name: str, value: Any) -> Condition:
    if not _compared(value):
        at = read_time(value, name)
        condition: Condition = time.between(at - _TICK, at + _TICK)
        return condition
    text = value.strip()
    sign = next(sign for sign in _COMPARE if text.startswith(sign))
    at = read_time(text.removeprefix(sign), name)
    # A time within the tick is equal: neither before nor after.
    slack = {">=": -_TICK, "<=": _TICK, ">": _TICK, "<": -_TICK}[sign]
    compared: Condition = _COMPARE[sign](time, at + slack)
    return compared
