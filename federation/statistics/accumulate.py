"""Sums over blocks of rows: digits multiplied by BLAS, summed in int64, folded into exact integers."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from federation.statistics.digits import DIGIT, BoolArray, FloatArray, IntArray, Stack, digits_for
from federation.statistics.exact import ExactArray
from federation.statistics.stratum import Cells, Group, Levelled, Pair, Stratum, merge_cells

CodeArray = NDArray[np.int32]

_FOLD_AFTER: Final = 32  # blocks: a sum of up to 52 products of digits stays below 2**62
_DENSE_LEVELS: Final = 1024  # above this, a block's own levels are looked up before summing
_WAITING_CELLS: Final = 16


class Accumulator:
    """Sums over the rows of one stratum: fill `integers`, `add` the block, and in the end take the `stratum`.

    When a column needs more digits or a mask than there is room for, what was summed is folded into exact
    integers and the layout changes.
    """

    def __init__(
        self,
        block: int,
        numeric: int,
        levelled: Levelled,
        levels: dict[str, tuple[str, ...]],
        *,
        partial: bool,
    ) -> None:
        """For blocks of at most so many rows of so many numeric columns, and of these levels."""
        self._d, self._levels, self._partial = numeric, levels, partial
        self._rows = self._blocks = 0
        self._total = Stratum.empty(numeric, levelled, partial=partial)
        self._cells: dict[Pair, list[Cells]] = {pair: [] for pair in levelled.pairs}
        self._arrange(Stack(block, np.ones(numeric, dtype=np.int64), np.zeros(numeric, dtype=bool)))

    def _arrange(self, stack: Stack) -> None:
        self._stack = stack
        self._gram = np.zeros((stack.height, stack.height), dtype=np.int64)
        width = stack.height + sum(len(stack.columns[b]) for _, b in stack.pairs)
        self._grouped = {
            name: np.zeros((len(levels) + 1, width), dtype=np.int64) for name, levels in self._levels.items()
        }

    def integers(self, n: int) -> FloatArray:
        """Where to put the integers of the next block: (d, n), n <= block."""
        return self._stack.integers(n)

    def add(
        self,
        n: int,
        logs: FloatArray,
        codes: list[CodeArray],
        *,
        counted: BoolArray | None = None,
        missing: BoolArray | None = None,
    ) -> None:
        """Add the n rows that stand in `integers`.

        logs (d,) are the columns' `norms`; codes has an array (n,) for each category, -1 where missing.
        Rows not `counted` (n,) hold zeros and codes of -1. `missing` (d, n), in the partial stratum, says
        which zeros of the others stand for missing values.
        """
        digits = digits_for(logs)
        masked: BoolArray = np.zeros(self._d, dtype=bool)
        if missing is not None:
            masked = np.any(missing, axis=1)
        if self._blocks >= _FOLD_AFTER or not self._stack.fits(digits, masked):
            self._rearrange(n, digits, masked)
        filled = self._stack.split(n, counted, missing)
        self._stack.multiply(filled, self._gram)
        if codes:
            self._add_groups(filled, codes)
        self._rows += n if counted is None else int(np.count_nonzero(counted))
        self._blocks += 1

    def _rearrange(self, n: int, digits: IntArray, masked: BoolArray) -> None:
        """Fold what there is, and make room for the block that stands in `integers`."""
        waiting = self._stack.integers(n)
        full = self._blocks >= _FOLD_AFTER
        if self._blocks:
            self._fold()
            if not full:
                # Keeping what other columns needed saves folding to and fro; a full fold starts afresh.
                digits = np.maximum(digits, self._stack.digits)
            masked = masked | self._stack.masked
        self._arrange(Stack(self._stack.block, digits, masked))
        self._stack.integers(n)[...] = waiting

    def add_cells(self, codes: list[CodeArray]) -> None:
        """Count the levels that occur together; rows missing in either category are passed over."""
        position = {name: i for i, name in enumerate(self._levels)}
        for (a, b), waiting in self._cells.items():
            shape = (len(self._levels[a]), len(self._levels[b]))
            waiting.append(_count_cells(codes[position[a]], codes[position[b]], shape))
            if len(waiting) > _WAITING_CELLS:
                waiting[:] = [merge_cells(*waiting)]

    def stratum(self) -> Stratum | None:
        """Everything added so far, or None if that is no rows."""
        if self._rows == 0:
            return None
        if self._blocks:
            self._fold()
        orders = {
            name: np.array(sorted(range(len(levels)), key=levels.__getitem__), dtype=np.intp)
            for name, levels in self._levels.items()
        }
        ranks = {name: np.argsort(order) for name, order in orders.items()}
        groups = {name: _reordered(group, orders[name]) for name, group in self._total.groups.items()}
        pairs = {}
        for (a, b), waiting in self._cells.items():
            cells = merge_cells(*waiting) if waiting else self._total.pairs[a, b]
            pairs[a, b] = merge_cells(Cells(ranks[a][cells.first], ranks[b][cells.second], cells.counts))
        total = self._total
        return Stratum(self._rows, total.sums, total.products, total.present, groups, pairs).compact()

    def _add_groups(self, filled: FloatArray, codes: list[CodeArray]) -> None:
        n = filled.shape[1]
        values = self._stack.by_row(filled)
        ones, starts = np.ones(n), np.arange(n + 1)
        for name, column in zip(self._levels, codes, strict=True):
            target = self._grouped[name]
            count = target.shape[0]
            if count <= _DENSE_LEVELS:
                # Missing codes go to the last row, which is not read.
                local = np.where(column < 0, count - 1, column)
                target += (csc_array((ones, local, starts), shape=(count, n)) @ values).astype(np.int64)
            else:
                found, local = np.unique(column, return_inverse=True)
                sums = csc_array((ones, local, starts), shape=(len(found), n)) @ values
                target[found] += sums.astype(np.int64)

    def _fold(self) -> None:
        """Turn what was summed in digits into exact integers."""
        stack, gram, d = self._stack, self._gram, self._d
        levels = list(zip(stack.spans, stack.columns, strict=True))
        upper = np.triu_indices(d)
        sums = []
        for level, (span, columns) in enumerate(levels):
            part = np.zeros((d, d) if self._partial else d, dtype=np.int64)
            part[columns] = gram[span][:, stack.presence] if self._partial else gram[span, 0]
            sums.append((part, DIGIT * level))
        products = []
        for shift in range(2 * len(levels) - 1):
            square = np.zeros((d, d), dtype=np.int64)
            for a in range(max(0, shift - len(levels) + 1), min(shift, len(levels) - 1) + 1):
                (span_a, columns_a), (span_b, columns_b) = levels[a], levels[shift - a]
                if len(columns_a) == len(columns_b) == d:
                    square += gram[span_a, span_b]
                else:
                    square[np.ix_(columns_a, columns_b)] += gram[span_a, span_b]
            products.append((square[upper], DIGIT * shift))
        present = gram[np.ix_(stack.presence, stack.presence)][upper]
        folded = Stratum(
            0,
            ExactArray.from_shifted(sums),
            ExactArray.from_shifted(products),
            ExactArray.of(present) if self._partial else None,
            {name: self._fold_group(name) for name in self._levels},
            self._total.pairs,
        )
        self._total = self._total.add_aligned(folded)
        self._blocks = 0
        self._gram[...] = 0
        for table in self._grouped.values():
            table[...] = 0

    def _fold_group(self, name: str) -> Group:
        stack, table = self._stack, self._grouped[name][:-1]
        shape = (table.shape[0], self._d)
        sums, squares = [], []
        for level, (span, columns) in enumerate(zip(stack.spans, stack.columns, strict=True)):
            part = np.zeros(shape, dtype=np.int64)
            part[:, columns] = table[:, span]
            sums.append((part, DIGIT * level))
        start = stack.height
        for a, b in stack.pairs:
            columns = stack.columns[b]
            part = np.zeros(shape, dtype=np.int64)
            part[:, columns] = table[:, start : start + len(columns)]
            squares.append(
                (part, DIGIT * (a + b) + (a != b))
            )  # a product of two different digits counts twice
            start += len(columns)
        return Group(
            self._levels[name],
            ExactArray.of(table[:, 0]),
            ExactArray.from_shifted(sums),
            ExactArray.from_shifted(squares),
            ExactArray.of(table[:, stack.presence]) if self._partial else None,
        )


def _reordered(group: Group, order: NDArray[np.intp]) -> Group:
    return Group(
        tuple(group.levels[i] for i in order) if group.levels else (),
        group.counts[order],
        group.sums[order],
        group.squares[order],
        None if group.present is None else group.present[order],
    )


def _count_cells(a: CodeArray, b: CodeArray, shape: tuple[int, int]) -> Cells:
    height, stride = shape
    keys = a.astype(np.int64) * stride + b
    both = (a >= 0) & (b >= 0)
    if not both.all():
        keys = keys[both]
    if stride * height <= 4 * len(keys) + _DENSE_LEVELS:
        dense = np.bincount(keys, minlength=1)
        found = np.flatnonzero(dense)
        counts = dense[found]
    else:
        found, counts = np.unique(keys, return_counts=True)
    stride = max(stride, 1)
    return Cells(found // stride, found % stride, ExactArray.of(counts))
