"""Guessing a schema from the first rows of a table: what each column is, and what cannot be learned of it.

Booleans and columns of 0 and 1 are binary (B), numbers continuous (C), texts of few values a category (T),
dates their parts (D). Texts of many values (S), lists (L), patient ids (P) and what is to be ignored (X) are
not learned: no attribute stands for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from federation.statistics import Attribute, AttributeType, Quantum, Schema, StatisticsError, Table
from node.sources.columns import floats
from node.sources.dates import DATE, column_of, guess_parts, is_dated, made_from, part_attribute, times_of
from node.sources.source import Source, SourceError

MOST_GUESSED_LEVELS: Final = 1000
"""A column with more different texts than this in the sample is text (S), not a category (T)."""

FEW_LEVELS: Final = 50
"""So is one with more than these, if most rows have a text of their own."""

LEARNED: Final = frozenset("CBT")
LETTERS: Final = ("C", "B", "T", DATE, "S", "L", "P", "X")

_ROW_LABELS: Final = re.compile(r"(__index_level_\d+__)?")
"""What pandas calls the index that it writes beside a table: in Parquet this, in CSV nothing."""

_UNUSABLE: Final = {"S": "text", "L": "a list"}


def is_text(levels: int, rows: int) -> bool:
    """Whether so many different texts in so many rows are rather text (S) than a category (T)."""
    return levels > MOST_GUESSED_LEVELS or (levels > FEW_LEVELS and 2 * levels > rows)


def text_remark(column: str, levels: int, rows: int) -> str:
    """The remark on a column that is taken for text."""
    return (
        f"column {column!r} is ignored: {levels} different texts in its first {rows} rows are rather text "
        "(S), usable only through an encoder, than a category (T)"
    )


def why_ignored(column: str, letter: str) -> list[str]:
    """The remark on a column whose type says that it is not learned; none where that is what X asks for."""
    if letter in _UNUSABLE:
        return [f"column {column!r} is ignored: it is {_UNUSABLE[letter]}, usable only through an encoder"]
    return [f"column {column!r} is ignored: patient ids are never counted"] if letter == "P" else []


def check_letter(column: str, letter: str) -> None:
    """Raise SourceError unless the letter is a type of columns."""
    if letter not in LETTERS:
        raise SourceError(
            f"column {column!r} cannot have the type {letter!r}; use {', '.join(LETTERS[:-1])} or X"
        )


def guess_schema(
    source: Source,
    attributes: Sequence[str] | None = None,
    types: Mapping[str, str] | None = None,
    known: Schema | None = None,
    precision: int = 40,
) -> tuple[Schema, list[str]]:
    """A schema for the file's columns (or those in `attributes`), and remarks on what is left out or missing.

    `attributes` and `types` name columns, or parts of columns of dates (`day.month`). `types` decides for the
    columns it names, then `known`; the rest is guessed from the first rows.
    """
    types = dict(types or {})
    for name, letter in types.items():
        check_letter(name, letter)
    wanted = source.names if attributes is None else tuple(attributes)
    for name in (*wanted, *types):
        if name not in source.names and column_of(name) not in source.names:
            raise SourceError(f"{source.path.name} has no column {name!r}; it has {', '.join(source.names)}")
    remarks: list[str] = []
    if known is not None and attributes is None:
        remarks += _absent(source, known)
    guess = _Guess(source, types, known or Schema(()), precision, remarks)
    found: list[Attribute] = []
    for name in wanted:
        try:
            found += guess.attributes(name)
        except (StatisticsError, SourceError) as error:
            raise SourceError(f"{source.path.name}, {error}") from None
    return Schema(tuple(found)), remarks


def _absent(source: Source, known: Schema) -> list[str]:
    return [
        f"column {name!r} is not in the file: missing in all its rows"
        for name in known.names
        if name not in source.names and column_of(name) not in source.names
    ]


class _Guess:
    """What the columns of one sample are learned as."""

    def __init__(
        self, source: Source, types: Mapping[str, str], known: Schema, precision: int, remarks: list[str]
    ) -> None:
        sample = source.sample()
        self._sample = dict(zip(sample.schema.names, sample.columns, strict=True))
        self._names = frozenset(source.names)
        self._types, self._known, self._precision = types, known, precision
        self._remarks = remarks

    def attributes(self, name: str) -> tuple[Attribute, ...]:
        """One attribute for most columns, several for dates, none for what is not learned."""
        known, letter = self._known, self._types.get(name)
        if name in known and letter in (None, known[name].type.value):
            return (known[name],)
        if name not in self._names:
            return (self._part(name, letter),)
        parts = made_from(name, known.names, self._names)
        if parts and letter in (None, DATE):
            return tuple(known[part] for part in parts)
        if letter is None and _ROW_LABELS.fullmatch(name):
            return self._ignored(f"column {name!r} is ignored: it numbers the rows; rename it to learn it")
        column = self._sample[name]
        if letter == DATE or (letter is None and is_dated(column.type)):
            return self._parts(name, column)
        return self._guess(name, column, letter)

    def _parts(self, name: str, column: Any) -> tuple[Attribute, ...]:
        import pyarrow as pa
        import pyarrow.types as pt

        try:
            found = guess_parts(name, times_of(column), dated=not pt.is_time(column.type))
        except (pa.ArrowException, NotImplementedError):
            raise SourceError(
                f"column {name!r} holds {column.type}, not dates; write dates as 2013-01-31 or "
                "2013-01-31 14:30:00"
            ) from None
        letters = {part.name: self._types.get(part.name) for part in found if part.name not in self._names}
        return tuple(self._part(part, letter) for part, letter in letters.items() if letter != "X")

    def _part(self, name: str, letter: str | None) -> Attribute:
        """A part of a column of dates, as the types say."""
        usual = part_attribute(name)
        if letter is None or letter == usual.type.value:
            return usual
        if letter not in ("C", "T"):
            raise SourceError(f"part {name!r} of a date cannot have the type {letter!r}; use C or T")
        return Attribute(name, AttributeType(letter), Quantum.decimal(0))

    def _guess(self, name: str, column: Any, letter: str | None) -> tuple[Attribute, ...]:
        import pyarrow.types as pt

        kind = column.type
        if letter is not None and letter not in LEARNED:
            return self._ignored(*why_ignored(name, letter))
        if letter in ("B", "T"):
            return (Attribute(name, AttributeType(letter)),)
        if pt.is_boolean(kind):
            return (Attribute(name, AttributeType.BINARY),)
        if pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind):
            return self._number(name, column, letter)
        if letter is not None:
            raise SourceError(f"column {name!r} holds {kind}, not numbers; it cannot have the type {letter}")
        if pt.is_string(kind) or pt.is_large_string(kind) or pt.is_dictionary(kind):
            coded = column if pt.is_dictionary(kind) else column.dictionary_encode()
            if not is_text(len(coded.dictionary), len(column)):
                return (Attribute(name, AttributeType.CATEGORY),)
            return self._ignored(text_remark(name, len(coded.dictionary), len(column)))
        if pt.is_list(kind) or pt.is_large_list(kind):
            return self._ignored(*why_ignored(name, "L"))
        why = "no value in its first rows" if pt.is_null(kind) else f"its type is {kind}"
        return self._ignored(f"column {name!r} is ignored: {why}; give it a type to learn it")

    def _number(self, name: str, column: Any, letter: str | None) -> tuple[Attribute, ...]:
        import pyarrow as pa

        try:
            values = floats(column)
        except pa.ArrowInvalid:
            why = f"whole numbers beyond ±2^53 ({column.type}) cannot be counted exactly"
            if letter is not None:
                raise SourceError(f"column {name!r} cannot have the type {letter}: {why}") from None
            return self._ignored(f"column {name!r} is ignored: {why}")
        guessed = Table({name: values}).infer_attribute(name, self._precision)
        if letter is not None and guessed.type is AttributeType.BINARY:
            return (Attribute(name, AttributeType.CONTINUOUS, Quantum.decimal(0)),)
        return (guessed,)

    def _ignored(self, *remarks: str) -> tuple[Attribute, ...]:
        self._remarks += remarks
        return ()


def judging_schema(source: Source, schema: Schema, names: Iterable[str]) -> Schema:
    """The schema with the columns that rows are judged by, though they may not be learned.

    Raises SourceError for a column that the file does not have, or that holds dates.
    """
    import pyarrow.types as pt

    more: list[Attribute] = []
    for name in names:
        if name in schema:
            continue
        if name not in source.names:
            if column_of(name) not in source.names:
                raise SourceError(
                    f"{source.path.name} has no column {name!r}, by which its rows are filtered"
                )
            more.append(part_attribute(name))
            continue
        kind = source.sample().column(name).type
        if is_dated(kind):
            raise SourceError(f"column {name!r} holds dates: filter rows by its parts, such as {name}.year")
        if pt.is_boolean(kind) or pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind):
            more.append(Attribute(name, AttributeType.CONTINUOUS, Quantum.decimal(0)))
        else:
            more.append(Attribute(name, AttributeType.CATEGORY))
    return Schema((*schema.attributes, *more))
