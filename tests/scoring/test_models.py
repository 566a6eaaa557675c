"""A model of the node scores files."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from federation.encoders import Encoder, Encoding
from federation.models import fit
from federation.statistics import Moments, Schema, Table
from node.errors import BadRequest
from node.predicting import predict_file
from node.project_options import ProjectOptions
from node.scoring import described, inspect_file
from node.sources import SourceError, offered_schema, open_source, read_rows

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


@pytest.mark.parametrize(
    ("data", "mapping", "error"),
    [
        ("x;kind\n1;a\n", [], "separated by ';'"),
        ("x\n1\n", [], "no column kind"),
        ("x,kind\n1,a\n2\n", [], "record 2 has 1 cells"),
        ("x,kind\n1,a\n", [{"source": "X", "destination": "x"}], r"no column X, needed by mapping\[0\]"),
    ],
)
def test_a_file_is_looked_at_before_it_is_scored(
    line: dict[str, Any], tmp_path: Path, data: str, mapping: list[Any], error: str
) -> None:
    request = {"mime": "text/csv", "schema": described(line), "model": line, "mapping": mapping}
    (tmp_path / "file").write_text(data)
    with pytest.raises(SourceError, match=error):
        inspect_file(request, tmp_path / "file")
    (tmp_path / "file").write_text("X,x,kind\n1,2,a\n3,4,b\n")
    assert inspect_file(request, tmp_path / "file") == 2


# --- as the project predicts --------------------------------------------------------------------------------

ROWS = [
    ["2013-01-31", "Red", 4.0, 1.5],
    ["2013-02-28", "green", 9.0, 2.5],
    ["2014-03-01", "red ", 16.0, 4.5],
    ["2015-04-30", "GREEN", 25.0, 3.0],
    ["2016-05-31", "blue", 36.0, 7.0],
    ["2017-06-30", "red", 49.0, 8.5],
    ["2018-07-31", "Blue", 64.0, 9.0],
    ["2019-08-31", "green", 81.0, 6.0],
]
NAMES = ["day", "colour", "area", "y"]


def fitted(
    parameters: dict[str, Any], inputs: list[str], encoding: Encoding | None = None
) -> tuple[dict[str, Any], Moments]:
    """A model of a project with these options, as a deployment keeps it, and the project's statistics."""
    options = ProjectOptions.read(parameters, encoding)
    letters = {} if encoding is None else encoding.letters
    table = read_rows(NAMES, ROWS, letters, known=letters).table
    table, _ = options.prepare(table)
    schema = options.schema(offered_schema(table, {}))
    moments = Moments(schema).learn(table)
    model = {
        "kind": "model",
        "record": fit("mlr", moments, "y", inputs).to_dict(),
        "inputs": inputs,
        "known": moments.schema.to_dict(),
        "options": parameters,
        "encoding": None if encoding is None else encoding.to_dict(),
    }
    return model, moments


def predicted(model: dict[str, Any], data: str, folder: Path, imputing: Moments | None = None) -> list[str]:
    """The last column of what the project's own prediction of the file is."""
    (folder / "file.csv").write_text(data)
    options = ProjectOptions.read(
        model["options"], None if model["encoding"] is None else Encoding.from_dict(model["encoding"])
    )
    known = Schema.from_dict(model["known"])
    source = open_source(folder / "file.csv")
    found = predict_file(
        model["record"], model["inputs"], source, known, options, imputing=imputing, tell=lambda *_: None
    )
    return [row[-1] for row in found["sample"]]


DATA = "area,colour,day\n4,red,2020-01-01\n100,Green,2021-12-31\n50,blue,2013-06-15\n"


@pytest.mark.parametrize(
    ("parameters", "inputs", "fields"),
    [
        ({}, ["day.year", "day.day", "area"], {"day": "date", "area": "number"}),
        ({"lower_case": True}, ["colour", "area"], {"colour": "string", "area": "number"}),
        (
            {
                "sml_project_power_column": "area",
                "sml_project_power_min": 0.5,
                "sml_project_power_max": 0.5,
                "sml_project_power_steps": 1,
            },
            ["area"],
            {"area": "number"},
        ),
    ],
)
def test_options_of_the_project_are_those_of_the_model(
    parameters: dict[str, Any], inputs: list[str], fields: dict[str, str], score: Score, tmp_path_factory: Any
) -> None:
    model, _ = fitted(parameters, inputs)
    assert {field["path"]: field["type"] for field in described(model)["input"]} == fields
    expected = predicted(model, DATA, tmp_path_factory.mktemp("predicted"))
    assert [float(cell) for cell in score(model, DATA).split()[1:]] == pytest.approx([*map(float, expected)])


def test_missing_values_are_imputed_where_the_model_has_the_statistics(
    score: Score, tmp_path_factory: Any
) -> None:
    model, moments = fitted({}, ["area", "day.year"])
    data = "area,day\n,2020-01-01\n50,\n,\n"
    with pytest.raises(SourceError, match="record 1, field area: there is no value"):
        score(model, data)
    expected = predicted(model, data, tmp_path_factory.mktemp("predicted"), moments)
    model["imputing"] = base64.b64encode(moments.to_bytes()).decode()
    assert [float(cell) for cell in score(model, data).split()[1:]] == pytest.approx([*map(float, expected)])


def test_columns_are_encoded_as_in_the_project(score: Score, tmp_path_factory: Any) -> None:
    encoder = Encoder("onehot", ("colour",))
    table = read_rows(NAMES, ROWS, {"colour": "T"}).table
    colours = Table({"colour": table.columns["colour"]})
    encoding = encoder.fit(Moments(encoder.schema(colours)).learn(colours))
    made = encoding.transform(colours).names
    model, _ = fitted({}, [made[0], "area"], encoding)
    assert {field["path"]: field["type"] for field in described(model)["input"]} == {
        "colour": "string",
        "area": "number",
    }
    expected = predicted(model, DATA, tmp_path_factory.mktemp("predicted"))
    assert [float(cell) for cell in score(model, DATA).split()[1:]] == pytest.approx([*map(float, expected)])


def test_a_record_may_be_a_sequence(score: Score, tmp_path_factory: Any) -> None:
    parameters = {"sml_project_order": 2}
    options = ProjectOptions.read(parameters)
    names, rows = list("abcd"), [list("wxyz"), list("wxyw"), list("xyzw"), list("wxzz")]
    table, _ = options.prepare(read_rows(names, rows, options.told(names, {})).table)
    moments = Moments(options.schema(None)).learn(table)
    inputs = list(moments.schema.names)
    model = {"kind": "model", "inputs": inputs, "known": moments.schema.to_dict(), "options": parameters}
    model |= {"encoding": None, "record": fit("mc", moments, None, inputs, columns="a,b,c,d").to_dict()}
    assert [field["path"] for field in described(model)["input"]] == names
    data = "a,b,c,d\nw,x,y,w\nx,y,z,w\n"
    expected = predicted(model, data, tmp_path_factory.mktemp("predicted"))
    found = [float(line.split(",")[-1]) for line in score(model, data).splitlines()[1:]]
    assert found == pytest.approx([*map(float, expected)])
    model["record"] = fit("mc", moments, None, inputs).to_dict()
    with pytest.raises(BadRequest, match="does not name the columns"):
        described(model)
