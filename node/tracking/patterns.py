"""Patterns in requests: regular expressions, most of which are plain text that clients have escaped.

Plain text is looked for as such, which is quicker and may use an index. The end of a text is its very end,
here as on PostgreSQL (Python's own `$` would also stand before a last line break).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import regex
import sqlalchemy as sa
from sqlalchemy.sql.expression import ColumnElement

from node.tracking.errors import BadPattern
from node.tracking.json_sql import Found, Includes

_PLAIN = re.compile(r"(?P<start>\^?)(?P<text>(?:[^\\.^$*+?{}\[\]|()]|\\[^\w\s]|\\ )*)(?P<end>\$?)", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Pattern:
    """What is looked for in a text. plain: this very text, at the start or end if so anchored."""

    source: str
    ignore_case: bool
    plain: str | None
    at_start: bool = False
    at_end: bool = False

    def found_in(self, text: ColumnElement[Any]) -> ColumnElement[bool]:
        """Whether a column or expression matches; NULL if that is NULL."""
        part = self.plain
        if part is None or (self.at_end and not self.at_start):
            return Found(sa.literal(f"(?i){self.source}" if self.ignore_case else self.source), text)
        if self.ignore_case:
            text, part = sa.func.lower(text), part.lower()
        if self.at_start and self.at_end:
            return text == part
        if self.at_start:
            return sa.func.substr(text, 1, len(part)) == part
        return Includes(text, sa.literal(part))


def read_pattern(value: Any, field: str, *, ignore_case: bool = False) -> Pattern:
    """Raises BadPattern naming the field."""
    if not isinstance(value, str):
        raise BadPattern(f"the pattern for {field} is not a text", "send a regular expression")
    try:
        regex.compile(value)
    except regex.error as error:
        raise BadPattern(
            f"{value!r} is not a regular expression ({field}): {error}", "escape what is meant literally"
        ) from None
    plain = _PLAIN.fullmatch(value)
    text = None if plain is None else _ESCAPE.sub(r"\1", plain["text"])
    if plain is None or text is None or (ignore_case and not text.isascii()):
        return Pattern(value, ignore_case, None)
    return Pattern(value, ignore_case, text, bool(plain["start"]), bool(plain["end"]))
