"""Sequences of tokens as tables of n-grams, so that transition counts are ordinary statistics.

A Markov chain of order k is told by how often each k+1 tokens follow one another. Here such runs become the
levels of a text attribute: its counts are learned, forgotten, added and rescaled like any other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from federation.statistics.digits import IntArray
from federation.statistics.errors import LearnError, SchemaError
from federation.statistics.moments import Moments
from federation.statistics.rows import levels_of
from federation.statistics.schema import Attribute, AttributeType, Schema
from federation.statistics.table import Coded, Table

NGRAM: Final = "ngram"
NGRAM_SCHEMA: Final = Schema((Attribute(NGRAM, AttributeType.TEXT),))
_TOKEN = re.compile(r"(?:[^|\\]|\\[|\\])+", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)")


def join(tokens: Sequence[str]) -> str:
    r"""Tokens as one text that `separate` reads back: joined by "|", where "|" and "\" of a token follow a
    "\".
    """
    return "|".join(token.replace("\\", "\\\\").replace("|", "\\|") for token in tokens)


def separate(text: str) -> tuple[str, ...]:
    """The tokens of a text made by `join`; raises `SchemaError` for any other."""
    tokens = tuple(_ESCAPED.sub(r"\1", token) for token in _TOKEN.findall(text))
    if not tokens or join(tokens) != text:
        raise SchemaError(f"{text[:80]!r} is not an n-gram: learn sequences as `ngram_table` gives them")
    return tokens


def ngram_table(table: Table, columns: Sequence[str], order: int) -> Table:
    """The runs of order + 1 tokens in a table's sequences, as one column `NGRAM` for `NGRAM_SCHEMA`.

    One column is one sequence, a token a row; several columns hold one sequence a row, a token a column. A
    missing token ends a sequence: no run reaches over it. Numbers are tokens as they are levels of a
    category. To learn one long column in pieces, let each begin `order` rows before the last one ended.
    Raises `LearnError` for an unknown column, or unless order >= 1.
    """
    if order < 1:
        raise LearnError(f"a chain of order {order!r} has no transitions: the order is at least 1")
    if not columns:
        raise LearnError("name the columns that hold the sequences")
    coded = [levels_of(table, name) for name in columns]
    tokens = sorted({level for column in coded for level in column.levels})
    rank = {token: i for i, token in enumerate(tokens)}
    moved = [np.array([*(rank[level] for level in column.levels), -1], dtype=np.int64) for column in coded]
    codes = np.stack([move[column.codes] for move, column in zip(moved, coded, strict=True)])
    sequences = codes if len(columns) == 1 else codes.T
    if sequences.shape[1] <= order:
        return Table({NGRAM: Coded(np.zeros(0, dtype=np.int32), ())})
    runs = np.lib.stride_tricks.sliding_window_view(sequences, order + 1, axis=1).reshape(-1, order + 1)
    runs = runs[(runs >= 0).all(axis=1)]
    first, kinds = _distinct(runs, len(tokens))
    names = tuple(join([tokens[code] for code in run]) for run in runs[first].tolist())
    return Table({NGRAM: Coded(kinds.astype(np.int32), names)})


def ngrams(moments: Moments) -> dict[tuple[str, ...], int]:
    """How often each run of tokens occurred, sorted; raises `SchemaError` if these are no n-grams."""
    return {separate(level): count for level, count in moments.level_counts(NGRAM).items()}


def _distinct(runs: IntArray, tokens: int) -> tuple[IntArray, IntArray]:
    """Where each distinct run occurs first, and which of them each run is."""
    kinds = np.zeros(len(runs), dtype=np.int64)
    first = np.zeros(0, dtype=np.int64)
    for column in runs.T:
        # Numbered anew after each token, so that the numbers never grow beyond runs · tokens.
        _, first, kinds = np.unique(kinds * tokens + column, return_index=True, return_inverse=True)
    return first, kinds
