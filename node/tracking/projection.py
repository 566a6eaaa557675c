"""Which fields of a document an answer has: only_fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from node.tracking.collection import Collection
from node.tracking.errors import BadFieldValue
from node.tracking.fields import readings
from node.tracking.json_sql import Path


@dataclass(frozen=True, slots=True)
class Projection:
    """The dotted paths to show (all, if there are none) and to leave out; the id is always shown."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def columns(self, collection: Collection) -> list[sa.Column[Any]]:
        """The columns that a row must be read with."""
        if not self.include:
            return [*_all_columns(collection)]
        wanted = {"id", *self.include}
        columns = [
            collection.table.c[name]
            for path, name in collection.columns.items()
            if any(path == w or path.startswith(f"{w}.") or w.startswith(f"{path}.") for w in wanted)
        ]
        if not self.include or any(w not in collection.columns for w in wanted):
            columns.append(collection.table.c.document)
        return columns

    def applied(self, collection: Collection, documents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The documents with the wanted fields only. They may share parts with the given ones."""
        found = list(documents)
        if self.include:
            paths = [reading for path in self.include for reading in readings(collection, path)]
            found = [_with(paths, document) for document in found]
        if self.exclude:
            gone = [reading for path in self.exclude for reading in readings(collection, path)]
            found = [_without(gone, document) for document in found]
        return found


def _with(paths: Iterable[Path], document: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": document["id"]}
    for path in paths:
        _copy(document, shown, path)
    return shown


def _without(paths: Iterable[Path], document: dict[str, Any]) -> dict[str, Any]:
    shown = deepcopy(document)
    for path in paths:
        if path != ("id",):
            _remove(shown, path)
    return shown


def _all_columns(collection: Collection) -> list[sa.Column[Any]]:
    return [collection.table.c[name] for name in (*collection.columns.values(), "document")]


def read_projection(value: Any) -> Projection:
    """From a path or a list of paths, those to leave out beginning with "-". Raises BadFieldValue."""
    paths = [value] if isinstance(value, str) else (value or [])
    if not isinstance(paths, (list, tuple)) or not all(isinstance(path, str) and path for path in paths):
        raise BadFieldValue("only_fields is not a list of names", 'send it as ["id", "name"]')
    include = tuple(path for path in paths if not path.startswith("-"))
    exclude = (path.lstrip("-") for path in paths if path.startswith("-"))
    return Projection(include, tuple(path for path in exclude if path not in include))


def _copy(source: Mapping[str, Any], target: dict[str, Any], path: Path) -> None:
    key, rest = path[0], path[1:]
    if key not in source:
        return
    value = source[key]
    if not rest:
        target[key] = value
    elif isinstance(value, dict):
        below = target.setdefault(key, {})
        if below is not value:  # else it is shown whole already
            _copy(value, below, rest)
    elif isinstance(value, list):
        target[key] = _copied_items(value, target.get(key), rest)


def _copied_items(items: Sequence[Any], shown: Any, path: Path) -> list[Any]:
    """The fields at `path` of each item, beside those shown of it already."""
    before = shown if isinstance(shown, list) else [{} for item in items if isinstance(item, dict)]
    dicts = [item for item in items if isinstance(item, dict)]
    if shown is items:
        return before
    for item, target in zip(dicts, before, strict=True):
        _copy(item, target, path)
    return before


def _remove(target: Any, path: Path) -> None:
    if isinstance(target, list):
        for item in target:
            _remove(item, path)
    elif isinstance(target, dict):
        if len(path) == 1:
            target.pop(path[0], None)
        else:
            _remove(target.get(path[0]), path[1:])
