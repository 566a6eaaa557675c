"""Samples: a whole column, or the part of a column where a group is 1, as exact sums.

Tests of means and variances compare samples; what they compute is in `hypotheses` and `anova`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from federation.explore.sums import Column, column, level_sums, pair, single
from federation.models.errors import ModelError
from federation.statistics import AttributeType, Moments


@dataclass(frozen=True, slots=True)
class Sample:
    """n > 0 values: their number, Σx and Σx²."""

    name: str
    count: int
    total: Fraction
    squares: Fraction

    @property
    def mean(self) -> Fraction:
        return self.total / self.count

    @property
    def scatter(self) -> Fraction:
        """Σ(x - mean)²."""
        return self.squares - self.total**2 / self.count

    @property
    def variance(self) -> Fraction:
        """The unbiased one, which divides by n - 1; raises `ModelError` for a single value."""
        if self.count < 2:
            raise ModelError(f"{self.name!r} has one value, and so no variance", "learn more rows")
        return self.scatter / (self.count - 1)


def whole(moments: Moments, name: str) -> Sample:
    """All values of a column."""
    sums = single(moments, column(moments, name))
    return _sample(name, sums.count, sums.total, sums.squares)


def parts(moments: Moments, name: str, groups: Sequence[str]) -> list[Sample]:
    """The values of column `name` in each group, over the rows in which both are present.

    A group is a binary attribute or an indicator `category$level`, and its rows those where it is 1; a whole
    category stands for all of its levels in which `name` has a value. Groups may overlap. Raises
    `ModelError` if a group is none, is empty, or if the statistics lack the squares of its values.
    """
    of = column(moments, name)
    found: list[Sample] = []
    for group in groups:
        if is_category(moments, group):
            found += [
                Sample(moments.schema.indicator(group, level), sums.count, sums.total, sums.squares)
                for level, sums in level_sums(moments, of, group).items()
                if sums.count > 0
            ]
        else:
            found.append(_part(moments, name, of, group))
    return found


def is_category(moments: Moments, name: str) -> bool:
    """Whether this names a whole category."""
    return name in moments.schema and moments.schema[name].type is AttributeType.CATEGORY


def indicator(moments: Moments, name: str) -> Column:
    """The 0/1 column of this name; raises `ModelError` for another."""
    of = column(moments, name)
    if of.level is None and moments.schema[name].type is not AttributeType.BINARY:
        raise ModelError(
            f"attribute {name!r} is continuous",
            "a group is a category, one of its levels, or a 0/1 attribute",
        )
    return of


def _part(moments: Moments, name: str, of: Column, group: str) -> Sample:
    sums = pair(moments, of, indicator(moments, group))
    if sums.ab_squares is None:
        raise ModelError(
            f"the statistics lack the squares of {name!r} where {group!r} is 1",
            f"learn {group!r} as a category, or make the project with conditionals, which counts them",
        )
    return _sample(f"{name} of {group}", int(sums.b), sums.ab, sums.ab_squares)


def _sample(name: str, count: int, total: Fraction, squares: Fraction) -> Sample:
    if count <= 0:
        raise ModelError(f"{name!r} has no value", "learn rows that have it")
    return Sample(name, count, total, squares)
