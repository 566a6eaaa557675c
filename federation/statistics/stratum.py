"""One stratum of a statistic: exact counts, sums and sums of products of some rows, and their algebra.

Rows are kept in two strata. In the *complete* stratum no attribute of the schema is missing, so one count
and one vector of sums serve every pair of attributes; in the *partial* stratum each pair has its own.
Numeric attributes are addressed by position; symmetric matrices are packed as upper triangles, row by row.
A stratum is always in canonical form: levels sorted, none without a trace, contingency cells sorted and
none zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from federation.statistics.exact import ExactArray
from federation.statistics.schema import Schema

Index: TypeAlias = NDArray[np.intp]
Pair: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Levelled:
    """The attributes that have levels: names of all of them, sorted, and each two categories of them."""

    names: tuple[str, ...]
    pairs: tuple[Pair, ...]

    @classmethod
    def of(cls, schema: Schema) -> Levelled:
        """Those of a schema."""
        categories = sorted(attribute.name for attribute in schema.categories)
        pairs = tuple((a, b) for i, a in enumerate(categories) for b in categories[i + 1 :])
        return cls(tuple(sorted(attribute.name for attribute in schema.grouped)), pairs)


@dataclass(frozen=True, slots=True)
class Group:
    """The part of a category or a text: for each level (L of them) the rows, and per numeric attribute (d)
    what those rows add up to.

    counts (L,), sums (L, d), squares (L, d); present (L, d) counts the rows in which the attribute is
    present, None where that is every row (the complete stratum).
    """

    levels: tuple[str, ...]
    counts: ExactArray
    sums: ExactArray
    squares: ExactArray
    present: ExactArray | None


@dataclass(frozen=True, slots=True)
class Cells:
    """The contingency table of two categories, sparse: cell k counts rows with levels first[k] and second[k].

    The indices point into the levels of the two groups; cells are sorted and none is zero.
    """

    first: Index
    second: Index
    counts: ExactArray


@dataclass(frozen=True, slots=True)
class Stratum:
    """Exact statistics of a set of rows over d numeric attributes and some categories and texts.

    sums is (d,) in the complete stratum and (d, d) in the partial one, where element (i, j) sums attribute
    i over the rows in which j is present too. products is a packed triangle, present likewise (partial
    only). groups are by category or text, pairs by two categories.
    """

    rows: int
    sums: ExactArray
    products: ExactArray
    present: ExactArray | None
    groups: Mapping[str, Group]
    pairs: Mapping[Pair, Cells]

    @property
    def partial(self) -> bool:
        """Whether values may be missing."""
        return self.present is not None

    @property
    def numeric(self) -> int:
        """Number of numeric attributes."""
        return self.sums.shape[0]

    @classmethod
    def empty(cls, numeric: int, levelled: Levelled, *, partial: bool) -> Stratum:
        """No rows."""
        triangle = numeric * (numeric + 1) // 2
        none = ExactArray.zeros((0, numeric))
        group = Group((), ExactArray.zeros(0), none, none, none if partial else None)
        nowhere = np.zeros(0, dtype=np.intp)
        return cls(
            rows=0,
            sums=ExactArray.zeros((numeric, numeric) if partial else numeric),
            products=ExactArray.zeros(triangle),
            present=ExactArray.zeros(triangle) if partial else None,
            groups=dict.fromkeys(levelled.names, group),
            pairs={pair: Cells(nowhere, nowhere, ExactArray.zeros(0)) for pair in levelled.pairs},
        )

    def is_zero(self) -> bool:
        """Whether nothing is counted."""
        return not (
            self.rows
            or self.sums.any()
            or self.products.any()
            or (self.present is not None and self.present.any())
            or any(group.levels for group in self.groups.values())
        )

    def add(self, other: Stratum, sign: int = 1) -> Stratum:
        """The sum (or difference) with a stratum of the same kind and attributes."""

        def combine(a: ExactArray, b: ExactArray) -> ExactArray:
            return a + b if sign > 0 else a - b

        groups: dict[str, Group] = {}
        moves: dict[str, tuple[Index, Index]] = {}
        for name, group in self.groups.items():
            groups[name], moves[name] = _add_groups(group, other.groups[name], combine)
        pairs = {}
        for (a, b), cells in self.pairs.items():
            mine = Cells(moves[a][0][cells.first], moves[b][0][cells.second], cells.counts)
            theirs = other.pairs[a, b]
            theirs = Cells(moves[a][1][theirs.first], moves[b][1][theirs.second], theirs.counts)
            pairs[a, b] = merge_cells(mine, theirs if sign > 0 else replace(theirs, counts=-theirs.counts))
        return Stratum(
            rows=self.rows + sign * other.rows,
            sums=combine(self.sums, other.sums),
            products=combine(self.products, other.products),
            present=_both(self.present, other.present, combine),
            groups=groups,
            pairs=pairs,
        ).compact()

    def add_aligned(self, other: Stratum) -> Stratum:
        """The sum with a stratum that has no cells and the very levels of this one, or this one has none.

        The levels need be neither sorted nor used.
        """
        groups = {}
        for name, group in other.groups.items():
            mine = self.groups[name]
            groups[name] = group if not mine.levels else _sum_groups(mine, group)
        return Stratum(
            rows=self.rows + other.rows,
            sums=self.sums + other.sums,
            products=self.products + other.products,
            present=_both(self.present, other.present, ExactArray.__add__),
            groups=groups,
            pairs=self.pairs,
        )

    def negate(self) -> Stratum:
        """The inverse under addition."""
        return self._map(
            lambda array: -array, lambda cells: replace(cells, counts=-cells.counts), rows=-self.rows
        )

    def select(self, numeric: Index, levelled: Levelled) -> Stratum:
        """Only these numeric attributes (ascending positions), categories and texts."""
        corner = np.ix_(numeric, numeric) if self.partial else numeric
        triangle = triangle_of(numeric, self.numeric)
        kept = set(levelled.names)
        return Stratum(
            rows=self.rows,
            sums=self.sums[corner],
            products=self.products[triangle],
            present=None if self.present is None else self.present[triangle],
            groups={
                name: Group(
                    group.levels,
                    group.counts,
                    group.sums[:, numeric],
                    group.squares[:, numeric],
                    None if group.present is None else group.present[:, numeric],
                )
                for name, group in self.groups.items()
                if name in kept
            },
            pairs={pair: cells for pair, cells in self.pairs.items() if kept.issuperset(pair)},
        ).compact()

    def spread(self, numeric: Index, width: int, levelled: Levelled) -> Stratum:
        """The same rows among more attributes, missing there: attribute i becomes numeric[i] of `width`."""
        partial = self if self.partial else self.as_partial()
        triangle = triangle_of(numeric, width)
        size = width * (width + 1) // 2
        blank = Stratum.empty(width, levelled, partial=True)
        groups = dict(blank.groups)
        for name, group in partial.groups.items():
            shape, index = (len(group.levels), width), np.s_[:, numeric]
            groups[name] = Group(
                group.levels,
                group.counts,
                group.sums.place(shape, index),
                group.squares.place(shape, index),
                required(group.present).place(shape, index),
            )
        return Stratum(
            rows=partial.rows,
            sums=partial.sums.place((width, width), np.ix_(numeric, numeric)),
            products=partial.products.place((size,), triangle),
            present=required(partial.present).place((size,), triangle),
            groups=groups,
            pairs=dict(blank.pairs) | dict(partial.pairs),
        )

    def as_partial(self) -> Stratum:
        """The same rows with a count and a sum for each pair."""
        if self.partial:
            return self
        d = self.numeric
        once = ExactArray.zeros(1)
        rows = ExactArray.from_ints([self.rows])
        return Stratum(
            rows=self.rows,
            sums=self.sums[:, None] + ExactArray.zeros((d, d)),
            products=self.products,
            present=rows + ExactArray.zeros(self.products.size),
            groups={
                name: replace(
                    group, present=group.counts[:, None] + ExactArray.zeros((len(group.levels), d)) + once
                )
                for name, group in self.groups.items()
            },
            pairs=self.pairs,
        )

    def scale(self, factors: list[int]) -> Stratum:
        """Every numeric attribute in units finer by its factor."""
        each = ExactArray.from_ints(factors)
        upper = np.triu_indices(self.numeric)
        return replace(
            self,
            sums=self.sums * (each[:, None] if self.partial else each),
            products=self.products * (each[upper[0]] * each[upper[1]]),
            groups={
                name: replace(group, sums=group.sums * each, squares=group.squares * (each * each))
                for name, group in self.groups.items()
            },
        )

    def compact(self) -> Stratum:
        """The canonical form: levels without any trace leave."""
        groups, moves = {}, {}
        for name, group in self.groups.items():
            used = (
                group.counts.nonzero()
                | group.sums.nonzero().any(axis=1)
                | group.squares.nonzero().any(axis=1)
            )
            if group.present is not None:
                used |= group.present.nonzero().any(axis=1)
            for (a, b), cells in self.pairs.items():
                used[cells.first if name == a else cells.second if name == b else []] = True
            if used.all():
                groups[name] = group
                continue
            moves[name] = np.cumsum(used) - 1
            groups[name] = Group(
                tuple(level for level, kept in zip(group.levels, used, strict=True) if kept),
                group.counts[used],
                group.sums[used],
                group.squares[used],
                None if group.present is None else group.present[used],
            )
        if not moves:
            return self
        pairs = {
            (a, b): Cells(
                moves[a][cells.first] if a in moves else cells.first,
                moves[b][cells.second] if b in moves else cells.second,
                cells.counts,
            )
            for (a, b), cells in self.pairs.items()
        }
        return replace(self, groups=groups, pairs=pairs)

    def _map(
        self, array: Callable[[ExactArray], ExactArray], cells: Callable[[Cells], Cells], *, rows: int
    ) -> Stratum:
        return Stratum(
            rows=rows,
            sums=array(self.sums),
            products=array(self.products),
            present=None if self.present is None else array(self.present),
            groups={
                name: Group(
                    group.levels,
                    array(group.counts),
                    array(group.sums),
                    array(group.squares),
                    None if group.present is None else array(group.present),
                )
                for name, group in self.groups.items()
            },
            pairs={pair: cells(value) for pair, value in self.pairs.items()},
        )


def triangle_of(positions: Index, width: int) -> Index:
    """Where the triangle over ascending `positions` lies inside the packed triangle of `width`."""
    upper = np.triu_indices(len(positions))
    return np.asarray(triangle_between(positions[upper[0]], positions[upper[1]], width), dtype=np.intp)


def triangle_between(low: Any, high: Any, width: int) -> Any:
    """Where element (low, high), low <= high, of a symmetric matrix lies in its packed triangle."""
    return low * width - low * (low - 1) // 2 + (high - low)


def merge_cells(*parts: Cells) -> Cells:
    """The sum of sets of cells over the same levels, sorted, without zeros; none need be sorted before."""
    first = np.concatenate([cells.first for cells in parts])
    if not first.size:
        return parts[0]
    second = np.concatenate([cells.second for cells in parts])
    counts = ExactArray.concatenate([cells.counts for cells in parts])
    stride = int(second.max()) + 1
    keys, inverse = np.unique(first * stride + second, return_inverse=True)
    distinct = len(keys) == len(first)
    sums = counts[np.argsort(inverse)] if distinct else counts.accumulate(inverse, len(keys))
    kept = sums.nonzero()
    return Cells(keys[kept] // stride, keys[kept] % stride, sums[kept])


def required(present: ExactArray | None) -> ExactArray:
    """The counts of the partial stratum, which always has them."""
    if present is None:
        raise ValueError("a complete stratum has no counts of its own: use as_partial")
    return present


def _add_groups(
    a: Group, b: Group, combine: Callable[[ExactArray, ExactArray], ExactArray]
) -> tuple[Group, tuple[Index, Index]]:
    """The sum over the union of the levels, and where each side's levels went."""
    levels = a.levels if a.levels == b.levels else tuple(sorted({*a.levels, *b.levels}))
    position = {level: i for i, level in enumerate(levels)}
    moves = tuple(np.array([position[level] for level in side.levels], dtype=np.intp) for side in (a, b))

    def over(left: ExactArray, right: ExactArray) -> ExactArray:
        shape = (len(levels), *left.shape[1:])
        return combine(left.place(shape, moves[0]), right.place(shape, moves[1]))

    group = Group(
        levels,
        over(a.counts, b.counts),
        over(a.sums, b.sums),
        over(a.squares, b.squares),
        _both(a.present, b.present, over),
    )
    return group, (moves[0], moves[1])


def _sum_groups(a: Group, b: Group) -> Group:
    return Group(
        a.levels,
        a.counts + b.counts,
        a.sums + b.sums,
        a.squares + b.squares,
        _both(a.present, b.present, ExactArray.__add__),
    )


def _both(
    a: ExactArray | None, b: ExactArray | None, combine: Callable[[ExactArray, ExactArray], ExactArray]
) -> ExactArray | None:
    return None if a is None or b is None else combine(a, b)
