"""Mappings: which value goes where, and which cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from node.errors import BadRequest
from node.scoring import check, fields
from node.sources import SourceError

Score = Callable[..., str]

ECHO = {
    "kind": "script",
    "command": "python main.py {input} {output}",
}


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A script whose output is its input."""
    folder = tmp_path_factory.mktemp("echo")
    (folder / "main.py").write_text("import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])")
    return {**ECHO, "folder": str(folder)}


def schema(*paths: str, form: str = "json", types: str = "number", optional: bool = False) -> dict[str, Any]:
    fields = [{"path": path, "type": types, "optional": optional} for path in paths]
    return {"input_type": form, "input": fields, "output_type": form, "output": fields}


def rules(*lines: str) -> list[dict[str, Any]]:
    """`a -> b = 7` as a rule from a to b with the default 7."""
    found = []
    for line in lines:
        ends, _, default = line.partition(" = ")
        source, _, destination = ends.partition(" -> ")
        found.append({"source": source, "destination": destination})
        if default:
            found[-1]["defaultValue"] = json.loads(default)
    return found


@pytest.mark.parametrize(
    ("fields", "mapping", "record", "taken"),
    [
        (["x", "y"], [], {"x": 1, "y": 2, "z": 3}, {"x": 1, "y": 2}),
        (["x", "y"], ["y -> x", "x -> y"], {"x": 1, "y": 2}, {"x": 2, "y": 1}),
        (["x", "y"], ["x -> y"], {"x": 1}, {"x": 1, "y": 1}),
        (["x"], ["a/b[1] -> x"], {"a": {"b": [1, 2]}}, {"x": 2}),
        (["a/b", "a/c[1]"], ["/x -> /a/b", "y -> a/c[1]"], {"x": 1, "y": 2}, {"a": {"b": 1, "c": [None, 2]}}),
        (["p[*]/x"], ["q[*]/y -> p[*]/x"], {"q": [{"y": 1}, {"y": 2}]}, {"p": [{"x": 1}, {"x": 2}]}),
        (["m[*][*]"], [], {"m": [[1, 2], [3], []]}, {"m": [[1, 2], [3], []]}),
        (["v[*]"], ["x -> v[0]", "y -> v[1]"], {"x": 1, "y": 2}, {"v": [1, 2]}),
        (["v[*]"], ["w[3+2,2] -> v[*]"], {"w": [0, 1, 2, 3, 4, 5, 6, 7]}, {"v": [3, 5]}),
        (["v[1+2]"], ["w[*] -> v[1+2]"], {"w": [1, 2]}, {"v": [None, 1, None, 2]}),
        (["x"], ["y -> x = 7"], {}, {"x": 7}),
        (["x"], ['y -> x = "7.5"'], {"y": None}, {"x": 7.5}),
        (["x"], ["y -> x = 7"], {"y": 0}, {"x": 0}),
        (["v[*]"], ["w[*] -> v[*] = 0"], {"w": [1, None]}, {"v": [1, 0]}),
        ([r"a\/b"], [r"c\[0\] -> a\/b"], {"c[0]": 1}, {"a/b": 1}),
    ],
)
def test_what_a_model_gets(
    echo: dict[str, Any], score: Score, fields: list[str], mapping: list[str], record: Any, taken: Any
) -> None:
    text = score(
        echo, json.dumps(record), "application/json", schema=schema(*fields), mapping=rules(*mapping)
    )
    assert json.loads(text) == [taken]


@pytest.mark.parametrize(
    ("fields", "mapping", "given"),
    [
        (["x", "y"], ["x -> y", "y -> x"], {"x": 2, "y": 1}),
        (["x", "y"], ["x -> Result/of[1]"], {"Result": {"of": [None, 1]}, "y": 2}),
        (["x", "y"], ["x -> a", "x -> b"], {"a": 1, "b": 1, "y": 2}),
        (["x", "y", "z"], ["z -> c = 9"], {"x": 1, "y": 2, "c": 9}),
    ],
)
def test_what_the_output_has(
    echo: dict[str, Any], score: Score, fields: list[str], mapping: list[str], given: Any
) -> None:
    data, asked = '{"x": 1, "y": 2}', schema(*fields, optional=True)
    text = score(echo, data, "application/json", schema=asked, output_mapping=rules(*mapping))
    assert json.loads(text) == [given]


