"""Which columns a model uses, and their sums: names of attributes become terms, statistics become
double-doubles.

Shared by all models of this package; what a model then computes from the sums is in its own file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federation.models.errors import ModelError, listed
from federation.models.wide_arithmetic import add, pick, times, wide
from federation.statistics import (
    AttributeType,
    Centred,
    DoubleDouble,
    Missing,
    Moments,
    Schema,
    StatisticsError,
)
from federation.statistics.centred import column_means

LARGEST: Final = (
    1e280  # a sum of squares above it has products whose rounding errors double-doubles cannot hold
)


@dataclass(frozen=True, slots=True)
class InputColumn:
    """One column of a model: a numeric attribute, or the 0/1 indicator of one level of a category.

    `mean` is the column's mean over the rows that the model was fitted to.
    """

    term: str
    attribute: str
    level: str | None
    mean: float


@dataclass(frozen=True, slots=True)
class Design:
    """The sums that a model of `target` on p columns is computed from, in real units.

    means (p,), scatter (p, p): centred sums of products; cross (p,): those with the target.
    Without a target, cross is empty and the target's mean and scatter are zero.
    """

    columns: tuple[InputColumn, ...]
    reference_levels: dict[str, str]
    rows: int
    means: DoubleDouble
    scatter: DoubleDouble
    target_mean: DoubleDouble
    target_scatter: DoubleDouble
    cross: DoubleDouble

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.term for column in self.columns)

    def regrouped(self, columns: Sequence[int], target: int) -> Design:
        """The sums for a model of one of the columns on others, given by their places."""
        at = np.array(columns, dtype=np.intp)
        return Design(
            tuple(self.columns[place] for place in columns),
            self.reference_levels,
            self.rows,
            pick(self.means, at),
            pick(self.scatter, *np.ix_(at, at)),
            pick(self.means, target),
            pick(self.scatter, target, target),
            pick(self.scatter, at, target),
        )

    def through_means(self, slopes: NDArray[np.float64]) -> tuple[float, ...]:
        """Intercept and slopes (p,) of the plane that has the target's mean at the columns' means."""
        return (float(self.target_mean.hi - slopes @ self.means.hi), *slopes.tolist())


def design(
    moments: Moments,
    target: str | None,
    inputs: Sequence[str],
    missing: Missing = "listwise",
    *,
    drop_reference: bool = True,
) -> Design:
    """Collect the sums for a model.

    An input is a numeric attribute, a category (an indicator for each level with rows, except for the first
    of them, the reference level), or one indicator `category$level`. The target is numeric or one
    indicator. "listwise" uses the rows in which no attribute of the whole schema is missing.

    Raises `ModelError` for names that are unknown or appear twice, a target among the inputs, and statistics
    without rows to compute from.
    """
    schema = moments.schema
    check_names(schema, target, inputs)
    try:
        centred = moments.centred([*inputs, *([target] if target is not None else [])], missing)
    except StatisticsError as error:
        raise ModelError(error.message, error.remedy) from error
    columns, kept, reference_levels = _columns(
        moments, centred.names, centred.mean_hi, inputs, drop_reference=drop_reference
    )
    means = DoubleDouble(centred.mean_hi, centred.mean_lo)
    scatter = DoubleDouble(centred.scatter_hi, centred.scatter_lo)
    _check_range(centred)
    at = np.array(kept, dtype=np.intp)
    zero = DoubleDouble(np.zeros(()), np.zeros(()))
    return Design(
        columns,
        reference_levels,
        centred.rows,
        pick(means, at),
        pick(scatter, *np.ix_(at, at)),
        zero if target is None else pick(means, -1),
        zero if target is None else pick(scatter, -1, -1),
        DoubleDouble(np.zeros(0), np.zeros(0)) if target is None else pick(scatter, at, -1),
    )


def columns_of(
    moments: Moments, inputs: Sequence[str], missing: Missing = "listwise"
) -> tuple[tuple[InputColumn, ...], dict[str, str]]:
    """Only the columns of `design` without a target, and its reference levels; raises as it does."""
    check_names(moments.schema, None, inputs)
    try:
        names, means = column_means(moments, inputs, missing)
    except StatisticsError as error:
        raise ModelError(error.message, error.remedy) from error
    columns, _, reference_levels = _columns(moments, names, means, inputs, drop_reference=True)
    return columns, reference_levels


def require_varying(sums: Design, what: DoubleDouble | None = None) -> None:
    """Raise `ModelError` naming the columns whose diagonal sum (by default of scatter) is zero."""
    diagonal = np.diagonal((what or sums.scatter).hi)
    still = [term for term, value in zip(sums.terms, diagonal, strict=True) if not value > 0.0]
    if still:
        verb = "is" if len(still) == 1 else "are"
        raise ModelError(
            f"{listed(still)} {verb} constant in the {sums.rows} rows used", "leave out what does not vary"
        )


def require_common_rows(missing: str) -> None:
    """Raise `ModelError` for "pairwise" sums, of which `about_zero` makes none of any rows."""
    if missing == "pairwise":
        raise ModelError(
            "pairwise statistics have no common rows to take sums about zero",
            "use missing='listwise' or 'mean'",
        )


def about_zero(sums: Design) -> tuple[DoubleDouble, DoubleDouble, DoubleDouble]:
    """Scatter, cross and the target's scatter about zero: Σxy = Σ(x - x̄)(y - ȳ) + n·x̄·ȳ.

    They are sums of rows only if all columns have the same rows, so not of "pairwise" sums.
    """
    n = wide(np.array(float(sums.rows)))
    means, mean = sums.means, sums.target_mean
    column = DoubleDouble(means.hi[:, None], means.lo[:, None])
    row = DoubleDouble(means.hi[None, :], means.lo[None, :])
    return (
        add(sums.scatter, times(n, times(column, row))),
        add(sums.cross, times(n, times(means, mean))),
        add(sums.target_scatter, times(n, times(mean, mean))),
    )


def category_and_level(schema: Schema, name: str) -> tuple[str, str] | None:
    """The category and the level that `category$level` names; None if it names neither."""
    return schema.level(name)


def _columns(
    moments: Moments,
    names: Sequence[str],
    means: NDArray[np.float64],
    inputs: Sequence[str],
    *,
    drop_reference: bool,
) -> tuple[tuple[InputColumn, ...], list[int], dict[str, str]]:
    """The columns to use, their positions among those with names and means, and each category's reference
    level.
    """
    columns: list[InputColumn] = []
    kept: list[int] = []
    reference_levels: dict[str, str] = {}
    start = 0
    for name in inputs:
        category = _category_of(moments.schema, name)
        stop = start + 1
        if category == name:
            levels = {moments.schema.indicator(name, level) for level in moments.level_counts(name)}
            stop = start
            while stop < len(names) and names[stop] in levels:
                stop += 1
            if start == stop:
                raise ModelError(f"category {name!r} is missing in every row used", "leave it out")
            if drop_reference:
                reference_levels[name] = names[start][len(name) + 1 :]
                start += 1
                if start == stop:
                    raise ModelError(f"category {name!r} has one level in the rows used", "leave it out")
        for index in range(start, stop):
            term = names[index]
            level = None if category is None else term[len(category) + 1 :]
            columns.append(InputColumn(term, category or name, level, float(means[index])))
            kept.append(index)
        start = stop
    return tuple(columns), kept, reference_levels


def _check_range(centred: Centred) -> None:
    with np.errstate(over="ignore"):
        squares = np.diagonal(centred.scatter_hi) + centred.rows * centred.mean_hi**2
    large = [name for name, square in zip(centred.names, squares, strict=True) if not square < LARGEST]
    if large:
        raise ModelError(f"the squares of {listed(large)} exceed the range of float64", "use a larger unit")


def _category_of(schema: Schema, name: str) -> str | None:
    if name in schema.places:
        return None
    if name in schema:
        return name if schema[name].type is AttributeType.CATEGORY else None
    split = category_and_level(schema, name)
    return None if split is None else split[0]


def check_names(schema: Schema, target: str | None, inputs: Sequence[str], *, classes: bool = False) -> None:
    """Raise `ModelError` for names that no model can have; with `classes`, a target may be a category."""
    if not inputs:
        raise ModelError("no inputs", f"name at least one of {listed(schema.names)}")
    for name in [*inputs, *([target] if target is not None else [])]:
        if name not in schema and category_and_level(schema, name) is None:
            raise ModelError(f"attribute {name!r} is unknown", f"the statistics have {listed(schema.names)}")
        if name in schema and schema[name].type is AttributeType.IGNORE:
            raise ModelError(
                f"attribute {name!r} is ignored by the schema and was not learned", "leave it out"
            )
    twice = sorted(name for name, times in Counter(inputs).items() if times > 1)
    if twice:
        raise ModelError(f"{listed(twice)} twice among the inputs", "name each input once")
    categories = {name: _category_of(schema, name) for name in inputs}
    for name, category in categories.items():
        if category is not None and category != name and category in categories:
            raise ModelError(
                f"{name!r} is a level of {category!r}, which is an input already", "leave one out"
            )
    if target is None:
        return
    if not classes and target in schema and schema[target].type is AttributeType.CATEGORY:
        raise ModelError(
            f"target {target!r} is a category",
            f"choose one of its levels as a 0/1 target, as in {schema.indicator(target, 'level')!r}",
        )
    same = (target, _category_of(schema, target))
    clash = [name for name, category in categories.items() if name in same or category == target]
    if clash:
        raise ModelError(f"target {target!r} is among the inputs ({listed(clash)})", "leave it out of them")
