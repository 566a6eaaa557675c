"""Which of a table's rows are anomalies, from the scores of them all: the data of an anomaly plot.

By two rules: the simple one flags the highest twentieth; the other what passes the level of the fitted tail
(peaks over a threshold, see `federation.models.pareto_tail`) that a score passes with a small probability.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.models.evt import ALPHA, FEWEST_PEAKS, MOST_PEAKS, QUANTILE
from federation.models.pareto_tail import Tail

FloatArray = NDArray[np.float64]

QUANTILES: Final[Mapping[str, float]] = {"q95": 0.95, "q98": 0.98, "q99": 0.99}

MOST_DRAWN: Final = 4_000
"""Rows in a figure: half of them those of the highest scores, half spread over the table."""


@dataclass(frozen=True, slots=True, eq=False)
class Flags:
    """scores (rows,), their quantiles by the names of QUANTILES, and the limit of the tail, None where the
    scores have no tail to speak of. A quantile is NaN if no score is finite."""

    scores: FloatArray
    quantiles: Mapping[str, float]
    limit: float | None

    def columns(self) -> dict[str, NDArray[Any]]:
        """{"id": 1, 2, …, "res", "q95", "q98", "q99", "evt"}, each (rows,).

        res is 1 where the score is beyond q95, evt where it is beyond the limit, else 0; a missing score is
        no anomaly. Without a limit evt is 0.
        """
        rows = self.scores.size
        constant = {name: np.full(rows, value) for name, value in self.quantiles.items()}
        beyond = self.scores > self.quantiles["q95"]
        extreme = np.zeros(rows, dtype=bool) if self.limit is None else self.scores > self.limit
        return {
            "id": np.arange(1, rows + 1),
            "res": beyond.astype(np.int64),
            **constant,
            "evt": extreme.astype(np.int64),
        }

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form of what a figure needs: at most MOST_DRAWN rows, of finite scores, by their ids."""
        at = np.flatnonzero(np.isfinite(self.scores))
        if at.size > MOST_DRAWN:
            half = MOST_DRAWN // 2
            highest = at[np.argpartition(self.scores[at], -half)[-half:]]
            at = np.union1d(highest, at[np.linspace(0, at.size - 1, half).astype(np.intp)])
        lines = {name: value for name, value in self.quantiles.items() if np.isfinite(value)}
        return {
            "id": (at + 1).tolist(),
            "score": self.scores[at].tolist(),
            "quantiles": lines,
            "limit": self.limit,
        }


def flags(scores: FloatArray) -> Flags:
    """Judge scores (rows,), the higher the more anomalous, by their own distribution.

    Quantiles (interpolated linearly) and tail are of the finite scores. The limit is what the tail beyond the
    95 % quantile passes with the probability 0.025, the defaults of the algorithm evt; it is None where fewer
    than 10 scores are beyond that quantile: in fewer than some 200 rows, or where nearly all are equal.
    """
    values = np.asarray(scores, dtype=np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return Flags(values, dict.fromkeys(QUANTILES, np.nan), None)
    found = np.quantile(finite, list(QUANTILES.values()))
    return Flags(values, dict(zip(QUANTILES, found.tolist(), strict=True)), _limit(finite))


def _limit(scores: FloatArray) -> float | None:
    if np.count_nonzero(scores > np.quantile(scores, QUANTILE)) < FEWEST_PEAKS:
        return None
    return Tail.of(scores, QUANTILE, ALPHA, MOST_PEAKS).threshold
