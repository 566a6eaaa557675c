"""search_text: words looked for in all the texts of a document."""

from __future__ import annotations

import string
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import regex
import sqlalchemy as sa
from sqlalchemy.sql.expression import ColumnElement

from node.tracking.collection import Collection
from node.tracking.errors import BadFieldValue
from node.tracking.fields import Condition, field_of, lacks
from node.tracking.patterns import read_pattern

MAX_WORDS = 20
"""Words of one search that count."""

_OF_IDS = set(string.hexdigits)
"""The letters of ids: other words need not be looked for in them."""


@dataclass(frozen=True, slots=True)
class Search:
    """found: what holds for the documents searched for; score: in how many ways they match."""

    found: Condition
    score: ColumnElement[int]


def read_search(collection: Collection, value: Any) -> Search | None:
    """From words of which one must be found, "phrases" that must all be, and -words that must not be.

    Letters count as equal in both cases. None if nothing is searched for. Raises BadFieldValue.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BadFieldValue("search_text is not a text", "send words")
    words, phrases, unwanted = _split(value)
    if not (words or phrases or unwanted):
        return None
    hits = [_hits(collection, word) for word in (*words, *phrases)]
    score: Any = reduce(add, (_count(hit) for found in hits for hit in found), sa.literal(0))
    conditions = [
        *([sa.or_(*(hit for found in hits[: len(words)] for hit in found))] if words and not phrases else []),
        *(sa.or_(*found) for found in hits[len(words) :]),
        *(lacks(sa.or_(*_hits(collection, word))) for word in unwanted),
    ]
    return Search(sa.and_(*conditions), score)


def _split(text: str) -> tuple[list[str], list[str], list[str]]:
    words: list[str] = []
    phrases: list[str] = []
    unwanted: list[str] = []
    for number, part in enumerate(text.split('"')):
        if number % 2 and part.strip():
            phrases.append(part.strip())
            continue
        for word in part.split():
            (unwanted if word.startswith("-") and len(word) > 1 else words).append(word)
    unwanted = [word[1:] for word in unwanted]
    return words[:MAX_WORDS], phrases[:MAX_WORDS], unwanted[:MAX_WORDS]


def _hits(collection: Collection, word: str) -> list[Condition]:
    pattern = read_pattern(regex.escape(word), "search_text", ignore_case=True)
    in_id = set(word) <= _OF_IDS
    return [
        field_of(collection, name).matches(pattern) for name in collection.search if name != "id" or in_id
    ]


def _count(hit: Condition) -> ColumnElement[int]:
    return sa.case((hit, 1), else_=0)
