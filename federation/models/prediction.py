"""Taking a model's columns from the rows of a table: combined without making a design matrix, or as one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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


class ByComponents(Linear, Protocol):
    """A linear model with an intercept that also has the coefficients for fewer components."""

    @property
    def path(self) -> tuple[tuple[float, ...], ...]: ...


def predictions_by_size(model: ByComponents, sizes: Sequence[int], table: Table) -> dict[str, FloatArray]:
    """{"res": prediction, "1": that with one component, …} for these numbers of components."""
    by_size = {}
    for size in sizes:
        first, *slopes = model.path[size - 1]
        by_size[str(size)] = weighted_sum(model.columns, slopes, table, model.reference_levels) + first
    return {"res": by_size[str(sizes[-1])]} | by_size


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
    require_columns([column.attribute for column in columns], table)
    total = np.zeros(table.rows)
    by_category: dict[str, list[tuple[InputColumn, float]]] = {}
    for column, weight in zip(columns, weights, strict=True):
        if column.level is not None:
            by_category.setdefault(column.attribute, []).append((column, weight))
        else:
            total += weight * _filled(column, table)
    for category, weighted in by_category.items():
        each = np.array([[weight] for _, weight in weighted])
        indicators = [column for column, _ in weighted]
        total += _by_level(category, indicators, each, table, expanded)[:, 0]
    return total


def design_matrix(
    columns: Sequence[InputColumn], table: Table, expanded: Mapping[str, str | None]
) -> FloatArray:
    """The columns themselves, shape (rows, columns); missing values and errors as in `weighted_sum`."""
    require_columns([column.attribute for column in columns], table)
    matrix = np.empty((table.rows, len(columns)))
    by_category: dict[str, list[int]] = {}
    for at, column in enumerate(columns):
        if column.level is not None:
            by_category.setdefault(column.attribute, []).append(at)
        else:
            matrix[:, at] = _filled(column, table)
    for category, places in by_category.items():
        indicators = [columns[at] for at in places]
        matrix[:, places] = _by_level(category, indicators, np.eye(len(places)), table, expanded)
    return matrix


def require_columns(attributes: Collection[str], table: Table) -> None:
    """Raise `ModelError` naming those of the attributes that the table lacks."""
    absent = sorted(set(attributes) - set(table.columns))
    if absent:
        raise ModelError(
            f"the table lacks {listed(absent)}",
            "give every input a column, with empty cells where a value is missing",
        )


def numbers(attribute: str, table: Table) -> FloatArray:
    """A numeric attribute's values, NaN where missing; raises `ModelError` for text and infinite values."""
    values = table.columns[attribute]
    if isinstance(values, Coded):
        raise ModelError(
            f"column {attribute!r} holds text, but the model knows it as a number", "give it numbers"
        )
    infinite = np.flatnonzero(np.isinf(values))
    if infinite.size:
        raise ModelError(
            f"column {attribute!r}, row {infinite[0] + 1}: the value is infinite",
            "leave it empty if it is missing",
        )
    return values


def levels(category: str, table: Table, known: Collection[str | None] | None = None) -> Coded:
    """A category's values, coded; raises `ModelError` for a level that is not among those `known`."""
    values = table.columns[category]
    coded = values if isinstance(values, Coded) else _coded(values)
    if known is not None:
        unknown = np.array([level not in known and level != "" for level in coded.levels] + [False])
        rows = np.flatnonzero(unknown[coded.codes])
        if rows.size:
            level = coded.levels[coded.codes[rows[0]]]
            raise ModelError(
                f"column {category!r}, row {rows[0] + 1}: level {level!r} was not there when the model was "
                "fitted",
                "leave the cell empty to predict with the average of the known levels",
            )
    return coded


def _filled(column: InputColumn, table: Table) -> FloatArray:
    values = numbers(column.attribute, table)
    return np.where(np.isnan(values), column.mean, values)


def _by_level(
    category: str,
    indicators: Sequence[InputColumn],
    weights: FloatArray,
    table: Table,
    expanded: Mapping[str, str | None],
) -> FloatArray:
    """Σ weight · indicator of each row for k combinations: weights (indicators, k), the result (rows, k)."""
    by_level = {str(column.level): row for column, row in zip(indicators, weights, strict=True)}
    known = {*by_level, expanded[category]} if category in expanded else None
    coded = levels(category, table, known)
    means = np.array([column.mean for column in indicators])
    absent = (means[:, None] * weights).sum(axis=0)
    none = np.zeros_like(absent)
    lines = [absent if level == "" else by_level.get(level, none) for level in coded.levels]
    return np.array([*lines, absent])[coded.codes]


def _coded(values: Column) -> Coded:
    distinct, codes = np.unique(np.asarray(values) + 0.0, return_inverse=True)
    present = distinct[~np.isnan(distinct)]
    codes = np.where(codes >= len(present), -1, codes)
    return Coded(codes.astype(np.int32), tuple(number_label(float(value)) for value in present))
