"""Encoders: what they learn of a table, and how an encoding is fitted to what was learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

import numpy as np

from federation.encoders.columns import Binned, ColumnEncoding, Hashed, OneHot, TargetMeans
from federation.encoders.encoding import Encoding
from federation.encoders.errors import EncoderError
from federation.models.algorithm import Parameter, flag, number, one_of, whole
from federation.models.errors import listed
from federation.models.within_class import level_sums
from federation.statistics import Attribute, AttributeType, Coded, Extra, Moments, Quantum, Schema, Table

MOST_COLUMNS: Final = 4096  # made by one encoding: statistics have a number for every two of them
LIST_SEPARATOR: Final = "|"

Sums = tuple[float, Fraction]  # rows, and the sum of the target in them
Given = Mapping[str, Mapping[str, tuple[float, float]]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of encoder: whether it needs a target, whether it learns anything, and its parameters."""

    name: str
    summary: str
    targets: bool
    learns: bool
    parameters: tuple[Parameter, ...]


_TRIM: Final = Parameter(
    "minTrimSize",
    whole,
    "texts with fewer rows (with a 0/1 target: with fewer rows of 1) count as unknown (0)",
)

KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind(
            "target",
            "a text becomes the mean of the target in the rows that have it",
            True,
            True,
            (_TRIM, Parameter("smoothing", number, "rows of the overall mean added to those of a text (0)")),
        ),
        Kind("onehot", "a text becomes a 0/1 column for each of the texts learned", False, True, (_TRIM,)),
        Kind(
            "binning",
            "a number becomes a category: the interval that it is in",
            False,
            True,
            (
                Parameter("bins", whole, "how many intervals (10)"),
                Parameter(
                    "by", one_of("quantile", "width"), "whether they have the same rows or width (quantile)"
                ),
            ),
        ),
        Kind(
            "hashing",
            "texts become a fixed number of columns, whatever texts there are",
            False,
            False,
            (
                Parameter("bins", whole, "how many columns (64)"),
                Parameter("lists", flag, "whether a text is a list of texts, separated by | (false)"),
            ),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Encoder:
    """What is to be learned and made of it.

    keys: the columns to encode, or none for all that are learned: texts, or for binning numbers. target: the
    numeric attribute whose means are learned (target encoding); it is 0/1 if `binary`. given: by column and
    value the count and the sum of the target that were set by hand, in place of what was learned. Raises
    `EncoderError`.
    """

    kind: str
    keys: tuple[str, ...] = ()
    target: str | None = None
    binary: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)
    given: Given = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise EncoderError(f"there is no encoder {self.kind!r}", f"there are {listed(tuple(KINDS))}")
        kind = KINDS[self.kind]
        if kind.targets and not self.target:
            raise EncoderError("a target encoder needs a target", "name the attribute whose means it learns")
        if self.target and not kind.targets:
            raise EncoderError(f"a {self.kind} encoder has no target", f"leave {self.target!r} out")
        if not kind.learns and not self.keys:
            raise EncoderError(f"a {self.kind} encoder learns nothing", "name the columns that it encodes")
        if self.target in self.keys:
            raise EncoderError(f"the target {self.target!r} is among the columns to encode", "leave it out")
        readers = {parameter.name: parameter.read for parameter in kind.parameters}
        unknown = sorted(set(self.parameters) - set(readers))
        if unknown:
            raise EncoderError(
                f"a {self.kind} encoder has no parameter {listed(unknown)}",
                f"it has {listed(tuple(readers))}",
            )
        read = {name: readers[name](name, value) for name, value in self.parameters.items()}
        negative = sorted(name for name, value in read.items() if not isinstance(value, str) and value < 0)
        if negative:
            raise EncoderError(f"{negative[0]} is {read[negative[0]]}", "it must not be negative")
        if not 1 <= read.get("bins", 1) <= MOST_COLUMNS:
            raise EncoderError(f"bins is {read['bins']}", f"choose from 1 to {MOST_COLUMNS}")
        object.__setattr__(self, "parameters", read)
        wrong = [
            value
            for found in self.given.values()
            for value, (count, total) in found.items()
            if not (0.0 <= count < float("inf") and abs(total) < float("inf"))
        ]
        if wrong:
            raise EncoderError(f"value {wrong[0]!r}", "the count must be 0 or more, and the sum finite")

    @property
    def of_numbers(self) -> bool:
        """Whether numbers are encoded, not texts."""
        return self.kind == "binning"

    def schema(self, table: Table, known: Schema | None = None) -> Schema:
        """What is learned of a table: the keys, or all columns that can be encoded, and the target.

        Raises `EncoderError` for a table without them.
        """
        if not KINDS[self.kind].learns:
            raise EncoderError(f"a {self.kind} encoder learns nothing", "assign it to a project as it is")
        suiting = [n for n, column in table.columns.items() if isinstance(column, Coded) != self.of_numbers]
        keys = [key for key in self.keys or suiting if key in table.columns and key != self.target]
        if not keys:
            wanted = f"of {'numbers' if self.of_numbers else 'texts'}"
            wanted = f"none of {listed(self.keys)}" if self.keys else f"no column {wanted}"
            raise EncoderError(f"the table has {wanted}", f"it has {listed(table.names)}")
        if self.of_numbers:
            numbers = (_number(key, table, known) for key in keys)
            return Schema(tuple(numbers), extras=frozenset({Extra.PROFILES}))
        attributes = [Attribute(key, AttributeType.TEXT) for key in keys]
        if self.target is not None:
            if self.target not in table.columns:
                raise EncoderError(
                    f"the table has no column {self.target!r}, the target", f"it has {listed(table.names)}"
                )
            if isinstance(table.columns[self.target], Coded):
                raise EncoderError(
                    f"the target {self.target!r} holds texts", "it must be a column of numbers"
                )
            target = Attribute(self.target, AttributeType.BINARY)
            attributes.append(target if self.binary else _number(self.target, table, known))
        return Schema(tuple(attributes))

    def fit(self, moments: Moments) -> Encoding:
        """The encoding that these statistics (or none, if nothing is learned) make.

        Raises `EncoderError` if they lack the target, or there is nothing to encode.
        """
        if self.kind == "hashing":
            bins = self.parameters.get("bins", 64)
            separator = LIST_SEPARATOR if self.parameters.get("lists") else None
            return Encoding(self.kind, dict.fromkeys(self.keys, Hashed(bins, "hash", separator)))
        columns: dict[str, ColumnEncoding] = {}
        for key in self.learned_keys(moments):
            if self.of_numbers:
                columns[key] = Binned(self._edges(moments, key))
                continue
            sums = self.sums(moments, key)
            kept = {value: found for value, found in sums.items() if not self._trimmed(found)}
            columns[key] = self._means(moments, sums, kept) if self.target else OneHot(tuple(sorted(kept)))
        if not columns:
            raise EncoderError("the encoder has learned nothing to encode", "let it learn a table first")
        made = sum(len(column.attributes(key)) for key, column in columns.items())
        if made > MOST_COLUMNS:
            raise EncoderError(
                f"encoding makes {made} columns, more than {MOST_COLUMNS}", "raise minTrimSize, or hash them"
            )
        return Encoding(self.kind, columns)

    def learned_keys(self, moments: Moments) -> tuple[str, ...]:
        """The columns of which something is known, by learning or by hand, in order of name."""
        schema = moments.schema
        learned = {
            attribute.name
            for attribute in (schema.numeric if self.of_numbers else schema.grouped)
            if attribute.name in self.keys or not self.keys
        }
        return tuple(sorted(learned | set(self.given)))

    def sums(self, moments: Moments, key: str) -> dict[str, Sums]:
        """By value of a column, sorted, the rows that have the target (or just the rows) and its sum."""
        sums: dict[str, Sums] = {}
        if key in moments.schema:
            if self.target is None:
                sums = {value: (count, Fraction(0)) for value, count in moments.level_counts(key).items()}
            elif self.target in moments.schema:
                unit = moments.schema[self.target].unit.value
                sums = {
                    value: (found.count, found.total * unit)
                    for value, found in level_sums(moments, key, self.target).items()
                    if found.count
                }
        by_hand = {
            value: (count, Fraction(total)) for value, (count, total) in self.given.get(key, {}).items()
        }
        return dict(sorted((sums | by_hand).items()))

    def _edges(self, moments: Moments, key: str) -> tuple[float, ...]:
        """The limits between the bins of a column: quantiles, or steps of one width; none of them twice."""
        histogram = moments.histogram(key)
        if not histogram.count:
            return ()
        bins = self.parameters.get("bins", 10)
        shares = np.arange(1, bins) / bins
        if self.parameters.get("by", "quantile") == "quantile":
            edges = np.array([histogram.quantile(share) for share in shares.tolist()])
        else:
            edges = histogram.minimum + shares * (histogram.maximum - histogram.minimum)
        return tuple(np.unique(edges[edges > histogram.minimum]).tolist())

    def _trimmed(self, sums: Sums) -> bool:
        return bool((sums[1] if self.binary else sums[0]) < self.parameters.get("minTrimSize", 0))

    def _means(self, moments: Moments, sums: Mapping[str, Sums], kept: Mapping[str, Sums]) -> TargetMeans:
        """The mean of each value, drawn to the overall mean by `smoothing` rows of it."""
        overall = self._overall(moments, sums)
        weight = Fraction(self.parameters.get("smoothing", 0))
        means = {
            value: float((total + weight * overall) / (Fraction(count) + weight))
            for value, (count, total) in kept.items()
            if Fraction(count) + weight > 0
        }
        return TargetMeans(means, float(overall))

    def _overall(self, moments: Moments, sums: Mapping[str, Sums]) -> Fraction:
        """The mean of the target over all rows learned; of what was set by hand, if there are none."""
        if self.target is not None and self.target in moments.schema:
            found = moments.univariate(self.target)
            if found.count:
                return Fraction(found.total) / found.count
        count = sum(Fraction(rows) for rows, _ in sums.values())
        if not count:
            raise EncoderError(
                f"the target {self.target!r} is missing in every row that was learned",
                "learn rows that have it",
            )
        return sum((total for _, total in sums.values()), Fraction(0)) / count


def _number(name: str, table: Table, known: Schema | None) -> Attribute:
    """A numeric column as it is counted: in the unit known already, or in that of the table's values."""
    if known is not None and name in known:
        return known[name]
    if isinstance(table.columns[name], Coded):
        raise EncoderError(f"column {name!r} holds texts, not numbers", "leave it out, or give its type")
    quantum = table.infer_attribute(name).quantum or Quantum(0)
    return Attribute(name, AttributeType.CONTINUOUS, quantum)
