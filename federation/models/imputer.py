"""The dynamic imputer: what is missing in a row, regressed on what is there, from the statistics.

For rows that lack the columns m and have the columns o, the estimate is the conditional mean x̄_m + S_mo S_oo⁺
(x_o - x̄_o), S being the centred sums of products: the least-squares regression of every missing column on all
that are present, and for normal data the expectation (Little and Rubin, "Statistical analysis with missing
data", 11.2). Rows are grouped by which inputs they lack, so that there is one system for each such pattern.
S_oo is scaled to correlations first; columns that repeat others are left to its pseudo-inverse.

A category is a column for each of its levels here. Where it is missing, the level whose indicator has the
largest conditional mean is put in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federation.models.errors import ModelError, listed
from federation.models.prediction import levels as levels_of
from federation.statistics import Centred, Coded, Column, Missing, Moments, StatisticsError, Table

FloatArray = NDArray[np.float64]

SINGULAR: Final = 1e-10
"""Correlations' singular values below this part of the largest are taken for rounding."""


@dataclass(frozen=True, slots=True)
class _Input:
    """One attribute and where its columns stand; levels are those of a category, else None."""

    name: str
    columns: slice
    levels: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class _Row:
    """The attributes' values for all rows: columns (rows, p), NaN where an attribute is missing."""

    values: FloatArray
    missing: NDArray[np.bool_]  # (rows, attributes)
    unknown: NDArray[np.bool_]  # (rows, attributes): a level that the statistics do not have


def impute(moments: Moments, table: Table, attributes: Sequence[str]) -> Table:
    """The table with every missing value of these attributes filled in; its other columns are as they were.

    Means and covariances are those of the rows without missing values, or, if there are too few of them, of
    all rows with missing values at their column's mean. Raises `ModelError` for attributes that the
    statistics or the table do not have, or without rows.
    """
    _check(moments, table, attributes)
    centred = _centred(moments, attributes)
    inputs = _inputs(moments, centred, attributes)
    rows = _rows(inputs, table, len(centred.names))
    filled = rows.values.copy()
    patterns, of_row = np.unique(rows.missing | rows.unknown, axis=0, return_inverse=True)
    for at, pattern in enumerate(patterns):
        if pattern.any():
            chosen = np.flatnonzero(of_row.ravel() == at)
            _fill(filled, chosen, _columns_of(inputs, pattern, len(centred.names)), centred)
    columns: dict[str, Column] = dict(table.columns)
    for place, given in enumerate(inputs):
        lacking = rows.missing[:, place]
        if lacking.any():
            columns[given.name] = _put(given, table, filled, lacking)
    return replace(table, columns=columns)


def _check(moments: Moments, table: Table, attributes: Sequence[str]) -> None:
    known = {attribute.name for attribute in moments.schema.attributes if attribute.counted}
    unknown = [name for name in attributes if name not in known]
    if unknown:
        raise ModelError(
            f"the statistics have no {listed(unknown)}, so that nothing is known of its missing values",
            "predict without the imputer",
        )
    absent = [name for name in attributes if name not in table.columns]
    if absent:
        raise ModelError(f"the table lacks {listed(absent)}", "give every input a column, with empty cells")


def _centred(moments: Moments, attributes: Sequence[str]) -> Centred:
    """Of the complete rows, if they are more than the columns."""
    modes: tuple[Missing, Missing] = ("listwise", "mean")
    try:
        found = moments.centred(attributes, modes[0])
        if found.rows > len(found.names) + 1:
            return found
    except StatisticsError:
        pass  # no row is complete
    try:
        return moments.centred(attributes, modes[1])
    except StatisticsError as error:
        raise ModelError(error.message, error.remedy) from error


def _inputs(moments: Moments, centred: Centred, attributes: Sequence[str]) -> list[_Input]:
    inputs: list[_Input] = []
    start = 0
    for name in attributes:
        stop, levels = start + 1, None
        if not moments.schema[name].numeric:
            known = {moments.schema.indicator(name, level) for level in moments.level_counts(name)}
            stop = start
            while stop < len(centred.names) and centred.names[stop] in known:
                stop += 1
            levels = tuple(term[len(name) + 1 :] for term in centred.names[start:stop])
        inputs.append(_Input(name, slice(start, stop), levels))
        start = stop
    return inputs


def _rows(inputs: Sequence[_Input], table: Table, width: int) -> _Row:
    values = np.zeros((table.rows, width))
    missing = np.zeros((table.rows, len(inputs)), dtype=bool)
    unknown = np.zeros_like(missing)
    for place, given in enumerate(inputs):
        column = table.columns[given.name]
        if given.levels is None:
            if isinstance(column, Coded):
                raise ModelError(
                    f"column {given.name!r} holds text, but the statistics know it as a number",
                    "give it numbers",
                )
            values[:, given.columns.start] = column
            missing[:, place] = np.isnan(column)
            unknown[:, place] = np.isinf(column)  # the model says what it thinks of those
            continue
        found = levels_of(given.name, table)
        empty = np.array([level == "" for level in found.levels] + [True])
        missing[:, place] = empty[found.codes]
        places = {level: at for at, level in enumerate(given.levels)}
        at = np.array([places.get(level, -1) for level in found.levels] + [-1])[found.codes]
        unknown[:, place] = (at < 0) & ~missing[:, place]
        known = np.flatnonzero(at >= 0)
        values[known, given.columns.start + at[known]] = 1.0
    return _Row(values, missing, unknown)


def _columns_of(inputs: Sequence[_Input], pattern: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    lacking = np.zeros(width, dtype=bool)
    for given, absent in zip(inputs, pattern, strict=True):
        lacking[given.columns] = absent
    return lacking


def _fill(filled: FloatArray, rows: NDArray[np.intp], lacking: NDArray[np.bool_], centred: Centred) -> None:
    """Put the conditional means of the lacking columns into these rows."""
    o, m = np.flatnonzero(~lacking), np.flatnonzero(lacking)
    mean, scatter = centred.mean_hi, centred.scatter_hi
    spread = np.sqrt(np.diagonal(scatter))
    o = o[spread[o] > 0.0]  # a constant column explains nothing
    estimate = np.broadcast_to(mean[m], (len(rows), len(m)))
    if o.size:
        correlation = scatter[np.ix_(o, o)] / np.outer(spread[o], spread[o])
        cross = scatter[np.ix_(o, m)] / spread[o][:, None]
        slopes = np.linalg.lstsq(correlation, cross, rcond=SINGULAR)[0]
        deviation = (filled[np.ix_(rows, o)] - mean[o]) / spread[o]
        estimate = estimate + deviation @ slopes
    filled[np.ix_(rows, m)] = estimate


def _put(given: _Input, table: Table, filled: FloatArray, lacking: NDArray[np.bool_]) -> Column:
    if given.levels is None:
        return np.where(lacking, filled[:, given.columns.start], np.asarray(table.columns[given.name]))
    old = levels_of(given.name, table)
    names = {level: at for at, level in enumerate(dict.fromkeys((*old.levels, *given.levels)))}
    best = filled[lacking, given.columns].argmax(axis=1)
    codes = np.array([names[level] for level in old.levels] + [-1], dtype=np.int32)[old.codes]
    codes[lacking] = np.array([names[level] for level in given.levels], dtype=np.int32)[best]
    return Coded(codes, tuple(names))
