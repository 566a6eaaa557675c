"""What a model takes and gives: fields with a path, a type and whether they may lack; values seen to be so.

Types are string, number, date and boolean. In CSV every cell is text, and an empty one is no value; JSON says
itself what a value is, and a text is no number. Dates are texts of ISO 8601. Columns are pyarrow arrays of
text (CSV), lists of plain values, or numpy arrays (what models give).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from node.errors import BadRequest
from node.scoring.paths import Path, PathError, kind_of, parse, relation
from node.sources import SourceError
from node.sources.columns import floats as numbers_of

TYPES: Final = ("string", "number", "date", "boolean")
FORMS: Final = ("csv_header", "csv", "json")

MOST_FIELDS: Final = 10_000

MOST_BELOW: Final = 1_000
"""Paths that begin with one name: each is compared with each."""

Column = Any
"""A pyarrow array of text, a list of plain values, or a numpy array."""

_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,300}")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_ARTICLE: Final = {"string": "a text", "number": "a number", "date": "a date", "boolean": "true or false"}


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a record, or a list of them where the path says so."""

    path: Path
    type: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """Records of one side of a model. form: one of FORMS, None if any will do. No fields: whatever comes."""

    form: str | None
    fields: tuple[Field, ...]

    @classmethod
    def read(cls, form: object, fields: object, side: str) -> Shape:
        """From plain data, `side` (input or output) for errors. Raises BadRequest."""
        if form is not None and form not in FORMS:
            raise BadRequest(f"{side}_type {str(form)[:80]!r} is not one", f"use {', '.join(FORMS)}")
        if not isinstance(fields or [], list):
            raise BadRequest(f"the {side} fields are not a list", 'write [{"path": "x", "type": "number"}]')
        given = list(fields or [])  # type: ignore[call-overload]
        if len(given) > MOST_FIELDS:
            raise BadRequest(f"there are {len(given):,} {side} fields", f"{MOST_FIELDS:,} are the most")
        found = tuple(_field(item, f"{side}[{at}]") for at, item in enumerate(given))
        check_apart([field.path for field in found], [f"{side}[{at}]" for at in range(len(found))])
        if form == "csv":
            _check_numbered(found, side)
            found = tuple(sorted(found, key=lambda field: _number_of(field.path)))
        return cls(None if form is None else str(form), found)


def shapes_of(schema: Mapping[str, Any]) -> tuple[Shape, Shape]:
    """What a model takes and what it gives: {"input_type", "input": [{"path", "type", "optional"}],
    "output_type", "output"}. Raises BadRequest."""
    taken = Shape.read(schema.get("input_type"), schema.get("input"), "input")
    return taken, Shape.read(schema.get("output_type"), schema.get("output"), "output")


def check_apart(paths: Sequence[Path], named: Sequence[str]) -> None:
    """Raise BadRequest if two paths cannot be in one record, telling them by their names."""
    seen: dict[str, list[int]] = {}
    for at, path in enumerate(paths):
        beside = seen.setdefault(str(path.steps[0]), [])  # paths of different first names are apart
        if len(beside) == MOST_BELOW:
            raise BadRequest(
                f"{named[at]}: {path} is one of more than {MOST_BELOW:,} that begin with {path.steps[0]}",
                "name several positions at once, as in x[*]",
            )
        for before in beside:
            how = relation(paths[before], path)
            if how == "same":
                raise BadRequest(f"{named[at]}: {path} is given by {named[before]} already", "leave one out")
            if how == "contradiction":
                raise BadRequest(
                    f"{named[at]}: {path} contradicts {paths[before]} of {named[before]}: one place cannot "
                    "be a value and hold others, nor be an object and a list",
                    "change one of them",
                )
        beside.append(at)


