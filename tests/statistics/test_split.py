"""Statistics kept apart for each level of a category: what the parts say, and the whole says the same."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import datasets

from federation.statistics import (
    Attribute,
    AttributeType,
    Coded,
    Extra,
    LearnError,
    Moments,
    MomentsFormatError,
    Schema,
    SchemaError,
    Table,
)


def iris() -> Table:
    bunch = datasets.load_iris()
    names = ("sepal_length", "sepal_width", "petal_length", "petal_width")
    columns: dict[str, Any] = {
        name: np.ascontiguousarray(column) for name, column in zip(names, bunch.data.T, strict=True)
    }
    columns["size"] = Coded.of(["large" if width > 3 else "small" for width in columns["sepal_width"]])
    columns["species"] = Coded(bunch.target.astype(np.int32), tuple(bunch.target_names.tolist()))
    return Table(columns)


TABLE = iris()
SCHEMA = replace(Schema.infer(TABLE), split="species")
MOMENTS = Moments(SCHEMA).learn(TABLE)


def test_each_part_is_what_learning_its_rows_alone_gives() -> None:
    parts = MOMENTS.parts()
    assert list(parts) == ["setosa", "versicolor", "virginica"]
    codes = TABLE.columns["species"].codes
    for code, (level, part) in enumerate(parts.items()):
        rows = TABLE.take(np.flatnonzero(codes == code))
        assert part == Moments(SCHEMA.inner).learn(rows) == MOMENTS.part(level)
        assert "species" not in part.schema
        mean = part.centred(["petal_length"]).mean_hi[0]
        assert mean == pytest.approx(rows.columns["petal_length"].mean(), rel=1e-15)


def test_the_whole_answers_as_if_it_were_not_split() -> None:
    plain = Moments(replace(SCHEMA, split=None)).learn(TABLE)
    assert MOMENTS.unsplit() == plain
    assert MOMENTS.level_counts("species") == plain.level_counts("species")
    assert MOMENTS.contingency("size", "species") == plain.contingency("size", "species")
    ours, theirs = (m.centred(["species", "size", "petal_width"]) for m in (MOMENTS, plain))
    assert ours.names == theirs.names
    assert (ours.scatter_hi == theirs.scatter_hi).all()
    assert MOMENTS.restrict(["sepal_length", "size"]) == plain.restrict(["sepal_length", "size"])


def test_rows_without_a_level_are_in_the_whole_and_in_no_part() -> None:
    schema = Schema((Attribute("x", AttributeType.BINARY), Attribute("c", AttributeType.CATEGORY)), split="c")
    table = Table({"x": np.array([1.0, 1.0, 0.0]), "c": Coded.of(["a", None, "b"])})
    moments = Moments(schema).learn(table)
    assert (moments.rows, moments.complete_rows) == (3, 2)
    assert {level: part.rows for level, part in moments.parts().items()} == {"a": 1, "b": 1}
    assert moments.univariate("x").total == 2
    assert moments.forget(table) == Moments(schema)


def test_hundreds_of_levels_make_up_the_whole() -> None:
    levels = tuple(f"level {i:04}" for i in range(600))
    codes = np.arange(1800, dtype=np.int32) % 600
    table = Table({"x": np.arange(1800.0), "c": Coded(codes, levels)})
    moments = Moments(replace(Schema.infer(table), split="c")).learn(table)
    assert moments.level_counts("c") == dict.fromkeys(levels, 3)
    assert moments.part("level 0007").univariate("x").total == 7 + 607 + 1207
    assert moments.unsplit() == Moments(replace(moments.schema, split=None)).learn(table)


def test_a_level_that_is_not_there_is_named() -> None:
    with pytest.raises(SchemaError, match=r"'species' has no level 'rosa': it has 'setosa', 'versicolor'"):
        MOMENTS.part("rosa")
    for ask in (MOMENTS.unsplit().parts, lambda: MOMENTS.unsplit().part("setosa")):
        with pytest.raises(SchemaError, match="not kept apart: learn with a schema whose split names"):
            ask()


def test_what_cannot_split() -> None:
    with pytest.raises(SchemaError, match="split by a category"):
        replace(SCHEMA, split="petal_width")
    with pytest.raises(SchemaError, match="split by 'species', the other by None"):
        MOMENTS + MOMENTS.unsplit()
    with pytest.raises(SchemaError, match="rescaling keeps extras, split"):
        MOMENTS.rescale(replace(SCHEMA, split=None))
    with pytest.raises(SchemaError, match="split is the name of a category"):
        Schema.from_dict(SCHEMA.to_dict() | {"split": 3})


def test_the_attribute_that_splits_may_come_later() -> None:
    early = Schema((SCHEMA["petal_width"],), split="species")
    narrow = Moments(early).learn(TABLE.slice(0, 60))
    assert narrow.parts() == {}
    both = narrow + Moments(SCHEMA).learn(TABLE.slice(60))
    assert (both.rows, both.complete_rows) == (150, 90)
    assert {level: part.rows for level, part in both.parts().items()} == {"versicolor": 40, "virginica": 50}
    assert Moments(Schema(())) + MOMENTS == MOMENTS


def test_the_earliest_bad_row_is_named() -> None:
    flags = np.array([0.0, 1.0, 3.0, 0.0, 2.0])
    table = Table({"x": flags, "c": Coded.of(["a", "b", "b", "a", "a"])})
    schema = Schema((Attribute("x", AttributeType.BINARY), Attribute("c", AttributeType.CATEGORY)), split="c")
    with pytest.raises(LearnError, match=r"column 'x', row 102: 3\.0"):
        Moments(schema).learn(table, offset=100)
    with pytest.raises(LearnError, match="column 'x' of the schema is not in the table; its columns: c"):
        Moments(schema).learn(Table({"c": table.columns["c"]}))


def test_a_schema_says_its_split() -> None:
    assert SCHEMA.to_dict()["split"] == "species"
    assert Schema.from_dict(SCHEMA.to_dict()) == SCHEMA
    assert "split" not in SCHEMA.inner.to_dict()
    assert SCHEMA.digest() != replace(SCHEMA, split=None).digest()
    assert SCHEMA.restrict(["size", "species"]).split == "species"
    assert SCHEMA.restrict(["size"]).split is None


CANONICAL = Moments(replace(SCHEMA, extras=frozenset(Extra))).learn(TABLE).to_bytes()
SHORT = Moments(SCHEMA.restrict(["size", "species"])).learn(TABLE).to_bytes()


@pytest.mark.parametrize("canonical", [SHORT, CANONICAL])
def test_bytes_carry_the_parts(canonical: bytes) -> None:
    again = Moments.from_bytes(canonical)
    assert again.to_bytes() == canonical
    assert list(again.parts()) == ["setosa", "versicolor", "virginica"]


@given(st.lists(st.tuples(st.integers(0, len(SHORT) - 1), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=1000)
def test_changed_bytes_are_refused_or_another_canonical_statistic(changes: list[tuple[int, int]]) -> None:
    data = bytearray(SHORT)
    for position, value in changes:
        data[position] = value
    try:
        moments = Moments.from_bytes(bytes(data))
    except MomentsFormatError:
        return
    assert moments.to_bytes() == bytes(data)
    assert moments.counts.rows == moments.rows


@pytest.mark.parametrize("length", range(0, len(SHORT), 11))
def test_truncated_bytes_are_refused(length: int) -> None:
    with pytest.raises(MomentsFormatError):
        Moments.from_bytes(SHORT[:length])


def test_parts_announced_are_parts_that_are_there() -> None:
    at = SHORT.index(b"\x03\x00\x00\x00\x06\x00setosa")
    for claim in (b"\xff\xff\xff\xff", b"\x04\x00\x00\x00", b"\x02\x00\x00\x00"):
        with pytest.raises(MomentsFormatError):
            Moments.from_bytes(SHORT[:at] + claim + SHORT[at + 4 :])
