"""The tail of a stream of values: peaks over a threshold as a generalised Pareto distribution.

Beyond a high threshold t the excesses y = x - t of almost any distribution follow
P(Y > y) = (1 + γy/σ)^(-1/γ) (Pickands 1975; Balkema and de Haan 1974), so that the level passed with
probability q is z = t + σ/γ·((q·n/N)^(-γ) - 1), N the peaks among n values (Siffer, Fouque, Termier and
Largouet, "Anomaly detection in streams with extreme value theory", 2017). γ and σ are of greatest likelihood,
found along θ = γ/σ alone as Grimshaw (1993) does: given θ, γ is the mean of ln(1 + θy).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from federation.models.errors import ModelError

FloatArray = NDArray[np.float64]

_BARRED: Final = 1e6
_SMALL: Final = 1e-9  # of γ, below which the exponential distribution is meant
# θ·(largest peak) lies above -1; positive θ·(mean peak) up to γ of about 9, heavier than any tail met.
_NEGATIVE: Final = np.concatenate([np.geomspace(1e-6, 0.5, 50) - 1.0, -np.geomspace(0.4, 1e-6, 30)])
_POSITIVE: Final = np.geomspace(1e-6, 1e4, 80)


@dataclass(frozen=True, slots=True)
class Pareto:
    """A fitted generalised Pareto distribution: shape γ > -1, scale σ > 0."""

    shape: float
    scale: float


@dataclass(frozen=True, slots=True)
class Tail:
    """What is remembered of a stream: the threshold `start`, the latest peaks over it, the number of all
    peaks and of all values, and the level `threshold` that is passed with the probability asked for."""

    start: float
    peaks: tuple[float, ...]
    peak_count: int
    seen: int
    threshold: float

    @classmethod
    def of(cls, values: FloatArray, quantile: float, alpha: float, most: int) -> Tail:
        """The upper tail of `values` (rows,), beyond their quantile; alpha is below 1 - quantile.

        Raises `ModelError` if no value is beyond it, as where all are equal.
        """
        start = float(np.quantile(values, quantile))
        peaks = values[values > start] - start
        if not peaks.size:
            raise ModelError(
                f"no score of the {values.size} to calibrate on is above their {quantile:g} quantile "
                f"({start:g})",
                "take a smaller evt_quantile, or scores that vary more",
            )
        tail = cls(start, tuple(peaks[-most:].tolist()), peaks.size, values.size, math.inf)
        return replace(tail, threshold=tail.level(alpha))

    def with_value(self, value: float, alpha: float, most: int) -> Tail:
        """The tail after one more value, not above `threshold`."""
        if not value > self.start:
            return replace(self, seen=self.seen + 1)
        tail = replace(
            self,
            peaks=(*self.peaks, value - self.start)[-most:],
            peak_count=self.peak_count + 1,
            seen=self.seen + 1,
        )
        return replace(tail, threshold=tail.level(alpha))

    def level(self, alpha: float) -> float:
        """The level that a value passes with probability alpha; the tail's start if that is below it, where
        the tail says nothing."""
        fitted = fit_pareto(np.array(self.peaks))
        ratio = min(1.0, alpha * self.seen / self.peak_count)
        if abs(fitted.shape) < _SMALL:
            return self.start - fitted.scale * math.log(ratio)
        return self.start + fitted.scale / fitted.shape * math.expm1(-fitted.shape * math.log(ratio))


def fit_pareto(peaks: FloatArray) -> Pareto:
    """The generalised Pareto distribution of greatest likelihood, location 0, for positive peaks (n,).

    That is the best maximum with γ > -1, or the exponential distribution: where γ falls below -1 the
    likelihood grows without bound, which says nothing of the tail.
    """
    mean, largest = float(peaks.mean()), float(peaks.max())

    def loss(theta: float) -> float:
        """-ln likelihood / n - 1 = ln σ + γ, at its best given θ; barred where γ <= -1."""
        shape = float(np.log1p(theta * peaks).mean())
        return math.log(shape / theta) + shape if shape > -1.0 else _BARRED

    grid = np.concatenate([_NEGATIVE / largest, _POSITIVE / mean])
    shapes = np.log1p(np.outer(grid, peaks)).mean(axis=1)
    losses = np.full(len(grid), _BARRED)
    allowed = shapes > -1.0
    losses[allowed] = np.log(shapes[allowed] / grid[allowed]) + shapes[allowed]
    before, here, after = losses[:-2], losses[1:-1], losses[2:]
    valleys = np.flatnonzero((before < _BARRED) & (here <= before) & (here <= after)) + 1
    exponential = Pareto(0.0, mean)
    if not valleys.size:
        return exponential
    best = int(valleys[losses[valleys].argmin()])
    bounds = (float(grid[best - 1]), float(grid[best + 1]))
    if bounds[0] < 0.0 < bounds[1]:
        return exponential
    found = optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-12 / mean})
    if math.log(mean) <= found.fun:
        return exponential
    shape = float(np.log1p(found.x * peaks).mean())
    return Pareto(shape, shape / float(found.x))