def _field(item: object, named: str) -> Field:
    if not isinstance(item, Mapping):
        raise BadRequest(f"{named} is {kind_of(item)}", 'write {"path": "x", "type": "number"}')
    try:
        path = parse(item.get("path"))
    except PathError as error:
        raise BadRequest(f"{named}: {error}", "correct the path") from None
    type_, optional = item.get("type", "string"), item.get("optional", False)
    if type_ not in TYPES:
        raise BadRequest(f"{named}: {str(type_)[:80]!r} is no type", f"use {', '.join(TYPES)}")
    if not isinstance(optional, bool):
        raise BadRequest(f"{named}: optional is {kind_of(optional)}", "use true or false")
    return Field(path, str(type_), optional)


def _check_numbered(fields: Sequence[Field], side: str) -> None:
    numbers = sorted(_number_of(field.path) for field in fields)
    if numbers != list(range(1, len(fields) + 1)):
        raise BadRequest(
            f"the {side} is CSV without a header, whose columns are /1, /2, …, and the fields are "
            f"{', '.join(str(field.path) for field in fields[:9])}",
            "number them from /1 on, without a gap",
        )


def _number_of(path: Path) -> int:
    name = path.steps[0]
    return (
        int(name)
        if len(path.steps) == 1 and isinstance(name, str) and re.fullmatch("[0-9]{1,5}", name)
        else 0
    )


# --- values -----------------------------------------------------------------------------------------------


def value_of(kind: str, value: Any, told: bool = False) -> Any:
    """The value as one of this type. told: a text is read as a CSV cell is. Raises ValueError saying what it
    is instead."""
    if told and isinstance(value, str) and kind != "string":
        return _from_text(kind, value)
    if kind == "number":
        fits = isinstance(value, (int, float)) and not isinstance(value, bool)
        fits = fits and (isinstance(value, int) or math.isfinite(value))
    elif kind == "boolean":
        fits = isinstance(value, bool)
    else:
        fits = isinstance(value, str) and (kind == "string" or is_date(value))
    if not fits:
        raise ValueError(f"{kind_of(value)} is not {_ARTICLE[kind]}")
    return value


def _from_text(kind: str, text: str) -> Any:
    trimmed = text.strip()
    if kind == "number" and _NUMBER.fullmatch(trimmed):
        if _WHOLE.fullmatch(trimmed):
            return int(trimmed)
        if math.isfinite(number := float(trimmed)):
            return number
    if kind == "boolean" and (known := _BOOLEANS.get(trimmed.lower())) is not None:
        return known
    if kind == "date" and is_date(trimmed):
        return trimmed
    raise ValueError(f"{kind_of(text)} is not {_ARTICLE[kind]}")


def is_date(text: str) -> bool:
    """Whether a text is a date or time of ISO 8601."""
    if not 10 <= len(text) <= 40 or text[4] != "-":  # 20130131 may be any number
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


# --- columns ----------------------------------------------------------------------------------------------


class Told(list[Any]):
    """A column, or values in lists, that come from cells of CSV: a text is to be read."""


def is_text_array(column: Column) -> bool:
    """Whether the column is a pyarrow array: cells of CSV as they are."""
    return not isinstance(column, (list, np.ndarray))


def plain(field: Field, column: Column, first: int) -> list[Any]:
    """The column's values as plain data, None where there is none; `first`: the number of its first record.

    Raises SourceError naming record and field for a value of another type, and for none where one is needed.
    """
    array = is_text_array(column)
    told = array or isinstance(column, Told)
    values: list[Any] = column if isinstance(column, list) else column.tolist()
    if not field.path.lists:
        _check_there(field, None in values, values, first)
        fast = _fast_cells(field, column) if array else values if _uniform(field, values, told) else None
        if fast is not None:
            return fast
    return [_checked(field, value, first + at, told) for at, value in enumerate(values)]


