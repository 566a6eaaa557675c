"""Flagging what is extreme: a threshold on any score, from the tail of the scores seen so far.

SPOT of Siffer et al. (2017): the first `evt_warmup_size` scores calibrate; each later one is flagged if it
is beyond the level that a score passes with probability `evt_alpha`, else it recalibrates. With a window,
scores count from the mean of the last ones that were not flagged, so that a drift is followed (DSPOT). A
model is data: `predict` starts from what the model remembers and leaves it as it is; `advance` also returns
the model that remembers the new scores.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.models.algorithm import Algorithm, Model, Parameter, flag, number, text, whole
from federation.models.design import check_names
from federation.models.errors import ModelError, listed
from federation.models.pareto_tail import Tail
from federation.models.prediction import numbers, require_columns
from federation.models.record import to_record
from federation.statistics import Moments, Table

FloatArray = NDArray[np.float64]

ALPHA: Final = 0.025
QUANTILE: Final = 0.95
WARMUP: Final = 1000
WINDOW: Final = 450
MOST_PEAKS: Final = 100_000
FEWEST_PEAKS: Final = 10


@dataclass(frozen=True, slots=True)
class EvtSettings:
    """alpha: the probability of a false alarm; quantile: where the tail starts (a share; above 1 in percent);
    warmup: scores that calibrate; window: scores whose mean is followed, 0 for none; both: whether small
    scores are extreme too; most: peaks remembered."""

    alpha: float = ALPHA
    quantile: float = QUANTILE
    warmup: int = WARMUP
    window: int = WINDOW
    both: bool = False
    most: int = MOST_PEAKS

    def __post_init__(self) -> None:
        if self.quantile > 1.0:
            object.__setattr__(self, "quantile", self.quantile / 100.0)
        if not 0.0 < self.quantile < 1.0:
            raise ModelError(f"evt_quantile is {self.quantile:g}", "choose a share such as 0.95, or 95")
        if not 0.0 < self.alpha < 1.0 - self.quantile:
            raise ModelError(
                f"evt_alpha is {self.alpha:g}",
                f"choose it between 0 and {1.0 - self.quantile:g}, the share of scores beyond evt_quantile",
            )
        if self.window < 0 or self.most < FEWEST_PEAKS:
            raise ModelError(
                f"evt_window_size is {self.window} and evt_max_exceedances {self.most}",
                f"give at least 0 and {FEWEST_PEAKS}",
            )
        needed = self.window + int(np.ceil(FEWEST_PEAKS / (1.0 - self.quantile)))
        if self.warmup < needed:
            raise ModelError(
                f"evt_warmup_size is {self.warmup}",
                f"at least {needed} scores leave {FEWEST_PEAKS} beyond the "
                f"{self.quantile:g} quantile, after the {self.window} of the window",
            )


@dataclass(frozen=True, slots=True)
class EvtModel:
    """A threshold on the values of `key`: an output of the model whose record is `base`, or, without one, an
    attribute. early holds scores before calibration, recent the window's, upper and lower the tails."""

    algorithm: str
    key: str
    base: Mapping[str, Any] | None
    settings: EvtSettings
    early: tuple[float, ...] = ()
    recent: tuple[float, ...] = ()
    upper: Tail | None = None
    lower: Tail | None = None

    def predict(self, table: Table) -> dict[str, NDArray[Any]]:
        """The base model's outputs (or, without one, "res", the attribute) and the flags; see `advance`."""
        return self.advance(table)[0]

    def advance(self, table: Table) -> tuple[dict[str, NDArray[Any]], EvtModel]:
        """The outputs, and the model that remembers the scores of these rows too.

        "evt_is_anomaly" is 1 for an extreme score, else 0, as for those that calibrate. "evt_threshold" (of
        two sides "evt_threshold_upper" and "evt_threshold_lower") is what the score was held against, NaN
        while calibrating. A missing score is neither judged nor remembered. Raises `ModelError` for what the
        base model refuses, and for scores that have no tail.
        """
        outputs = self._outputs(table)
        key = "res" if self.base is None else self.key
        if key not in outputs or outputs[key].dtype.kind != "f":
            having = [name for name, values in outputs.items() if values.dtype.kind == "f"]
            raise ModelError(f"the model watched has no numbers {key!r}", f"it has {listed(having)}")
        scores = outputs[key]
        stream = _Stream(self)
        judged = np.array([stream.judge(score) for score in scores.tolist()]).reshape(len(scores), 3)
        outputs["evt_is_anomaly"] = judged[:, 0]
        if self.settings.both:
            outputs |= {"evt_threshold_upper": judged[:, 1], "evt_threshold_lower": judged[:, 2]}
        else:
            outputs["evt_threshold"] = judged[:, 1]
        return outputs, stream.model()

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `models.from_dict`."""
        return to_record(self)

    def _outputs(self, table: Table) -> dict[str, NDArray[Any]]:
        if self.base is None:
            require_columns([self.key], table)
            return {"res": numbers(self.key, table)}
        from federation.models.dispatch import from_dict  # which collects this module

        return from_dict(self.base).predict(table)


def watch(model: Model, settings: EvtSettings | None = None, *, key: str = "res") -> EvtModel:
    """Flag extreme values of one of a model's outputs; its other outputs stay."""
    return EvtModel("evt", key, model.to_dict(), settings or EvtSettings())