def test_repeated_headers_are_a_list_from_the_left(echo: dict[str, Any], score: Score) -> None:
    data = "x,y,x,x\n1,2,3,\n4,5,6,7\n"
    asked = schema("v[*]", "first") | {"output_type": "json"}
    text = score(echo, data, schema=asked, mapping=rules("x[*] -> v[*]", "x[0] -> first"))
    assert json.loads(text) == [{"v": [1, 3], "first": 1}, {"v": [4, 6, 7], "first": 4}]


def test_lists_are_repeated_headers_on_their_way_out(echo: dict[str, Any], score: Score) -> None:
    asked = schema("v[*]", "a/b") | {"output_type": "csv_header"}
    records = [{"v": [1, 2], "a": {"b": 3}}, {"v": [4], "a": {"b": 5}}]
    through_json = asked | {"output_type": "csv_header", "input_type": "csv_header"}
    text = score(echo, json.dumps(records), "application/json", schema=through_json)
    assert text == "v,v,a/b\n1,2,3\n4,,5\n"
    records.append({"v": [1, 2, 3], "a": {"b": 3}})
    with pytest.raises(SourceError, match=r"record 3: v\[\*\] has 3 values, more than there are columns \(2"):
        score(echo, json.dumps(records), "application/json", schema=through_json)


def test_columns_without_a_header_are_numbers(echo: dict[str, Any], score: Score) -> None:
    mapping, back = rules("x -> /2", "y -> /1"), rules("/1 -> /2", "/2 -> /1")
    asked = schema("/2", "/1", form="csv")
    assert score(echo, "x,y\n1,2\n", schema=asked, mapping=mapping) == "2,1\n"
    assert score(echo, "x,y\n1,2\n", schema=asked, mapping=mapping, output_mapping=back) == "1,2\n"


