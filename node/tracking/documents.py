"""Documents as rows: functions of a connection. Several of them in one `Store.write` are one transaction.

A document goes in and comes out whole, whichever of its fields are columns. Fields that are null are absent.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from node.store.schema import labels
from node.tracking import task_values
from node.tracking.collection import Collection
from node.tracking.errors import BadFieldValue, BadPattern, NameTaken, ReadOnlyDocument
from node.tracking.fields import Condition
from node.tracking.lists import OPERATOR
from node.tracking.projection import Projection
from node.tracking.query import Query

Document = dict[str, Any]

WHOLE = Projection()

MAX_LABEL = 500
"""Characters of a label at most: what is found by an index must fit in one of its pages."""

_PATTERN_ERRORS = ("user-defined function raised", "invalid regular expression", "statement timeout")
"""SQLite's words, and PostgreSQL's, for a pattern that cannot be searched for."""

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


@dataclass(frozen=True, slots=True)
class Page:
    """What a query found. scroll_id: what to ask for the next ones with, if it was asked for so."""

    documents: list[Document]
    scroll_id: str | None = None


def get(
    connection: sa.Connection,
    collection: Collection,
    key: str,
    projection: Projection = WHOLE,
) -> Document:
    """A document by its id. Raises the collection's error of unknown ids."""
    found = read_all(connection, collection, [key], projection)
    if not found:
        raise collection.unknown(f"there is no {collection.one} {key!r}", "list them to see those that exist")
    return found[key]


def read_all(
    connection: sa.Connection, collection: Collection, ids: Iterable[str], projection: Projection
) -> dict[str, Document]:
    """Those of the documents with these ids that there are, by id."""
    columns = projection.columns(collection)
    rows = connection.execute(sa.select(*columns).where(collection.table.c.id.in_(list(ids))))
    return {document["id"]: document for document in _documents(collection, projection, rows)}


def get_own(connection: sa.Connection, collection: Collection, key: str) -> Document:
    """A document that is to be changed. Raises also ReadOnlyDocument for one that is public."""
    document = get(connection, collection, key)
    if not document["company"]:
        raise ReadOnlyDocument(f"the {collection.one} {key!r} is public", "make it private first, or a copy")
    return document


def find(connection: sa.Connection, query: Query) -> Page:
    """The documents of a query's window, in its order. Raises BadPattern for one that takes too long."""
    collection, projection, window = query.collection, query.projection, query.window
    columns = projection.columns(collection)
    if query.by_value is None and collection.listed.issuperset(column.name for column in columns):
        rows = _matching(connection, _windowed(sa.select(*columns).order_by(*query.order), query))
        page = _documents(collection, projection, rows)
    else:
        # The ids first, so that nothing large has to be put in order.
        found = _ids(connection, query)
        documents = read_all(connection, collection, found, projection)
        page = [documents[key] for key in found]
    return Page(page, window.scroll_id(len(page)) if window.scroll else None)


def _ids(connection: sa.Connection, query: Query) -> Sequence[str]:
    """The ids of the query's window, in its order."""
    by, window = query.by_value, query.window
    end = window.start + window.size
    if by is not None and by.walkable and end <= task_values.WALKED:
        found = _matching(connection, by.walked(query.where, end)).scalars().all()
        if len(found) == end and task_values.is_whole(connection, by.path):
            return found[window.start :]
    return _matching(connection, _windowed(_ordered(connection, query), query)).scalars().all()


def _ordered(connection: sa.Connection, query: Query) -> sa.Select[Any]:
    """All ids, in the query's order."""
    by, key = query.by_value, query.collection.table.c.id
    if by is None or task_values.is_whole(connection, by.path) is False:
        return sa.select(key).order_by(*query.order)
    return by.ordered()


def _windowed(statement: sa.Select[Any], query: Query) -> sa.Select[Any]:
    window = query.window
    return statement.where(query.where).offset(window.start or None).limit(window.size)


