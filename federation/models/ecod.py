"""Anomalies by their tails: each attribute's empirical distribution, from histograms.

ECOD of Li, Zhao, Hu, Botta, Ionescu and Chen, "ECOD: unsupervised outlier detection using empirical
cumulative distribution functions" (2022, arXiv 2201.00382), algorithm 1: a value's left tail is the share of
values not above it, its right tail the share not below it; a row's score is the largest of the sums, over the
attributes, of -ln left, of -ln right, and of that of the longer tail, to which the skewness points. A value
outside all those learned has the tail 1/(n + 1), which it would have among them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from federation.models.algorithm import Algorithm, Parameter, flag, number, text
from federation.models.design import check_names
from federation.models.errors import ModelError, listed
from federation.models.histograms import filled_buckets
from federation.models.prediction import numbers, require_columns
from federation.models.record import to_record
from federation.models.within_class import of_all_rows
from federation.statistics import Moments, Quantum, Table
from federation.statistics.buckets import bounds
from federation.statistics.distribution import cubes

FloatArray = NDArray[np.float64]

RARE: Final = 0.01  # of the rows, were all attributes independent, is beyond the usual threshold


@dataclass(frozen=True, slots=True)
class Marginal:
    """One attribute: counts[k] values in the bucket of keys[k] (see `statistics.buckets`), multiples of unit,
    and their mean and skewness Σ(x - x̄)³/n / (Σ(x - x̄)²/n)^1.5, 0 of a constant."""

    name: str
    unit: str
    mean: float
    skewness: float
    keys: tuple[int, ...]
    counts: tuple[int, ...]

    def bounds(self) -> tuple[FloatArray, FloatArray, float]:
        """The least and the greatest value of each bucket, and the unit."""
        quantum = Quantum.parse(self.unit)
        keys = np.array(self.keys, dtype=np.int64)
        lower, upper = bounds(keys, np.array(quantum.twos), np.array(quantum.fives))
        return lower, upper, float(quantum.value)

    def tails(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The shares of the n values learned that are not above, and not below, each of these (rows,).

        At least 1/(n + 1). The values of a bucket count as evenly spread over its multiples of the unit, so
        that a share is off by at most that of the bucket.
        """
        lower, upper, unit = self.bounds()
        counts = np.array(self.counts, dtype=np.float64)
        n = counts.sum()
        at = np.searchsorted(lower, values, side="right") - 1
        inside = np.maximum(at, 0)
        beyond, offset = values > upper[inside], values - lower[inside]
        breadth = upper[inside] - lower[inside] + unit
        before = (np.cumsum(counts) - counts)[inside]
        through = np.where(beyond, 1.0, np.minimum((offset + unit) / breadth, 1.0))
        short = np.where(beyond, 1.0, offset / breadth)
        not_above = np.where(at < 0, 0.0, before + through * counts[inside])
        below = np.where(at < 0, 0.0, before + short * counts[inside])
        least = 1.0 / (n + 1.0)
        return np.maximum(not_above / n, least), np.maximum(1.0 - below / n, least)


