"""The query language of lists: what a request asks for, as a statement over one collection.

A request is a dict with any of: conditions on fields by name (see `Collection`), `filters` ({field: filter},
in place of the field's own condition), `_any_` and `_all_` ({fields, pattern} or {fields, datetime}),
`search_text`, `include_subprojects`, `allow_public`, `search_hidden`, `order_by`, `only_fields`, and one way
of paging. Other keys are ignored, and null is as good as absent.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.expression import ColumnElement

from node.store.schema import COMPANY
from node.tracking.collection import Collection
from node.tracking.conditions import date_condition, range_condition
from node.tracking.errors import BadFieldValue, InvalidRequest, UnknownScroll
from node.tracking.fields import ColumnField, Condition, JsonField, LabelField, ProjectTree, field_of
from node.tracking.json_sql import Codepoints
from node.tracking.lists import Valued, filter_condition, list_condition
from node.tracking.patterns import read_pattern
from node.tracking.projection import Projection, read_projection
from node.tracking.search import Search, read_search
from node.tracking.task_values import ValueOrder

MAX_PAGE = 500
"""Documents in one answer at most, and if the request does not say."""

_COMBINE = {"_any_": sa.or_, "_or_": sa.or_, "_all_": sa.and_, "_and_": sa.and_}


@dataclass(frozen=True, slots=True)
class Window:
    """Which of the documents found: `size` from `start` on. scroll: whether the next ones are asked for by a
    scroll id."""

    start: int = 0
    size: int = MAX_PAGE
    scroll: bool = False

    def scroll_id(self, found: int) -> str:
        """Where the next answer begins, after one with so many documents."""
        return base64.urlsafe_b64encode(b"after:%d" % (self.start + found)).decode()


@dataclass(frozen=True, slots=True)
class Query:
    """A request that was understood. `where` has every condition, the company's included; `by_value` is the
    order once more, if it begins with values that are rows of `task_values`."""

    collection: Collection
    where: Condition
    order: tuple[ColumnElement[Any], ...]
    by_value: ValueOrder | None = None
    window: Window = field(default_factory=Window)
    projection: Projection = field(default_factory=Projection)

    def also(self, *conditions: Condition) -> Query:
        """The query with conditions of the caller's own."""
        return replace(self, where=sa.and_(self.where, *conditions))


def read_query(collection: Collection, request: Mapping[str, Any], company: str = COMPANY) -> Query:
    """Raises InvalidRequest (paging, ranges, filters), BadFieldValue (operators, dates, wrong types),
    BadPattern, UnknownScroll."""
    search = read_search(collection, request.get("search_text"))
    # In this order they are tried: what is hidden is the dearest to ask, and seldom leaves anything out.
    asked = [*([] if search is None else [search.found]), *_conditions(collection, request)]
    conditions = [
        _company(collection, request, company),
        *asked,
        *_hidden(collection, request),
    ]
    order = _order(collection, request.get("order_by"), search, all_wanted=not asked)
    return Query(
        collection,
        sa.and_(*conditions),
        order,
        _by_value(collection, request.get("order_by"), order),
        _window(request),
        read_projection(request.get("only_fields")),
    )


def _company(collection: Collection, request: Mapping[str, Any], company: str) -> Condition:
    column = collection.table.c.company
    own = column == company
    return own if request.get("allow_public") is False else column.in_(("", company))


def _hidden(collection: Collection, request: Mapping[str, Any]) -> list[Condition]:
    if request.get("search_hidden") or any(request.get(name) for name in collection.unhiding):
        return []
    return [LabelField(collection, "system_tags").none_of([collection.hidden])]


def _conditions(collection: Collection, request: Mapping[str, Any]) -> Iterator[Condition]:
    filters = request.get("filters") or {}
    if not isinstance(filters, dict):
        raise BadFieldValue("filters is not an object", "send it as {field: {any: {include: []}}}")
    tree = bool(request.get("include_subprojects"))
    lists = {
        name: filter_condition(_valued(collection, name, tree), name, value)
        for name, value in _named(collection.lists, filters)
    }
    request = {name: value for name, value in request.items() if name not in filters}
    lists |= {
        name: list_condition(_valued(collection, name, tree), name, value)
        for name, value in _named(collection.lists, request)
    }
    # Most lists ask for what is not archived, which holds for most: it is asked last.
    last = lists.pop("system_tags", None)
    yield from lists.values()
    for name, value in _named(collection.patterns, request):
        if value != "":
            yield field_of(collection, name).matches(read_pattern(value, name))
    for name, value in _named(collection.ranges, request):
        yield range_condition(collection, name, value)
    for name, value in _named(tuple(collection.times.difference(collection.ranges)), request):
        yield date_condition(collection, name, value)
    for name, value in _named(collection.equals, request):
        yield field_of(collection, name).equals(value)
    for name, value in _named(tuple(_COMBINE), request):
        yield _several(collection, name, value)
    if last is not None:
        yield last


