"""What the statistics know of one attribute within each class of a target, exactly, in real units.

Where the classes are levels of a category the sums stand in the category's groups; a 0/1 attribute has them
in its products with the others. Rows in which the target or the attribute is missing do not count.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from federation.models.classes import Target
from federation.models.design import category_and_level
from federation.models.errors import ModelError
from federation.statistics import AttributeType, Moments, SchemaError


@dataclass(frozen=True, slots=True)
class Within:
    """Of the k classes: rows that have the attribute, Σq and Σq², each (k,), with x = q · unit."""

    counts: tuple[int, ...]
    totals: tuple[int, ...]
    squares: tuple[int, ...]
    unit: Fraction

    def means(self) -> tuple[float, ...]:
        """The nearest float64 to each class's mean; the classes have rows."""
        up, down = self.unit.as_integer_ratio()
        return tuple(total * up / (n * down) for n, total in zip(self.counts, self.totals, strict=True))

    def variances(self) -> tuple[float, ...]:
        """Population variances, likewise; all is whole until the division."""
        up, down = self.unit.as_integer_ratio()
        sums = zip(self.counts, self.totals, self.squares, strict=True)
        return tuple(
            (n * squares - total * total) * up * up / (n * n * down * down) for n, total, squares in sums
        )


def class_counts(moments: Moments, target: Target) -> tuple[int, ...]:
    """Rows of each class."""
    if target.category is None:
        found = moments.univariate(target.name)
        return found.count - int(found.total), int(found.total)
    return _folded(target, moments.level_counts(target.category).items())


def numeric_within(moments: Moments, target: Target, name: str) -> Within:
    """A numeric attribute in each class.

    Raises `ModelError` for a 0/1 target if the sums of squares in its classes are not in the statistics.
    """
    if target.category is None:
        return _of_products(moments, target.name, name)
    sums = level_sums(moments, target.category, name)
    return Within(
        _folded(target, ((level, found.count) for level, found in sums.items())),
        _folded(target, ((level, found.total) for level, found in sums.items())),
        _folded(target, ((level, found.squares) for level, found in sums.items())),
        moments.schema[name].unit.value,
    )


def levels_within(moments: Moments, target: Target, category: str) -> dict[str, tuple[int, ...]]:
    """Rows of each level of a category in each class (k,), for the levels with rows."""
    if target.category is None:
        ones = level_sums(moments, category, target.name)
        return {level: (found.count - found.total, found.total) for level, found in ones.items()}
    by_level: dict[str, dict[str, int]] = {}
    for (level, kind), count in moments.contingency(category, target.category).items():
        by_level.setdefault(level, {})[kind] = count
    return {level: _folded(target, kinds.items()) for level, kinds in by_level.items()}


def indicator_within(moments: Moments, target: Target, name: str) -> Within:
    """An indicator `category$level` in each class."""
    category, level = category_and_level(moments.schema, name) or ("", "")
    cells = levels_within(moments, target, category)
    classes = range(len(target.classes))
    counts = tuple(sum(cells[of][k] for of in cells) for k in classes)
    ones = tuple(cells[level][k] if level in cells else 0 for k in classes)
    return Within(counts, ones, ones, Fraction(1))


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


def _of_products(moments: Moments, target: str, name: str) -> Within:
    unit = moments.schema[name].unit.value
    both, alone = moments.bivariate(name, target), moments.univariate(name)
    if moments.schema[name].type is AttributeType.BINARY:
        squares, ones_squared = both.total_a, both.products
    elif alone.count != both.count:
        raise ModelError(
            f"{name!r} has rows in which {target!r} is missing, whose squares are not told apart: learn the "
            "target as a category, whose levels have sums of their own"
        )
    else:
        squares, ones_squared = alone.squares, _squares_of_ones(moments, target, name)
    ones = int(both.total_b)
    return Within(
        (both.count - ones, ones),
        (int((both.total_a - both.products) / unit), int(both.products / unit)),
        (int((squares - ones_squared) / unit**2), int(ones_squared / unit**2)),
        unit,
    )


def _squares_of_ones(moments: Moments, target: str, name: str) -> Fraction:
    """Σx² of the rows with target 1, which is Σ(xt)²."""
    try:
        return moments.squared_products(name, target)
    except SchemaError as error:
        raise ModelError(
            f"the statistics have no sums of squares of {name!r} in the classes of {target!r}: learn the "
            'target as a category, or create the project with the extra "conditionals"'
        ) from error


def _folded(target: Target, by_level: Iterable[tuple[str, int]]) -> tuple[int, ...]:
    """Sums by class from values by level."""
    totals = [0] * len(target.classes)
    for level, value in by_level:
        if target.level is not None:
            at = int(level == target.level)
        elif level in target.classes:
            at = target.classes.index(level)
        else:
            continue
        totals[at] += value
    return tuple(totals)
