"""Models as JSON-able dictionaries and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from federation.models.design import InputColumn
from federation.models.errors import ModelError

Model = TypeVar("Model")


def to_record(model: Any) -> dict[str, Any]:
    """A model's fields, tuples as lists, columns as dictionaries."""
    return {field.name: _plain(getattr(model, field.name)) for field in fields(model)}


def from_record(model: type[Model], record: Mapping[str, Any]) -> Model:
    """Read `to_record`'s form; raises `ModelError` if it is not that."""
    expected = {field.name for field in fields(model)}  # type: ignore[arg-type]
    if set(record) != expected:
        wrong = sorted(set(record) ^ expected)
        raise ModelError(f"this is not a stored {model.__name__}: missing or unknown fields {wrong}")
    try:
        return model(**{name: _restored(name, value) for name, value in record.items()})
    except (TypeError, KeyError) as error:
        raise ModelError(f"this is not a stored {model.__name__}: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, InputColumn):
        return to_record(value)
    return dict(value) if isinstance(value, Mapping) else value


def _restored(name: str, value: Any) -> Any:
    if name == "columns":
        return tuple(InputColumn(**item) for item in value)
    return tuple(_restored("", item) for item in value) if isinstance(value, list) else value
