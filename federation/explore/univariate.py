"""What is known of one attribute, under SymetryML's keys.

Population moments (divided by n). stderr is stddev/√n; meanMarginErrorC95 is the half-width of the normal
95 % interval of the mean, 1.96 standard errors. With Σ over the n values, their mean m and the population
standard deviation s:

    skewness = n/((n - 1)(n - 2)) · Σ((x - m)/s)³
    kurtosis = n(n + 1)/((n - 1)(n - 2)(n - 3)) · Σ((x - m)/s)⁴ - 3(n - 1)²/((n - 2)(n - 3))

min, q1, median, q3 and max are read off the histogram, to 1/128 of their magnitude; they are exact where that
is (see `statistics.Histogram`). The median of an even number of values lies between the middle two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from scipy import special

from federation.explore.metric import Metric, numeric
from federation.explore.sums import Column, Sums, column, real, single
from federation.models.errors import ModelError
from federation.statistics import AttributeType, Extra, Histogram, Moments


def univariate(moments: Moments, name: str) -> dict[str, float]:
    """count, mean, variance, stddev, stderr, meanMarginErrorC95 over the rows in which `name` is present.

    `name` is a numeric attribute or an indicator `category$level`. Where the statistics have profiles, also
    min, q1, median, q3, max, and like for all that is 0/1, skewness (of 3 values or more) and kurtosis (of
    4), unless it is constant. Raises `ModelError` for another name and if the attribute is missing in every
    row.
    """
    of = column(moments, name)
    sums = single(moments, of)
    if sums.count <= 0:
        raise ModelError(f"attribute {name!r} has no value in {moments.rows} rows", "learn rows that have it")
    variance = real(sums.variance)
    stderr = math.sqrt(variance / sums.count)
    answer = {
        "count": float(sums.count),
        "mean": real(sums.total / sums.count),
        "variance": variance,
        "stddev": math.sqrt(variance),
        "stderr": stderr,
        "meanMarginErrorC95": float(special.ndtri(0.975)) * stderr,
    }
    higher = _higher(moments, of, sums)
    answer |= {} if higher is None else _shape(sums, *higher)
    if of.level is None and Extra.PROFILES in moments.schema.extras:
        answer |= quantiles_of(moments.histogram(name))
    return answer


def _higher(moments: Moments, of: Column, sums: Sums) -> tuple[Fraction, Fraction] | None:
    """Σx³ and Σx⁴, if the statistics tell."""
    if of.level is not None or moments.schema[of.attribute].type is AttributeType.BINARY:
        return sums.total, sums.total
    if Extra.PROFILES not in moments.schema.extras:
        return None
    powers = moments.powers(of.attribute)
    return powers.s3, powers.s4


def _shape(sums: Sums, cubes: Fraction, fourths: Fraction) -> dict[str, float]:
    n, mean, variance = sums.count, sums.total / sums.count, sums.variance
    if variance <= 0 or n < 3:
        return {}
    third = cubes / n - 3 * mean * sums.squares / n + 2 * mean**3
    fourth = fourths / n - 4 * mean * cubes / n + 6 * mean**2 * sums.squares / n - 3 * mean**4
    # The square of Σ((x - m)/s)³/n is exact before its root is taken.
    standard = math.sqrt(real(third**2 / variance**3)) * (1.0 if third > 0 else -1.0)
    shape = {"skewness": n * n / ((n - 1) * (n - 2)) * standard}
    if n > 3:
        weight = Fraction(n * n * (n + 1), (n - 1) * (n - 2) * (n - 3))
        shift = Fraction(3 * (n - 1) ** 2, (n - 2) * (n - 3))
        shape["kurtosis"] = real(weight * fourth / variance**2 - shift)
    return shape


def quantiles_of(histogram: Histogram) -> dict[str, float]:
    """min, q1, median, q3, max; raises `StatisticsError` for an empty histogram."""
    n = histogram.count
    median = histogram.quantile(0.5)
    if n % 2 == 0:
        median = (median + histogram.quantile((n + 1) / (2 * n))) / 2.0
    return {
        "min": histogram.minimum,
        "q1": histogram.quantile(0.25),
        "median": median,
        "q3": histogram.quantile(0.75),
        "max": histogram.maximum,
    }


def _uni(moments: Moments, inputs: Sequence[str], _targets: Sequence[str], /) -> dict[str, float]:
    return univariate(moments, inputs[0])


METRICS: Final = (
    Metric(
        "uni",
        "one attribute: count, mean, variance, and from profiles its shape and quantiles",
        _uni,
        (1, None),
        each=True,
        suits=numeric,
    ),
)
