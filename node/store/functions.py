"""What SQLite does not know by itself."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import regex

PATIENCE = 0.1
"""Seconds that a regular expression may take over one text: some take for ever, and nothing else runs."""

_SHORT = 1000
"""Characters of a text over which a simple pattern is quick for certain."""


def pattern_found(pattern: str, text: str | None) -> bool | None:
    """Whether a regular expression is found in a text. Raises TimeoutError."""
    if text is None:
        return None
    compiled, simple = _compiled(pattern)
    if simple and len(text) <= _SHORT:
        return compiled.search(text) is not None  # three times as quick without a clock
    return compiled.search(text, timeout=PATIENCE) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> tuple[Any, bool]:
    """The pattern, and whether no text makes it try much: it repeats no groups, and little else."""
    repeats = sum(pattern.count(sign) for sign in "*+{")
    return regex.compile(pattern), repeats <= 2 and "(" not in pattern.removeprefix("(?i)")
