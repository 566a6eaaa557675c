"""A model of the node scores files."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from node.scoring import described
from node.sources import SourceError

Score = Callable[..., str]


def test_a_model_tells_what_it_takes_and_gives(line: dict[str, Any]) -> None:
    assert described(line) == {
        "input_type": None,
        "input": [
            {"path": "x", "type": "number", "optional": False},
            {"path": "kind", "type": "string", "optional": False},
        ],
        "output_type": None,
        "output": [{"path": "res", "type": "number", "optional": True}],
    }


def test_a_csv_file_with_a_header(line: dict[str, Any], score: Score) -> None:
    text = score(line, 'kind,unused,x\na,"quoted, twice",0\nb,,1.5\n')
    assert text.splitlines()[0] == "res"
    assert [float(cell) for cell in text.splitlines()[1:]] == pytest.approx([1, 14])
    assert score.told == {"records": 2, "results": 2, "mime": "text/csv; header=present"}  # type: ignore[attr-defined]


def test_a_csv_file_without_a_header_is_mapped_by_position(line: dict[str, Any], score: Score) -> None:
    mapping = [{"source": "/2", "destination": "x"}, {"source": "/1", "destination": "kind"}]
    text = score(line, "a,0\nb,1\n", "text/csv; header=absent", mapping=mapping)
    assert [float(cell) for cell in text.splitlines()] == pytest.approx([1, 13])


def test_a_json_file_and_one_object(line: dict[str, Any], score: Score) -> None:
    records = [{"x": 0, "kind": "a"}, {"x": 1.5, "kind": "b", "unused": [1]}]
    found = json.loads(score(line, json.dumps(records), "application/json"))
    assert [record["res"] for record in found] == pytest.approx([1, 14])
    (only,) = json.loads(score(line, json.dumps(records[0]), "application/json"))
    assert only["res"] == pytest.approx(1)


def test_mapping_defaults_and_output_mapping(line: dict[str, Any], score: Score) -> None:
    text = score(
        line,
        "x1\n0\n\n1\n",
        mapping=[
            {"source": "x1", "destination": "x"},
            {"source": "none", "destination": "kind", "defaultValue": "b"},
        ],
        output_mapping=[{"source": "res", "destination": "Result"}],
    )
    heading, *cells = text.splitlines()
    assert heading == "Result"
    assert [float(cell) for cell in cells] == pytest.approx([11, 13])


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ("x,kind\n1,a\nfour,b\n", "record 2, field x: the text 'four' is not a number"),
        ("x,kind\n1,a\n,b\n", "record 2, field x: there is no value"),
        ("x,kind\n1,a\nnan,b\n", "record 2, field x: the text 'nan' is not a number"),
        ("x,kind\n1,a\n2,c\n", "record 2, field kind: level 'c' was not there"),
        ("x,kind\n1,a\n2\n", "record 2 has 1 cells, where the header has 2"),
        ("x\n1\n", "no column kind, needed by the model's input; it has x"),
        ("x;kind\n1;a\n", "separated by ';'"),
        ("", "is empty"),
        (b"x,kind\n1,a\n2,\xff\n", "record 2: it is not in UTF-8"),
        ('x,kind\n1,"a\n2,b\n4,c\n', "record 1, field kind: level 'a"),
        ('kind,x\n"a\n,2\nb,4\n', "record 1 has 1 cells.*is a quote not closed"),
        ("x,x,kind\n1,2,a\n", r"2 columns 'x', which are a list"),
    ],
)
def test_a_csv_file_that_does_not_fit_names_record_and_field(
    line: dict[str, Any], score: Score, data: str, error: str
) -> None:
    with pytest.raises(SourceError, match=error):
        score(line, data)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (
            '[{"x": 1, "kind": "a"}, {"x": "1", "kind": "a"}]',
            "record 2, field x: the text '1' is not a number",
        ),
        ('[{"x": 1, "kind": "a"}, {"kind": "a"}]', "record 2, field x: there is no value"),
        ('[{"x": true, "kind": "a"}]', "record 1, field x: true is not a number"),
        ('[{"x": 1e999, "kind": "a"}]', "record 1, field x: the number inf is not a number"),
        ('[{"x": NaN, "kind": "a"}]', "record 1: NaN is no number of JSON"),
        ('[{"x": 1' + "0" * 400 + ', "kind": "a"}]', "record 1, field x: .* is too large"),
        ('[{"x": 1' + "0" * 5000 + ', "kind": "a"}]', "record 1: "),
        ('[{"x": [1], "kind": "a"}]', "record 1, field x: a list of 1 is not a number"),
        ('[{"x": 1, "kind": 1}]', "record 1, field kind: the number 1 is not a text"),
        ('[{"x": 1, "kind": "\\ud800"}]', "record 1, field kind: .* half a character"),
        ("[1]", "record 1 is the number 1, not an object"),
        ('[{"x": 1, "kind": "a"}', "ends after record 1"),
        ('[{"x": 1, "kind": "a"},]', "record 2 is not valid JSON"),
        ('[{"x": 1, "kind": "a"}] 7', "something follows"),
        ("7", "neither a list of records nor an object"),
        ("", "neither a list of records nor an object"),
        ('[{"x": ' + "[" * 100_000 + "]" * 100_000 + "}]", "record 1 is nested too deeply"),
        (b'[{"x": 1, "kind": "\xff"}]', "not in UTF-8"),
    ],
)
def test_a_json_file_that_does_not_fit_names_record_and_field(
    line: dict[str, Any], score: Score, data: str, error: str
) -> None:
    with pytest.raises(SourceError, match=error):
        score(line, data, "application/json")


def test_nothing_is_left_where_scoring_fails(line: dict[str, Any], score: Score, tmp_path: Any) -> None:
    with pytest.raises(SourceError):
        score(line, "x,kind\n1,a\nfour,b\n")
    assert [path.name for path in tmp_path.iterdir()] == ["input.dat"]
