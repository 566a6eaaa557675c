"""The fields of a collection, as conditions over its rows can be made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Collection as Values
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.sql.expression import ColumnElement

from node.store.schema import labels
from node.tracking import json_sql, task_values
from node.tracking.collection import PROJECTS, Collection, Keys
from node.tracking.patterns import Pattern

Condition = ColumnElement[bool]

MAX_READINGS = 16
"""Ways to read a path whose keys have dots in them, at most."""


def lacks(condition: Condition) -> Condition:
    """That a condition does not hold, be it false or unknown."""
    return sa.not_(sa.func.coalesce(condition, sa.false()))


class Field(Protocol):
    """A field in SQL. What its conditions say of a missing value is false or NULL, but for `empty`."""

    def one_of(self, values: Sequence[str]) -> Condition:
        """Whether it has one of these values at least."""

    def none_of(self, values: Sequence[str]) -> Condition:
        """Whether it has none of these values."""

    def every(self, values: Sequence[str]) -> Condition:
        """Whether it has all of these values."""

    def equals(self, value: Any) -> Condition:
        """Whether its value is this one: a text, a number, true or false."""

    def empty(self) -> Condition:
        """Whether it has no value."""

    def matches(self, pattern: Pattern) -> Condition:
        """Whether a text that it has matches."""

    def number(self) -> ColumnElement[Any]:
        """Its number, or unix seconds."""

    def order(self, *, descending: bool) -> list[ColumnElement[Any]]:
        """What rows are put in order by; those without a value are last, both ways."""


def field_of(collection: Collection, path: str) -> Field:
    """The field at a dotted path."""
    column = collection.column(path)
    if column is not None:
        return ColumnField(column)
    if path in collection.labels:
        return LabelField(collection, path)
    whose = collection.of_type.get(path)
    own = None if whose is None else collection.table.c.type == whose
    return JsonField(collection.table.c.document, readings(collection, path), own, collection.valued)


@dataclass(frozen=True, slots=True)
class ColumnField:
    """A field with a column of its own."""

    column: sa.Column[Any]

    def one_of(self, values: Sequence[str]) -> Condition:
        return self.column.in_(values)

    def none_of(self, values: Sequence[str]) -> Condition:
        return lacks(self.one_of(values))

    def every(self, values: Sequence[str]) -> Condition:
        return self.column.in_(values) if len(set(values)) == 1 else sa.false()

    def equals(self, value: Any) -> Condition:
        known = self.column.type.python_type
        same = isinstance(value, (int, float)) if known is float else type(value) is known
        return self.column == value if same else sa.false()

    def empty(self) -> Condition:
        return self.column.is_(None)

    def matches(self, pattern: Pattern) -> Condition:
        is_text = isinstance(self.column.type, sa.String)
        return pattern.found_in(self.column) if is_text else sa.false()

    def number(self) -> ColumnElement[Any]:
        return sa.null() if isinstance(self.column.type, sa.String) else self.column

    def order(self, *, descending: bool) -> list[ColumnElement[Any]]:
        is_text = isinstance(self.column.type, sa.String)
        value: Any = json_sql.Codepoints(self.column) if is_text else self.column
        direction = value.desc() if descending else value.asc()
        return [direction.nulls_last() if self.column.nullable else direction]


@dataclass(frozen=True, slots=True)
class ProjectTree:
    """A project's column: who names a project means its subprojects too."""

    column: ColumnElement[Any]

    def one_of(self, values: Sequence[str]) -> Condition:
        return self.column.in_(values) | self.column.in_(_below(values))

    def none_of(self, values: Sequence[str]) -> Condition:
        return lacks(self.one_of(values))

    def every(self, values: Sequence[str]) -> Condition:
        return sa.and_(*(self.one_of([value]) for value in values))

    def empty(self) -> Condition:
        return self.column.is_(None)


def _below(projects: Sequence[str]) -> sa.Select[Any]:
    """The ids of all projects below these."""
    return sa.select(labels.c.id).where(
        labels.c.collection == PROJECTS.name, labels.c.field == "path", labels.c.value.in_(projects)
    )


@dataclass(frozen=True, slots=True)
class LabelField:
    """A list of labels, which are rows of their own.

    Who has a label is looked up in the set of those who have it, and that set never chooses the rows (hence
    the id as an expression): rows are read in the order wanted, and only until enough are found. Flags are
    seen in the rows themselves.
    """

    collection: Collection
    name: str

    def one_of(self, values: Sequence[str]) -> Condition:
        flags, others = self._apart(values)
        return sa.or_(*flags, *(self._has(other) for other in others))

    def none_of(self, values: Sequence[str]) -> Condition:
        flags, others = self._apart(values)
        return sa.and_(*map(sa.not_, flags), *(self._id().not_in(self._who(other)) for other in others))

    def among(self, values: Sequence[str]) -> Condition:
        """As `one_of`, where the set may choose the rows: where all that have the label are read anyway."""
        flags, others = self._apart(values)
        return sa.or_(*flags, *(self._id().in_(self._who(other)) for other in others))

    def every(self, values: Sequence[str]) -> Condition:
        return sa.and_(sa.true(), *(self.one_of([value]) for value in values))

    def equals(self, value: Any) -> Condition:
        return self.one_of([value]) if isinstance(value, str) else sa.false()

    def empty(self) -> Condition:
        return self._id().not_in(self._who())

    def matches(self, pattern: Pattern) -> Condition:
        return self._has(pattern.found_in(labels.c.value))

    def number(self) -> ColumnElement[Any]:
        return sa.null()

    def order(self, *, descending: bool) -> list[ColumnElement[Any]]:
        pick = sa.func.max if descending else sa.func.min
        mine = (*self._field(), labels.c.id == self._id())
        value = sa.select(pick(json_sql.Codepoints(labels.c.value))).where(*mine).scalar_subquery()
        return [(value.desc() if descending else value.asc()).nulls_last()]

    def _apart(self, values: Sequence[str]) -> tuple[list[Condition], list[Condition]]:
        """The columns of those that are flags, and what holds for the labels of the others, if any."""
        known = self.collection.flags if self.name == "system_tags" else {}
        flags: list[Condition] = [self.collection.table.c[known[value]] for value in values if value in known]
        others = [value for value in values if value not in known]
        return flags, [labels.c.value.in_(others)] if others or not flags else []

    def _id(self) -> sa.Column[Any]:
        return self.collection.table.c.id

    def _field(self) -> tuple[Condition, Condition]:
        return labels.c.collection == self.collection.name, labels.c.field == self.name

    def _who(self, *conditions: Condition) -> sa.Select[Any]:
        return sa.select(labels.c.id).where(*self._field(), *conditions)

    def _has(self, condition: Condition) -> Condition:
        return self._id().concat("").in_(self._who(condition))


