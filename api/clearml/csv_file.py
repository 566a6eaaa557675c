"""Documents as lines of CSV, which spreadsheets open without running what is in them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from node.tracking.collection import Collection
from node.tracking.fields import readings

_RUN: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a cell begins with that a spreadsheet takes for a formula, the wide forms of these included."""


@dataclass(frozen=True, slots=True)
class Column:
    """A field by its dotted path, the column's title, and what stands for certain values there."""

    path: str
    title: str
    values: Mapping[str, Any] = field(default_factory=dict)


def line(cells: Iterable[Any]) -> str:
    """One line of text cells, its end included."""
    text = io.StringIO()
    csv.writer(text).writerow([harmless(cell) for cell in cells])
    return text.getvalue()


def cells(collection: Collection, columns: Sequence[Column], document: Mapping[str, Any]) -> list[Any]:
    """What a document has in each column."""
    found = []
    for column in columns:
        value = next(
            (v for v in (_at(document, path) for path in readings(collection, column.path)) if v is not None),
            None,
        )
        found.append(column.values.get(key_of(value), value))
    return found


def key_of(value: Any) -> str:
    """By what a value is known among the values of a column that have others in their place."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def harmless(value: Any) -> str:
    """A cell's text. What a spreadsheet would run, and is no number, gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, list) and not any(isinstance(item, (list, dict)) for item in value):
        value = ", ".join(map(str, value))
    text = value if isinstance(value, str) else json.dumps(value)
    return f"'{text}" if text.lstrip(" ").startswith(_RUN) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return not text[0].isspace()


def _at(value: Any, path: Sequence[str]) -> Any:
    """What is at a path; of lists, what is there in each item."""
    if not path:
        return value
    if isinstance(value, list):
        return [found for item in value if (found := _at(item, path)) is not None]
    return _at(value.get(path[0]), path[1:]) if isinstance(value, dict) else None
