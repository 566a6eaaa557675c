"""Dates and times as numbers: no sum can hold a date, but sums hold its parts.

A column `day` of dates is learned as the attributes `day.year`, `day.month`, `day.day` and `day.weekday`, and
if it tells the time also `day.hour`, `day.minute` and `day.second`. Schemas and statistics know only the
parts: an attribute of such a name is made from the column before the dot wherever a table has that column and
not the attribute itself. Month and weekday (1 Monday to 7 Sunday, ISO 8601) are guessed to be categories,
for neither is a quantity; the others are continuous. A time with a zone is counted in UTC, as every machine
would; one without a zone as it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.statistics import Attribute, AttributeType, LearnError, Quantum

Times = NDArray[np.datetime64]
Floats = NDArray[np.float64]

DATE: Final = "D"
"""The letter of a column of dates or times. Only sources have it: no attribute does."""


def _months(times: Times) -> NDArray[np.int64]:
    return times.astype("M8[M]").astype(np.int64)


def _days(times: Times) -> NDArray[np.int64]:
    return times.astype("M8[D]").astype(np.int64)


def _within(times: Times, whole: str, part: str) -> NDArray[np.int64]:
    since: NDArray[np.int64] = (times - times.astype(f"M8[{whole}]")).astype(f"m8[{part}]").astype(np.int64)
    return since


_PARTS: Final[Mapping[str, Callable[[Times], NDArray[np.int64]]]] = {
    "year": lambda times: times.astype("M8[Y]").astype(np.int64) + 1970,
    "month": lambda times: _months(times) % 12 + 1,
    "day": lambda times: _within(times, "M", "D") + 1,
    "weekday": lambda times: (_days(times) + 3) % 7 + 1,  # 1970 began on a Thursday
    "hour": lambda times: _within(times, "D", "h"),
    "minute": lambda times: _within(times, "h", "m"),
    "second": lambda times: _within(times, "m", "s"),
}
_OF_A_DATE: Final = ("year", "month", "day", "weekday")
_OF_A_TIME: Final = ("hour", "minute", "second")
_CATEGORIES: Final = frozenset({"month", "weekday"})


def column_of(attribute: str) -> str | None:
    """The column that an attribute would be a part of: `day` of `day.month`, None of `month`."""
    column, dot, part = attribute.rpartition(".")
    return column if dot and column and part in _PARTS else None


def made_from(column: str, attributes: Iterable[str], columns: Iterable[str]) -> tuple[str, ...]:
    """Which of the attributes are made from this column of a table that has these columns."""
    parts = [name for name in attributes if column_of(name) == column]
    if not parts:
        return ()
    there = frozenset(columns)
    return tuple(name for name in parts if name not in there)


def guess_parts(column: str, times: Times, *, dated: bool = True) -> tuple[Attribute, ...]:
    """The attributes that a column of dates (`dated`) or times of day is learned as by default.

    Hours, minutes and seconds are left out where they are 0 in all rows.
    """
    parts = list(_OF_A_DATE) if dated else []
    present = times[~np.isnat(times)]
    varying = [part for part in _OF_A_TIME if _PARTS[part](present).any()]
    if varying:
        parts += _OF_A_TIME[: _OF_A_TIME.index(varying[-1]) + 1]
    return tuple(part_attribute(f"{column}.{part}") for part in parts)


def part_attribute(name: str) -> Attribute:
    """A part of a date as it is learned by default."""
    if name.rpartition(".")[2] in _CATEGORIES:
        return Attribute(name, AttributeType.CATEGORY)
    return Attribute(name, AttributeType.CONTINUOUS, Quantum.decimal(0))


def parts(times: Times, attributes: Iterable[str]) -> dict[str, Floats]:
    """The values of these parts, float64 (rows,); NaN where the time is missing (NaT)."""
    found: dict[str, Floats] = {}
    missing = np.isnat(times)
    for name in attributes:
        values = _PARTS[name.rpartition(".")[2]](times).astype(np.float64)
        values[missing] = np.nan
        found[name] = values
    return found


def looks_dated(cells: Sequence[object]) -> bool:
    """Whether every cell that is there is a date or time of ISO 8601 as text, and one is."""
    texts = [cell for cell in cells if cell not in (None, "")]
    return bool(texts) and all(isinstance(cell, str) and _read(cell) is not None for cell in texts)


def read_times(column: str, cells: Sequence[object]) -> Times:
    """Texts as times, to the microsecond; None and "" are missing. Raises `LearnError` naming the row."""
    found: list[datetime | None] = []
    for row, cell in enumerate(cells, 1):
        if cell is None or cell == "":
            found.append(None)
            continue
        time = _read(cell) if isinstance(cell, str) else None
        if time is None:
            raise LearnError(
                f"column {column!r}, row {row}: {str(cell)[:80]!r} is not a date; "
                "write 2013-01-31 or 2013-01-31T14:30:00"
            )
        found.append(time)
    return np.array(found, dtype="M8[us]")


def _read(text: str) -> datetime | None:
    if len(text) < 10 or text[4] != "-":  # datetime reads 20130131 too, which may be any number
        return None
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


def is_dated(kind: Any) -> bool:
    """Whether a pyarrow type holds dates or times."""
    import pyarrow.types as pt

    return bool(pt.is_temporal(kind) and not pt.is_duration(kind) and not pt.is_interval(kind))


def times_of(array: Any) -> Times:
    """A pyarrow column of dates, times or ISO 8601 texts as times, to the microsecond."""
    import pyarrow as pa
    import pyarrow.types as pt

    kind = array.type
    if pt.is_dictionary(kind):
        array, kind = array.cast(kind.value_type), kind.value_type
    if pt.is_time(kind):
        array = array.cast(pa.time64("us"), safe=False)
    else:
        zone = kind.tz if pt.is_timestamp(kind) else None
        array = array.cast(pa.timestamp("us", zone), safe=False)
    whole = array.cast(pa.int64()).fill_null(np.iinfo(np.int64).min)  # numpy's NaT
    times: Times = whole.to_numpy(zero_copy_only=False).view("M8[us]")
    return times
