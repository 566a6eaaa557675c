"""What the statistics know of one attribute within each class of a target, exactly, in real units.

Where the classes are levels of a category the sums stand in the category's groups; a 0/1 attribute has them
in its products with the others. Rows in which the target or the attribute is missing do not count.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from federation.models.classes import Target
from federation.models.design import category_and_level
from federation.models.errors import ModelError
from federation.statistics import AttributeType, Moments

Number = TypeVar("Number", int, Fraction)


@dataclass(frozen=True, slots=True)
class Within:
    """Of the k classes: rows that have the attribute, Σx and Σx², each (k,)."""

    counts: tuple[int, ...]
    totals: tuple[Fraction, ...]
    squares: tuple[Fraction, ...]


def class_counts(moments: Moments, target: Target) -> tuple[int, ...]:
    """Rows of each class."""
    if target.category is None:
        found = moments.univariate(target.name)
        return found.count - int(found.total), int(found.total)
    return _folded(target, moments.level_counts(target.category).items(), 0)


def numeric_within(moments: Moments, target: Target, name: str) -> Within:
    """A numeric attribute in each class.

    Raises `ModelError` for a 0/1 target if the sums of squares in its classes are not in the statistics.
    """
    if target.category is None:
        return _of_products(moments, target.name, name)
    unit = moments.schema[name].unit.value
    sums = level_sums(moments, target.category, name)
    return Within(
        _folded(target, ((level, found.count) for level, found in sums.items()), 0),
        _folded(target, ((level, found.total * unit) for level, found in sums.items()), Fraction(0)),
        _folded(target, ((level, found.squares * unit**2) for level, found in sums.items()), Fraction(0)),
    )


def levels_within(moments: Moments, target: Target, category: str) -> dict[str, tuple[int, ...]]:
    """Rows of each level of a category in each class (k,), for the levels with rows."""
    if target.category is None:
        ones = level_sums(moments, category, target.name)
        return {level: (found.count - found.total, found.total) for level, found in ones.items()}
    cells = moments.contingency(category, target.category)
    levels = sorted({level for level, _ in cells})
    return {
        level: _folded(target, ((kind, count) for (of, kind), count in cells.items() if of == level), 0)
        for level in levels
    }


def indicator_within(moments: Moments, target: Target, name: str) -> Within:
    """An indicator `category$level` in each class."""
    category, level = category_and_level(moments.schema, name) or ("", "")
    cells = levels_within(moments, target, category)
    classes = range(len(target.classes))
    counts = tuple(sum(cells[of][k] for of in cells) for k in classes)
    ones = tuple(Fraction(cells[level][k]) if level in cells else Fraction(0) for k in classes)
    return Within(counts, ones, ones)


@dataclass(frozen=True, slots=True)
class LevelSums:
    """Of the rows with one level: how many have the attribute, Σq and Σq² in units of its quantum."""

    count: int
    total: int
    squares: int


def level_sums(moments: Moments, category: str, name: str) -> dict[str, LevelSums]:
    """A numeric attribute's sums for each level of a category."""
    position = sorted(attribute.name for attribute in moments.schema.numeric).index(name)
    totals: dict[str, LevelSums] = {}
    for stratum in filter(None, moments.strata):
        group = stratum.groups[category]
        present = group.counts if group.present is None else group.present[:, position]
        columns = (present, group.sums[:, position], group.squares[:, position])
        numbers = zip(*(column.to_ints().tolist() for column in columns), strict=True)
        for level, (count, total, squares) in zip(group.levels, numbers, strict=True):
            before = totals.get(level, LevelSums(0, 0, 0))
            totals[level] = LevelSums(before.count + count, before.total + total, before.squares + squares)
    return {level: totals[level] for level in sorted(totals)}


def _of_products(moments: Moments, target: str, name: str) -> Within:
    if moments.schema[name].type is not AttributeType.BINARY:
        raise ModelError(
            f"the statistics have no sums of squares of {name!r} in the classes of {target!r}: learn the "
            "target as a category"
        )
    both = moments.bivariate(name, target)
    ones = int(both.total_b)
    totals = (both.total_a - both.products, both.products)
    return Within((both.count - ones, ones), totals, totals)


def _folded(target: Target, by_level: Iterable[tuple[str, Number]], zero: Number) -> tuple[Number, ...]:
    """Sums by class from values by level."""
    totals = [zero] * len(target.classes)
    for level, value in by_level:
        if target.level is not None:
            at = int(level == target.level)
        elif level in target.classes:
            at = target.classes.index(level)
        else:
            continue
        totals[at] = totals[at] + value
    return tuple(totals)
