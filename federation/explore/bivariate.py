"""What is known of two attributes together, under SymetryML's keys.

Covariance and correlation divide by n, over the rows in which both are present. The cond… values weigh the
first attribute by the second: condCount = Σb, condSum = Σab, condMean = Σab/Σb, condVariance = Σ(ab)²/Σb -
condMean². For a 0/1 attribute b these are the moments of a among the rows where b is 1; for another they
are what SymetryML computes. biCi95Down and biCi95Up limit the correlation by Fisher's z transform:
tanh(artanh r ± 1.96/√(n - 3)).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

from scipy import special

from federation.explore.metric import Metric
from federation.explore.sums import Column, PairSums, column, pair, real, single
from federation.explore.univariate import quantiles_of
from federation.models.algorithm import Parameter, flag
from federation.models.errors import ModelError
from federation.statistics import Moments


def bivariate(
    moments: Moments,
    a: str,
    b: str,
    *,
    conditional: bool = True,
    limits: bool = True,
    quantiles: bool = False,
) -> dict[str, float]:
    """covar, linCorr, biCi95Down, biCi95Up, condCount, condSum, condMean, condVariance, condStddev.

    A key is absent where its value is not defined or not in the statistics: the correlation of a constant;
    its limits with fewer than 4 rows or for a correlation of ±1; condMean and what follows if Σb = 0;
    condVariance of two continuous attributes, or of a continuous one and a 0/1 attribute, without the extra
    "conditionals". Where the statistics lack the variances over the common rows (two continuous attributes
    with missing values), those over each attribute's own rows stand in for them in linCorr, which is left
    out should it pass ±1. Without `conditional` the cond… values, without `limits` those of the correlation
    are left out; `quantiles` adds condMin, condMedian and condMax. Raises `ModelError` for unknown names, if
    no row has both, and for quantiles without the histograms of a's values where b is 1.
    """
    first, second = column(moments, a), column(moments, b)
    sums = pair(moments, first, second)
    if sums.count <= 0:
        raise ModelError(f"no row has both {a!r} and {b!r}", "learn rows that do")
    covariance = sums.ab / sums.count - sums.a * sums.b / sums.count**2
    result = {"covar": real(covariance)}
    variances = (
        _variance(sums.count, sums.a, sums.a_squares, single(moments, first).variance),
        _variance(sums.count, sums.b, sums.b_squares, single(moments, second).variance),
    )
    found = _correlation(covariance, *variances, sums.count)
    result |= found if limits else {key: found[key] for key in found if key == "linCorr"}
    result |= _conditional(sums) if conditional else {}
    return result | (_conditional_quantiles(moments, first, b) if quantiles else {})


def _variance(count: int, total: Fraction, squares: Fraction | None, otherwise: Fraction) -> Fraction:
    return otherwise if squares is None else squares / count - (total / count) ** 2


def _correlation(covariance: Fraction, first: Fraction, second: Fraction, count: int) -> dict[str, float]:
    if first <= 0 or second <= 0 or covariance**2 > first * second:
        return {}
    # The square is exact, so that a correlation of ±1 is seen as such.
    squared = covariance**2 / (first * second)
    r = math.copysign(math.sqrt(squared), covariance)
    if count <= 3 or abs(r) >= 1.0:
        return {"linCorr": r}
    z, width = math.atanh(r), float(special.ndtri(0.975)) / math.sqrt(count - 3)
    return {"linCorr": r, "biCi95Down": math.tanh(z - width), "biCi95Up": math.tanh(z + width)}


def _conditional(sums: PairSums) -> dict[str, float]:
    result = {"condCount": real(sums.b), "condSum": real(sums.ab)}
    if sums.b == 0:
        return result
    mean = sums.ab / sums.b
    result["condMean"] = real(mean)
    if sums.ab_squares is None:
        return result
    variance = real(sums.ab_squares / sums.b - mean**2)
    result["condVariance"] = variance
    if variance >= 0.0:  # a weighted variance may be negative if weights are
        result["condStddev"] = math.sqrt(variance)
    return result


def _conditional_quantiles(moments: Moments, of: Column, given: str) -> dict[str, float]:
    """Of a numeric attribute, where a level of the category that splits the statistics is present."""
    split = moments.schema.split
    condition = column(moments, given)
    if of.level is not None or condition.level is None or condition.attribute != split:
        raise ModelError(
            f"the statistics have no histogram of {of.attribute!r} where {given!r} is 1",
            "name a numeric attribute and a level of the category that the schema is split by",
        )
    found = quantiles_of(moments.part(condition.level).histogram(of.attribute))
    return {"condMin": found["min"], "condMedian": found["median"], "condMax": found["max"]}


def _bi(
    moments: Moments, inputs: Sequence[str], targets: Sequence[str], /, **options: Any
) -> dict[str, float]:
    names = [*inputs, *targets]
    if len(names) != 2:
        raise ModelError(f"bi takes two attributes, not {len(names)}", "name a pair")
    return bivariate(moments, *names, **options)


METRICS: Final = (
    Metric(
        "bi",
        "two attributes: covariance, correlation, and the first weighed by the second",
        _bi,
        (1, 2),
        (0, 1),
        (
            Parameter("conditional", flag, "whether to weigh the first attribute by the second (true)"),
            Parameter("limits", flag, "whether to give 95 % limits of the correlation (true)"),
            Parameter("quantiles", flag, "whether to give min, median and max where the second is 1 (false)"),
        ),
    ),
)