@dataclass(frozen=True, slots=True)
class EcodModel:
    """The attributes' distributions; a row whose score passes `threshold` is an anomaly.

    use_skewness: whether the longer tails are one of the sums. desired_prob_feats: the attributes whose tail
    probability `name$prob` is part of the answer.
    """

    algorithm: str
    size: int
    threshold: float
    use_skewness: bool
    desired_prob_feats: tuple[str, ...]
    marginals: tuple[Marginal, ...]

    def predict(self, table: Table) -> dict[str, FloatArray]:
        """{"res": 1 for an anomaly, else 0, "ecodscore": the score, `name$prob`: the smaller tail, …}.

        A missing value counts as the attribute's mean. Raises `ModelError` for columns that the table lacks,
        text, and infinite values.
        """
        require_columns([marginal.name for marginal in self.marginals], table)
        sums = np.zeros((3, table.rows))
        answers: dict[str, FloatArray] = {}
        for marginal in self.marginals:
            values = numbers(marginal.name, table)
            left, right = marginal.tails(np.where(np.isnan(values), marginal.mean, values))
            sums -= np.log([left, right, left if marginal.skewness < 0.0 else right])
            if marginal.name in self.desired_prob_feats:
                answers[f"{marginal.name}$prob"] = np.minimum(left, right)
        score = (sums if self.use_skewness else sums[:2]).max(axis=0)
        return {"res": (score > self.threshold).astype(np.float64), "ecodscore": score} | answers

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `models.from_dict`."""
        return to_record(self)


def fit_ecod(
    moments: Moments,
    inputs: Sequence[str],
    *,
    threshold: float | None = None,
    use_skewness: bool = True,
    desired_prob_feats: Sequence[str] = (),
) -> EcodModel:
    """The tails of numeric attributes; the schema counts profiles.

    Without a threshold it is half the 0.99 quantile of a chi-square distribution of 2p degrees, which p
    independent tail probabilities pass once in a hundred (Fisher's method); dependent ones pass it more
    often: set another, or watch the score with evt. Raises `ModelError` for inputs that are not numeric or
    have no values, and without histograms.
    """
    check_names(moments.schema, None, inputs)
    unwanted = sorted(set(desired_prob_feats) - set(inputs))
    if unwanted:
        raise ModelError(f"desired_prob_feats names {listed(unwanted)}", "choose among the inputs")
    if threshold is None:
        threshold = 0.5 * float(special.chdtri(2 * len(inputs), RARE))
    return EcodModel(
        algorithm="ecod",
        size=moments.rows,
        threshold=threshold,
        use_skewness=use_skewness,
        desired_prob_feats=tuple(desired_prob_feats),
        marginals=_marginals(moments, inputs),
    )


def _marginals(moments: Moments, names: Sequence[str]) -> tuple[Marginal, ...]:
    schema = moments.schema
    for name in names:
        if name not in schema or not schema[name].numeric:
            raise ModelError(f"{name!r} is not a numeric attribute", "it has no tails; leave it out")
    found, sums = filled_buckets(moments, names), of_all_rows(moments, names)
    parts = (sums.counts[0], sums.totals[0], sums.squares[0], cubes(moments, sums.units.places))
    skewness = [_skewness(*of) for of in zip(*(part.to_ints().tolist() for part in parts), strict=True)]
    means, ends = sums.means()[0].tolist(), found.starts[1:-1]
    keys = [tuple(part.tolist()) for part in np.split(found.keys, ends)]
    counts = [tuple(part.tolist()) for part in np.split(found.counts, ends)]
    units = [str(schema[name].unit) for name in names]
    return tuple(map(Marginal, names, units, means, skewness, keys, counts))


def _skewness(n: int, first: int, second: int, third: int) -> float:
    """From n and the sums of x, x² and x³, in any unit."""
    square = n * second - first**2
    cube = n * n * third - 3 * n * first * second + 2 * first**3
    # All is whole, so that no power of a tiny variance underflows before the division.
    return math.copysign(math.sqrt(cube**2 / square**3), cube) if square else 0.0


def _ecod(
    moments: Moments,
    target: str,
    inputs: Sequence[str],
    /,
    *,
    ecod_anomaly_threshold: float | None = None,
    desired_prob_feats: str = "",
    **options: Any,
) -> EcodModel:
    wanted = tuple(name.strip() for name in desired_prob_feats.split(",") if name.strip())
    return fit_ecod(moments, inputs, threshold=ecod_anomaly_threshold, desired_prob_feats=wanted, **options)


ALGORITHMS: Final = (
    Algorithm(
        "ecod",
        "anomalies by the tails of each attribute's distribution; needs profiles",
        _ecod,
        EcodModel,
        (
            Parameter(
                "ecod_anomaly_threshold",
                number,
                "the score above which a row is an anomaly (without it, one that independent attributes pass "
                "once in a hundred rows)",
            ),
            Parameter("use_skewness", flag, "whether the longer tails are a sum of their own (true)"),
            Parameter(
                "desired_prob_feats",
                text,
                "inputs, separated by commas, whose tail probabilities are part of the answer",
            ),
        ),
        has_target=False,
    ),
)
