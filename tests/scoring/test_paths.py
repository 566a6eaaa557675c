"""Paths: read, written, and told apart."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from node.scoring.paths import Path, PathError, Selector, _meet, parse, relation

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4)
small = st.integers(0, 4)


@st.composite
def selectors(draw: st.DrawFn) -> str:
    start, step, count = draw(small), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    forms = ["*", f"{start}", f"{start}+{step}", f"{start}+{step},{count}", f"{start}+{step}-{start + count}"]
    return draw(st.sampled_from(forms))


@st.composite
def paths(draw: st.DrawFn) -> Path:
    text = ""
    for at in range(draw(st.integers(1, 3))):
        text += ("/" if at else "") + str(Path.of(draw(names)))
        text += "".join(f"[{draw(selectors())}]" for _ in range(draw(st.integers(0, 2))))
    return parse(text)


@st.composite
def paths_of_few_names(draw: st.DrawFn) -> Path:
    """Paths that often have something in common."""
    steps = [draw(st.sampled_from("ab"))]
    more = st.one_of(st.sampled_from(["/a", "/b"]), selectors().map(lambda selector: f"[{selector}]"))
    steps += draw(st.lists(more, max_size=2))
    return parse("".join(steps))


@st.composite
def values(draw: st.DrawFn, path: Path) -> Any:
    """A value that fits a path: in as many lists as it says, none longer than it has positions."""

    def inside(selectors: list[Selector]) -> Any:
        if not selectors:
            return draw(st.integers())
        return [
            inside(selectors[1:]) for _ in range(draw(st.integers(0, min(3, len(selectors[0].positions)))))
        ]

    return inside([step for step in path.steps if isinstance(step, Selector) and step.many])


@settings(deadline=None)
@given(paths())
def test_a_path_is_written_as_it_was_read(path: Path) -> None:
    assert parse(str(path)) == path
    assert str(parse(str(path))) == str(path)
    assert parse(f"/{path}") == path


@settings(deadline=None)
@given(st.data())
def test_what_is_written_is_read(data: st.DataObject) -> None:
    path = data.draw(paths())
    value = data.draw(values(path))
    record: dict[str, Any] = {}
    path.write(record, value)
    assert path.read(record) == value


@settings(deadline=None)
@given(st.data())
def test_what_is_apart_does_not_touch(data: st.DataObject) -> None:
    one, other = data.draw(paths_of_few_names()), data.draw(paths_of_few_names())
    assert relation(one, other) == relation(other, one)
    assume(relation(one, other) == "apart")
    first, second = data.draw(values(one)), data.draw(values(other))
    record: dict[str, Any] = {}
    one.write(record, first)
    other.write(record, second)
    assert (
        one.read(record) == first or one.lists
    )  # a longer list beside it shows as positions without a value
    assert other.read(record) == second or other.lists


progressions = st.builds(range, st.integers(0, 60), st.integers(61, 120), st.integers(1, 30))


@settings(deadline=None)
@given(progressions, progressions)
def test_progressions_meet_where_they_have_a_number_in_common(one: range, other: range) -> None:
    assert _meet(one, other) is bool(set(one) & set(other))


@settings(deadline=None)
@given(st.text(alphabet="ab/[]*+,-019\\", max_size=12))
def test_any_text_is_a_path_or_is_refused(text: str) -> None:
    try:
        path = parse(text)
    except PathError as error:
        assert "path" in str(error)
    else:
        assert parse(str(path)) == path


RECORD = {
    "x": 1,
    "address": {"street": "Main", "numbers": [10, 11, 12, 13, 14, 15, 16, 17, 18, 19]},
    "points": [{"x": 1, "y": 2}, {"x": 3}, {"x": 5, "y": 6}],
    "grid": [[1, 2, 3], [4, 5, 6]],
    "a/b": {"c[0]": "escaped"},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x", 1),
        ("/x", 1),
        ("address/street", "Main"),
        ("/address/numbers[3]", 13),
        ("address/numbers[3+2,4]", [13, 15, 17, 19]),
        ("address/numbers[3+2-7]", [13, 15, 17]),
        ("address/numbers[1+4]", [11, 15, 19]),
        ("address/numbers[8+1,9]", [18, 19]),
        ("points[*]/x", [1, 3, 5]),
        ("points[*]/y", [2, None, 6]),
        ("points[0+2]/y", [2, 6]),
        ("grid[*][1]", [2, 5]),
        ("grid[1][*]", [4, 5, 6]),
        ("grid[*][0+2]", [[1, 3], [4, 6]]),
        ("grid[7][7]", None),
        ("nowhere/at[*]/all", None),
        (r"a\/b/c\[0\]", "escaped"),
    ],
)
def test_what_a_path_leads_to(text: str, value: Any) -> None:
    assert parse(text).read(RECORD) == value


def test_writing_makes_what_lies_between() -> None:
    record: dict[str, Any] = {}
    for text, value in [
        ("a/b[2]", 1),
        ("a/b[0]", 2),
        ("p[*]/x", [1, 2]),
        ("p[*]/y", [3]),
        ("m[1+2]", ["u", "v"]),
    ]:
        parse(text).write(record, value)
    assert record == {
        "a": {"b": [2, None, 1]},
        "p": [{"x": 1, "y": 3}, {"x": 2}],
        "m": [None, "u", None, "v"],
    }


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "a path is a text"),
        (None, "a path is a text"),
        ("/", "character 2: there should be a name"),
        ("a//b", "character 3: there should be a name"),
        ("a/", "character 3: there should be a name"),
        ("[0]/a", "character 1: there should be a name"),
        ("a[", "character 2: the bracket is not closed"),
        ("a]", "character 2: a bracket is closed that was not opened"),
        ("a[0]b", "character 5: write /"),
        ("a[-1]", "character 3: between brackets"),
        ("a[1-3]", "character 3: between brackets"),
        ("a[1+0]", "the step is 1 or more"),
        ("a[1+1,0]", "the count is 1 or more"),
        ("a[3+2-2]", "the last position, 2, is before the first, 3"),
        ("a[10000]", "positions go up to 9,999"),
        ("a[9999+1,2]", "positions go up to 9,999"),
        ("a[99999999999999999999]", "positions go up to 9,999"),
        (r"a\b", "character 2: a backslash stands before"),
        ("a" * 1001, "1,001 characters"),
        ("a\ud800", "half a character"),
    ],
)
def test_what_is_no_path_says_where(text: Any, error: str) -> None:
    with pytest.raises(PathError, match=error.replace("[", r"\[")):
        parse(text)


@pytest.mark.parametrize(
    ("one", "other", "how"),
    [
        ("a", "b", "apart"),
        ("a/b", "a/c", "apart"),
        ("a[0]", "a[1]", "apart"),
        ("a[0+2]", "a[1+2]", "apart"),
        ("a[0+2]", "a[3+4]", "apart"),
        ("a[*]/x", "a[*]/y", "apart"),
        ("a[0]/x", "a[*]/x", "same"),
        ("a[0+2]", "a[1+3]", "same"),
        ("a", "/a", "same"),
        ("a", "a/b", "contradiction"),
        ("a/b", "a[0]", "contradiction"),
        ("a[*]", "a[0]/x", "contradiction"),
    ],
)
def test_how_two_paths_go_together(one: str, other: str, how: str) -> None:
    assert relation(parse(one), parse(other)) == how


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("x/y", "x is the number 1, where x/y needs an object"),
        ("points/x", "points is a list of 3, where points/x needs an object"),
        ("address[0]", r"address is an object, where address\[0\] needs a list"),
        ("points[*]/x/deep", "points.*is the number 1, where"),
    ],
)
def test_a_record_of_another_form_is_refused(text: str, error: str) -> None:
    with pytest.raises(PathError, match=error):
        parse(text).read(RECORD)