def count(connection: sa.Connection, query: Query) -> int:
    """How many documents the query finds, beyond its window too."""
    counted = sa.select(sa.func.count()).select_from(query.collection.table).where(query.where)
    return int(_matching(connection, counted).scalar_one())


def ids(connection: sa.Connection, query: Query) -> list[str]:
    """The ids of all that the query finds, beyond its window too, in its order."""
    return list(_matching(connection, _ordered(connection, query).where(query.where)).scalars())


def insert(
    connection: sa.Connection, collection: Collection, document: Mapping[str, Any], **columns: Any
) -> None:
    """A new document, with an id; `columns` are those of the table that are none of its fields.

    Raises NameTaken, and BadFieldValue for what cannot be stored.
    """
    values, rest = _split(collection, document)
    row = {**columns, **values, **_flags(collection, document), "document": rest}
    try:
        connection.execute(collection.table.insert().values(row))
    except sa.exc.IntegrityError:
        raise _taken(collection, document) from None
    _label(connection, collection, document["id"], document)
    if collection.valued:
        task_values.keep(connection, document["id"], {}, rest)


def update(
    connection: sa.Connection,
    collection: Collection,
    key: str,
    changes: Mapping[str, Any],
    *guards: Condition,
) -> bool:
    """Give fields new values: whole fields of the document, or columns by their dotted paths; null removes.

    False if there is no such document, or not one for which the guards hold. Raises NameTaken, BadFieldValue.
    """
    table = collection.table
    values = {
        collection.columns[path]: _stored(collection, path, value)
        for path, value in changes.items()
        if path in collection.columns
    }
    fields = {name: value for name, value in changes.items() if name not in collection.columns}
    mine = sa.and_(table.c.id == key, *guards)
    if fields:
        before = connection.execute(sa.select(table.c.document).where(mine)).one_or_none()
        if before is None:
            return False
        inner, rest = _split(collection, fields)
        inner = {name: inner.get(name) for name in _inside(collection, fields)}
        kept = {name: value for name, value in before.document.items() if name not in fields}
        gone = {name: value for name, value in before.document.items() if name in fields}
        values = {**inner, **values, **_flags(collection, fields), "document": kept | rest}
    try:
        changed = connection.execute(table.update().where(mine).values(values)).rowcount == 1
    except sa.exc.IntegrityError:
        raise _taken(collection, changes) from None
    relabeled = [name for name in collection.labels if name.split(".")[0] in fields]
    if changed and relabeled:
        mine = (labels.c.collection == collection.name) & (labels.c.id == key)
        connection.execute(labels.delete().where(mine, labels.c.field.in_(relabeled)))
        _label(connection, collection, key, fields)
    if changed and fields and collection.valued:
        task_values.keep(connection, key, gone, rest)
    return changed


def delete(connection: sa.Connection, collection: Collection, ids: Iterable[str]) -> int:
    """Remove documents with their labels; how many there were."""
    gone = list(ids)
    connection.execute(labels.delete().where(labels.c.collection == collection.name, labels.c.id.in_(gone)))
    if collection.valued:
        task_values.forget(connection, gone)
    table = collection.table
    return connection.execute(table.delete().where(table.c.id.in_(gone))).rowcount


# --- rows and documents -----------------------------------------------------------------------------------


def _matching(connection: sa.Connection, statement: sa.Select[Any]) -> sa.Result[Any]:
    try:
        return connection.execute(statement)
    except sa.exc.DBAPIError as error:
        if any(words in str(error.orig) for words in _PATTERN_ERRORS):
            raise BadPattern(
                "a regular expression takes too long, or is not one here", "use a simpler one"
            ) from None
        raise


def _documents(collection: Collection, projection: Projection, rows: sa.Result[Any]) -> list[Document]:
    """The documents of rows, which have the columns of the projection."""
    names = list(rows.keys())
    places = [
        (path.split("."), names.index(name)) for path, name in collection.columns.items() if name in names
    ]
    rest = names.index("document") if "document" in names else None
    documents = []
    for row in rows:
        document: Document = (None if rest is None else row[rest]) or {}
        for path, position in places:
            if row[position] is not None:
                _put(document, path, row[position])
        documents.append(document)
    return projection.applied(collection, documents)


