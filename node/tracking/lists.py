"""Conditions on the values of a field: the lists and filters of the query language.

    ["a", "b"]                          a or b
    ["a", "-b"]                         a, and not b
    ["__$all", "a", "b", "__$not", "c"] a and b, and not c
    ["a", null]                         a, or no value at all

An operator holds for the values behind it, "__$not" for the next one only. The first operator, if it opens
the list, also says how the groups combine; without one, all must hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import sqlalchemy as sa

from node.tracking.errors import BadFieldValue, InvalidRequest
from node.tracking.fields import Condition, lacks

OPERATOR = "__$"
"""What operators begin with, and so what no label may begin with."""

_NOT, _NOP = "__$not", "__$nop"
_CONTEXTS = {"__$all": "all", "__$and": "all", "__$any": "any", "__$or": "any"}


class Valued(Protocol):
    """What lists need of a field."""

    def one_of(self, values: Sequence[str]) -> Condition: ...

    def none_of(self, values: Sequence[str]) -> Condition: ...

    def every(self, values: Sequence[str]) -> Condition: ...

    def empty(self) -> Condition: ...


@dataclass(slots=True)
class _List:
    """A list of values and operators, taken apart. contexts: the values wanted in each."""

    combine: str | None = None
    some: list[str] = field(default_factory=list)
    every: list[str] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)
    or_empty: bool = False


def list_condition(valued: Valued, name: str, value: Any) -> Condition:
    """What a value, or a list of values and operators, asks of a field. Raises BadFieldValue."""
    terms = _read_list(name, list(value) if isinstance(value, (list, tuple)) else [value])
    groups = [
        *([valued.one_of(terms.some)] if terms.some else []),
        *([valued.every(terms.every)] if terms.every else []),
        *([valued.none_of(terms.excluded)] if terms.excluded else []),
    ]
    condition = sa.true() if not groups else (sa.or_ if terms.combine == "any" else sa.and_)(*groups)
    return (
        sa.or_(valued.empty(), condition)
        if terms.or_empty and groups
        else (valued.empty() if terms.or_empty else condition)
    )


def _read_list(name: str, items: Sequence[Any]) -> _List:
    terms = _List()
    context, negate, minus_excludes = "any", False, True
    for item in items:
        if negate and (item is None or item in _CONTEXTS or item in (_NOT, _NOP)):
            raise BadFieldValue(f"a value is expected behind {_NOT} ({name})", "name what to leave out")
        if isinstance(item, str) and item in _CONTEXTS:
            context, minus_excludes = _CONTEXTS[item], False
            terms.combine = terms.combine or context
            continue
        if item == _NOT:
            negate = True
            continue
        terms.combine = terms.combine or "all"  # values came before any operator
        if item is None:
            terms.or_empty = True
        elif not isinstance(item, str):
            raise BadFieldValue(f"{item!r} is not a text ({name})", "send values of lists as texts")
        elif item == _NOP:
            context, minus_excludes = "any", True
        elif item.startswith(OPERATOR):
            raise BadFieldValue(
                f"{item!r} is not an operator ({name})",
                f"use one of {', '.join((*_CONTEXTS, _NOT, _NOP))}",
            )
        elif not negate and minus_excludes and item.startswith("-"):
            if item == "-":
                raise BadFieldValue(f"a value is expected behind - ({name})", "name what to leave out")
            terms.excluded.append(item[1:])
        else:
            wanted = terms.every if context == "all" else terms.some
            (terms.excluded if negate else wanted).append(item)
            negate = False
    if negate:
        raise BadFieldValue(f"a value is expected behind {_NOT} ({name})", "name what to leave out")
    return terms


def filter_condition(valued: Valued, name: str, value: Any) -> Condition:
    """What a filter asks of a field: {any: {include, exclude}, all: {include, exclude}, op: and | or}.

    any: one of `include`, or lacking one of `exclude`; all: every one of `include`, and none of `exclude`; a
    null among them stands for having no value. Raises InvalidRequest.
    """
    parts = _mapping(name, value, ("any", "all", "op"))
    operator = parts.get("op") or "and"
    if operator not in ("and", "or"):
        raise InvalidRequest(f"{operator!r} does not combine filters ({name})", "use and, or")
    groups = []
    for context in ("any", "all"):
        lists = _mapping(name, parts.get(context) or {}, ("include", "exclude"))
        found = _group(valued, context, _texts(name, lists, "include"), _texts(name, lists, "exclude"))
        if found:
            groups.append((sa.or_ if context == "any" else sa.and_)(*found))
    if not groups:
        return sa.true()
    return (sa.and_ if operator == "and" else sa.or_)(*groups)


def _group(
    valued: Valued, context: str, include: list[str | None], exclude: list[str | None]
) -> list[Condition]:
    wanted, unwanted = ([v for v in values if v is not None] for values in (include, exclude))
    found = []
    if None in include:
        found.append(valued.empty())
    if wanted:
        found.append(valued.one_of(wanted) if context == "any" else valued.every(wanted))
    if None in exclude:
        found.append(sa.not_(valued.empty()))
    if unwanted:
        found.append(lacks(valued.every(unwanted)) if context == "any" else valued.none_of(unwanted))
    return found


def _mapping(name: str, value: Any, keys: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not value.keys() <= set(keys):
        raise InvalidRequest(f"the filter for {name} is not an object of {', '.join(keys)}", "send it so")
    return value


def _texts(name: str, lists: Mapping[str, Any], key: str) -> list[str | None]:
    values = lists.get(key) or []
    if not isinstance(values, (list, tuple)) or not all(v is None or isinstance(v, str) for v in values):
        raise InvalidRequest(f"{key} of the filter for {name} is not a list of texts", "send it so")
    return list(values)
