"""From exact integers back to real numbers: means and centred sums of products as double-doubles.

Centring is done on the integers, N·C - S·Sᵀ, where nothing can cancel; only the finished result is rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from federation.statistics.double_double import DoubleDouble
from federation.statistics.errors import SchemaError, StatisticsError
from federation.statistics.exact import ExactArray
from federation.statistics.pair_sums import Units, pair_sums, quotient
from federation.statistics.stratum import Group, Stratum, required, triangle_between

if TYPE_CHECKING:
    from federation.statistics.moments import Moments

FloatArray = NDArray[np.float64]
Missing: TypeAlias = Literal["listwise", "pairwise", "mean"]

MAX_TERMS: Final = 10_000  # a square matrix of doubles over more would not fit in memory


@dataclass(frozen=True, slots=True)
class Centred:
    """Means (p,) and centred sums of products (p, p) of p columns, in real units, as hi + lo.

    rows is the number of rows they stand for.
    """

    names: tuple[str, ...]
    rows: int
    mean_hi: FloatArray
    mean_lo: FloatArray
    scatter_hi: FloatArray
    scatter_lo: FloatArray


@dataclass(frozen=True, slots=True)
class Univariate:
    """One numeric attribute over the rows in which it is present.

    total and squares are the exact sums of x and x² in real units; mean and population variance are the
    nearest float64 (NaN without rows).
    """

    name: str
    count: int
    missing: int
    total: Fraction
    squares: Fraction
    mean: float
    variance: float


@dataclass(frozen=True, slots=True)
class Bivariate:
    """Two numeric attributes over the rows in which both are present.

    total_a, total_b and products are the exact sums of a, b and a·b in real units; means and
    population covariance are the nearest float64 (NaN without rows).
    """

    a: str
    b: str
    count: int
    total_a: Fraction
    total_b: Fraction
    products: Fraction
    mean_a: float
    mean_b: float
    covariance: float


def centred(moments: Moments, names: Sequence[str], missing: Missing = "listwise") -> Centred:
    """Means and centred sums of products of the columns that `names` stand for.

    A numeric attribute is one column; a category is an indicator column `name$level` for each of its levels
    that the rows used have, sorted; `name$level` is that indicator alone.

    - "listwise": the rows in which no attribute of the schema is missing.
    - "pairwise": scatter_ij = rows · cov_ij over the rows in which i and j are present; rows is the
      smallest such number. The matrix need not be positive semidefinite.
    - "mean": all rows, a missing value standing at the mean of its column.

    Raises `SchemaError` for an unknown name, `StatisticsError` if there are no rows to compute from.
    """
    columns, stratum = _gathered(moments, names, missing)
    if missing == "listwise":
        return _listwise(columns, stratum)
    present, sums = _pairwise_sums(columns, stratum)
    _require_rows(columns, present, pairs=missing == "pairwise")
    products = _products(columns, stratum)
    if missing == "pairwise":
        return _pairwise(columns, present, sums, products)
    return _filled(columns, stratum.rows, present, sums, products)


def column_means(
    moments: Moments, names: Sequence[str], missing: Missing = "listwise"
) -> tuple[tuple[str, ...], FloatArray]:
    """Only the columns that `names` stand for and their means (p,), as in `centred`, NaN without rows."""
    columns, stratum = _gathered(moments, names, missing)
    if missing == "listwise":
        means = columns.means(_listwise_sums(columns, stratum), ExactArray.from_ints([stratum.rows]))
    else:
        diagonal = np.arange(len(columns))
        present, sums = (part[diagonal, diagonal] for part in _pairwise_sums(columns, stratum))
        means = columns.means(sums, present)
    return columns.names, means.hi


def _gathered(moments: Moments, names: Sequence[str], missing: Missing) -> tuple[_Columns, Stratum]:
    """The columns, and the stratum of the rows that they are taken from."""
    if missing not in ("listwise", "pairwise", "mean"):
        raise StatisticsError(f"missing values: {missing!r} is unknown", "use listwise, pairwise or mean")
    complete, partial = moments.strata
    if missing == "listwise":
        stratum = complete
    elif partial is None:
        stratum = None if complete is None else complete.as_partial()
    else:
        stratum = partial if complete is None else complete.as_partial().add(partial)
    if stratum is None or stratum.rows <= 0:
        others = partial is not None and missing == "listwise"
        remedy = "use the others by missing='pairwise' or 'mean'" if others else "learn some"
        what = "rows in which nothing is missing" if missing == "listwise" else "rows"
        raise StatisticsError(f"there are no {what} to compute from", remedy)
    stratum = _with_named_levels(moments, names, stratum)
    return _Columns(moments, names, stratum), stratum


def univariate(moments: Moments, name: str) -> Univariate:
    """The exact sums of one numeric attribute, its mean and population variance; raises `SchemaError`."""
    count, total, _, squares = _pair(moments, name, name)
    mean, variance = _ratio(total, count), _ratio(count * squares - total * total, count * count)
    return Univariate(name, count, moments.rows - count, total, squares, mean, variance)


def bivariate(moments: Moments, a: str, b: str) -> Bivariate:
    """Exact sums of two numeric attributes where both are present, and covariance; raises `SchemaError`."""
    count, total_a, total_b, products = _pair(moments, a, b)
    covariance = _ratio(count * products - total_a * total_b, count * count)
    return Bivariate(
        a, b, count, total_a, total_b, products, _ratio(total_a, count), _ratio(total_b, count), covariance
    )


def _pair(moments: Moments, a: str, b: str) -> tuple[int, Fraction, Fraction, Fraction]:
    """Count, Σa, Σb and Σab of the rows in which a and b are present, in real units."""
    unit_a, unit_b = moments.schema[a].unit.value, moments.schema[b].unit.value
    places = Units.of(moments.schema, (a, b)).places
    sums = pair_sums(moments, places[:1], places[1:])
    return (
        sums.counts.item(),
        sums.first.item() * unit_a,
        sums.second.item() * unit_b,
        sums.products.item() * unit_a * unit_b,
    )


def _ratio(value: Fraction, count: int) -> float:
    if count == 0:
        return float("nan")
    try:
        return float(value / count)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


class _Columns:
    """What each column of the result is: a numeric attribute, or one level of a category."""

    def __init__(self, moments: Moments, names: Sequence[str], stratum: Stratum) -> None:
        schema = moments.schema
        numeric = schema.places
        listed: list[str] = []
        twos, fives = [], []
        at_numeric: list[tuple[int, int]] = []  # (column, position of the attribute)
        at_level: dict[str, list[tuple[int, int]]] = {}  # category: (column, index of the level)
        for name in names:
            if name in numeric:
                at_numeric.append((len(listed), numeric[name]))
                unit = schema[name].unit
                twos.append(unit.twos)
                fives.append(unit.fives)
                listed.append(name)
                continue
            category, chosen = _levels(moments, name, stratum)
            levels = stratum.groups[category].levels
            for index in chosen:
                at_level.setdefault(category, []).append((len(listed), index))
                listed.append(schema.indicator(category, levels[index]))
                twos.append(0)
                fives.append(0)
            if len(listed) > MAX_TERMS:
                raise StatisticsError(
                    f"category {category!r} makes more than {MAX_TERMS} columns", "leave it out"
                )
        self.names = tuple(listed)
        self.twos, self.fives = np.array(twos, dtype=np.int64), np.array(fives, dtype=np.int64)
        self.columns, self.positions = _split(at_numeric)
        self.levels = {category: _split(chosen) for category, chosen in sorted(at_level.items())}
        self.upper = np.triu_indices(len(listed))

    def __len__(self) -> int:
        return len(self.names)

    def means(self, sums: ExactArray, counts: ExactArray) -> DoubleDouble:
        """sums / counts in real units."""
        return quotient(sums, counts, self.twos, self.fives)

    def scatter(self, numerators: ExactArray, denominators: ExactArray) -> DoubleDouble:
        """numerators / denominators, packed triangles, as a full matrix in real units of products."""
        low, high = self.upper
        twos, fives = self.twos[low] + self.twos[high], self.fives[low] + self.fives[high]
        triangle = quotient(numerators, denominators, twos, fives)
        return DoubleDouble(*(self._unpacked(part) for part in triangle))

    def _unpacked(self, triangle: FloatArray) -> FloatArray:
        low, high = self.upper
        matrix = np.empty((len(self), len(self)))
        matrix[low, high] = triangle
        matrix[high, low] = triangle
        return matrix


def _category_of(moments: Moments, name: str) -> tuple[str, str | None]:
    """The category that `name` means, and its level if it names one; raises `SchemaError` if neither."""
    categories = {attribute.name for attribute in moments.schema.categories}
    if name in categories:
        return name, None
    found = moments.schema.level(name)
    if found is not None:
        return found
    attribute = moments.schema[name]
    raise SchemaError(
        f"attribute {name!r} of type {attribute.type.value} has no values to compute with",
        "leave it out, or encode it as numbers or a category",
    )


def _levels(moments: Moments, name: str, stratum: Stratum) -> tuple[str, list[int]]:
    """The category that `name` means and where the levels meant stand: those with rows, or the named one."""
    category, level = _category_of(moments, name)
    group = stratum.groups[category]
    if level is not None:
        return category, [group.levels.index(level)]
    return category, np.flatnonzero(group.counts.nonzero()).tolist()


def _with_named_levels(moments: Moments, names: Sequence[str], stratum: Stratum) -> Stratum:
    """The stratum with a level of no rows for each indicator in `names` whose level does not occur in it."""
    groups = dict(stratum.groups)
    for name in names:
        if name in moments.schema.places:
            continue
        category, level = _category_of(moments, name)
        group = groups[category]
        if level is not None and level not in group.levels:
            shape, kept = (len(group.levels) + 1, stratum.numeric), np.s_[: len(group.levels)]
            groups[category] = Group(
                (*group.levels, level),
                group.counts.place(shape[:1], kept),
                group.sums.place(shape, kept),
                group.squares.place(shape, kept),
                None if group.present is None else group.present.place(shape, kept),
            )
    return replace(stratum, groups=groups)


def _split(pairs: list[tuple[int, int]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    array = np.array(pairs, dtype=np.intp).reshape(len(pairs), 2)
    return array[:, 0], array[:, 1]


def _products(columns: _Columns, stratum: Stratum) -> ExactArray:
    """Sums of products of every two columns, a packed triangle."""
    at, positions = columns.columns, columns.positions
    if not columns.levels:
        ends = positions[columns.upper[0]], positions[columns.upper[1]]
        return stratum.products[triangle_between(np.minimum(*ends), np.maximum(*ends), stratum.numeric)]
    low, high = np.minimum(positions[:, None], positions), np.maximum(positions[:, None], positions)
    parts = [(np.ix_(at, at), stratum.products[triangle_between(low, high, stratum.numeric)])]
    for name, (at_level, index) in columns.levels.items():
        group = stratum.groups[name]
        mixed = group.sums[np.ix_(index, positions)]
        parts += [(np.ix_(at_level, at), mixed), (np.ix_(at, at_level), mixed.transpose())]
        same = index[:, None] == index
        parts.append((np.ix_(at_level, at_level), group.counts[index][:, None] * ExactArray.of(same)))
    for (a, b), cells in stratum.pairs.items():
        if a in columns.levels and b in columns.levels:
            (rows, first), (cols, second) = columns.levels[a], columns.levels[b]
            shape = (len(stratum.groups[a].levels), len(stratum.groups[b].levels))
            table = cells.counts.place(shape, (cells.first, cells.second))[np.ix_(first, second)]
            parts += [(np.ix_(rows, cols), table), (np.ix_(cols, rows), table.transpose())]
    return ExactArray.assemble((len(columns), len(columns)), parts)[columns.upper]


def _listwise_sums(columns: _Columns, stratum: Stratum) -> ExactArray:
    parts = [(columns.columns, stratum.sums[columns.positions])]
    parts += [(at, stratum.groups[name].counts[index]) for name, (at, index) in columns.levels.items()]
    return ExactArray.assemble((len(columns),), parts)


def _listwise(columns: _Columns, stratum: Stratum) -> Centred:
    rows, sums = ExactArray.from_ints([stratum.rows]), _listwise_sums(columns, stratum)
    low, high = columns.upper
    numerators = _products(columns, stratum) * rows - sums[low] * sums[high]
    return _result(columns, stratum.rows, columns.means(sums, rows), columns.scatter(numerators, rows))


def _pairwise_sums(columns: _Columns, stratum: Stratum) -> tuple[ExactArray, ExactArray]:
    """Counts, and sums of i where j is present: each (p, p)."""
    p, at, positions = len(columns), columns.columns, columns.positions
    low, high = np.minimum(positions[:, None], positions), np.maximum(positions[:, None], positions)
    corner = np.ix_(at, at)
    counts = [(corner, required(stratum.present)[triangle_between(low, high, stratum.numeric)])]
    sums = [(corner, stratum.sums[np.ix_(positions, positions)])]
    for name, (at_level, index) in columns.levels.items():
        group = stratum.groups[name]
        wide, tall = np.ix_(at, at_level), np.ix_(at_level, at)
        ones = ExactArray.of(np.ones(len(index), dtype=np.int64))
        both = required(group.present)[:, positions].sum(axis=0)
        counts += [(wide, both.outer(ones)), (tall, ones.outer(both))]
        sums += [
            (wide, group.sums[:, positions].sum(axis=0).outer(ones)),
            (tall, required(group.present)[np.ix_(index, positions)]),
        ]
        own = np.ix_(at_level, at_level)
        counts.append((own, group.counts.sum().reshape(1, 1) * ones.outer(ones)))
        sums.append((own, group.counts[index].outer(ones)))
    for (a, b), cells in stratum.pairs.items():
        if a in columns.levels and b in columns.levels:
            (rows, first), (cols, second) = columns.levels[a], columns.levels[b]
            one_a, one_b = (ExactArray.of(np.ones(len(index), dtype=np.int64)) for index in (first, second))
            together = cells.counts.sum().reshape(1, 1) * one_a.outer(one_b)
            counts += [(np.ix_(rows, cols), together), (np.ix_(cols, rows), together.transpose())]
            of_a = cells.counts.accumulate(cells.first, len(stratum.groups[a].levels))[first]
            of_b = cells.counts.accumulate(cells.second, len(stratum.groups[b].levels))[second]
            sums += [(np.ix_(rows, cols), of_a.outer(one_b)), (np.ix_(cols, rows), of_b.outer(one_a))]
    return ExactArray.assemble((p, p), counts), ExactArray.assemble((p, p), sums)


def _pairwise(columns: _Columns, present: ExactArray, sums: ExactArray, products: ExactArray) -> Centred:
    rows = min(present.to_ints().ravel().tolist(), default=0)
    low, high = columns.upper
    both = present[low, high]
    covariance = both * products - sums[low, high] * sums[high, low]
    diagonal = np.arange(len(columns))
    means = columns.means(sums[diagonal, diagonal], present[diagonal, diagonal])
    return _result(columns, rows, means, columns.scatter(covariance * rows, both * both))


def _filled(
    columns: _Columns, rows: int, present: ExactArray, sums: ExactArray, products: ExactArray
) -> Centred:
    """Scatter when a missing value stands at its column's mean T/n, where its deviation is zero.

    Σ (x_i - T_i/n_i)(x_j - T_j/n_j) over the rows with both, times n_i·n_j.
    """
    diagonal = np.arange(len(columns))
    low, high = columns.upper
    n, t = present[diagonal, diagonal], sums[diagonal, diagonal]
    (n_i, n_j), (t_i, t_j) = (n[low], n[high]), (t[low], t[high])
    cross = sums[low, high] * n_i * t_j + sums[high, low] * n_j * t_i
    numerators = n_i * n_j * products - cross + present[low, high] * (t_i * t_j)
    return _result(columns, rows, columns.means(t, n), columns.scatter(numerators, n_i * n_j))


def _require_rows(columns: _Columns, present: ExactArray, *, pairs: bool) -> None:
    counts = present.to_float()
    empty = np.argwhere(counts <= 0) if pairs else np.argwhere(np.diag(counts) <= 0)
    if empty.size:
        first, last = columns.names[empty[0][0]], columns.names[empty[0][-1]]
        if first == last:
            raise StatisticsError(f"attribute {first!r} is missing in every row", "leave it out")
        raise StatisticsError(
            f"no row has both {first!r} and {last!r}", "leave one out or use missing='mean'"
        )


def _result(columns: _Columns, rows: int, means: DoubleDouble, scatter: DoubleDouble) -> Centred:
    return Centred(columns.names, rows, means.hi, means.lo, scatter.hi, scatter.lo)
