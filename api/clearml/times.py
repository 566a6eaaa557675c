"""ClearML's times: text of ISO 8601 in UTC with milliseconds. The node's own are seconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime

from api.clearml.errors import ApiError


def iso(seconds: float | None) -> str | None:
    """`2026-11-21T02:15:44.605000+00:00`; None stays None. Whole milliseconds, as ClearML has."""
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(round(seconds, 3), UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000).isoformat(timespec="microseconds")


def seconds_of(text: str) -> float:
    """Seconds since 1970 of an ISO time, in UTC unless it says otherwise. Raises `ApiError` 400/12."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ApiError(400, 12, "not a time in ISO 8601", value=text[:64]) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
