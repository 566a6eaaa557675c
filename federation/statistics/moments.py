"""`Moments`: the sufficient statistics of rows, as an element of a commutative group of exact integers.

How rows become integers is in `learner`, the algebra of the integers in `stratum` and `exact`, their bytes in
`codec`, and real numbers are made from them in `centred`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import numpy as np

from federation.statistics import codec
from federation.statistics.counts import Counts
from federation.statistics.errors import SchemaError
from federation.statistics.learner import Learner
from federation.statistics.schema import AttributeType, Extra, Schema
from federation.statistics.split import REST, Parts, whole
from federation.statistics.stratum import Levelled, Stratum

if TYPE_CHECKING:
    from fractions import Fraction

    from federation.statistics.centred import Bivariate, Centred, Missing, Univariate
    from federation.statistics.distribution import Histogram, Powers
    from federation.statistics.table import Table


class Moments:
    """Exact counts, sums and sums of products of all attributes of a schema, over any number of rows.

    `learn` and `forget` change it in place, all or nothing; everything else returns a new one. Sums of
    `Moments` are associative, commutative and invertible to the bit.
    """

    __slots__ = ("_parts", "_schema", "_whole")

    def __init__(self, schema: Schema) -> None:
        """Zero rows of this schema."""
        self._schema = schema
        self._parts: Parts = {}
        self._whole: Counts | None = None

    @classmethod
    def _of(cls, schema: Schema, parts: Parts) -> Moments:
        moments = cls(schema)
        moments._parts = {level: counts for level, counts in parts.items() if not counts.is_zero()}
        return moments

    @classmethod
    def of(cls, learner: Learner) -> Moments:
        """What a learner has counted."""
        return cls._of(learner.schema, learner.parts())

    @property
    def schema(self) -> Schema:
        """The attributes counted."""
        return self._schema

    @property
    def rows(self) -> int:
        """Number of rows learned less those forgotten."""
        return sum(counts.rows for counts in self._parts.values())

    @property
    def complete_rows(self) -> int:
        """Number of those in which no attribute is missing."""
        complete, _ = self.strata
        return 0 if complete is None else complete.rows

    def learn(self, table: Table, offset: int = 1) -> Self:
        """Count the rows of a table; `offset` is the number of its first row in error messages.

        Raises `LearnError` naming column and row, and then nothing was counted.
        """
        return self._take(self._count(table, offset), 1)

    def forget(self, table: Table, offset: int = 1) -> Self:
        """Undo `learn` of the same rows, exactly; raises `LearnError` as it does."""
        return self._take(self._count(table, offset), -1)

    def _count(self, table: Table, offset: int) -> Parts:
        learner = Learner(self._schema)
        learner.learn(table, offset)
        return learner.parts()

    def _take(self, change: Parts, sign: int) -> Self:
        self._parts, self._whole = _sum(self._parts, change, sign), None
        return self

    def copy(self) -> Moments:
        """An independent copy."""
        return Moments._of(self._schema, self._parts)

    def __add__(self, other: Moments) -> Moments:
        """Both sets of rows, over the union of the schemas at the common refinement of their units.

        An attribute absent on one side counts as missing there. Raises `SchemaError` if types, extras
        or splits differ.
        """
        return self._plus(other, 1)

    def __sub__(self, other: Moments) -> Moments:
        """The rows of self without those of other; `(a + b) - b` equals `a.grow(b.schema)`."""
        return self._plus(other, -1)

    def _plus(self, other: Moments, sign: int) -> Moments:
        if not isinstance(other, Moments):
            return NotImplemented
        a, b = self.grow(other.schema), other.grow(self._schema)
        return Moments._of(a.schema, _sum(a.split_counts, b.split_counts, sign))

    def __neg__(self) -> Moments:
        return self._each(self._schema, Counts.negate)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Moments):
            return NotImplemented
        return (
            self.rows == other.rows and self._schema == other.schema and self.to_bytes() == other.to_bytes()
        )

    __hash__ = None  # type: ignore[assignment]  # it changes in place

    def grow(self, schema: Schema) -> Moments:
        """The same rows over the union with `schema`: what is new counts as missing in every row.

        Raises `SchemaError` if an attribute is of another type there.
        """
        union = self._schema.union(schema)
        if union == self._schema:
            return self.copy()
        same = tuple(union[name] for name in self._schema.names)
        scaled = self.rescale(replace(self._schema, attributes=same))
        old, new = _numeric(self._schema), _numeric(union)
        levelled = Levelled.of(union.inner)
        if len(old) == len(new) and levelled == Levelled.of(self._schema.inner):
            return Moments._of(union, scaled.split_counts)
        position = {name: i for i, name in enumerate(new)}
        moves = np.array([position[name] for name in old], dtype=np.intp)
        return Moments._of(
            union,
            {
                level: counts.spread(moves, len(new), levelled)
                for level, counts in scaled.split_counts.items()
            },
        )

    def restrict(self, names: Sequence[str]) -> Moments:
        """The same rows with just these attributes, in this order; an unknown one raises `SchemaError`."""
        schema = self._schema.restrict(names)
        if schema.split != self._schema.split:
            return self.unsplit().restrict(names)
        kept, levelled = set(names), Levelled.of(schema.inner)
        index = np.array([i for i, name in enumerate(_numeric(self._schema)) if name in kept], dtype=np.intp)
        return self._each(schema, lambda counts: counts.select(index, levelled))

    def unsplit(self) -> Moments:
        """The same rows, no longer kept apart."""
        return Moments._of(replace(self._schema, split=None), {REST: self.counts})

    def without(self, *extras: Extra) -> Moments:
        """The same rows without these extras."""
        schema = replace(self._schema, extras=self._schema.extras.difference(extras))
        return self._each(schema, lambda counts: counts.reduced(schema.extras))

    def rescale(self, schema: Schema) -> Moments:
        """The same rows, each attribute counted in the finer unit that `schema` gives it; exact.

        Raises `SchemaError` unless names, types, extras, split, order and separator agree, and every unit
        divides the present one.
        """
        if schema == self._schema:
            return Moments._of(schema, self._parts)
        if schema.asked != self._schema.asked:
            raise SchemaError("rescaling keeps extras, split, order and separator", "see without and unsplit")
        if set(schema.names) != set(self._schema.names):
            raise SchemaError("rescaling keeps the attributes", "use grow or restrict to change them")
        factors = []
        for attribute in sorted(self._schema.attributes, key=lambda attribute: attribute.name):
            twin = schema[attribute.name]
            if twin.type is not attribute.type:
                raise SchemaError(
                    f"attribute {attribute.name!r} is of type {attribute.type.value}, not {twin.type.value}"
                )
            if attribute.numeric:
                factors.append(attribute.unit.factor_to(twin.unit))
        return self._each(schema, lambda counts: counts.scale(factors))

    def to_bytes(self) -> bytes:
        """The canonical bytes: equal statistics, in whatever order they were learned, have equal bytes."""
        return codec.encode(self._schema, self._parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> Moments:
        """Read `to_bytes` back, attributes in order of name; else raises `MomentsFormatError`."""
        return cls._of(*codec.decode(data))

    def digest(self) -> str:
        """SHA-256 of the canonical bytes, in hex."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @property
    def strata(self) -> tuple[Stratum | None, Stratum | None]:
        """The exact integers: complete and partial stratum; None where nothing is counted.

        Numeric attributes stand in order of their names.
        """
        return self.counts.strata

    @property
    def counts(self) -> Counts:
        """All of the exact integers, over all rows: the strata and the extras."""
        if self._whole is None:
            self._whole = whole(self._schema, self._parts)
        return self._whole

    @property
    def split_counts(self) -> Parts:
        """The exact integers of each level, those of rows without a level under ""; see `split`."""
        return self._parts

    def parts(self) -> dict[str, Moments]:
        """The statistics of the rows of each level of the category that splits the schema, sorted.

        They have all attributes but that one. Rows in which it is missing are in none of them, though the
        whole counts them. Raises `SchemaError` if the schema is not split.
        """
        inner = self._require_split().inner
        levels = sorted(level for level in self._parts if level != REST)
        return {level: Moments._of(inner, {REST: self._parts[level]}) for level in levels}

    def part(self, level: str) -> Moments:
        """The statistics of the rows of one level, as in `parts`; raises `SchemaError` if it has none."""
        schema = self._require_split()
        if level == REST or level not in self._parts:
            there = ", ".join(repr(known) for known in sorted(self._parts) if known != REST) or "none"
            raise SchemaError(f"{schema.split!r} has no level {level[:80]!r}", f"it has {there[:400]}")
        return Moments._of(schema.inner, {REST: self._parts[level]})

    def centred(self, names: Sequence[str], missing: Missing = "listwise") -> Centred:
        """Means and centred sums of products of these attributes; see `centred.centred`."""
        from federation.statistics.centred import centred

        return centred(self, names, missing)

    def univariate(self, name: str) -> Univariate:
        """Count, mean and variance of one numeric attribute; see `centred.univariate`."""
        from federation.statistics.centred import univariate

        return univariate(self, name)

    def bivariate(self, a: str, b: str) -> Bivariate:
        """Two numeric attributes over the rows in which both are present; see `centred.bivariate`."""
        from federation.statistics.centred import bivariate

        return bivariate(self, a, b)

    def powers(self, name: str) -> Powers:
        """Sums of the first four powers of one numeric attribute; see `distribution.powers`."""
        from federation.statistics.distribution import powers

        return powers(self, name)

    def histogram(self, name: str) -> Histogram:
        """How the values of one numeric attribute are distributed; see `distribution.histogram`."""
        from federation.statistics.distribution import histogram

        return histogram(self, name)

    def squared_products(self, a: str, b: str) -> Fraction:
        """Σ(a·b)² of two numeric attributes, in real units; see `distribution.squared_products`."""
        from federation.statistics.distribution import squared_products

        return squared_products(self, a, b)

    def level_counts(self, category: str) -> dict[str, int]:
        """Rows of each level, sorted by level; raises `SchemaError` unless it is a category or a text."""
        self._require(category, AttributeType.CATEGORY, AttributeType.TEXT)
        totals: dict[str, int] = {}
        for stratum in filter(None, self.strata):
            group = stratum.groups[category]
            for level, count in zip(group.levels, group.counts.to_ints().tolist(), strict=True):
                totals[level] = totals.get(level, 0) + count
        return {level: totals[level] for level in sorted(totals) if totals[level]}

    def contingency(self, a: str, b: str) -> dict[tuple[str, str], int]:
        """Rows of each pair of levels that occurs; raises `SchemaError` unless both are categories."""
        self._require(a, AttributeType.CATEGORY)
        self._require(b, AttributeType.CATEGORY)
        if a == b:
            return {(level, level): count for level, count in self.level_counts(a).items()}
        low, high = sorted((a, b))
        totals: dict[tuple[str, str], int] = {}
        for stratum in filter(None, self.strata):
            cells = stratum.pairs[low, high]
            first, second = stratum.groups[low].levels, stratum.groups[high].levels
            counts = cells.counts.to_ints().tolist()
            for i, j, count in zip(cells.first.tolist(), cells.second.tolist(), counts, strict=True):
                key = (first[i], second[j]) if low == a else (second[j], first[i])
                totals[key] = totals.get(key, 0) + count
        return {key: totals[key] for key in sorted(totals) if totals[key]}

    def _each(self, schema: Schema, change: Callable[[Counts], Counts]) -> Moments:
        return Moments._of(schema, {level: change(counts) for level, counts in self._parts.items()})

    def _require_split(self) -> Schema:
        if self._schema.split is None:
            raise SchemaError(
                "these statistics are not kept apart", "learn with a schema whose split names a category"
            )
        return self._schema

    def _require(self, name: str, *types: AttributeType) -> None:
        attribute = self._schema[name]
        if attribute.type not in types:
            wanted = " or ".join(f"a {type_.name.lower()} ({type_.value})" for type_ in types)
            raise SchemaError(f"attribute {name!r} is of type {attribute.type.value}, not {wanted}")

    def __repr__(self) -> str:
        return f"Moments({len(self._schema)} attributes, {self.rows} rows)"


def _sum(a: Parts, b: Parts, sign: int) -> Parts:
    none = Counts()
    sums = {level: a.get(level, none).add(b.get(level, none), sign) for level in {**a, **b}}
    return {level: counts for level, counts in sums.items() if not counts.is_zero()}


def _numeric(schema: Schema) -> list[str]:
    return sorted(attribute.name for attribute in schema.numeric)
