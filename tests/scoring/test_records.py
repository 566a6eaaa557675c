"""Files of records: what is written is read, counted as it is read, and not taken for something else."""

from __future__ import annotations

import io
import json
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.scoring import Mime, count_records, csv_records, json_records
from node.scoring.paths import Path
from node.scoring.records import open_records, writer
from node.sources import SourceError

MIMES = ["text/csv; header=present", "text/csv; header=absent", 'text/csv; delimiter=";"', "application/json"]
cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=5)
tables = st.integers(1, 3).flatmap(lambda width: st.lists(st.tuples(*[cell] * width), min_size=1, max_size=5))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(tables, st.sampled_from(MIMES), st.booleans())
def test_what_is_written_is_read_and_counted(
    tmp_path: FilePath, rows: list[tuple[str, ...]], text: str, arrays: bool
) -> None:
    mime, names = Mime.parse(text), [str(at) for at in range(1, len(rows[0]) + 1)]
    paths = [Path.of(name) for name in names]
    columns: list[Any] = [list(column) for column in zip(*rows, strict=True)]
    if arrays:
        columns = [np.array(column, dtype=object) for column in columns]
    file = tmp_path / "records"
    with file.open("wb") as out:
        made = writer(out, mime, paths)
        made.write(columns[:], len(rows), 1)
        made.write(columns[:], len(rows), len(rows) + 1)
        made.end()
    found = []
    for batch in open_records(file, mime).batches(paths):
        held = [batch.column(path) for path in paths]
        found += list(zip(*(c if isinstance(c, list) else c.to_pylist() for c in held), strict=True))
    empty = None if mime.type == "text/csv" else ""
    assert found == [tuple(value or empty for value in row) for row in rows] * 2
    assert count_records(file, mime) == 2 * len(rows)


@pytest.mark.parametrize(
    ("data", "mime", "count"),
    [
        (b"x\n", "text/csv", 0),
        (b"x", "text/csv", 0),
        (b"x\n1\n2", "text/csv", 2),
        (b"\xef\xbb\xbfx\r\n1\r\n\r\n\r\n2\r\n", "text/csv", 2),
        (b'x\n"a\nb"\n""\n', "text/csv", 2),
        (b'"x\ny",z\n1,2\n', "text/csv", 1),
        (b"", "text/csv; header=absent", 0),
        (b"\n\n", "text/csv; header=absent", 0),
        (b"1\n2\n", "text/csv; header=absent", 2),
        (b"\xef\xbb\xbf1\n2\n", "text/csv; header=absent", 2),
        (b"a\tb\n1\t2\n", "text/csv; delimiter=tab", 1),
        (b"[]", "application/json", 0),
        (b" [ ] ", "application/json", 0),
        (b"{}", "application/json", 1),
        (b'\xef\xbb\xbf[{"a": "}{][,"} ,\n\t{}]\n', "application/json", 2),
        (b"\xff\xd8", "image/jpeg", 1),
    ],
)
def test_how_many_records_there_are(tmp_path: FilePath, data: bytes, mime: str, count: int) -> None:
    (tmp_path / "file").write_bytes(data)
    assert count_records(tmp_path / "file", Mime.parse(mime)) == count


@pytest.mark.parametrize(
    ("data", "mime", "error"),
    [
        (b"", "text/csv", "is empty"),
        (b"\n\n", "text/csv", "is empty"),
        ("x\n1\n".encode("utf-16"), "text/csv", "perhaps in UTF-16"),
        (b"\xe4\n1\n", "text/csv", "the first line is not in UTF-8"),
        (b"a,b\n1,2\n1,2,3\n", "text/csv", "record 2 has 3 cells, where the header has 2"),
        (b"1,2\n1\n", "text/csv; header=absent", "record 2 has 1 cells, where the first has 2"),
        (b'a,b\n1,2\n"1,2\n', "text/csv", "record 2 has 1 cells.*a quote not closed"),
        (b'"a,b\n1,2\n', "text/csv", "the first line cannot be read as CSV"),
        (b"x" * (2 << 20), "text/csv", "the first line does not end within 1 MB"),
        (b"," * 10_000 + b"\n", "text/csv; header=absent", "10,001 columns, and 10,000 are the most"),
        (b'x,y\n1,2\n"' + b"x" * (4 << 20), "text/csv", "record .* longer than 1 MB|a quote not closed"),
        (b'[{"a": 1}, 2]', "application/json", "record 2 is the number 2, not an object"),
        (b"[[]]", "application/json", "record 1 is a list of 0, not an object"),
        (b'[{"a": 1} {"a": 2}]', "application/json", "after record 1 there is '{'"),
        (b'[{"a": 1}', "application/json", "ends after record 1, before its list is closed"),
        (b'{"a": 1} {"a": 2}', "application/json", "something follows the JSON, after 1 records"),
        (b'[{"a": 1}, {"a": tru}]', "application/json", "record 2 is not valid JSON: .* at its character 7"),
        (b'[{"a": "\xff"}]', "application/json", "record 1 or one after it is not in UTF-8"),
    ],
)
def test_what_is_not_as_its_mime_type_says(tmp_path: FilePath, data: bytes, mime: str, error: str) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(SourceError, match=error):
        count_records(tmp_path / "file", Mime.parse(mime))


def test_records_cross_the_blocks_that_are_read(tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_records, "BLOCK", 7)
    monkeypatch.setattr(csv_records, "BLOCK", 64)
    records = [{"a": "ä€😀" * at, "b": [at, {"c": -1.5e3}]} for at in range(40)]
    (tmp_path / "json").write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    found = [
        record for batch in json_records.JsonRecords(tmp_path / "json").batches() for record in batch.records
    ]
    assert found == records
    (tmp_path / "csv").write_text("a,b\n" + "".join(f'"{at}\n",x\n' for at in range(40)), encoding="utf-8")
    firsts = [batch.first for batch in open_records(tmp_path / "csv", Mime.parse("text/csv")).batches()]
    assert len(firsts) > 2
    assert count_records(tmp_path / "csv", Mime.parse("text/csv")) == 40


def test_a_record_that_is_longer_than_any_is_refused(
    tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_records, "LONGEST", 1000)
    monkeypatch.setattr(json_records, "BLOCK", 100)
    (tmp_path / "file").write_bytes(b'[{"a": "' + b"x" * 10_000 + b'"}]')
    with pytest.raises(SourceError, match="record 1 is longer than"):
        count_records(tmp_path / "file", Mime.parse("application/json"))


def test_numbers_are_written_so_that_they_are_read_again() -> None:
    values = np.array([0.1, 1e300, -1 / 3, 1e-7, 12345678.9, np.nan])
    for text in MIMES[:1] + MIMES[3:]:
        out = io.BytesIO()
        made = writer(out, Mime.parse(text), [Path.of("x"), Path.of("y")])
        made.write([values, values], len(values), 1)
        made.end()
        if text == "application/json":
            read = [record["x"] for record in json.loads(out.getvalue())]
        else:
            read = [line.split(",")[0] or None for line in out.getvalue().decode().split()[1:]]
        assert [None if value is None else float(value) for value in read] == [*values[:-1].tolist(), None]