@dataclass(frozen=True, slots=True)
class JsonField:
    """A value in the document. paths: the ways to read where it is; the first that leads to one counts. own:
    what holds for the documents that have such a value; no others need be read. valued: whether some values
    are rows of `task_values`."""

    document: sa.Column[Any]
    paths: tuple[json_sql.Path, ...]
    own: Condition | None = None
    valued: bool = False

    @property
    def kept(self) -> task_values.Path | None:
        """The path at which the values are rows."""
        path = self.paths[0]
        return path if self.valued and len(self.paths) == 1 and task_values.is_kept(path) else None

    def one_of(self, values: Sequence[str]) -> Condition:
        if self.kept is not None and all(len(value) <= task_values.MAX_TEXT for value in values):
            # As an expression, for the same reason as with labels.
            return self.document.table.c.id.concat("").in_(task_values.having(self.kept, values))
        return self._text().in_(values)

    def none_of(self, values: Sequence[str]) -> Condition:
        return lacks(self.one_of(values))

    def every(self, values: Sequence[str]) -> Condition:
        return self.one_of(values) if len(set(values)) == 1 else sa.false()

    def equals(self, value: Any) -> Condition:
        if isinstance(value, bool):
            return self._first(json_sql.truth_at) == sa.literal(value)
        if isinstance(value, (int, float)):
            return self.number() == float(value)
        return self._text() == value if isinstance(value, str) else sa.false()

    def empty(self) -> Condition:
        return sa.and_(*(json_sql.missing_at(self.document, path) for path in self.paths))

    def matches(self, pattern: Pattern) -> Condition:
        found = pattern.found_in(self._text())
        if self.own is None:
            return found
        # As sets of ids: a condition on documents beside those on columns makes SQLite read every row.
        rows = self.document.table
        own = sa.select(rows.c.id).where(self.own).correlate(None)
        return rows.c.id.in_(sa.select(rows.c.id).where(rows.c.id.in_(own), found).correlate(None))

    def number(self) -> ColumnElement[Any]:
        return self._first(json_sql.number_at)

    def order(self, *, descending: bool) -> list[ColumnElement[Any]]:
        """Numbers first, by their size, be they numbers or texts that spell them, and those of the same
        size by the text (a number has none); then other texts."""
        text = self._text()
        number = sa.func.coalesce(self.number(), json_sql.number_in(text))
        rank = sa.case((number.is_not(None), 0), (text.is_not(None), 1), else_=None)
        keys: list[Any] = [rank, number, json_sql.Codepoints(sa.func.coalesce(text, ""))]
        return [(key.desc() if descending else key.asc()).nulls_last() for key in keys]

    def _text(self) -> ColumnElement[str]:
        return self._first(json_sql.text_at)

    def _first(
        self, read: Callable[[ColumnElement[Any], json_sql.Path], ColumnElement[Any]]
    ) -> ColumnElement[Any]:
        return json_sql.first([read(self.document, path) for path in self.paths])


def readings(collection: Collection, path: str) -> tuple[json_sql.Path, ...]:
    """The key paths that a dotted path may mean, most likely first.

    Keys in maps may have dots of their own, which clients write as %2E or leave as they are: so "a.b.c" below
    a map of two levels is a and b.c, or a.b and c.
    """
    return _readings(path, collection.maps.get(path.partition(".")[0]))


@lru_cache(maxsize=1024)
def _readings(path: str, known: Keys | None) -> tuple[json_sql.Path, ...]:
    root, *rest = path.split(".")
    keys = [key.replace("%2E", ".").replace("%24", "$").replace("%25", "%") for key in rest]
    if known is None or len(keys) <= known.levels + known.item:
        return ((root, *keys),)
    end = (keys.pop(),) if known.item else ()
    return tuple((root, *groups, *end) for groups in islice(_grouped(keys, known), MAX_READINGS))


def _grouped(keys: Values[str], known: Keys) -> Iterator[json_sql.Path]:
    parts = list(keys)
    if known.levels == 1:
        yield (".".join(parts),)
        return
    for cut in range(1, len(parts)):
        yield ".".join(parts[:cut]), ".".join(parts[cut:])