class _Stream:
    """The scores one by one; what an `EvtModel` remembers, in parts that change."""

    def __init__(self, model: EvtModel) -> None:
        self._start = model
        self._settings = model.settings
        self._early = list(model.early)
        self._recent = deque(model.recent, maxlen=model.settings.window)
        self._upper, self._lower = model.upper, model.lower

    def model(self) -> EvtModel:
        return replace(
            self._start,
            early=tuple(self._early),
            recent=tuple(self._recent),
            upper=self._upper,
            lower=self._lower,
        )

    def judge(self, score: float) -> tuple[float, float, float]:
        """Whether it is extreme, and the upper and the lower threshold."""
        if np.isnan(score):
            return 0.0, np.nan, np.nan
        if self._upper is None:
            self._early.append(score)
            if len(self._early) == self._settings.warmup:
                self._calibrate()
            return 0.0, np.nan, np.nan
        middle = self._middle()
        upper, lower = self._upper, self._lower
        above = middle + upper.threshold
        below = middle - lower.threshold if lower else np.nan
        if score > above or score < below:
            return 1.0, above, below
        settings = self._settings
        self._upper = upper.with_value(score - middle, settings.alpha, settings.most)
        if lower:
            self._lower = lower.with_value(middle - score, settings.alpha, settings.most)
        self._recent.append(score)
        return 0.0, above, below

    def _calibrate(self) -> None:
        settings = self._settings
        offsets = []
        for score in self._early:
            if len(self._recent) == settings.window:
                offsets.append(score - self._middle())
            self._recent.append(score)
        values = np.array(offsets)
        self._upper = Tail.of(values, settings.quantile, settings.alpha, settings.most)
        if settings.both:
            self._lower = Tail.of(-values, settings.quantile, settings.alpha, settings.most)
        self._early = []

    def _middle(self) -> float:
        return sum(self._recent) / len(self._recent) if self._recent else 0.0


def _evt(
    moments: Moments,
    target: str,
    inputs: Sequence[str],
    /,
    *,
    score: str | None = None,
    score_key: str = "res",
    **options: Any,
) -> EvtModel:
    settings = EvtSettings(**{_SETTINGS[name]: value for name, value in options.items()})
    if score is not None:
        from federation.models.dispatch import fit  # which collects this module

        return watch(fit(score, moments, target, inputs), settings, key=score_key)
    check_names(moments.schema, None, inputs)
    if len(inputs) != 1 or inputs[0] not in moments.schema or not moments.schema[inputs[0]].numeric:
        raise ModelError(
            f"evt watches one numeric attribute, not {listed(inputs)}",
            "to watch what a model says of several, name its algorithm in score",
        )
    return EvtModel("evt", inputs[0], None, settings)


def _has_target(options: Mapping[str, Any]) -> bool:
    """That of the algorithm whose score is watched."""
    from federation.models.dispatch import chosen_of  # which collects this module

    found = chosen_of(options["score"]).has_target if "score" in options else False
    return found({}) if callable(found) else found


_SETTINGS: Final = {
    "evt_alpha": "alpha",
    "evt_quantile": "quantile",
    "evt_warmup_size": "warmup",
    "evt_window_size": "window",
    "evt_two_sides": "both",
    "evt_max_exceedances": "most",
}

ALGORITHMS: Final = (
    Algorithm(
        "evt",
        "flags extreme values of an attribute, or of a model's score, by extreme value theory",
        _evt,
        EvtModel,
        (
            Parameter("evt_alpha", number, "the probability of a false alarm (0.025 without it)"),
            Parameter("evt_quantile", number, "where the tail starts, as a share or in percent (0.95)"),
            Parameter("evt_warmup_size", whole, "how many scores calibrate before any is judged (1000)"),
            Parameter("evt_window_size", whole, "how many scores back a drift is followed, 0 for none (450)"),
            Parameter("evt_two_sides", flag, "whether small scores are extreme too (false)"),
            Parameter("evt_max_exceedances", whole, "how many peaks are remembered (100000)"),
            Parameter("score", text, "an algorithm whose score of the inputs is watched, as mahalanobis"),
            Parameter("score_key", text, "which of that model's outputs (res without it)"),
        ),
        has_target=_has_target,
    ),
)
