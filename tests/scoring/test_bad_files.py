"""Whatever a file or a request holds, scoring ends in an output or in a refusal, and leaves nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from node.errors import BadRequest
from node.scoring import check, described, inspect_file, score_file
from node.sources import SourceError

shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)

words = rb'x kind , ; " a b 1 -2.5 1e999 nan [ ] { } : "x" "kind" "a" null true \ud800'.split(b" ")
pieces = st.sampled_from([*words, b" ", b"\n", b"\r", b"\0", b"\xff", b"\xef\xbb\xbf"])
files = st.one_of(st.lists(pieces, max_size=25).map(b"".join), st.binary(max_size=60))
whole_csv = st.lists(st.tuples(pieces, pieces), max_size=4).map(
    lambda rows: b"x,kind\n" + b"".join(b"%s,%s\n" % row for row in rows)
)
whole_json = st.lists(st.tuples(pieces, pieces), max_size=4).map(
    lambda rows: b"[" + b",".join(b'{"x": %s, "kind": %s}' % row for row in rows) + b"]"
)
mimes = st.sampled_from(
    ["text/csv", "text/csv; header=absent", 'text/csv; delimiter=";"', "application/json"]
)


@shared
@given(st.one_of(files, whole_csv, whole_json), mimes)
@example(b'[{"x": 1, "kind": "a"}, {"x": 2, "kind": "\\ud800"}]', "application/json")
@example(b"x,kind\r1,a\r", "text/csv")
def test_any_file_is_scored_or_refused(line: dict[str, Any], tmp_path: Path, data: bytes, mime: str) -> None:
    source, output = tmp_path / "input", tmp_path / "output"
    source.write_bytes(data)
    output.unlink(missing_ok=True)
    request = {"mime": mime, "schema": described(line), "model": line}
    if "absent" in mime:
        request["mapping"] = [
            {"source": str(at + 1), "destination": name} for at, name in enumerate(["x", "kind"])
        ]
    try:
        records = inspect_file(request, source)
        told = score_file(request, source, output, lambda done, total: None)
    except SourceError as error:
        assert 0 < len(str(error)) < 2000
        assert {path.name for path in tmp_path.iterdir()} == {"input"}
    else:
        assert told["records"] == told["results"] == records
        assert {path.name for path in tmp_path.iterdir()} == {"input", "output"}


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
rules = st.fixed_dictionaries(
    {
        "source": st.sampled_from(["x", "y", "v[*]", "v[1]", "/1"]) | plain,
        "destination": st.sampled_from(["x", "z"]),
    },
    optional={"defaultValue": plain},
)


@shared
@given(plain | st.lists(rules, max_size=3), plain | st.lists(rules, max_size=3), plain | mimes)
def test_any_request_is_taken_or_refused(line: dict[str, Any], mapping: Any, back: Any, mime: Any) -> None:
    request = {"mime": mime, "schema": described(line), "model": line}
    try:
        check(request | {"mapping": mapping, "output_mapping": back})
    except BadRequest as error:
        assert 0 < len(error.message) < 2000


@shared
@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("input_type", "input", "output_type", "output"), plain))
)
def test_any_schema_is_taken_or_refused(line: dict[str, Any], schema: Any) -> None:
    try:
        check({"mime": "text/csv", "schema": schema, "model": line})
    except BadRequest as error:
        assert 0 < len(error.message) < 2000


def test_a_mac_of_old_ends_its_lines_otherwise(line: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(b"x,kind\r1,a\r2,b\r")
    with pytest.raises(SourceError, match="cannot be read as CSV"):
        inspect_file({"mime": "text/csv", "schema": described(line), "model": line}, tmp_path / "input")


def test_a_mapping_cannot_fill_the_disk_from_a_few_bytes(
    line: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.scoring.scoring.LARGEST", 1 << 20)
    monkeypatch.setattr("node.scoring.scoring.GROWTH", 1)
    (tmp_path / "input").write_bytes(b"[" + b",".join([b'{"x": 1, "kind": "a"}'] * 5_000) + b"]")
    request = {"mime": "application/json", "schema": described(line), "model": line}
    request["output_mapping"] = [{"source": "res", "destination": "far[9999]"}]
    with pytest.raises(SourceError, match="output is larger than 1 MB"):
        score_file(request, tmp_path / "input", tmp_path / "output", lambda done, total: None)
    assert {path.name for path in tmp_path.iterdir()} == {"input"}


def test_the_disk_keeps_some_room(
    line: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.scoring.scoring.FREE_BYTES", 1 << 80)
    (tmp_path / "input").write_bytes(b"x,kind\n1,a\n")
    request = {"mime": "text/csv", "schema": described(line), "model": line}
    with pytest.raises(SourceError, match="disk is full"):
        score_file(request, tmp_path / "input", tmp_path / "output", lambda done, total: None)


@pytest.mark.parametrize("lead", [b"\n" * (2 << 20), b'"\n",' * (1 << 20), b"x" * (2 << 20)])
def test_a_header_is_not_looked_for_without_end(line: dict[str, Any], tmp_path: Path, lead: bytes) -> None:
    (tmp_path / "input").write_bytes(lead + b"x,kind\n1,a\n")
    with pytest.raises(SourceError, match="the first line does not end within 1 MB"):
        inspect_file({"mime": "text/csv", "schema": described(line), "model": line}, tmp_path / "input")


def test_space_between_records_is_passed_over(line: dict[str, Any], tmp_path: Path) -> None:
    space = b" \n\t\r" * (1 << 20)
    (tmp_path / "input").write_bytes(space + b"[" + space + b'{"x": 1, "kind": "a"}' + space + b"]" + space)
    request = {"mime": "application/json", "schema": described(line), "model": line}
    assert inspect_file(request, tmp_path / "input") == 1