def _put(document: Document, path: Sequence[str], value: Any) -> None:
    for parent in path[:-1]:
        document = document.setdefault(parent, {})
    document[path[-1]] = value


def _split(collection: Collection, document: Mapping[str, Any]) -> tuple[dict[str, Any], Document]:
    """The values of the columns that it has, and the rest."""
    rest = {name: value for name, value in document.items() if value is not None}
    values: dict[str, Any] = {}
    for path, name in collection.columns.items():
        parent, _, key = path.rpartition(".")
        if not parent:
            if path in rest:
                values[name] = _stored(collection, path, rest.pop(path))
        elif isinstance(rest.get(parent), dict) and key in rest[parent]:
            rest[parent] = {k: v for k, v in rest[parent].items() if k != key}
            values[name] = _stored(collection, path, document[parent][key])
    check_storable(rest)
    return values, rest


def _inside(collection: Collection, fields: Iterable[str]) -> list[str]:
    """The columns of values inside these fields, which change with them."""
    return [
        name for path, name in collection.columns.items() if "." in path and path.split(".")[0] in set(fields)
    ]


def _stored(collection: Collection, path: str, value: Any) -> Any:
    """The value as its column takes it. Raises BadFieldValue."""
    column = collection.column(path)
    assert column is not None  # noqa: S101
    known = column.type.python_type
    if value is None:
        return None if column.nullable else known()
    if known is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    fits = type(value) is known
    if fits and known is str:
        fits = _encodes(value)
    elif fits and known is float:
        fits = math.isfinite(value)
    elif fits and known is int:
        fits = -(2**63) <= value < 2**63
    if not fits:
        raise BadFieldValue(f"{str(value)[:100]!r} cannot be stored as {path}", f"send a {known.__name__}")
    return value


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


def check_storable(document: Document) -> None:
    """Raises BadFieldValue for what JSON or a database cannot hold: infinities, half characters, NUL."""
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise BadFieldValue(f"a value cannot be stored: {error}", "send what JSON can say") from None
    if "\\u0000" in text and _NUL.search(text):
        raise BadFieldValue("a text has a NUL character, which cannot be stored", "leave it out")


def _flags(collection: Collection, fields: Mapping[str, Any]) -> dict[str, bool]:
    """The columns of the flags, if there are system tags among the fields."""
    if "system_tags" not in fields:
        return {}
    tags = _values(fields, ["system_tags"])
    return {column: tag in tags for tag, column in collection.flags.items()}


def _label(connection: sa.Connection, collection: Collection, key: str, document: Mapping[str, Any]) -> None:
    """Store the labels that are in a document as rows. Raises BadFieldValue for one that is no label."""
    rows = []
    for field in collection.labels:
        for value in dict.fromkeys(_values(document, field.split("."))):
            if not isinstance(value, str) or value.startswith(OPERATOR) or len(value) > MAX_LABEL:
                raise BadFieldValue(
                    f"{str(value)[:100]!r} cannot be one of {field}",
                    f"use texts of {MAX_LABEL} characters at most that do not begin with {OPERATOR}",
                )
            rows.append({"collection": collection.name, "id": key, "field": field, "value": value})
    if rows:
        connection.execute(labels.insert(), rows)


def _values(document: Any, path: list[str]) -> list[Any]:
    """What is at a path, through the lists on the way."""
    if isinstance(document, list):
        return [value for item in document for value in _values(item, path)]
    if not path:
        return [] if document is None else [document]
    return _values(document.get(path[0]), path[1:]) if isinstance(document, Mapping) else []


def _taken(collection: Collection, document: Mapping[str, Any]) -> NameTaken:
    return NameTaken(
        f"there is a {collection.one} {document.get('name')!r} or its id {document.get('id')!r} already",
        "choose another",
    )
