"""Blocks of integer columns turned into exact sums of products by ordinary float64 matrix multiplication.

An integer is split into balanced digits of base 2**20 (every digit at most 2**19 in magnitude, the highest at most
2**20). Over a block of 4,096 rows a product of digits sums to at most 2**52, so BLAS is exact whatever the order in
which it adds (Ozaki, Ogita, Oishi and Rump, "Error-free transformations of matrix multiplication by using fast
routines of matrix multiplication and its applications", 2012). A column pays only for the digits its values need.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from federation.statistics.exact import ExactArray
from federation.statistics.stratum import Cells, Group, Index, Pair, Stratum, merge_cells

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

BLOCK: Final = 4096  # rows: 2**12 · 2**40 stays below 2**53
DIGIT: Final = 20  # bits
_FOLD_AFTER: Final = 64  # blocks: sums of up to 52 digit products stay below 2**63
_DENSE_LEVELS: Final = (
    1024  # a block has at most 4,096 of a category's levels: beyond this it is worth finding them
)


class Accumulator:
    """Sums over the rows of one stratum: `add` blocks, then take the `stratum`.

    The rows of the matrix that is multiplied by its transpose are: a row of ones, a presence mask for every column
    that has missing values (partial stratum), then the columns' digits, lowest first. The layout changes when a column
    needs more digits or a mask; what was summed is then folded into exact integers.
    """

    def __init__(self, numeric: int, levels: dict[str, tuple[str, ...]], *, partial: bool) -> None:
        self._d = numeric
        self._levels = levels
        self._partial = partial
        self._rows = 0
        self._total: Stratum | None = None
        self._digits = np.ones(numeric, dtype=np.int64)
        self._masked = np.zeros(numeric, dtype=bool)
        self._blocks = 0
        self._cells: dict[Pair, list[Cells]] = {}

    def add(
        self,
        integers: FloatArray,
        peaks: FloatArray,
        missing: NDArray[np.bool_] | None,
        codes: list[NDArray[np.int32]],
    ) -> None:
        """Add a block: integers (d, n <= 4096) with 0 where missing, the largest magnitude of each column,
        missing (d, n) in the partial stratum, and one array (n,) of codes for each category, -1 where missing."""
        n = integers.shape[1]
        if n == 0:
            return
        needed = _digits_for(peaks)
        masked = np.zeros(self._d, dtype=bool) if missing is None else missing.any(axis=1)
        if self._blocks == 0:
            self._layout(needed, masked)
        elif self._blocks >= _FOLD_AFTER or (needed > self._digits).any() or (masked & ~self._masked).any():
            grown = np.maximum(needed, self._digits) if self._blocks < _FOLD_AFTER else needed
            self._fold()
            self._layout(grown, masked | self._masked)
        stack = self._fill(integers, missing)
        self._gram += (stack @ stack.T).astype(np.int64)
        if codes:
            self._add_groups(stack, codes)
        self._rows += n
        self._blocks += 1

    def add_cells(self, codes: list[NDArray[np.int32]]) -> None:
        """Count the levels that occur together; rows missing in either category are passed over."""
        names = list(self._levels)
        for i, a in enumerate(names):
            for j in range(i + 1, len(names)):
                cells = _count_cells(codes[i], codes[j], len(self._levels[names[j]]), len(self._levels[a]))
                waiting = self._cells.setdefault((a, names[j]), [])
                waiting.append(cells)
                if len(waiting) > 16:
                    self._cells[a, names[j]] = [_merge_all(waiting)]

    def stratum(self) -> Stratum | None:
        """Everything added so far, or None if that is no rows."""
        if self._rows == 0:
            return None
        if self._blocks:
            self._fold()
        assert self._total is not None
        total = self._total
        order = {name: np.argsort(np.array(levels, dtype=object)) for name, levels in self._levels.items()}
        rank = {name: np.argsort(positions) for name, positions in order.items()}
        groups = {
            name: Group(
                tuple(self._levels[name][i] for i in order[name]),
                group.counts[order[name]],
                group.sums[order[name]],
                group.squares[order[name]],
                None if group.present is None else group.present[order[name]],
            )
            for name, group in total.groups.items()
        }
        pairs = dict(total.pairs)
        for (a, b), waiting in self._cells.items():
            cells = _merge_all(waiting)
            moved = Cells(rank[a][cells.first], rank[b][cells.second], cells.counts)
            pairs[a, b] = merge_cells(moved, pairs[a, b])
        return Stratum(self._rows, total.sums, total.products, total.present, groups, pairs).compact()

    def _layout(self, digits: IntArray, masked: NDArray[np.bool_]) -> None:
        """Decide the rows of the stack."""
        self._digits, self._masked = digits, masked
        self._heads = 1 + int(masked.sum())
        self._mask_row = np.where(masked, np.cumsum(masked), 0)
        highest = int(digits.max(initial=1))
        self._columns: list[Index] = [np.flatnonzero(digits > level) for level in range(highest)]
        starts = np.cumsum([self._heads, *(len(columns) for columns in self._columns)])
        self._spans = [slice(int(a), int(b)) for a, b in zip(starts[:-1], starts[1:], strict=True)]
        height = int(starts[-1])
        self._gram = np.zeros((height, height), dtype=np.int64)
        self._stack = np.empty((height, BLOCK))
        self._stack[0] = 1.0
        self._products = [(a, b) for b in range(highest) for a in range(b + 1)]
        width = height + sum(len(self._columns[b]) for _, b in self._products)
        self._grouped = {
            name: np.zeros((len(levels) + 1, width), dtype=np.int64) for name, levels in self._levels.items()
        }

    def _fill(self, integers: FloatArray, missing: NDArray[np.bool_] | None) -> FloatArray:
        n = integers.shape[1]
        stack = self._stack[:, :n]
        if missing is not None:
            np.logical_not(missing[self._masked], out=stack[1 : self._heads], casting="unsafe")
        current = integers
        for level in range(len(self._columns) - 1):
            span, upper = self._spans[level], self._columns[level + 1]
            lower = self._columns[level]
            within = np.searchsorted(lower, upper)
            whole = len(upper) == len(lower)
            source = current if whole else current[within]
            high = np.rint(source * 2.0**-DIGIT)
            low = source - high * 2.0**DIGIT
            if whole:
                stack[span] = low
            else:
                stack[span] = current
                stack[span][within] = low
            current = high
        stack[self._spans[-1]] = current
        return stack

    def _add_groups(self, stack: FloatArray, codes: list[NDArray[np.int32]]) -> None:
        n = stack.shape[1]
        parts = [stack]
        for a, b in self._products:
            within = np.searchsorted(self._columns[a], self._columns[b])
            parts.append(stack[self._spans[a]][within] * stack[self._spans[b]])
        values = np.ascontiguousarray(np.concatenate(parts).T)
        ones, starts = np.ones(n), np.arange(n + 1)
        for name, column in zip(self._levels, codes, strict=True):
            target = self._grouped[name]
            count = target.shape[0]
            if count <= _DENSE_LEVELS:
                # A code of -1 goes to the last row, which is not read.
                local = np.where(column < 0, count - 1, column)
                target += (csc_array((ones, local, starts), shape=(count, n)) @ values).astype(np.int64)
            else:
                found, local = np.unique(column, return_inverse=True)
                sums = csc_array((ones, local, starts), shape=(len(found), n)) @ values
                target[found] += sums.astype(np.int64)

    def _fold(self) -> None:
        """Turn what was summed in digits into exact integers."""
        d, heads, rows = self._d, self._heads, self._mask_row
        upper = np.triu_indices(d)
        gram = self._gram
        sums, products = [], []
        for a, (span_a, columns_a) in enumerate(zip(self._spans, self._columns, strict=True)):
            if self._partial:
                sum_ = np.zeros((d, d), dtype=np.int64)
                sum_[columns_a] = gram[span_a, :heads][:, rows]
            else:
                sum_ = np.zeros(d, dtype=np.int64)
                sum_[columns_a] = gram[span_a, 0]
            sums.append((sum_, DIGIT * a))
        levels = len(self._columns)
        for shift in range(2 * levels - 1):
            square = np.zeros((d, d), dtype=np.int64)
            for a in range(max(0, shift - levels + 1), min(shift, levels - 1) + 1):
                b = shift - a
                square[np.ix_(self._columns[a], self._columns[b])] += gram[self._spans[a], self._spans[b]]
            products.append((square[upper], DIGIT * shift))
        present = ExactArray.of(gram[:heads, :heads][np.ix_(rows, rows)][upper]) if self._partial else None
        blank = Stratum.empty(d, tuple(self._levels), partial=self._partial)
        folded = Stratum(
            0,
            ExactArray.from_shifted(sums),
            ExactArray.from_shifted(products),
            present,
            {name: self._fold_group(name) for name in self._levels},
            blank.pairs,
        )
        self._total = folded if self._total is None else self._total.add(folded)
        self._blocks = 0

    def _fold_group(self, name: str) -> Group:
        table = self._grouped[name][:-1]
        shape = (table.shape[0], self._d)
        sums, squares = [], []
        for level, (span, columns) in enumerate(zip(self._spans, self._columns, strict=True)):
            part = np.zeros(shape, dtype=np.int64)
            part[:, columns] = table[:, span]
            sums.append((part, DIGIT * level))
        start = self._spans[-1].stop
        for a, b in self._products:
            columns = self._columns[b]
            part = np.zeros(shape, dtype=np.int64)
            part[:, columns] = table[:, start : start + len(columns)]
            squares.append((part, DIGIT * (a + b) + (a != b)))  # a cross product counts twice
            start += len(columns)
        return Group(
            self._levels[name],
            ExactArray.of(table[:, 0]),
            ExactArray.from_shifted(sums),
            ExactArray.from_shifted(squares),
            ExactArray.of(table[:, self._mask_row]) if self._partial else None,
        )


def _digits_for(peaks: FloatArray) -> IntArray:
    """How many digits hold integers up to each peak: the fewest with peak <= 2**(20 · digits)."""
    significand, exponent = np.frexp(peaks)
    bits = exponent - (significand == 0.5)
    return np.maximum(1, -(-bits // DIGIT)).astype(np.int64)


def _count_cells(a: NDArray[np.int32], b: NDArray[np.int32], stride: int, height: int) -> Cells:
    keys = a.astype(np.int64) * stride + b
    both = (a >= 0) & (b >= 0)
    if not both.all():
        keys = keys[both]
    if stride * height <= 4 * len(keys) + 4096:
        dense = np.bincount(keys, minlength=1)
        found = np.flatnonzero(dense)
        counts = dense[found]
    else:
        found, counts = np.unique(keys, return_counts=True)
    return Cells(found // stride, found % stride, ExactArray.of(counts))


def _merge_all(waiting: list[Cells]) -> Cells:
    total = waiting[0]
    for cells in waiting[1:]:
        total = merge_cells(total, cells)
    return total
