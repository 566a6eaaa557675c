"""Anomalies by rare values: histograms of each attribute, taken as independent.

The histogram-based outlier score of Goldstein and Dengel (2012): Σ ln(1/height), over the attributes, of the
bin in which the row's value lies; heights are relative to the highest bin of the attribute. Numbers lie in
bins of equal width from the least to the greatest value learned, a category's levels are its bins.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.models.algorithm import Algorithm, Parameter, whole
from federation.models.design import check_names
from federation.models.errors import ModelError
from federation.models.histograms import filled_buckets
from federation.models.prediction import levels, numbers, require_columns
from federation.models.record import to_record
from federation.statistics import AttributeType, Moments, Table
from federation.statistics.distribution import equal_bins

FloatArray = NDArray[np.float64]

MOST_BINS: Final = 10_000
EMPTY: Final = 0.5  # rows that a bin without any stands for: rarer than one


@dataclass(frozen=True, slots=True)
class Bins:
    """One numeric attribute: counts of bins of equal width from low to high, the last including high."""

    low: float
    high: float
    counts: tuple[int, ...]

    def heights(self, values: FloatArray) -> FloatArray:
        """Rows in the bin of each value (rows,)."""
        counts = np.array(self.counts, dtype=np.float64)
        if self.low == self.high:
            return np.where(values == self.low, counts[0], 0.0)
        width = (self.high - self.low) / len(counts)
        place = np.minimum(np.floor((values - self.low) / width), len(counts) - 1.0)
        outside = (values < self.low) | (values > self.high) | np.isnan(values)
        return np.where(outside, 0.0, counts[np.where(outside, 0.0, place).astype(np.intp)])


@dataclass(frozen=True, slots=True)
class HbaModel:
    """Bins of the numeric inputs and counts of the categories' levels."""

    algorithm: str
    rows: int
    bins: Mapping[str, Bins]
    levels: Mapping[str, Mapping[str, int]]

    def predict(self, table: Table) -> dict[str, FloatArray]:
        """{"res": the score, at least 0}; a missing value adds nothing, one never seen counts half a row.

        Raises `ModelError` for columns that the table lacks or of the wrong kind, and infinite values.
        """
        require_columns([*self.bins, *self.levels], table)
        score = np.zeros(table.rows)
        for name, bins in self.bins.items():
            values = numbers(name, table)
            score += np.where(np.isnan(values), 0.0, rarity(bins.heights(values), max(bins.counts)))
        for name, counts in self.levels.items():
            coded = levels(name, table)
            highest = max(counts.values())
            heights = np.array([float(counts.get(level, 0)) for level in coded.levels])
            absent = np.array([level == "" for level in coded.levels], dtype=bool)
            lines = np.where(absent, 0.0, rarity(heights, highest))
            score += np.append(lines, 0.0)[coded.codes]
        return {"res": score}

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `models.from_dict`."""
        return to_record(self)


def fit_hba(moments: Moments, inputs: Sequence[str], *, bins: int | None = None) -> HbaModel:
    """Histograms of numeric attributes, in so many bins (the square root of the rows), and of categories.

    Numbers need a schema that counts profiles; one of those wide buckets is counted where its middle lies, so
    that values of 128 units or more may stand in the next bin. Raises `ModelError` for inputs without
    values, and without histograms.
    """
    check_names(moments.schema, None, inputs)
    if bins is not None and not 1 <= bins <= MOST_BINS:
        raise ModelError(f"bins is {bins}", f"choose from 1 to {MOST_BINS}")
    many = bins or min(MOST_BINS, max(1, math.isqrt(max(0, moments.rows))))
    categories: dict[str, dict[str, int]] = {}
    numeric: list[str] = []
    for name in inputs:
        if name in moments.schema and moments.schema[name].numeric:
            numeric.append(name)
        elif name in moments.schema and moments.schema[name].type is AttributeType.CATEGORY:
            categories[name] = moments.level_counts(name)
            if not categories[name]:
                raise ModelError(f"{name!r} is missing in every row", "leave it out")
        else:
            raise ModelError(f"{name!r} is no attribute with a histogram", "name numbers or whole categories")
    return HbaModel("hba", moments.rows, _bins(moments, numeric, many) if numeric else {}, categories)


def _bins(moments: Moments, names: Sequence[str], bins: int) -> dict[str, Bins]:
    found = filled_buckets(moments, names)
    lower, upper = found.bounds()
    low, high = lower[found.starts[:-1]], upper[found.starts[1:] - 1]
    flat = low == high
    middle, owners = lower + (upper - lower) / 2.0, found.owners
    counts = equal_bins(middle, found.counts, bins, low, np.where(flat, np.inf, high), owners)
    ends = zip(names, low.tolist(), high.tolist(), counts.tolist(), strict=True)
    return {name: Bins(a, b, tuple(of[:1] if a == b else of)) for name, a, b, of in ends}


def rarity(rows: FloatArray, highest: int) -> FloatArray:
    """ln of how many times as many rows the highest bin has."""
    found: FloatArray = np.log(highest / np.maximum(rows, EMPTY))
    return found


def _hba(moments: Moments, target: str, inputs: Sequence[str], /, **options: Any) -> HbaModel:
    return fit_hba(moments, inputs, **options)


ALGORITHMS: Final = (
    Algorithm(
        "hba",
        "anomalies by how rare each attribute's value is; needs profiles",
        _hba,
        HbaModel,
        (Parameter("bins", whole, "how many bins a number's histogram has (without it, √rows)"),),
        has_target=False,
    ),
)