def floats(field: Field, column: Column, first: int) -> NDArray[np.float64]:
    """The same as numbers, float64 (rows,): NaN where there is none, 1 and 0 for true and false."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if is_text_array(column) and field.type == "number":
        try:
            numbers = pc.cast(pc.ascii_trim_whitespace(column), pa.float64())
        except pa.ArrowInvalid:
            numbers = None
        if numbers is not None and (pc.all(pc.is_finite(numbers)).as_py() is not False):
            _check_there(field, numbers.null_count > 0, numbers, first)
            return numbers_of(numbers)
    values = plain(field, column, first)
    try:
        return np.array(values, dtype=np.float64)  # None is NaN
    except OverflowError:
        at = next(at for at, value in enumerate(values) if isinstance(value, int) and abs(value) > 1e308)
        raise SourceError(
            f"record {first + at}, field {field.path}: {kind_of(values[at])} is too large"
        ) from None


def texts(field: Field, column: Column, first: int) -> Any:
    """The same as a pyarrow array of text, null where there is none; numbers of CSV as they stand, others as
    JSON writes them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if is_text_array(column) and field.type == "string":
        _check_there(field, column.null_count > 0, column, first)
        return column
    if is_text_array(column) and field.type == "number":
        floats(field, column, first)
        return pc.ascii_trim_whitespace(column)
    values = plain(field, column, first)
    if field.type in ("number", "boolean"):
        values = [None if value is None else str(value).lower() for value in values]
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        at = next(at for at, value in enumerate(values) if value is not None and not _is_whole(value))
        raise SourceError(
            f"record {first + at}, field {field.path}: {kind_of(values[at])} has half a character (a lone "
            "surrogate)"
        ) from None


def _is_whole(text: str) -> bool:
    return text.encode(errors="ignore").decode() == text


def for_file(field: Field, column: Column, first: int, form: str) -> Column:
    """The same to be written to a file of this form: cells of CSV stay such where CSV is written."""
    as_cells = form != "json" and is_text_array(column) and not field.path.lists
    return texts(field, column, first) if as_cells else plain(field, column, first)


def _uniform(field: Field, values: list[Any], told: bool) -> bool:
    """Whether the values are seen at once to be of the field's type, but for those that lack."""
    kinds = set(map(type, values)) - {type(None)}
    if field.type == "string":
        return told or kinds <= {str}
    if field.type == "boolean":
        return kinds <= {bool}
    if field.type == "number" and kinds <= {int, float}:
        try:
            return float not in kinds or all(map(math.isfinite, filter(None, values)))
        except OverflowError:  # of a whole number that is no double
            return False
    return False


def _fast_cells(field: Field, column: Any) -> list[Any] | None:
    """Cells that are all texts, or all numbers as JSON has them, as they are to be; None if they are not."""
    cells: list[Any] = column.to_pylist()
    if field.type == "string":
        return cells
    if field.type != "number":
        return None
    try:
        found: list[Any] = json.loads(f"[{','.join(['null' if cell is None else cell for cell in cells])}]")
    except (ValueError, RecursionError):
        return None
    same = len(found) == len(cells) and found.count(None) == column.null_count
    return found if same and _uniform(field, found, told=False) else None


def _check_there(field: Field, lacking: bool, values: Any, first: int) -> None:
    if lacking and not field.optional:
        at = next(
            at for at, value in enumerate(values) if value is None or not getattr(value, "is_valid", True)
        )
        raise _lacking(field, first + at)


def _checked(field: Field, value: Any, record: int, told: bool) -> Any:
    if value is None:
        if field.optional:
            return None
        raise _lacking(field, record)
    try:
        return _all_checked(field, value, field.path.lists, told)
    except ValueError as error:
        raise SourceError(f"record {record}, field {field.path}: {error}") from None


def _all_checked(field: Field, value: Any, lists: int, told: bool) -> Any:
    if not lists:
        return None if value is None and field.optional else value_of(field.type, value, told)
    if value is None and field.optional:
        return None
    if not isinstance(value, list):
        raise ValueError(f"{kind_of(value)} is not a list")
    return [_all_checked(field, item, lists - 1, told) for item in value]


def _lacking(field: Field, record: int) -> SourceError:
    return SourceError(
        f"record {record}, field {field.path}: there is no value, and the field is not optional"
    )
