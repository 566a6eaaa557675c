"""Runs of tokens: counted as Python counts them, in any tokens, and added up like any statistic."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.statistics import (
    NGRAM,
    NGRAM_SCHEMA,
    Attribute,
    AttributeType,
    Coded,
    LearnError,
    Moments,
    Schema,
    SchemaError,
    Table,
    ngram_table,
    ngrams,
)
from federation.statistics.sequences import join, separate

TOKENS = st.sampled_from(["a", "b", "|", "\\", "a|b", "\\|", "日本", "a\n", " "])
SEQUENCE = st.lists(TOKENS | st.none(), max_size=30)


def counted(sequences: list[list[str | None]], order: int) -> Counter[tuple[str, ...]]:
    runs = (tuple(s[i : i + order + 1]) for s in sequences for i in range(len(s) - order))
    return Counter(run for run in runs if None not in run)


def learned(table: Table, columns: list[str], order: int) -> Moments:
    return Moments(NGRAM_SCHEMA).learn(ngram_table(table, columns, order))


@given(SEQUENCE, st.integers(1, 4))
def test_a_column_is_one_sequence(tokens: list[str | None], order: int) -> None:
    assert ngrams(learned(Table({"t": Coded.of(tokens)}), ["t"], order)) == counted([tokens], order)


@given(st.lists(st.lists(TOKENS | st.none(), min_size=5, max_size=5)), st.integers(1, 5))
def test_several_columns_are_a_sequence_in_each_row(rows: list[list[str | None]], order: int) -> None:
    names = list("abcde")
    table = Table({name: Coded.of([row[i] for row in rows]) for i, name in enumerate(names)})
    assert ngrams(learned(table, names, order)) == counted(rows, order)


@given(st.lists(TOKENS, max_size=30), st.integers(1, 3), st.integers(0, 30))
def test_pieces_that_overlap_by_the_order_add_up(tokens: list[str], order: int, cut: int) -> None:
    table = Table({"t": Coded.of(tokens)})
    cut = max(order, min(cut, len(tokens)))
    pieces = learned(table.slice(0, cut), ["t"], order), learned(table.slice(cut - order), ["t"], order)
    assert pieces[1] + pieces[0] == learned(table, ["t"], order)


@given(st.lists(st.text(min_size=1), min_size=1))
def test_tokens_are_joined_so_that_they_can_be_told_apart(tokens: list[str]) -> None:
    assert separate(join(tokens)) == tuple(tokens)


@pytest.mark.parametrize("text", ["", "|", "a||b", "a|", "\\", "a\\b"])
def test_other_texts_are_no_ngrams(text: str) -> None:
    with pytest.raises(SchemaError, match="is not an n-gram"):
        separate(text)


def test_numbers_are_tokens() -> None:
    table = Table({"t": np.array([1.0, 2.0, 1.0, np.nan, 1.0, 2.0])})
    assert ngrams(learned(table, ["t"], 1)) == {("1", "2"): 2, ("2", "1"): 1}


def test_what_cannot_be_counted_is_refused() -> None:
    table = Table({"t": Coded.of(["a", "b"])})
    with pytest.raises(LearnError, match="the order is at least 1"):
        ngram_table(table, ["t"], 0)
    with pytest.raises(LearnError, match="name the columns"):
        ngram_table(table, [], 1)
    with pytest.raises(LearnError, match="column 'u' of the schema is not in the table"):
        ngram_table(table, ["u"], 1)
    with pytest.raises(SchemaError, match="'ngram' is not in the schema"):
        ngrams(Moments(Schema((Attribute("t", AttributeType.TEXT),))))


def test_the_order_is_part_of_a_schema_and_of_its_bytes() -> None:
    """A schema without one has the bytes that it always had."""
    first, second = (replace(NGRAM_SCHEMA, order=order) for order in (1, 2))
    assert len({NGRAM_SCHEMA.digest(), first.digest(), second.digest()}) == 3
    for schema in (first, second):
        assert Schema.from_dict(schema.to_dict()) == schema != NGRAM_SCHEMA
        moments = Moments(schema).learn(Table({NGRAM: Coded.of(["a|b", "b|a"])}))
        assert Moments.from_bytes(moments.to_bytes()).schema == schema
        assert moments + moments - moments == moments
    with pytest.raises(SchemaError, match="order 1 in one of two schemas, 2 in the other"):
        first.union(second)
    for wrong in (0, 11, True, "1"):
        with pytest.raises(SchemaError):
            Schema.from_dict(NGRAM_SCHEMA.to_dict() | {"order": wrong})
