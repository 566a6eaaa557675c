"""The shape of a stored model: which of its parts are tables, and of what.

A model is a record of plain values. Its lists of names (terms, classes, states, …) are its axes; a list of
values as long as an axis is a column of that axis's sheet, a matrix is a sheet between two axes. So a model
of any algorithm can be shown as tables and single values, by dialects and the command line alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeGuard

INTERNAL: Final = frozenset({"algorithm", "target", "columns", "reference_levels", "categories"})
"""What prediction needs, or what a model record tells anyway."""


INTERCEPT: Final = "(intercept)"
"""The term that no input belongs to."""

OF_TERMS: Final = frozenset({"coef", "weights", "std_error", "t", "p", "ci_low", "ci_high"})
"""Lists that belong to the terms though there happen to be as many classes."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: `lines` are the labels of its lines along `axis`, each column has one value a line.

    `name` is the axis for the sheet of an axis, the field for a matrix.
    """

    name: str
    axis: str
    lines: tuple[str, ...]
    columns: dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Shape:
    """A model's sheets, those of terms first, and every value that is not in one."""

    sheets: tuple[Sheet, ...]
    values: dict[str, Any] = field(default_factory=dict)


def shape(model: Mapping[str, Any]) -> Shape:
    """The parts of a model's `to_dict()`; what is None or INTERNAL is left out."""
    fields = {name: value for name, value in model.items() if name not in INTERNAL and value is not None}
    found = {name: value for name, value in fields.items() if _is_names(value)}
    axes = dict(sorted(found.items(), key=lambda axis: axis[0] != "terms"))
    left = {name: value for name, value in fields.items() if name not in axes}
    sheets: list[Sheet] = []
    if is_matrix(left.get("components")) and "terms" in axes:
        sheets += _components(axes["terms"], left)
    for axis, names in axes.items():
        sheets += _along_axis(axis, names, left, axes)
    slopes = [term for term in axes.get("terms", ()) if term != INTERCEPT]
    for name in [name for name in left if is_matrix(left[name])]:
        matrix = left.pop(name)
        if len(matrix[0]) == len(slopes):  # one row a component, as in plsq
            numbered = {str(at): line for at, line in enumerate(matrix, 1)}
            sheets.append(Sheet(name, "terms", tuple(slopes), numbered))
        else:
            sheets.append(_matrix(name, matrix, "line", (), axes))
    sheets += _nested(left)
    shown = {sheet.axis for sheet in sheets}
    values = {axis: names for axis, names in axes.items() if axis not in shown and axis != "terms"}
    return Shape(tuple(sheets), values | left)


def _along_axis(
    axis: str, names: Sequence[str], left: dict[str, Any], axes: Mapping[str, Sequence[str]]
) -> Iterator[Sheet]:
    """The sheets of an axis; what is in them is taken out of `left`."""
    rival = axis == "terms" and any(len(other) == len(names) for other in axes.values() if other is not names)
    columns = {
        name: _cells(left.pop(name), names)
        for name, value in list(left.items())
        if _is_along(value, names) and not (rival and isinstance(value, list) and name not in OF_TERMS)
    }
    if columns:
        yield Sheet(axis, axis, tuple(names), columns)
    for name, value in list(left.items()):
        if is_matrix(value) and len(names) in (len(value), len(value[0])):
            yield _matrix(name, left.pop(name), axis, names, axes)


def _components(terms: Sequence[str], left: dict[str, Any]) -> Iterator[Sheet]:
    """Components are numbered: what is told of each, and their weights."""
    matrix = left.pop("components")
    numbers = tuple(f"pc{at}" for at in range(1, len(matrix) + 1))
    told = {name: left.pop(name) for name in list(left) if name.startswith("explained_")}
    columns = {name: value for name, value in told.items() if _is_along(value, numbers)}
    if columns:
        yield Sheet("components", "component", numbers, columns)
    if all(len(line) == len(terms) for line in matrix):
        yield Sheet("weights", "terms", tuple(terms), dict(zip(numbers, matrix, strict=True)))


def _nested(left: dict[str, Any]) -> Iterator[Sheet]:
    """The sheets of models within the model, and of records by name; taken out of `left`."""
    for name, value in list(left.items()):
        if isinstance(value, dict) and "algorithm" in value:
            inner = shape(value)
            del left[name]
            yield from inner.sheets
            left |= {f"{name}_{key}": item for key, item in inner.values.items()}
            continue
        records = _records(value)
        columns = {
            key: [record[key] for record in records.values()]
            for key in next(iter(records.values()), {})
            if all(key in record and _plain([record[key]]) for record in records.values())
        }
        if columns:
            del left[name]
            yield Sheet(name, "attribute", tuple(records), columns)


def _records(value: Any) -> dict[str, dict[str, Any]]:
    """Records by name: a mapping of records, or a list of records that each have a different name."""
    if isinstance(value, dict) and all(isinstance(item, dict) for item in value.values()):
        return value
    if not isinstance(value, list) or not all(isinstance(item, dict) and "name" in item for item in value):
        return {}
    named = {str(item["name"]): {key: part for key, part in item.items() if key != "name"} for item in value}
    return named if len(named) == len(value) else {}


def _matrix(
    name: str, matrix: Sequence[list[Any]], axis: str, names: Sequence[str], axes: Mapping[str, Sequence[str]]
) -> Sheet:
    """A matrix with `names` along its lines; its columns are another axis, or numbered.

    Where the lengths leave it open, a model's matrices have their terms across: one row a class or component.
    """
    twins = [other for other in axes.values() if len(other) == len(matrix) and other is not names]
    across = len(matrix[0]) == len(names) and (len(matrix) != len(names) or bool(twins))
    columns = list(matrix) if across else [list(column) for column in zip(*matrix, strict=True)]
    lines = tuple(names) or tuple(str(line + 1) for line in range(len(matrix)))
    others = [other for other in axes.values() if len(other) == len(columns) and other is not names]
    if not others and len(columns) == len(names):
        others = [names]
    headings = others[0] if others else [str(at + 1) for at in range(len(columns))]
    return Sheet(name, axis, lines, dict(zip(headings, columns, strict=True)))


def is_matrix(value: Any) -> TypeGuard[list[list[Any]]]:
    """Whether a value is a list of lists, not empty, of one length and of plain values."""
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(isinstance(line, list) and len(line) == len(value[0]) > 0 for line in value)
        and all(map(_plain, value))
    )


def _is_names(value: Any) -> TypeGuard[list[str]]:
    """Whether a value is a list of different texts."""
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        return False
    return len(set(value)) == len(value)


def _is_along(value: Any, names: Sequence[str]) -> bool:
    """Whether a value has a number, text or flag for each of the names."""
    if isinstance(value, dict):
        return len(value) > 0 and set(value) == set(names) and _plain(value.values())
    return isinstance(value, list) and len(value) == len(names) and _plain(value)


def _plain(values: Any) -> bool:
    return not any(isinstance(item, (list, dict)) for item in values)


def _cells(value: Any, names: Sequence[str]) -> list[Any]:
    return [value[name] for name in names] if isinstance(value, dict) else list(value)
