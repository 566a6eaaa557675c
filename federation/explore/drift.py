"""Drift: how far the rows of one statistic (the analysis) have moved from those of another (the baseline).

Every metric gives each attribute a drift under `<attribute>_drift`, and their mean as driftScore. All but the
reconstruction error lie between 0 (nothing has moved) and 1. SymetryML documents the names of the metrics;
what they measure here is said at each function.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from federation.explore.samples import is_category
from federation.explore.sums import column, real, single
from federation.models.design import Design, design, require_varying
from federation.models.errors import ModelError, listed
from federation.statistics import AttributeType, Moments, StatisticsError

FloatArray = NDArray[np.float64]
Measure: TypeAlias = Callable[[Moments, Moments, Sequence[str]], dict[str, float]]

EXPLAINED: Final = 0.95  # of the baseline's variance, by the components that are kept
_ONE: Final = (
    1.0 - 1e-12
)  # the largest squared correlation: of two columns that are one, nothing is left to say


@dataclass(frozen=True, slots=True)
class Drift:
    """One metric of drift; `summary` is a line for people who choose among them."""

    name: str
    summary: str
    measure: Measure
    numeric: bool


def drift(
    metric: str, baseline: Moments, analysis: Moments, attributes: Sequence[str] = ()
) -> dict[str, float]:
    """driftScore and `<attribute>_drift` of each attribute, by one of `DRIFTS`.

    Without attributes, those that both statistics have and the metric takes. Raises `ModelError`.
    """
    if metric not in DRIFTS:
        raise ModelError(f"there is no metric of drift {metric!r}", f"there are {listed(tuple(DRIFTS))}")
    chosen = DRIFTS[metric]
    names = list(attributes) or _common(baseline, analysis, numeric=chosen.numeric)
    if not names:
        raise ModelError(
            "the two projects have no attribute in common that this metric takes",
            "compare projects of the same columns, or choose another metric",
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ModelError(f"{listed(twice)} twice among the attributes", "name each once")
    try:
        found = chosen.measure(baseline, analysis, names)
    except StatisticsError as error:
        raise ModelError(error.message, error.remedy) from error
    score = math.fsum(found.values()) / len(found)
    return {"driftScore": score} | {f"{name}_drift": value for name, value in found.items()}


def marginal_stat(baseline: Moments, analysis: Moments, names: Sequence[str]) -> dict[str, float]:
    """The Hellinger distance of each attribute's law: the normal one of its mean and variance, or, of a
    category, a level or a 0/1 attribute, its frequencies."""
    return {name: _hellinger(baseline, analysis, name) for name in names}


def marginal_non_stat(baseline: Moments, analysis: Moments, names: Sequence[str]) -> dict[str, float]:
    """Distances that suppose no law: Kolmogorov and Smirnov's largest difference of the two distribution
    functions, read off the histograms, and of a category, a level or a 0/1 attribute the total variation,
    half the sum of the differences of its frequencies."""
    return {name: _largest_difference(baseline, analysis, name) for name in names}


def global_(baseline: Moments, analysis: Moments, names: Sequence[str]) -> dict[str, float]:
    """Each attribute together with every one: the mean Hellinger distance of the normal laws of the pairs
    (attribute, other), and of the attribute alone. So a change of correlations counts as much as one of means
    and variances."""
    before, after = _second_moments(baseline, names), _second_moments(analysis, names)
    distances = np.sqrt(np.maximum(1.0 - _affinities(before, after), 0.0))
    return dict(zip(names, distances.mean(axis=1).tolist(), strict=True))


def pca_reconstruction_error(baseline: Moments, analysis: Moments, names: Sequence[str]) -> dict[str, float]:
    """By how much the root mean square error of reconstructing each attribute from the baseline's leading
    principal components differs, in standard deviations of the baseline.

    The components are those of the correlation matrix that explain 95 % of its variance, one less than all at
    most.
    """
    if len(names) < 2:
        raise ModelError("one attribute cannot be reconstructed from others", "name two or more")
    (mean, covariance), (mean_after, covariance_after) = (
        _second_moments(moments, names) for moments in (baseline, analysis)
    )
    scale = np.sqrt(np.diagonal(covariance))
    step = (mean_after - mean) / scale
    expected = covariance / np.outer(scale, scale)
    observed = covariance_after / np.outer(scale, scale) + np.outer(step, step)
    values, vectors = np.linalg.eigh(expected)
    shares = np.cumsum(values[::-1]) / values.sum()
    kept = min(int(np.searchsorted(shares, EXPLAINED)) + 1, len(names) - 1)
    leading = vectors[:, ::-1][:, :kept]
    rest = np.eye(len(names)) - leading @ leading.T
    before, after = (
        np.sqrt(np.maximum(np.diagonal(rest @ matrix @ rest), 0.0)) for matrix in (expected, observed)
    )
    return dict(zip(names, np.abs(after - before).tolist(), strict=True))


def _common(baseline: Moments, analysis: Moments, *, numeric: bool) -> list[str]:
    def taken(moments: Moments) -> list[str]:
        return [
            a.name for a in moments.schema.attributes if a.numeric or (_is_category(a.type) and not numeric)
        ]

    other = set(taken(analysis))
    return [name for name in taken(baseline) if name in other]


def _is_category(type_: AttributeType) -> bool:
    return type_ is AttributeType.CATEGORY


def _second_moments(moments: Moments, names: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    """Means (p,) and population covariances (p, p) over the rows that each pair of attributes has."""
    for name in names:
        column(moments, name)
    sums: Design = design(moments, None, names, "pairwise", drop_reference=False)
    require_varying(sums)
    return sums.means.hi, sums.scatter.hi / sums.rows


def _affinities(before: tuple[FloatArray, FloatArray], after: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Bhattacharyya's coefficients (p, p) of the normal laws of each pair, on the diagonal of each column."""
    (mean, covariance), (mean_after, covariance_after) = before, after
    covariance, covariance_after = _separable(covariance), _separable(covariance_after)
    middle = _separable((covariance + covariance_after) / 2.0)
    a, b, c = (_determinants(matrix) for matrix in (covariance, covariance_after, middle))
    step, variance, diagonal = mean_after - mean, np.diagonal(middle), np.arange(len(mean))
    # dᵀ M⁻¹ d of each two by two corner M of `middle`, with d the steps of its two means.
    form = np.outer(step**2, variance) + np.outer(variance, step**2) - 2.0 * middle * np.outer(step, step)
    form /= c
    form[diagonal, diagonal] = step**2 / variance
    # (a/c · b/c) rather than ab/c², for equal laws to have the coefficient 1 to the bit, and no distance.
    return np.asarray((a / c * (b / c)) ** 0.25 * np.exp(-form / 8.0))


