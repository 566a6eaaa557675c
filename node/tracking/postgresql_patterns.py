"""Regular expressions for PostgreSQL: the same pattern as Python would read it, in PostgreSQL's own words.

Most of the two languages is one. What differs in meaning is rewritten; what PostgreSQL does not have at all
it refuses by itself. Python's is that of the module `regex`, with which SQLite searches. Source: section
9.7.3 of PostgreSQL's manual, "POSIX Regular Expressions".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_FLAGS = re.compile(r"\(\?([ims]+)\)")
_PIECE = re.compile(
    r"(?P<escape>\\(?:x[0-9a-fA-F]{2}|.))"
    r"|(?P<set>\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\])"
    r"|\(\?P?<(?P<group>[^\W\d]\w*)>"
    r"|\(\?P=(?P<again>\w+)\)"
    r"|(?P<opening>\((?!\?))"
    r"|\{,(?P<most>\d+)\}"
    r"|\{\d+(?:,\d*)?\}"
    r"|(?P<brace>\{)"
    r"|(?P<any>\.)"
    r"|.",
    re.DOTALL,
)
_HEXADECIMAL = re.compile(r"\\x([0-9a-fA-F]{2})")
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|.)", re.DOTALL)

_WORDS: Final[Mapping[str, str]] = {r"\b": r"\y", r"\B": r"\Y"}
"""Where words begin and end: PostgreSQL takes the former for a backspace."""

_IN_SETS: Final[Mapping[str, str]] = {r"\b": r"\u0008"}


def for_postgresql(pattern: str) -> str:
    """The pattern as PostgreSQL has to be told it."""
    flags = ""
    while (stated := _FLAGS.match(pattern)) is not None:
        flags += stated[1]
        pattern = pattern[stated.end() :]
    groups: list[str | None] = []
    written = []
    for piece in _PIECE.finditer(pattern):
        if piece["escape"]:
            written.append(_escape(piece["escape"], _WORDS))
        elif piece["set"]:
            written.append(_ESCAPE.sub(lambda found: _escape(found[0], _IN_SETS), piece["set"]))
        elif piece["group"] or piece["opening"]:
            groups.append(piece["group"])
            written.append("(")
        elif piece["again"] and piece["again"] in groups:
            written.append(f"(?:\\{groups.index(piece['again']) + 1})")
        elif piece["most"]:
            written.append(f"{{0,{piece['most']}}}")
        elif piece["brace"]:
            written.append(r"\{")
        elif piece["any"] and "s" not in flags:
            written.append(r"[^\n]")
        else:
            written.append(piece[0])
    # w: ^ and $ are at the ends of lines too, as by Python's m; what a dot is has been said.
    known = ("i" if "i" in flags else "") + ("w" if "m" in flags else "")
    return (f"(?{known})" if known else "") + "".join(written)


def _escape(text: str, words: Mapping[str, str]) -> str:
    """One escaped character; PostgreSQL reads any number of hexadecimal digits after an x."""
    hexadecimal = _HEXADECIMAL.fullmatch(text)
    return f"\\u00{hexadecimal[1]}" if hexadecimal else words.get(text, text)
