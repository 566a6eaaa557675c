"""Applying a linear combination of columns to the rows of a table, without making a design matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from federation.models.design import InputColumn
from federation.models.errors import ModelError, listed
from federation.statistics import Coded, Column, Table
from federation.statistics.table import number_label

FloatArray = NDArray[np.float64]


class Linear(Protocol):
    """A model whose prediction is a weighted sum of columns, maybe with an intercept as its first term."""

    @property
    def terms(self) -> tuple[str, ...]: ...

    @property
    def coef(self) -> tuple[float, ...]: ...

    @property
    def columns(self) -> tuple[InputColumn, ...]: ...

    @property
    def reference_levels(self) -> Mapping[str, str | None]: ...


def linear_prediction(model: Linear, table: Table) -> FloatArray:
    """The weighted sum of each row plus the intercept, if there is one; errors: see `weighted_sum`."""
    intercept = len(model.terms) - len(model.columns)
    sums = weighted_sum(model.columns, model.coef[intercept:], table, model.reference_levels)
    return sums + model.coef[0] if intercept else sums


def weighted_sum(
    columns: Sequence[InputColumn],
    weights: Sequence[float],
    table: Table,
    expanded: Mapping[str, str | None],
) -> FloatArray:
    """Σ weight · column for each row, shape (rows,).

    A missing number counts as its column's mean; a missing category as the means of its indicators.
    `expanded` holds the categories of which every level is known to the model, and the level without a
    column. Raises `ModelError` for a column that the table lacks or that has the wrong kind of values, an
    infinite value, and a level of an expanded category that was not there when the model was fitted:
    nothing is known of it.
    """
    absent = sorted({column.attribute for column in columns} - set(table.columns))
    if absent:
        raise ModelError(
            f"the table lacks {listed(absent)}; give every input a column, "
            "with empty cells where a value is missing"
        )
    total = np.zeros(table.rows)
    by_category: dict[str, list[tuple[InputColumn, float]]] = {}
    for column, weight in zip(columns, weights, strict=True):
        if column.level is not None:
            by_category.setdefault(column.attribute, []).append((column, weight))
        else:
            total += weight * _numbers(column, table.columns[column.attribute])
    for category, weighted in by_category.items():
        total += _by_level(category, weighted, table.columns[category], expanded)
    return total


def _numbers(column: InputColumn, values: Column) -> FloatArray:
    if isinstance(values, Coded):
        raise ModelError(f"column {column.attribute!r} holds text, but the model knows it as a number")
    infinite = np.flatnonzero(np.isinf(values))
    if infinite.size:
        raise ModelError(
            f"column {column.attribute!r}, row {infinite[0]}: the value is infinite; "
            "leave it empty if it is missing"
        )
    return np.where(np.isnan(values), column.mean, values)


def _by_level(
    category: str,
    weighted: Sequence[tuple[InputColumn, float]],
    values: Column,
    expanded: Mapping[str, str | None],
) -> FloatArray:
    coded = values if isinstance(values, Coded) else _coded(values)
    by_level = {column.level: weight for column, weight in weighted}
    absent = sum(weight * column.mean for column, weight in weighted)
    known = {*by_level, expanded.get(category), ""}
    contributions = [absent if level == "" else by_level.get(level, 0.0) for level in coded.levels]
    if category in expanded:
        unknown = np.array([level not in known for level in coded.levels] + [False])
        rows = np.flatnonzero(unknown[coded.codes])
        if rows.size:
            raise ModelError(
                f"column {category!r}, row {rows[0]}: level {coded.levels[coded.codes[rows[0]]]!r} was not "
                "there when the model was fitted; leave the cell empty to predict with the average of the "
                "known levels"
            )
    return np.array([*contributions, absent])[coded.codes]


def _coded(values: FloatArray) -> Coded:
    distinct, codes = np.unique(values + 0.0, return_inverse=True)
    present = distinct[~np.isnan(distinct)]
    codes = np.where(codes >= len(present), -1, codes)
    return Coded(codes.astype(np.int32), tuple(number_label(float(value)) for value in present))
