"""The query language against a plain reading of it, over random documents."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.tracking import documents, task_values
from node.tracking.collection import TASKS
from node.tracking.query import read_query

ROW = {"kind": "external", "parameters": {}} | dict.fromkeys(
    ("priority", "attempts", "current", "maximum"), 0
)

Document = dict[str, Any]
Holds = Callable[[Document], bool]

# --- documents ----------------------------------------------------------------------------------------------

WORDS = ("a", "b", "-b", "A b", "a.b", "é$", "x-1")
TEXTS = st.sampled_from((*WORDS, "", "10", "9", "1.5", "-2", "01", "1e2"))
KEYS = st.sampled_from(("lr", "a.b", "a", "b", "c.d", "$é x"))
NUMBERS = st.sampled_from((-2, 0, 1.5, 3))
TIMES = st.sampled_from((1_790_000_000.0, 1_790_000_000.25, 1_790_000_001.0))
maps = st.dictionaries

DOCUMENTS = st.lists(
    st.fixed_dictionaries(
        {
            "name": TEXTS,
            "last_update": TIMES,
            "last_iteration": st.integers(-2, 3),
            "status": st.just("created"),
        },
        optional={
            "comment": TEXTS,
            "project": st.sampled_from(WORDS),
            "parent": st.sampled_from(WORDS),
            "started": TIMES,
            "company": st.sampled_from(("", "c")),
            "tags": st.lists(st.sampled_from(WORDS), max_size=3),
            "system_tags": st.lists(st.sampled_from(("hidden", "archived")), max_size=2),
            "runtime": maps(KEYS, TEXTS | NUMBERS | st.booleans() | st.none(), max_size=3),
            "hyperparams": maps(KEYS, maps(KEYS, maps(st.just("value"), TEXTS | NUMBERS)), max_size=2),
            "models": st.fixed_dictionaries(
                {"input": st.lists(st.fixed_dictionaries({"model": st.sampled_from(WORDS)}), max_size=2)}
            ),
        },
    ),
    max_size=6,
)


def numbered(drawn: Iterable[Document]) -> list[Document]:
    return [{"company": "c", "user": "u", **found, "id": f"{n:032x}"} for n, found in enumerate(drawn)]


# --- a plain reading ----------------------------------------------------------------------------------------


def at(document: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if isinstance(document, list):
            return [at(item, (key,)) for item in document]
        document = document.get(key) if isinstance(document, dict) else None
    return document


def values(document: Document, name: str) -> list[Any]:
    """What a field of a list condition has: one value, several labels, none."""
    root, *rest = name.split(".")
    if root == "hyperparams":
        section_and_name, field = rest[:-1], rest[-1]
        cuts = range(1, len(section_and_name))
        found = [
            at(document, (root, ".".join(section_and_name[:cut]), ".".join(section_and_name[cut:]), field))
            for cut in cuts
        ]
        text = next((value for value in found if isinstance(value, str)), None)
        return [] if text is None else [text]
    value = at(document, (root, *rest))
    return [] if value is None else value if isinstance(value, list) else [value]


def absent(document: Document, name: str) -> bool:
    if name.startswith("hyperparams."):
        root, *keys, field = name.split(".")
        cuts = range(1, len(keys))
        return all(at(document, (root, ".".join(keys[:c]), ".".join(keys[c:]), field)) is None for c in cuts)
    return not values(document, name)


LIST_FIELDS = ("project", "parent", "tags", "system_tags", "models.input.model", "hyperparams.a.b.lr.value")
FIELD = st.sampled_from(LIST_FIELDS)


@st.composite
def filters(draw: st.DrawFn) -> tuple[dict[str, Any], Holds]:
    name = draw(FIELD)
    items = st.lists(st.sampled_from(WORDS) | st.none(), max_size=3)
    some, no_all, every, none = draw(items), draw(items), draw(items), draw(items)
    op = draw(st.sampled_from(("and", "or", None)))

    def holds(document: Document) -> bool:
        have, empty = set(values(document, name)), absent(document, name)

        def real(wanted: list[str | None]) -> set[str]:
            return {value for value in wanted if value is not None}

        groups = []
        if some or no_all:
            alternatives = [
                *([empty] if None in some else []),
                *([bool(have & real(some))] if real(some) else []),
                *([not empty] if None in no_all else []),
                *([not real(no_all) <= have] if real(no_all) else []),
            ]
            groups.append(any(alternatives))
        if every or none:
            groups.append(
                (None not in every or empty)
                and real(every) <= have
                and (None not in none or not empty)
                and not have & real(none)
            )
        return not groups or (any if op == "or" else all)(groups)

    asked = {
        "any": {"include": some, "exclude": no_all},
        "all": {"include": every, "exclude": none},
        "op": op,
    }
    return {"filters": {name: asked}}, holds


@st.composite
def lists(draw: st.DrawFn) -> tuple[dict[str, Any], Holds]:
    """Groups of values behind operators: a list is read from left to right."""
    name = draw(FIELD)
    plain = [word for word in WORDS if not word.startswith("-")]
    tokens = draw(
        st.lists(
            st.sampled_from(
                (*plain, *WORDS, None, "__$all", "__$any", "__$nop", ("__$not", "a"), ("__$not", "-b"))
            ),
            min_size=1,
            max_size=5,
        )
    )
    some: set[str] = set()
    every: set[str] = set()
    out: set[str] = set()
    context, minus, combine, empty_too = some, True, None, False
    for token in tokens:
        if token in ("__$all", "__$any"):
            context, minus = (every if token == "__$all" else some), False
            combine = combine or token
            continue
        combine = combine or "__$all"
        if token is None:
            empty_too = True
        elif token == "__$nop":
            context, minus = some, True
        elif isinstance(token, tuple):
            out.add(token[1])
        elif minus and token.startswith("-"):
            out.add(token[1:])
        else:
            context.add(token)

    def holds(document: Document) -> bool:
        have = set(values(document, name))
        groups = [
            *([bool(have & some)] if some else []),
            *([every <= have] if every else []),
            *([not have & out] if out else []),
        ]
        found = not groups or (any if combine == "__$any" else all)(groups)
        return (absent(document, name) or (bool(groups) and found)) if empty_too else found

    asked = [part for token in tokens for part in (token if isinstance(token, tuple) else (token,))]
    return {name: asked[0] if len(asked) == 1 and asked[0] is not None else asked}, holds


PATTERNS = st.sampled_from(
    (
        "a",
        "^a",
        "b$",
        r"^a\.b$",
        r"x\-1",
        "^A b$",
        "[ab]",
        "^$",
        "a|é",
        r"é\$",
        r"^\d+$",
        ".",
        "(?i)A B",
        "x-?1$",
        "a*b+",
        r"\.b$",
        "1[0e]",
    )
)


@st.composite
def patterns(draw: st.DrawFn) -> tuple[dict[str, Any], Holds]:
    pattern = draw(PATTERNS)
    how = draw(st.sampled_from(("name", "comment", "_any_", "_all_")))
    if how in ("name", "comment"):
        return {how: pattern}, lambda d: d.get(how) is not None and bool(re.search(pattern, d[how]))
    fields = draw(st.lists(st.sampled_from(("name", "comment", "tags", "runtime.lr", "created")), min_size=1))

    def holds(document: Document) -> bool:
        found = [
            any(
                re.search(pattern, value, re.IGNORECASE)
                for value in values(document, field)
                if isinstance(value, str)
            )
            for field in fields
        ]
        return (any if how == "_any_" else all)(found)

    return {how: {"fields": fields, "pattern": pattern}}, holds


def iso(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds")


@st.composite
def limits(draw: st.DrawFn) -> tuple[dict[str, Any], Holds]:
    name = draw(st.sampled_from(("started", "last_update", "last_iteration", "last_metrics.m.v.value")))
    is_time = name in ("started", "last_update")
    low, high = draw(st.tuples(*[st.none() | (TIMES if is_time else NUMBERS)] * 2).filter(any_given))

    def holds(document: Document) -> bool:
        value = at(document, tuple(name.split(".")))
        if value is None:
            return low is None
        return (low is None or low <= value) and (high is None or value <= high)

    asked = [None if limit is None else iso(limit) if is_time else limit for limit in (low, high)]
    return {name: asked}, holds


def any_given(pair: tuple[Any, Any]) -> bool:
    return pair != (None, None)


SIGNS: dict[str, Callable[[float, float], bool]] = {
    "": lambda a, b: a == b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
}


@st.composite
def dates(draw: st.DrawFn) -> tuple[dict[str, Any], Holds]:
    asked = draw(st.lists(st.tuples(st.sampled_from([*SIGNS]), TIMES), min_size=1, max_size=3))
    if len(asked) == 2 and not any(sign for sign, _ in asked):
        asked = asked[:1]  # two bare dates are a range
    texts = [sign + iso(time) for sign, time in asked]

    def holds(document: Document) -> bool:
        return all(SIGNS[sign](document["last_update"], time) for sign, time in asked)

    if draw(st.booleans()):
        return {"last_update": texts[0] if len(texts) == 1 else texts}, holds
    return {"_any_": {"fields": ["last_update", "name"], "datetime": texts}}, holds


@st.composite
def equals(draw: st.DrawFn) -> tuple[dict[str, Any], Holds]:
    key, value = draw(KEYS), draw(TEXTS | NUMBERS | st.booleans())

    def holds(document: Document) -> bool:
        found = at(document, ("runtime", key))
        return found == value and isinstance(found, bool) == isinstance(value, bool)

    return {f"runtime.{key}": value}, holds


CONDITIONS = filters() | lists() | patterns() | limits() | dates() | equals()

# --- the laws -----------------------------------------------------------------------------------------------

LAWS = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def found(connection: sa.Connection, stored: list[Document], request: dict[str, Any]) -> list[Document]:
    with connection.begin_nested() as changes:
        for document in stored:
            documents.insert(connection, TASKS, document, created=0.0, **ROW)
        page = documents.find(connection, read_query(TASKS, request, company="c"))
        changes.rollback()
    return page.documents


@LAWS
@given(drawn=DOCUMENTS, condition=CONDITIONS)
def test_a_condition_finds_what_a_plain_reading_of_it_finds(
    connection: sa.Connection, drawn: list[Document], condition: tuple[dict[str, Any], Holds]
) -> None:
    stored = numbered(drawn)
    request, holds = condition
    wanted = [document["id"] for document in stored if holds(document)]
    page = found(connection, stored, {**request, "search_hidden": True, "only_fields": ["id"]})
    assert [document["id"] for document in page] == wanted


@LAWS
@given(drawn=DOCUMENTS, conditions=st.lists(CONDITIONS, min_size=2, max_size=3))
def test_several_conditions_must_all_hold(
    connection: sa.Connection, drawn: list[Document], conditions: list[tuple[dict[str, Any], Holds]]
) -> None:
    stored = numbered(drawn)
    request: dict[str, Any] = {"search_hidden": True, "filters": {}}
    held: list[Holds] = []
    for asked, holds in conditions:
        names = {*asked.get("filters", {}), *asked} - {"filters"}
        if names & (request.keys() | request["filters"].keys()):
            continue  # a field has one condition
        request |= {**asked, "filters": {**request["filters"], **asked.get("filters", {})}}
        held.append(holds)
    wanted = [document["id"] for document in stored if all(holds(document) for holds in held)]
    assert [document["id"] for document in found(connection, stored, request)] == wanted


@LAWS
@given(drawn=DOCUMENTS)
def test_documents_come_out_as_they_went_in(connection: sa.Connection, drawn: list[Document]) -> None:
    stored = numbered(drawn)
    page = found(connection, stored, {"search_hidden": True})
    assert [{name: d[name] for name in before} for before, d in zip(stored, page, strict=True)] == stored


@LAWS
@given(drawn=DOCUMENTS, hidden=st.none() | st.booleans(), public=st.none() | st.booleans())
def test_hidden_and_public_documents_are_listed_when_asked_for(
    connection: sa.Connection, drawn: list[Document], hidden: bool | None, public: bool | None
) -> None:
    stored = numbered(drawn)
    page = found(connection, stored, {"search_hidden": hidden, "allow_public": public})
    assert [document["id"] for document in page] == [
        document["id"]
        for document in stored
        if (hidden or "hidden" not in document.get("system_tags", []))
        and (public is not False or document["company"] == "c")
    ]


NUMERAL = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")
ORDERED = ("name", "started", "last_iteration", "tags", "hyperparams.a.b.value", "runtime.lr", "id")


def rank(document: Document, name: str, descending: bool) -> tuple[Any, ...]:
    """Sorts as the language says, ascending; texts are turned into code points, to be turned around."""
    root, *keys = name.split(".")
    value = at(document, (root, *keys))
    if name == "tags":
        value = (max if descending else min)(value) if value else None
    sign = -1 if descending else 1
    inner = bool(keys)
    if isinstance(value, bool) or value is None or (inner and not isinstance(value, (str, int, float))):
        return (3,)
    end = [-1] if sign > 0 else [1]
    letters = [sign * ord(letter) for letter in (value if isinstance(value, str) else "")] + end
    if inner and isinstance(value, str) and NUMERAL.fullmatch(value):
        value = float(value)
    if isinstance(value, (int, float)):
        return (1 - sign, sign * value, letters) if inner else (0, sign * value)
    return (1, letters)


@LAWS
@given(
    drawn=DOCUMENTS,
    order=st.lists(st.tuples(st.sampled_from(ORDERED), st.booleans()), max_size=3),
    size=st.integers(1, 4),
    walked=st.sampled_from((1, 3, task_values.WALKED)),
)
def test_pages_in_any_order_have_each_document_once(
    connection: sa.Connection,
    drawn: list[Document],
    order: list[tuple[str, bool]],
    size: int,
    walked: int,
) -> None:
    stored = numbered(drawn)
    wanted = sorted(stored, key=lambda d: d["id"])
    for name, descending in reversed(order):
        wanted = sorted(wanted, key=lambda d: rank(d, name, descending))
    request = {"order_by": [f"{'-' * d}{n}" for n, d in order], "search_hidden": True, "page_size": size}
    numbers = range(len(stored) // size + 2)
    with patch.object(task_values, "WALKED", walked):
        pages = [found(connection, stored, {**request, "page": number}) for number in numbers]
    assert [d["id"] for page in pages for d in page] == [d["id"] for d in wanted]
    assert all(len(page) <= size for page in pages)


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)  # PostgreSQL answers this one at once
def test_a_pattern_that_would_take_for_ever_is_given_up(connection: sa.Connection) -> None:
    slow = [{"id": "0" * 32, "user": "u", "company": "c", "name": "a" * 60 + "!", "status": "created"}]
    with pytest.raises(documents.BadPattern, match="too long"):
        found(connection, slow, {"name": "^(a|aa)+$"})


def test_a_pattern_may_say_itself_that_case_does_not_matter(connection: sa.Connection) -> None:
    named = {"id": "0" * 32, "user": "u", "company": "c", "name": "a b|c", "status": "created"}
    for pattern in ("(?i)A B", "(?i)^A (B|C)"):
        assert found(connection, [named], {"_any_": {"fields": ["name"], "pattern": pattern}})
