"""Dates in requests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from node.tracking.errors import BadFieldValue


def read_time(value: Any, field: str) -> float:
    """Unix seconds from an ISO 8601 date (UTC if it names no zone) or from a number that is that already.

    Raises BadFieldValue naming the field.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e14:
        return float(value)
    if isinstance(value, str):
        try:
            time = datetime.fromisoformat(value.strip())
            return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            pass
    raise BadFieldValue(f"{value!r} is not a date ({field})", "send it as 2026-11-21T10:30:00+00:00")