def _separable(covariance: FloatArray) -> FloatArray:
    """The same with no correlation quite 1, so that every two by two corner can be inverted."""
    variance = np.diagonal(covariance)
    most = np.sqrt(_ONE * np.outer(variance, variance))
    found = np.clip(covariance, -most, most)
    np.fill_diagonal(found, variance)
    return np.asarray(found)


def _determinants(covariance: FloatArray) -> FloatArray:
    """Of each two by two corner of (p, p) covariances; on the diagonal the variance itself."""
    variance = np.diagonal(covariance)
    found = np.outer(variance, variance) - covariance**2
    np.fill_diagonal(found, variance)
    return np.asarray(found)


def _hellinger(baseline: Moments, analysis: Moments, name: str) -> float:
    laws = [_frequencies(moments, name) for moments in (baseline, analysis)]
    if laws[0] is not None and laws[1] is not None:
        levels = {*laws[0], *laws[1]}
        roots = ([math.sqrt(law.get(level, 0.0)) for law in (laws[0], laws[1])] for level in levels)
        return math.sqrt(math.fsum((one - other) ** 2 for one, other in roots) / 2.0)
    before, after = (single(moments, column(moments, name)) for moments in (baseline, analysis))
    if min(before.count, after.count) <= 0:
        raise _without_values(name)
    step = real((before.total / before.count - after.total / after.count) ** 2)
    first, second = real(before.variance), real(after.variance)
    if first + second == 0.0:
        return 0.0 if step == 0.0 else 1.0
    middle = (first + second) / 2.0
    shared = (first / middle * (second / middle)) ** 0.25  # of equal laws 1 to the bit
    return math.sqrt(max(1.0 - shared * math.exp(-step / (4.0 * (first + second))), 0.0))


def _largest_difference(baseline: Moments, analysis: Moments, name: str) -> float:
    laws = [_frequencies(moments, name) for moments in (baseline, analysis)]
    if laws[0] is not None and laws[1] is not None:
        levels = {*laws[0], *laws[1]}
        return math.fsum(abs(laws[0].get(level, 0.0) - laws[1].get(level, 0.0)) for level in levels) / 2.0
    histograms = [moments.histogram(name) for moments in (baseline, analysis)]
    for histogram in histograms:
        if histogram.count == 0:
            raise _without_values(name)
        if not np.isfinite([histogram.minimum, histogram.maximum]).all():
            raise ModelError(f"the values of {name!r} exceed the range of float64", "use a larger unit")
    places = np.union1d(*(histogram.middle for histogram in histograms))
    before, after = (np.searchsorted(histogram.middle, places, side="right") for histogram in histograms)
    steps = [np.concatenate([[0], np.cumsum(histogram.counts)]) / histogram.count for histogram in histograms]
    return float(np.abs(steps[0][before] - steps[1][after]).max())


def _without_values(name: str) -> ModelError:
    return ModelError(f"attribute {name!r} has no value in one of the projects", "leave it out")


def _frequencies(moments: Moments, name: str) -> Mapping[str, float] | None:
    """Shares of the values of a discrete attribute; None for a continuous one."""
    if is_category(moments, name):
        counts: dict[str, int] = dict(moments.level_counts(name))
    else:
        of = column(moments, name)
        if of.level is None and moments.schema[name].type is not AttributeType.BINARY:
            return None
        sums = single(moments, of)
        counts = {"1": int(sums.total), "0": sums.count - int(sums.total)}
    n = sum(counts.values())
    if n <= 0:
        raise _without_values(name)
    return {key: count / n for key, count in counts.items()}


DRIFTS: Final[Mapping[str, Drift]] = {
    entry.name: entry
    for entry in (
        Drift("global", "means, variances and correlations of all pairs", global_, True),
        Drift("marginal_stat", "each attribute's mean and variance, or frequencies", marginal_stat, False),
        Drift(
            "marginal_non_stat",
            "each attribute's distribution, whatever its law (from profiles), or frequencies",
            marginal_non_stat,
            False,
        ),
        Drift(
            "pca_reconstruction_error",
            "how well the baseline's components still describe the rows",
            pca_reconstruction_error,
            True,
        ),
    )
}
"""All metrics of drift, by name."""
