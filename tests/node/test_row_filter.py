"""Row filters: what they keep, how they are written, and how they say what is wrong with them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.statistics import Table
from node.errors import BadRequest
from node.row_filter import RowFilter

TABLE = Table.from_rows(
    ["delay", "carrier", "code", "night"],
    [
        [15, "UA", "7", 0],
        [14.5, "AA", "10", 1],
        [None, "UA", "", 1],
        [200, None, "7.0", 0],
        [-3, "New York; NY", "x", None],
    ],
    ["C", "T", "T", "B"],
)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("delay >= 15", [0, 3]),
        ("delay>14.5", [0, 3]),
        ("delay <= 14.5", [1, 4]),
        ("delay < 14.5;", [4]),
        ("delay == 200", [3]),
        ("delay != 200", [0, 1, 4]),
        ("carrier == UA", [0, 2]),
        ("carrier == 'UA' ; delay > 0", [0]),
        ("carrier != UA", [1, 4]),
        ("code == 7", [0, 3]),
        ("night == true", [1, 2]),
        ("night == false; carrier == UA", [0]),
        ("delay > 1000", []),
    ],
)
def test_all_predicates_must_hold_and_what_is_missing_satisfies_none(text: str, kept: list[int]) -> None:
    assert RowFilter.parse(text).kept(TABLE).tolist() == kept


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "1 to 100 predicates, not 0"),
        ("delay", "'delay' is not of the form"),
        ("delay = 3", "'delay = 3' is not of the form"),
        ("delay > late", "'delay > late': 'late' is no number"),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused_by_its_predicate(text: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        RowFilter.parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("altitude > 3", "'altitude > 3': the table has no column 'altitude'; it has delay"),
        ("delay == soon", "'delay == soon': 'delay' holds numbers"),
        ("code > 3", "'code > 3': 'code' holds 'x', which is no number"),
    ],
)
def test_a_filter_that_does_not_fit_a_table_is_refused_by_its_predicate(text: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        RowFilter.parse(text).kept(TABLE)


@given(
    st.lists(st.floats(-10, 10) | st.none(), max_size=30),
    st.sampled_from(["==", "!=", ">=", "<=", ">", "<"]),
    st.integers(-10, 10),
)
def test_numbers_are_compared_as_python_compares_them(values, operator: str, limit: int) -> None:
    table = Table({"x": np.array([np.nan if value is None else value for value in values])})
    expected = [
        at
        for at, value in enumerate(values)
        if value is not None and eval(f"value {operator} limit", {"value": value, "limit": limit})  # noqa: S307
    ]
    assert RowFilter.parse(f"x {operator} {limit}").kept(table).tolist() == expected


def test_reading_a_filter_takes_no_longer_than_its_length():
    with pytest.raises(BadRequest, match="not of the form"):
        RowFilter.parse("delay" + " " * 500_000 + "late")  # an hour, if each blank were looked at from each
