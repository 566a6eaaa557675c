"""What the statistics know of attributes within each class of a target, exactly.

Where the classes are levels of a category the sums stand in the category's groups; a 0/1 attribute has them
in its products with the others. Rows in which the target or the attribute is missing do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from federation.models.classes import Target
from federation.models.design import category_and_level
from federation.models.errors import ModelError, listed
from federation.statistics import AttributeType, ExactArray, Extra, Moments
from federation.statistics.distribution import squares_of_pairs
from federation.statistics.pair_sums import Units, pair_sums, quotient

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Within:
    """Of m numeric attributes in k classes: rows that have the attribute, Σq and Σq², each (k, m).

    An attribute's values are its q times its unit.
    """

    units: Units
    counts: ExactArray
    totals: ExactArray
    squares: ExactArray

    def means(self) -> FloatArray:
        """The nearest float64 to each mean (k, m), NaN without rows."""
        return quotient(self.totals, self.counts, self.units.twos, self.units.fives).hi

    def variances(self) -> FloatArray:
        """Population variances (k, m), likewise; all is whole until the division."""
        spread = self.counts * self.squares - self.totals * self.totals
        return quotient(spread, self.counts * self.counts, 2 * self.units.twos, 2 * self.units.fives).hi


def class_counts(moments: Moments, target: Target) -> tuple[int, ...]:
    """Rows of each class."""
    if target.category is None:
        found = moments.univariate(target.name)
        return found.count - int(found.total), int(found.total)
    return _folded(target, moments.level_counts(target.category).items())


def of_all_rows(moments: Moments, names: Sequence[str]) -> Within:
    """Numeric attributes in the one class of all rows."""
    units = Units.of(moments.schema, names)
    found = pair_sums(moments, units.places, units.places)
    return Within(units, *(part.reshape(1, -1) for part in (found.counts, found.first, found.products)))


def numeric_within(moments: Moments, target: Target, names: Sequence[str]) -> Within:
    """Numeric attributes in each class.

    Raises `ModelError` for a 0/1 target if the sums of squares in its classes are not in the statistics.
    """
    if target.category is None:
        return _of_products(moments, target.name, names)
    units = Units.of(moments.schema, names)
    shape = (len(target.classes), len(names))
    counts = totals = squares = ExactArray.zeros(shape)
    for stratum in filter(None, moments.strata):
        group = stratum.groups[target.category]
        classes = np.array([_class_of(target, level) for level in group.levels], dtype=np.intp)
        kept, at = np.flatnonzero(classes >= 0), units.places
        everywhere = group.counts[:, None][:, np.zeros(len(at), dtype=np.intp)]
        present = everywhere[kept] if group.present is None else group.present[:, at][kept]
        parts = (present, group.sums[:, at][kept], group.squares[:, at][kept])
        added = [part.accumulate(classes[kept], len(target.classes)) for part in parts]
        counts, totals, squares = counts + added[0], totals + added[1], squares + added[2]
    return Within(units, counts, totals, squares)


def levels_within(moments: Moments, target: Target, category: str) -> dict[str, tuple[int, ...]]:
    """Rows of each level of a category in each class (k,), for the levels with rows."""
    if target.category is None:
        ones = level_sums(moments, category, target.name)
        return {level: (found.count - found.total, found.total) for level, found in ones.items()}
    by_level: dict[str, dict[str, int]] = {}
    for (level, kind), count in moments.contingency(category, target.category).items():
        by_level.setdefault(level, {})[kind] = count
    return {level: _folded(target, kinds.items()) for level, kinds in by_level.items()}


def indicator_within(moments: Moments, target: Target, name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of an indicator `category$level` in each class: rows that have the category, and those at the level."""
    category, level = category_and_level(moments.schema, name) or ("", "")
    cells = levels_within(moments, target, category)
    classes = range(len(target.classes))
    counts = tuple(sum(cells[of][k] for of in cells) for k in classes)
    return counts, cells.get(level, (0,) * len(target.classes))


@dataclass(frozen=True, slots=True)
class LevelSums:
    """Of the rows with one level: how many have the attribute, Σq and Σq² in units of its quantum."""

    count: int
    total: int
    squares: int


def level_sums(moments: Moments, category: str, name: str) -> dict[str, LevelSums]:
    """A numeric attribute's sums for each level of a category."""
    position = moments.schema.places[name]
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


def _of_products(moments: Moments, target: str, names: Sequence[str]) -> Within:
    """For a 0/1 target t: Σt, Σxt and Σ(xt)² are the sums of class 1, the rest that of class 0."""
    schema, units = moments.schema, Units.of(moments.schema, names)
    outcome = np.full(len(names), schema.places[target])
    both, alone = pair_sums(moments, units.places, outcome), pair_sums(moments, units.places, units.places)
    binary = np.array([schema[name].type is AttributeType.BINARY for name in names], dtype=bool)
    uneven = (alone.counts - both.counts).nonzero() & ~binary
    if uneven.any():
        first = names[int(np.flatnonzero(uneven)[0])]
        raise ModelError(
            f"{first!r} has rows in which {target!r} is missing, whose squares are not told apart",
            "learn the target as a category, whose levels have sums of their own",
        )
    squares, ones_squared = both.first, both.products  # as 0² = 0 and 1² = 1
    other = np.flatnonzero(~binary)
    if other.size:
        squares = ExactArray.assemble(
            (len(names),), [(binary, squares[binary]), (other, alone.products[other])]
        )
        found = _squares_of_ones(moments, target, [names[at] for at in other.tolist()])
        ones_squared = ExactArray.assemble((len(names),), [(binary, ones_squared[binary]), (other, found)])
    return Within(
        units,
        _stacked(both.counts - both.second, both.second),
        _stacked(both.first - both.products, both.products),
        _stacked(squares - ones_squared, ones_squared),
    )


def _stacked(zeros: ExactArray, ones: ExactArray) -> ExactArray:
    return ExactArray.assemble((2, zeros.size), [(0, zeros), (1, ones)])


def _squares_of_ones(moments: Moments, target: str, names: Sequence[str]) -> ExactArray:
    """Σq² of the rows with target 1, which is Σ(qt)²."""
    schema = moments.schema
    if Extra.CONDITIONALS not in schema.extras:
        raise ModelError(
            f"the statistics have no sums of squares of {listed(names)} in the classes of {target!r}",
            "learn the target as a category, or make the project with conditionals, which counts them",
        )
    places = np.array([schema.places[name] for name in names])
    return squares_of_pairs(moments, places, np.full(len(names), schema.places[target]))


def _class_of(target: Target, level: str) -> int:
    """The class of a level of the target's category, -1 for none."""
    if target.level is not None:
        return int(level == target.level)
    return target.classes.index(level) if level in target.classes else -1


def _folded(target: Target, by_level: Iterable[tuple[str, int]]) -> tuple[int, ...]:
    """Sums by class from values by level."""
    totals = [0] * len(target.classes)
    for level, value in by_level:
        if (at := _class_of(target, level)) >= 0:
            totals[at] += value
    return tuple(totals)
