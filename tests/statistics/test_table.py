"""Tables from rows and columns, and schemas from tables."""

import numpy as np
import pytest

from federation.statistics import (
    Attribute,
    AttributeType,
    Coded,
    LearnError,
    Quantum,
    Schema,
    SchemaError,
    Table,
)


def test_rows_become_columns_by_what_their_cells_hold() -> None:
    table = Table.from_rows(
        ["delay", "carrier", "late"],
        [["12.5", "AA", 1], [None, "", 0], [float("nan"), "UA", True], [-3, None, False]],
    )
    assert table.rows == 4
    np.testing.assert_array_equal(table.columns["delay"], [12.5, np.nan, np.nan, -3.0])
    assert table.columns["carrier"].decode() == ["AA", None, "UA", None]
    schema = Schema.infer(table)
    assert [(a.name, a.type.value, str(a.quantum)) for a in schema.attributes] == [
        ("delay", "C", "0.1"),
        ("carrier", "T", "None"),
        ("late", "B", "1"),
    ]


def test_given_types_are_obeyed() -> None:
    table = Table.from_rows(["month", "x", "skip"], [[1, "2", "?"], [12.0, "", "?"]], types=["T", "C", "X"])
    assert table.names == ("month", "x")
    assert table.columns["month"].decode() == ["1", "12"]
    with pytest.raises(LearnError, match="column 'x', row 2: 'oops' is not a number"):
        Table.from_rows(["x"], [[1], ["oops"]], types=["C"])
    with pytest.raises(LearnError, match="unknown type"):
        Table.from_rows(["x"], [[1]], types=["?"])


def test_crooked_tables_are_refused() -> None:
    with pytest.raises(LearnError, match="row 2 has 1 cells"):
        Table.from_rows(["a", "b"], [[1, 2], [3]])
    with pytest.raises(LearnError, match="'b' has 1 rows, 'a' has 2"):
        Table({"a": np.zeros(2), "b": np.zeros(1)})
    with pytest.raises(LearnError, match="one-dimensional"):
        Table({"a": np.zeros((2, 2))})
    with pytest.raises(LearnError, match="must differ"):
        Table.from_rows(["a", "a"], [])
    with pytest.raises(LearnError, match="codes must lie"):
        Coded(np.array([2], dtype=np.int32), ("a",))


def test_slices_are_views_and_batches_cover_all_rows() -> None:
    table = Table({"x": np.arange(10.0), "c": Coded.of(list("abcabcabca"))})
    part = table.slice(3, 6)
    assert np.shares_memory(part.columns["x"], table.columns["x"])
    assert part.columns["c"].decode() == ["a", "b", "c"]
    assert [(start, batch.rows) for start, batch in table.batches(4)] == [(0, 4), (4, 4), (8, 2)]
    assert table.take(np.array([9, 0])).columns["x"].tolist() == [9.0, 0.0]


def attribute(name: str, quantum: Quantum = Quantum(0)) -> Attribute:  # noqa: B008 - frozen
    return Attribute(name, AttributeType.CONTINUOUS, quantum)


def test_a_schema_reads_back_and_does_not_depend_on_order() -> None:
    schema = Schema((attribute("x", Quantum(3, 1)), Attribute("c", AttributeType.CATEGORY), attribute("a")))
    assert Schema.from_dict(schema.to_dict()) == schema
    assert Schema.from_dict(schema.to_dict()).names == schema.names
    backwards = Schema(schema.attributes[::-1])
    assert backwards == schema
    assert backwards.digest() == schema.digest()
    assert schema.restrict(["a"]).names == ("a",)
    assert "x" in schema
    assert "y" not in schema


def test_the_union_of_schemas_takes_the_common_refinement_and_names_a_conflict() -> None:
    left = Schema((attribute("x", Quantum(1, 1)), attribute("a")))
    right = Schema((attribute("x", Quantum(4)), Attribute("c", AttributeType.CATEGORY)))
    union = left.union(right)
    assert union.names == ("x", "a", "c")
    assert union["x"].quantum == Quantum(4, 1)
    with pytest.raises(SchemaError, match="attribute 'c' is of type T on one side and C on the other"):
        union.union(Schema((attribute("c"),)))


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", "\x00"])
def test_a_name_is_printable_and_not_too_long(name: str) -> None:
    with pytest.raises(SchemaError, match="name"):
        attribute(name)


def test_schemas_that_cannot_be_are_refused() -> None:
    with pytest.raises(SchemaError, match="twice"):
        Schema((attribute("x"), attribute("x")))
    with pytest.raises(SchemaError, match="give it a quantum"):
        Attribute("x", AttributeType.CONTINUOUS)
    with pytest.raises(SchemaError, match="not in the schema"):
        Schema((attribute("x"),))["y"]
    with pytest.raises(SchemaError, match="at most"):
        Schema(tuple(attribute(str(i)) for i in range(10_001)))
    for data in (
        {},
        {"attributes": 3},
        {"attributes": [{}]},
        {"attributes": [{"name": "x", "type": "Q"}]},
        [],
    ):
        with pytest.raises(SchemaError):
            Schema.from_dict(data)  # type: ignore[arg-type]
    with pytest.raises(SchemaError, match="write it as text"):
        Schema.from_dict({"attributes": [{"name": "x", "type": "C", "quantum": 0.1}]})
