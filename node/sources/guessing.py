"""Guessing a schema from the first rows of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from federation.statistics import LETTERS, Attribute, AttributeType, Quantum, Schema, StatisticsError, Table
from node.sources.columns import floats
from node.sources.source import Source, SourceError

MOST_GUESSED_LEVELS: Final = 1000
"""A text column with more levels than this in the sample is taken for an identifier and ignored."""


def guess_schema(
    source: Source,
    attributes: Sequence[str] | None = None,
    types: Mapping[str, str] | None = None,
    known: Schema | None = None,
) -> tuple[Schema, list[str]]:
    """A schema for the file's columns (or those in `attributes`), and remarks on what is left out or missing.

    `types` decides for the columns it names, then `known`; the rest is guessed from the first rows: booleans
    and columns of 0 and 1 are binary, numbers continuous, text a category; dates and identifiers are left
    out.
    """
    types = dict(types or {})
    wanted = source.names if attributes is None else tuple(attributes)
    for name in (*wanted, *types):
        if name not in source.names:
            raise SourceError(f"{source.path.name} has no column {name!r}; it has {', '.join(source.names)}")
    batch = source.sample()
    remarks: list[str] = []
    if known is not None and attributes is None:
        absent = [name for name in known.names if name not in source.names]
        remarks += [f"column {name!r} is not in the file: missing in all its rows" for name in absent]
    found: list[Attribute] = []
    for name in wanted:
        if known is not None and name in known and types.get(name, known[name].type) == known[name].type:
            found.append(known[name])
            continue
        try:
            found.append(_guess(name, batch.column(name), types.get(name), remarks))
        except (StatisticsError, SourceError) as error:
            raise SourceError(f"{source.path.name}, {error}") from None
    return Schema(tuple(a for a in found if a.counted)), remarks


def _guess(name: str, column: Any, letter: str | None, remarks: list[str]) -> Attribute:
    import pyarrow as pa
    import pyarrow.types as pt

    kind = column.type
    if letter is not None:
        try:
            wanted = AttributeType(letter)
        except ValueError:
            raise SourceError(f"column {name!r} cannot have the type {letter!r}; use {LETTERS}") from None
        if wanted is not AttributeType.CONTINUOUS:
            return Attribute(name, wanted)
    if pt.is_boolean(kind):
        return Attribute(name, AttributeType.BINARY)
    if pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind):
        try:
            table = Table({name: floats(column)})
        except pa.ArrowInvalid:
            why = f"whole numbers beyond ±2^53 ({kind}) cannot be counted exactly"
            if letter is not None:
                raise SourceError(f"column {name!r} cannot have the type {letter}: {why}") from None
            remarks.append(f"column {name!r} is ignored: {why}")
            return Attribute(name, AttributeType.IGNORE)
        guessed = table.infer_attribute(name)
        if letter is not None and guessed.type is AttributeType.BINARY:
            return Attribute(name, AttributeType.CONTINUOUS, Quantum.decimal(0))
        return guessed
    if letter is not None:
        raise SourceError(f"column {name!r} holds {kind}, not numbers; it cannot have the type {letter}")
    if pt.is_string(kind) or pt.is_large_string(kind) or pt.is_dictionary(kind):
        coded = column if pt.is_dictionary(kind) else column.dictionary_encode()
        if len(coded.dictionary) <= MOST_GUESSED_LEVELS:
            return Attribute(name, AttributeType.CATEGORY)
        remarks.append(
            f"column {name!r} is ignored: more than {MOST_GUESSED_LEVELS} different texts in its first rows"
        )
    else:
        why = "no value in its first rows" if pa.types.is_null(kind) else f"its type is {kind}"
        remarks.append(f"column {name!r} is ignored: {why}; give it a type to learn it")
    return Attribute(name, AttributeType.IGNORE)
