"""Exact sums of one or two columns, where a column is a numeric attribute or the indicator of a category's
level.

What statistics hold differs by the kinds of the columns; here every kind gets the same few sums, or None for
a sum that the statistics do not hold. The quantities computed from them are in `univariate` and `bivariate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from federation.models.design import category_and_level
from federation.models.errors import ModelError, listed
from federation.statistics import AttributeType, Extra, Moments


@dataclass(frozen=True, slots=True)
class Column:
    """A numeric attribute (level None) or the indicator of one level of a category."""

    attribute: str
    level: str | None


@dataclass(frozen=True, slots=True)
class Sums:
    """Over the rows in which the column is present: their number, Σx and Σx²."""

    count: int
    total: Fraction
    squares: Fraction

    @property
    def variance(self) -> Fraction:
        """Population variance; there must be rows."""
        return self.squares / self.count - (self.total / self.count) ** 2


@dataclass(frozen=True, slots=True)
class PairSums:
    """Over the rows in which both columns are present: their number, Σa, Σb, Σab, and what is known of
    Σa², Σb² and Σ(ab)²."""

    count: int
    a: Fraction
    b: Fraction
    ab: Fraction
    a_squares: Fraction | None
    b_squares: Fraction | None
    ab_squares: Fraction | None


def real(value: Fraction) -> float:
    """The nearest float64; raises `ModelError` where there is none."""
    try:
        return float(value)
    except OverflowError:
        raise ModelError(
            "a sum of squares exceeds the range of float64", "learn the data in larger units"
        ) from None


def column(moments: Moments, name: str) -> Column:
    """What `name` stands for; raises `ModelError` if it is unknown, ignored, or a whole category."""
    schema = moments.schema
    if name in schema:
        if schema[name].numeric:
            return Column(name, None)
        if schema[name].type is AttributeType.CATEGORY:
            raise ModelError(
                f"attribute {name!r} is a category",
                f"explore one of its levels, as in {schema.indicator(name, 'level')!r}",
            )
        if schema[name].type is AttributeType.TEXT:
            raise ModelError(f"attribute {name!r} is text", "explore a category, or an encoding of it")
        raise ModelError(f"attribute {name!r} is ignored by the schema and was not learned", "leave it out")
    split = category_and_level(schema, name)
    if split is None:
        raise ModelError(f"attribute {name!r} is unknown", f"the statistics have {listed(schema.names)}")
    levels = moments.level_counts(split[0])
    if split[1] not in levels:
        raise ModelError(
            f"category {split[0]!r} has no level {split[1]!r}", f"it has {listed(tuple(levels))}"
        )
    return Column(*split)


def single(moments: Moments, of: Column) -> Sums:
    """Sums of one column."""
    if of.level is None:
        found = moments.univariate(of.attribute)
        return Sums(found.count, found.total, found.squares)
    levels = moments.level_counts(of.attribute)
    ones = Fraction(levels[of.level])
    return Sums(sum(levels.values()), ones, ones)


def pair(moments: Moments, a: Column, b: Column) -> PairSums:
    """Sums of two columns."""
    if a.level is None and b.level is None:
        return _numeric(moments, a, b)
    if a.level is not None and b.level is not None:
        return _indicators(moments, a, b)
    if b.level is None:
        mirrored = _mixed(moments, b, a)
        return PairSums(
            mirrored.count,
            mirrored.b,
            mirrored.a,
            mirrored.ab,
            mirrored.b_squares,
            mirrored.a_squares,
            mirrored.ab_squares,
        )
    return _mixed(moments, a, b)


def _numeric(moments: Moments, a: Column, b: Column) -> PairSums:
    found = moments.bivariate(a.attribute, b.attribute)
    count, products = found.count, found.products
    binary = {name: moments.schema[name].type is AttributeType.BINARY for name in (a.attribute, b.attribute)}

    def squares(name: str, total: Fraction) -> Fraction | None:
        own = moments.univariate(name)
        if own.count == count:  # present only where both are
            return own.squares
        return total if binary[name] else None

    return PairSums(
        count,
        found.total_a,
        found.total_b,
        products,
        squares(a.attribute, found.total_a),
        squares(b.attribute, found.total_b),
        _squared_products(moments, a, b) if not all(binary.values()) else products,
    )


def _squared_products(moments: Moments, a: Column, b: Column) -> Fraction | None:
    if Extra.CONDITIONALS not in moments.schema.extras:
        return None
    return moments.squared_products(a.attribute, b.attribute)


def _indicators(moments: Moments, a: Column, b: Column) -> PairSums:
    cells: Mapping[tuple[str, str], int] = moments.contingency(a.attribute, b.attribute)
    ones_a = Fraction(sum(count for (level, _), count in cells.items() if level == a.level))
    ones_b = Fraction(sum(count for (_, level), count in cells.items() if level == b.level))
    both = Fraction(cells.get((str(a.level), str(b.level)), 0))
    return PairSums(sum(cells.values()), ones_a, ones_b, both, ones_a, ones_b, both)


def _mixed(moments: Moments, a: Column, b: Column) -> PairSums:
    """A numeric attribute a and an indicator b: the grouped sums hold everything."""
    levels = level_sums(moments, a, b.attribute)
    nothing = Sums(0, Fraction(0), Fraction(0))
    chosen = levels.get(str(b.level), nothing)
    ones = Fraction(chosen.count)
    return PairSums(
        sum(sums.count for sums in levels.values()),
        sum((sums.total for sums in levels.values()), Fraction(0)),
        ones,
        chosen.total,
        sum((sums.squares for sums in levels.values()), Fraction(0)),
        ones,
        chosen.squares,
    )


def level_sums(moments: Moments, of: Column, category: str) -> dict[str, Sums]:
    """Sums of a column over the rows of each level of a category, in order of the levels."""
    if of.level is not None:
        return _level_counts(moments, of, category)
    unit = moments.schema[of.attribute].unit.value
    position = sorted(attribute.name for attribute in moments.schema.numeric).index(of.attribute)
    found: dict[str, tuple[int, int, int]] = {}
    for stratum in filter(None, moments.strata):
        group = stratum.groups[category]
        counts = group.counts if group.present is None else group.present[:, position]
        each = (counts, group.sums[:, position], group.squares[:, position])
        for level, *now in zip(group.levels, *(array.to_ints().tolist() for array in each), strict=True):
            before = found.get(level, (0, 0, 0))
            found[level] = (before[0] + now[0], before[1] + now[1], before[2] + now[2])
    return {
        level: Sums(count, total * unit, squares * unit**2)
        for level, (count, total, squares) in sorted(found.items())
    }


def _level_counts(moments: Moments, of: Column, category: str) -> dict[str, Sums]:
    """The same of an indicator: the cells of a contingency table."""
    rows: dict[str, int] = {}
    ones: dict[str, int] = {}
    for (level, other), count in moments.contingency(category, of.attribute).items():
        rows[level] = rows.get(level, 0) + count
        ones[level] = ones.get(level, 0) + (count if other == of.level else 0)
    return {level: Sums(rows[level], Fraction(ones[level]), Fraction(ones[level])) for level in rows}
