"""Values of each type, as CSV and JSON have them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.scoring import fields
from node.scoring.fields import Field
from node.scoring.paths import Path
from node.sources import SourceError


def field(kind: str, optional: bool = False) -> Field:
    return Field(Path.of("x"), kind, optional)


def cells(*texts: str | None) -> Any:
    """A column of CSV."""
    return pa.array(texts, pa.string())


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("number", "7", 7),
        ("number", " -7.50 ", -7.5),
        ("number", "+1e3", 1000.0),
        ("number", ".5", 0.5),
        ("number", "1152921504606846977", 1152921504606846977),
        ("boolean", "TRUE", True),
        ("boolean", "0", False),
        ("date", "2024-02-29", "2024-02-29"),
        ("date", "2024-02-29T12:00:00+02:00", "2024-02-29T12:00:00+02:00"),
        ("string", " 007 ", " 007 "),
    ],
)
def test_what_a_cell_is(kind: str, text: str, value: Any) -> None:
    for column in (cells(text), cells(text, "")[:1]):
        (found,) = fields.plain(field(kind), column, 1)
        assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *(
            ("number", text)
            for text in ("", "seven", "1,5", "0x10", "1_000", "nan", "inf", "1e999", "١", "--1")
        ),
        *(("boolean", text) for text in ("yes", "2", "")),
        *(("date", text) for text in ("2024-02-30", "29.02.2024", "20240229", "2024", "2024-W01-1-")),
    ],
)
def test_what_a_cell_is_not(kind: str, text: str) -> None:
    good = {"number": "1", "boolean": "true", "date": "2024-01-01"}[kind]
    for read in (
        (fields.plain, fields.texts) if kind == "date" else (fields.plain, fields.floats, fields.texts)
    ):
        with pytest.raises(SourceError, match=r"record 12, field x: the text .* is not "):
            read(field(kind), cells(good, text), 11)


def test_values_that_lack() -> None:
    for column in (cells("1", None), [1, None]):
        with pytest.raises(
            SourceError, match="record 12, field x: there is no value, and the field is not opt"
        ):
            fields.plain(field("number"), column, 11)
        assert fields.plain(field("number", True), column, 1) == [1, None]
        assert math.isnan(fields.floats(field("number", True), column, 1)[1])


def test_values_in_lists_are_checked_one_by_one() -> None:
    lists = Field(Path(("v", *_selectors("[*][*]"))), "number", False)
    assert fields.plain(lists, [[[1], [2, 3]], []], 1) == [[[1], [2, 3]], []]
    for column, error in [
        ([[[1], [None]]], "no value is not a number"),
        ([[1]], "the number 1 is not a list"),
        ([None], "there is no value"),
        ([[["1"]]], "the text '1' is not a number"),
    ]:
        with pytest.raises(SourceError, match=error):
            fields.plain(lists, column, 1)


def _selectors(text: str) -> Any:
    from node.scoring.paths import parse

    return parse(f"v{text}").steps[1:]


def test_what_errors_tell_is_short_and_safe() -> None:
    with pytest.raises(SourceError) as refused:
        fields.plain(field("number"), ["\x1b[31m" + "x" * 10_000], 1)
    assert len(str(refused.value)) < 200
    assert "\x1b" not in str(refused.value)


@settings(deadline=None)
@given(st.lists(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))))
def test_numbers_come_through_text_as_they_are(values: list[Any]) -> None:
    found = fields.plain(field("number"), cells(*map(repr, values)), 1)
    assert [float(value) for value in found if abs(value) < 1e300] == [
        float(value) for value in values if abs(value) < 1e300
    ]
    assert [type(value) for value in found] == [type(value) for value in values]
    small = [value for value in values if abs(value) < 2**53]
    np.testing.assert_array_equal(fields.floats(field("number"), cells(*map(repr, small)), 1), small)
    np.testing.assert_array_equal(fields.floats(field("number"), small, 1), small)
