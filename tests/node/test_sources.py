"""CSV and Parquet files as tables: types, missing values, errors that name the cell."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from federation.statistics import Coded, LearnError, Moments, Schema, Table
from node.sources import (
    SourceError,
    files,
    guess_schema,
    offered_schema,
    open_source,
    read_batches,
    read_rows,
)


def learned(path: Path, schema: Schema) -> Moments:
    moments = Moments(schema)
    for batch in read_batches(open_source(path), schema):
        moments.learn(batch.table, batch.first)
    return moments


def text(tmp_path: Path, content: str, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_text(content)
    return path


def as_arrow(table: Table) -> pa.Table:
    return pa.table(
        {
            name: pa.array(column.decode())
            if isinstance(column, Coded)
            else pa.array(column, from_pandas=True)
            for name, column in table.columns.items()
        }
    )


@pytest.mark.parametrize("block", [200, 1000, 1 << 20])
def test_a_csv_file_is_its_table_however_it_is_cut(
    block: int, table, csv_file, direct, schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CSV_BLOCK", block)
    rows = table(300)
    assert learned(csv_file(rows), schema).digest() == direct(rows).digest()


def test_a_parquet_file_is_its_table(table, direct, schema: Schema, tmp_path: Path) -> None:
    rows = table(5000)
    parquet.write_table(as_arrow(rows), tmp_path / "t.parquet", row_group_size=700)
    assert learned(tmp_path / "t.parquet", schema).digest() == direct(rows).digest()


def test_a_gzipped_file_too(table, csv_file, direct, schema: Schema) -> None:
    rows = table(300)
    path = csv_file(rows)
    packed = path.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert learned(packed, schema).digest() == direct(rows).digest()


def test_types_and_units_are_guessed_from_the_first_rows(tmp_path: Path) -> None:
    path = text(
        tmp_path,
        "price,count,flag,yes,kind,when,nothing,forced\n"
        "1.25,10,0,true,a,2024-01-01,,1\n2.5,NA,1,false,b,2024-01-02,,2\n",
    )
    schema, remarks = guess_schema(open_source(path), types={"forced": "T"})
    assert {a.name: (a.type.value, str(a.quantum)) for a in schema.attributes} == {
        "price": ("C", "0.01"),
        "count": ("C", "1"),
        "flag": ("B", "1"),
        "yes": ("B", "1"),
        "kind": ("T", "None"),
        "when.year": ("C", "1"),
        "when.month": ("T", "None"),
        "when.day": ("C", "1"),
        "when.weekday": ("T", "None"),
        "forced": ("T", "None"),
    }
    assert len(remarks) == 1
    assert "'nothing' is ignored: no value" in remarks[0]


@pytest.mark.parametrize("name", ["", "__index_level_0__"])
def test_the_index_that_pandas_writes_is_no_attribute(name: str, tmp_path: Path) -> None:
    path = text(tmp_path, f"{name},x\n0,1.5\n1,2.5\n")
    schema, remarks = guess_schema(open_source(path))
    assert schema.names == ("x",)
    assert f"column {name!r} is ignored: it numbers the rows" in remarks[0]
    assert learned(path, schema).rows == 2


def test_identifiers_are_not_taken_for_categories(tmp_path: Path) -> None:
    path = text(tmp_path, "id,x\n" + "".join(f"customer{i},{i}\n" for i in range(2000)))
    schema, remarks = guess_schema(open_source(path))
    assert schema.names == ("x",)
    assert "'id' is ignored: 2000 different texts in its first 2000 rows" in remarks[0]


def test_numbers_as_categories_are_named_alike_in_csv_and_parquet(tmp_path: Path) -> None:
    schema = Schema.from_dict({"attributes": [{"name": "month", "type": "T"}]})
    csv = text(tmp_path, "month\n1\n2\n\n12\n1\n")
    parquet.write_table(pa.table({"month": pa.array([1, 2, 12, 1])}), tmp_path / "ints.parquet")
    parquet.write_table(pa.table({"month": pa.array([1.0, 2.0, 12.0, 1.0])}), tmp_path / "floats.parquet")
    for path in (csv, tmp_path / "ints.parquet", tmp_path / "floats.parquet"):
        assert learned(path, schema).level_counts("month") == {"1": 2, "12": 1, "2": 1}


def test_missing_values_are_missing(tmp_path: Path) -> None:
    path = text(tmp_path, 'x,kind,yes\n1,a,true\nNA,"",\n,NA,false\nnan,b,NULL\n')
    [batch] = read_batches(open_source(path), guess_schema(open_source(path))[0])
    assert np.isnan(batch.table.columns["x"]).tolist() == [False, True, True, True]
    kind = batch.table.columns["kind"]
    assert isinstance(kind, Coded)
    assert [level or None for level in kind.decode()] == ["a", None, None, "b"]
    assert np.isnan(batch.table.columns["yes"]).tolist() == [False, True, False, True]


@pytest.mark.parametrize("block", [100, 1 << 20])
def test_a_bad_cell_is_named_by_file_column_and_row(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CSV_BLOCK", block)
    schema = Schema.from_dict({"attributes": [{"name": "b", "type": "C", "quantum": "1"}]})
    path = text(tmp_path, "a,b\n" + "x,1\n" * 811 + "x,late\n" + "x,2\n" * 50)
    with pytest.raises(SourceError, match=r"^t\.csv, column b, row 812: .*'late'"):
        learned(path, schema)


def test_an_infinite_value_is_named_too(tmp_path: Path) -> None:
    schema = Schema.from_dict({"attributes": [{"name": "b", "type": "C", "quantum": "1"}]})
    with pytest.raises(ValueError, match=r"'b', row 3"):
        learned(text(tmp_path, "b\n1\n2\ninf\n"), schema)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("", "Empty CSV"),
        ("a,b\n", "a header but no rows"),
        ("a,a\n1,2\n", "two columns are called 'a'"),
        ("a,b\n1,2\n3\n", "Expected 2 columns, got 1"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: str, match: str) -> None:
    path = text(tmp_path, content)
    schema = Schema.from_dict({"attributes": [{"name": "a", "type": "C", "quantum": "1"}]})
    with pytest.raises(SourceError, match=match):
        learned(path, schema)


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    for path, match in [
        (tmp_path / "none.csv", "does not exist"),
        (tmp_path, "cannot tell its format"),
        (text(tmp_path, "x", "x.docx"), "cannot tell its format"),
        (text(tmp_path, "x", "x.parquet"), r"x\.parquet"),
    ]:
        with pytest.raises(SourceError, match=match):
            open_source(path)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(SourceError, match="is a folder"):
        open_source(tmp_path / "folder.csv")


def test_a_missing_column_is_named(tmp_path: Path, schema: Schema) -> None:
    with pytest.raises(SourceError, match=r"has no column 'delay'.*it has a, b"):
        learned(text(tmp_path, "a,b\n1,2\n"), schema)


def test_text_where_parquet_should_have_numbers(tmp_path: Path) -> None:
    schema = Schema.from_dict({"attributes": [{"name": "a", "type": "C", "quantum": "1"}]})
    parquet.write_table(pa.table({"a": ["x", "y"]}), tmp_path / "t.parquet")
    with pytest.raises(SourceError, match=r"t\.parquet, column 'a' holds string"):
        learned(tmp_path / "t.parquet", schema)


def test_without_pyarrow_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(SourceError, match=r"pip install \"suffice\[files\]\""):
        open_source(text(tmp_path, "a\n1\n"))


def test_reading_stops_when_nobody_reads_on(tmp_path: Path, csv_file: Callable[..., Path], table) -> None:
    path = csv_file(table(1000))
    batches = read_batches(open_source(path), guess_schema(open_source(path))[0])
    next(batches)
    batches.close()


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_a_csv_file_with_another_separator_is_not_one_strange_column(tmp_path: Path, separator: str) -> None:
    path = text(tmp_path, "x,y,g\n1,2,a\n3,4,b\n".replace(",", separator))
    with pytest.raises(SourceError, match="separated by") as caught:
        open_source(path)
    assert "t.csv" in str(caught.value)
    assert repr(separator) in str(caught.value)


def test_one_column_may_be_called_what_it_likes(tmp_path: Path) -> None:
    assert open_source(text(tmp_path, "x y: z\n1\n2\n")).names == ("x y: z",)


def test_decimals_are_read_as_the_numbers_they_are_written_as(tmp_path: Path) -> None:
    values = [Decimal(i) / 100 for i in range(-2000, 2000)]
    for kind in (pa.decimal128(6, 2), pa.decimal256(50, 4)):
        parquet.write_table(pa.table({"x": pa.array([*values, None], kind)}), tmp_path / "t.parquet")
        csv_path = text(tmp_path, "x\n" + "\n".join(map(str, values)) + "\n")
        schema, _ = guess_schema(open_source(csv_path), types={"x": "C"})
        source = open_source(tmp_path / "t.parquet")
        assert guess_schema(source)[0] == schema
        (batch,) = read_batches(source, schema)
        read = batch.table.columns["x"]
        assert not isinstance(read, Coded)
        assert read[:-1].tolist() == [float(value) for value in values]
        assert np.isnan(read[-1])


def test_whole_numbers_beyond_float64_are_identifiers_not_an_incident(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"id": [2**60 + i for i in range(3)], "x": [1.5, 2.5, 3.5]}), path)
    schema, remarks = guess_schema(open_source(path))
    assert schema.names == ("x",)
    assert any("'id' is ignored" in remark and "2^53" in remark for remark in remarks)
    with pytest.raises(SourceError, match=r"t\.parquet.*'id'.*2\^53"):
        guess_schema(open_source(path), types={"id": "C"})


DATED = (
    "day,at,clock,x\n"
    "2013-01-31,2013-01-31T14:30:00,10:30:00,1.5\n"
    "2013-02-03,2013-02-03 09:00:00,00:00:00,2.5\n"
    ",,,3.5\n"
)


def test_dates_are_learned_as_their_parts(tmp_path: Path) -> None:
    path = text(tmp_path, DATED)
    schema, remarks = guess_schema(open_source(path))
    assert {a.name: a.type.value for a in schema.attributes} == {
        "day.year": "C", "day.month": "T", "day.day": "C", "day.weekday": "T",
        "at.year": "C", "at.month": "T", "at.day": "C", "at.weekday": "T", "at.hour": "C", "at.minute": "C",
        "clock.hour": "C", "clock.minute": "C",
        "x": "C",
    }  # fmt: skip
    assert remarks == []
    (batch,) = read_batches(open_source(path), schema)
    columns = {name: np.asarray(column).tolist()[:2] for name, column in batch.table.columns.items()}
    assert columns["day.year"] == [2013, 2013]
    assert (columns["day.month"], columns["day.day"]) == ([1, 2], [31, 3])
    assert columns["day.weekday"] == [4, 7]  # a Thursday and a Sunday
    assert (columns["at.hour"], columns["at.minute"], columns["clock.minute"]) == ([14, 9], [30, 0], [30, 0])
    moments = learned(path, schema)
    assert moments.level_counts("day.month") == {"1": 1, "2": 1}
    assert moments.univariate("at.hour").missing == 1


def test_parts_of_a_date_are_chosen_and_typed_like_columns(tmp_path: Path) -> None:
    path = text(tmp_path, DATED)
    schema, _ = guess_schema(open_source(path), ["x", "day.month"], {"day.month": "C"})
    assert [(a.name, a.type.value) for a in schema.attributes] == [("x", "C"), ("day.month", "C")]
    assert learned(path, schema).univariate("day.month").mean == pytest.approx(1.5)
    with pytest.raises(SourceError, match=r"'day\.month' of a date cannot have the type 'B'"):
        guess_schema(open_source(path), types={"day.month": "B"})
    with pytest.raises(SourceError, match=r"'x' holds double, not dates"):
        guess_schema(open_source(path), types={"x": "D"})


def test_what_is_known_of_a_column_of_dates_decides_for_the_next_file(tmp_path: Path) -> None:
    known, _ = guess_schema(open_source(text(tmp_path, DATED)), ["day.month", "x"])
    later = text(tmp_path, "x,day\n1.5,2014-05-01 10:00\n", "later.csv")
    assert guess_schema(open_source(later), known=known)[0] == known
    assert learned(later, known).level_counts("day.month") == {"5": 1}
    assert "'day' is not in the file" not in str(guess_schema(open_source(later), known=known)[1])


def test_a_column_that_has_the_name_of_a_part_is_itself(tmp_path: Path) -> None:
    path = text(tmp_path, "day,day.month\n2013-01-31,7.25\n2013-02-01,8\n")
    schema, _ = guess_schema(open_source(path))
    assert schema["day.month"].type.value == "C"
    assert learned(path, schema).univariate("day.month").mean == 7.625


def test_dates_are_the_same_in_csv_parquet_and_rows(tmp_path: Path) -> None:
    times = [datetime(2013, 1, 31, 14, 30, tzinfo=UTC), None, datetime(1969, 12, 31, 23, 59, tzinfo=UTC)]
    for kind in (pa.timestamp("ns", "UTC"), pa.timestamp("s"), pa.date32()):
        parquet.write_table(pa.table({"t": pa.array(times, kind), "x": [1, 2, 3]}), tmp_path / "t.parquet")
        (batch,) = read_batches(
            open_source(tmp_path / "t.parquet"), guess_schema(open_source(tmp_path / "t.parquet"))[0]
        )
        cells = [
            [None if time is None else time.isoformat(), x] for time, x in zip(times, (1, 2, 3), strict=True)
        ]
        rows = read_rows(["t", "x"], cells).table
        csv = text(tmp_path, "t,x\n" + "".join(f"{time or ''},{x}\n" for time, x in cells))
        (read,) = read_batches(open_source(csv), guess_schema(open_source(csv))[0])
        for name, column in batch.table.columns.items():
            assert np.array_equal(column, rows.columns[name], equal_nan=True), name
            assert np.array_equal(column, read.table.columns[name], equal_nan=True), name


def test_a_date_that_is_none_is_named_by_column_and_row(tmp_path: Path) -> None:
    schema, _ = guess_schema(open_source(text(tmp_path, DATED)), ["day.month"])
    with pytest.raises(SourceError, match=r"^t\.csv, column day, row 2: .*'soon'"):
        learned(text(tmp_path, "day,x\n2013-01-31,1\nsoon,2\n"), schema)
    with pytest.raises(LearnError, match=r"'day', row 2: 'soon' is not a date; write 2013-01-31"):
        read_rows(["day"], [["2013-01-31"], ["soon"]], {"day": "D"})


def test_texts_of_many_values_lists_and_patients_are_left_out_and_named(tmp_path: Path) -> None:
    path = text(tmp_path, "id,note,tags,x\n" + "".join(f"p{i},text {i},a|b,{i}\n" for i in range(60)))
    schema, remarks = guess_schema(open_source(path), types={"id": "P", "tags": "L"})
    assert schema.names == ("x",)
    assert [remark.split(" is ignored")[0] for remark in remarks] == [
        "column 'id'",
        "column 'note'",
        "column 'tags'",
    ]
    assert "patient ids are never counted" in remarks[0]
    assert "rather text (S), usable only through an encoder" in remarks[1]
    assert "a list, usable only through an encoder" in remarks[2]
    with pytest.raises(SourceError, match="'x' cannot have the type 'Q'; use C, B, T, D, S, L, P or X"):
        guess_schema(open_source(path), types={"x": "Q"})


def test_rows_of_cells_are_guessed_like_files() -> None:
    names = ["n", "flag", "kind", "day", "note"]
    cells = [[i / 4, i % 2, "ab"[i % 2], f"2013-01-{i % 28 + 1:02}", f"text {i}"] for i in range(60)]
    read = read_rows(names, cells, {"flag": "C"})
    assert read.table.names == (
        "n", "flag", "kind", "day.year", "day.month", "day.day", "day.weekday",
    )  # fmt: skip
    schema = offered_schema(read.table, read.types)
    assert {a.name: a.type.value for a in schema.attributes} == {
        "n": "C", "flag": "C", "kind": "T",
        "day.year": "C", "day.month": "T", "day.day": "C", "day.weekday": "T",
    }  # fmt: skip
    assert "'note' is ignored" in read.remarks[0]