@pytest.mark.parametrize(
    ("mapping", "error"),
    [
        ("what", "mapping is the text 'what'"),
        ([1], r"mapping\[0\] is the number 1"),
        ([{"source": "a", "destination": "x", "default": 1}], r"mapping\[0\] has 'default'"),
        ([{"source": "a["}], r"mapping\[0\]\.source: path 'a\[', character 2"),
        ([{"source": "a"}], r"mapping\[0\]\.destination: a path is a text"),
        (rules("a -> q"), r"mapping\[0\]: the model has no input q"),
        (rules("a -> x", "b -> x"), r"mapping\[1\]: x is given by mapping\[0\] already"),
        (rules("a -> x", "b -> /x"), r"mapping\[1\]: x is given by mapping\[0\] already"),
        (rules("a -> v[0]", "b -> v[0+2,3]"), r"mapping\[1\].*|mapping\[1\] takes"),
        (rules("a -> x", "b -> x/y"), r"mapping\[1\]: x/y contradicts x of mapping\[0\]"),
        (rules("a -> x/y"), r"mapping\[0\]: x/y is not x, which the model takes"),
        (rules("a[*] -> x"), r"takes a\[\*\] \(a list\) to x \(one value\)"),
        (rules('a -> x = "seven"'), r"mapping\[0\]\.defaultValue: the text 'seven' is not a number, as x is"),
        (rules("a -> x = true"), r"mapping\[0\]\.defaultValue: true is not a number, as x is"),
        ([{"source": "a", "destination": "x", "defaultValue": [1]}], "defaultValue is a list of 1"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_beforehand(mapping: Any, error: str) -> None:
    request = {"mime": "text/csv", "schema": schema("x", "v[*]"), "model": ECHO, "mapping": mapping}
    with pytest.raises(BadRequest, match=error):
        check(request)


@pytest.mark.parametrize(
    ("mapping", "error"),
    [
        (rules("q -> a"), r"outputMapping\[0\]: the model has no output q"),
        (rules("x -> y"), "output y, which no rule names: y is given by|y is given by outputMapping"),
        (rules("x -> y/a"), "contradicts y"),
    ],
)
def test_an_output_mapping_that_cannot_be_is_refused_beforehand(mapping: Any, error: str) -> None:
    request = {"mime": "text/csv", "schema": schema("x", "y"), "model": ECHO, "output_mapping": mapping}
    with pytest.raises(BadRequest, match=error):
        check(request)


def test_very_many_rules_are_read_soon_or_refused() -> None:
    many = rules(*(f"s{at} -> v[{at}]" for at in range(1_000)))
    request = {"mime": "text/csv", "schema": schema("x", "v[*]"), "model": ECHO, "mapping": many}
    check(request)
    with pytest.raises(BadRequest, match="one of more than 1,000 that begin with v"):
        check(request | {"mapping": [*many, *rules("a -> v[9999]")]})
    names = [f"f{at}" for at in range(10_000)]
    wide = schema(*names)
    mapping = rules(*(f"s -> {name}" for name in names))
    check({"mime": "text/csv", "schema": wide, "model": ECHO, "mapping": mapping})
    with pytest.raises(BadRequest, match="mapping has 10,001 rules"):
        check({"mime": "text/csv", "schema": wide, "model": ECHO, "mapping": [*mapping, mapping[0]]})


def test_short_records_of_a_wide_model_are_taken_a_few_at_a_time(
    echo: dict[str, Any], score: Score, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.scoring.scoring.CELLS", 1000)
    taken: list[int] = []
    monkeypatch.setattr("node.scoring.fields.plain", _noting(fields.plain, taken))
    mapping = rules("x -> v[99]")
    text = score(echo, "x\n" + "1\n" * 50, schema=schema("v[*]", optional=True), mapping=mapping)
    assert json.loads(text) == [{"v": [None] * 99 + [1]}] * 50
    assert taken[:6] == [9, 9, 9, 9, 9, 5]


def _noting(function: Callable[..., Any], taken: list[int]) -> Callable[..., Any]:
    def noting(field: Any, column: Any, first: int) -> Any:
        taken.append(len(column))
        return function(field, column, first)

    return noting


def test_a_mapping_needs_a_schema() -> None:
    request = {"mime": "text/csv", "schema": {}, "model": ECHO, "mapping": rules("a -> b")}
    with pytest.raises(BadRequest, match="does not say what its input is"):
        check(request)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"input_type": "xml"}, "input_type 'xml' is not one"),
        ({"output": "x"}, "the output fields are not a list"),
        ({"input": [1]}, r"input\[0\] is the number 1"),
        ({"input": [{"path": "a]"}]}, r"input\[0\]: path 'a\]', character 2"),
        ({"input": [{"path": "a", "type": "float"}]}, r"input\[0\]: 'float' is no type"),
        ({"input": [{"path": "a", "optional": 1}]}, r"input\[0\]: optional is the number 1"),
        ({"input": [{"path": "a"}, {"path": "/a"}]}, r"input\[1\]: a is given by input\[0\] already"),
        ({"input": [{"path": "a"}, {"path": "a[0]"}]}, r"a\[0\] contradicts a of input\[0\]"),
        ({"input_type": "csv", "input": [{"path": "a"}]}, "columns are /1, /2"),
        ({"input": [{"path": "a"}]}, "there are none in image/png"),
    ],
)
def test_a_schema_that_cannot_be_is_refused(given: Any, error: str) -> None:
    with pytest.raises(BadRequest, match=error):
        check({"mime": "image/png", "schema": given, "model": ECHO})


@pytest.mark.parametrize(
    ("mime", "error"),
    [
        (None, "no mime type"),
        ("", "no mime type"),
        ("csv", "'csv' is no mime type"),
        ("text/csv; header=maybe", "header of the CSV is 'maybe'"),
        ("text/csv; delimiter=x", "parted by 'x'"),
        ("text/csv; charset=latin-1", "in 'latin-1' is not read"),
        ("text/csv\0", "no mime type"),
    ],
)
def test_a_mime_type_that_cannot_be_is_refused(mime: Any, error: str) -> None:
    with pytest.raises(BadRequest, match=error):
        check({"mime": mime, "schema": {}, "model": ECHO})
