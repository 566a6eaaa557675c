"""Patterns in requests: regular expressions, most of which are plain text that clients have escaped.

Plain text is looked for as such, which is quicker and may use an index. The end of a text is its very end,
here as on PostgreSQL (Python's own `$` would also stand before a last line break).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import regex
import sqlalchemy as sa
from sqlalchemy.sql.expression import ColumnElement

from node.tracking.errors import BadPattern
from node.tracking.json_sql import Includes, IncludesAnyCase, pattern_found

_PLAIN = re.compile(r"(?P<start>\^?)(?P<text>(?:[^\\.^$*+?{}\[\]|()]|\\[^\w\s]|\\ )*)(?P<end>\$?)", re.DOTALL)
_PART = re.compile(r"(?P<letter>[^\\.^$*+?]|\\[^\w\s])(?:(?P<repeated>\+)|(?![*?+]))|\\.[*?+]*|.", re.DOTALL)
_CODED = re.compile(r"\\[^\W_AZBbDdSsWw]")
"""What stands for a letter by its number or name, or for an earlier group."""

_WILD = re.compile(r"[%_~]")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


ANY_CASE: Final = "(?i)"
"""At the start of a pattern: letters of either case match."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """What is looked for in a text. plain: this very text, at the start or end if so anchored; else needed: a
    text that is in all that match."""

    source: str
    ignore_case: bool
    plain: str | None
    at_start: bool = False
    at_end: bool = False
    needed: str = ""

    def found_in(self, text: ColumnElement[Any]) -> ColumnElement[bool]:
        """Whether a column or expression matches; NULL if that is NULL."""
        if self.plain is None or (self.at_end and not self.at_start):
            found = pattern_found(f"{ANY_CASE}{self.source}" if self.ignore_case else self.source, text)
            # Most texts lack a part that every match must have, and that is seen quickly.
            needed = self.plain or self.needed
            return sa.and_(self._including(text, needed), found) if needed else found
        if self.ignore_case and not self.at_start:
            return self._including(text, self.plain)
        part = self.plain.lower() if self.ignore_case else self.plain
        text = sa.func.lower(text) if self.ignore_case else text
        if self.at_end:
            return text == part
        return sa.func.substr(text, 1, len(part)) == part if self.at_start else self._including(text, part)

    def _including(self, text: ColumnElement[Any], part: str) -> ColumnElement[bool]:
        if not self.ignore_case:
            return Includes(text, sa.literal(part))
        like = _WILD.sub(r"~\g<0>", part)
        return IncludesAnyCase(text, sa.literal(f"%{like}%"))


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
    if value.startswith(ANY_CASE):  # we may say it ourselves
        value, ignore_case = value.removeprefix(ANY_CASE), True
    plain = _PLAIN.fullmatch(value)
    text = None if plain is None else _ESCAPE.sub(r"\1", plain["text"])
    if plain is None or text is None or (ignore_case and not text.isascii()):
        return Pattern(value, ignore_case, None, needed=_needed(value, ascii_only=ignore_case))
    return Pattern(value, ignore_case, text, bool(plain["start"]), bool(plain["end"]))


def _needed(pattern: str, *, ascii_only: bool) -> str:
    """The longest text that must be in whatever matches a pattern; "" if that is not easily told."""
    if any(sign in pattern for sign in "|([{") or _CODED.search(pattern):
        return ""
    runs = [""]
    for part in _PART.finditer(pattern):
        letter = part["letter"]
        if letter is None or (ascii_only and not letter.isascii()):
            runs.append("")
        else:
            runs[-1] += letter.removeprefix("\\")
            if part["repeated"]:
                runs.append("")
    return max(runs, key=len)