def _named(names: Sequence[str], request: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The parts of a request that have one of these names, or begin with one that ends in *."""
    exact = {name for name in names if not name.endswith("*")}
    starts = tuple(name[:-1] for name in names if name.endswith("*"))
    for name, value in request.items():
        if value is not None and (name in exact or (starts and name.startswith(starts))):
            yield name, value


def _valued(collection: Collection, name: str, tree: bool) -> Valued:
    found = field_of(collection, name)
    if tree and name == collection.tree and isinstance(found, ColumnField):
        return ProjectTree(found.column)
    return found


def _several(collection: Collection, name: str, value: Any) -> Condition:
    """One pattern or date condition on several fields."""
    names = value.get("fields") if isinstance(value, dict) else None
    if not isinstance(names, list) or not all(isinstance(item, str) and item for item in names):
        raise BadFieldValue(f"{name} has no list of fields", 'send it as {"fields": [], "pattern": ""}')
    if value.get("pattern") is not None:
        pattern = read_pattern(value["pattern"], name, ignore_case=True)
        found = [field_of(collection, item).matches(pattern) for item in names]
    elif value.get("datetime") is not None:
        times = [item for item in names if item in collection.times]
        found = [date_condition(collection, item, value["datetime"]) for item in times]
    else:
        raise BadFieldValue(f"{name} has neither a pattern nor a datetime", "add one of them")
    return _COMBINE[name](*found) if found else sa.true()


def _order(
    collection: Collection, value: Any, search: Search | None, *, all_wanted: bool
) -> tuple[ColumnElement[Any], ...]:
    names = [value] if isinstance(value, str) else (value or [])
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) and name for name in names):
        raise BadFieldValue("order_by is not a list of fields", 'send it as ["-last_update"]')
    order: list[ColumnElement[Any]] = []
    for name in names:
        if name.removeprefix("-") == "@text_score":
            if search is None:
                raise BadFieldValue("order_by has @text_score, but there is no search_text", "add it")
            order.append(search.score.desc())
        else:
            order += field_of(collection, name.removeprefix("-")).order(descending=name.startswith("-"))
    if not names and not all_wanted:
        # As an expression, or SQLite walks along the ids, whatever else is asked for.
        return (Codepoints(collection.table.c.id.concat("")),)
    if not {"id", "-id"}.intersection(names):
        order += ColumnField(collection.table.c.id).order(descending=False)
    return tuple(order)


def _by_value(collection: Collection, value: Any, order: tuple[ColumnElement[Any], ...]) -> ValueOrder | None:
    names = [value] if isinstance(value, str) else (value or [])
    if not names or names[0].endswith("@text_score"):
        return None
    first, descending = field_of(collection, names[0].removeprefix("-")), names[0].startswith("-")
    if not isinstance(first, JsonField) or first.kept is None:
        return None
    own = len(first.order(descending=descending))
    return ValueOrder(first.kept, descending, order[own:] if len(names) > 1 else ())


def _window(request: Mapping[str, Any]) -> Window:
    paged = any(request.get(name) is not None for name in ("start", "page", "page_size"))
    asked = "scroll_id" in request or request.get("size") is not None
    if request.get("scroll_id") is not None or (asked and not paged):
        return _scroll(request)
    if request.get("start") is not None:
        return Window(_whole(request, "start", 0, 0), min(_whole(request, "size", 1), MAX_PAGE))
    size = min(_whole(request, "page_size", 1, MAX_PAGE), MAX_PAGE)
    return Window(_whole(request, "page", 0, 0) * size, size)


def _scroll(request: Mapping[str, Any]) -> Window:
    size = _whole(request, "size", 1, MAX_PAGE)
    position = _position(request.get("scroll_id"))
    if request.get("refresh_scroll"):
        return Window(0, max(position, size), scroll=True)
    return Window(position, min(size, MAX_PAGE), scroll=True)


def _position(scroll_id: Any) -> int:
    if scroll_id is None or scroll_id == "":
        return 0
    try:
        before, _, position = base64.urlsafe_b64decode(scroll_id).partition(b":")
        if before == b"after" and position.isdigit() and len(position) < 16:
            return int(position)
    except (TypeError, ValueError, binascii.Error):
        pass
    raise UnknownScroll(f"{scroll_id!r} is not a scroll id that this node gave", "start without one")


def _whole(request: Mapping[str, Any], name: str, least: int, default: int | None = None) -> int:
    value = request.get(name)
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**53:
        raise InvalidRequest(f"{name} is {value!r}", f"give a whole number, {least} or more")
    return value
