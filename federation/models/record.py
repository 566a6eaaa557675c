"""Models as JSON-able dictionaries and back.

A model's fields are texts, numbers, flags, None, tuples and mappings of these, and dataclasses of the same
kind. Reading back holds every value to its field's type, since a stored model may come from anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from federation.models.errors import ModelError

Model = TypeVar("Model")

WHOLE: Final = "take the model as the node that fitted it exports it"


def to_record(model: Any) -> dict[str, Any]:
    """A model's fields, tuples as lists, dataclasses as dictionaries."""
    return {field.name: _plain(getattr(model, field.name)) for field in fields(model)}


def from_record(model: type[Model], record: Mapping[str, Any]) -> Model:
    """Read `to_record`'s form; raises `ModelError` naming the field that is not as it was written."""
    read: Model = _dataclass(model, record, f"this is not a stored {model.__name__}")
    return read


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return to_record(value) if is_dataclass(value) else value


def _dataclass(model: Any, record: Any, where: str) -> Any:
    hints = _hints(model)
    optional = {field.name for field in fields(model) if field.default is not MISSING}
    if not isinstance(record, Mapping) or set(record) | optional != set(hints):
        wrong = (
            sorted(map(str, (set(record) | optional) ^ set(hints)))
            if isinstance(record, Mapping)
            else "all of them"
        )
        raise ModelError(f"{where}: missing or unknown fields {wrong}", WHOLE)
    return model(
        **{
            name: _restored(record[name], hint, f"{where}: {name}")
            for name, hint in hints.items()
            if name in record
        }
    )


@cache
def _hints(model: Any) -> dict[str, Any]:
    hints = get_type_hints(model)
    return {field.name: hints[field.name] for field in fields(model)}


def _restored(value: Any, hint: Any, where: str) -> Any:
    """The value as the type says; raises `ModelError` if it cannot be that."""
    kind, arguments = get_origin(hint) or hint, get_args(hint)
    if kind in (Union, UnionType):
        if value is None and NoneType in arguments:
            return None
        return _any_of(value, [item for item in arguments if item is not NoneType], where)
    if kind is tuple and isinstance(value, (list, tuple)):
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return _series(value, arguments[0], where)
        if len(arguments) == len(value):
            pairs = zip(value, arguments, strict=True)
            return tuple(_restored(item, part, where) for item, part in pairs)
    if isinstance(kind, type) and issubclass(kind, Mapping) and isinstance(value, Mapping):
        key, item = arguments
        return {_restored(k, key, where): _restored(v, item, f"{where}[{k!r}]") for k, v in value.items()}
    if is_dataclass(kind):
        return _dataclass(kind, value, where)
    if (kind is Literal and value in arguments) or kind is Any:
        return value
    if kind is float and isinstance(value, (float, int)) and not isinstance(value, bool):
        return _finite(value, where)
    if kind in (str, bool, int) and type(value) is kind:
        return value
    shown = getattr(kind, "__name__", str(kind))
    raise ModelError(f"{where} is {str(value)[:80]!r}, not {shown}", WHOLE)


def _series(values: Any, hint: Any, where: str) -> tuple[Any, ...]:
    """Many values of one type; numbers, of which there may be a million, without a call for each."""
    types = set(map(type, values)) if hint in (float, int) else {NoneType}
    if types <= {hint} and (hint is int or all(map(math.isfinite, values))):
        return tuple(values)
    return tuple(_restored(item, hint, where) for item in values)


def _any_of(value: Any, hints: list[Any], where: str) -> Any:
    for hint in hints[:-1]:
        try:
            return _restored(value, hint, where)
        except ModelError:
            continue
    return _restored(value, hints[-1], where)


def _finite(value: float, where: str) -> float:
    try:
        read = float(value)
    except OverflowError:  # a whole number of more than 308 digits
        read = math.inf
    if not math.isfinite(read):
        raise ModelError(f"{where} is not a finite number", WHOLE)
    return read
