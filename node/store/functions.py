"""What SQLite does not know by itself."""

from __future__ import annotations

import regex

PATIENCE = 0.1
"""Seconds that a regular expression may take over one text: some take for ever, and nothing else runs."""


def pattern_found(pattern: str, text: str | None) -> bool | None:
    """Whether a regular expression is found in a text. Raises TimeoutError."""
    if text is None:
        return None
    return regex.search(pattern, text, timeout=PATIENCE) is not None
