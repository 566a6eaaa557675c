"""How subsets of the inputs are scored for one setting: fast from a Gram matrix, or by fitting each model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from federation.assessment import AssessmentError
from federation.models import ModelError, fit
from federation.selection.class_rules import ClassRule
from federation.selection.gram import Gram, Line, Rule, aicc
from federation.selection.judge import Judge
from federation.selection.settings import Setting
from federation.selection.strategies import Subset
from federation.statistics import Moments

FloatArray = NDArray[np.float64]


class Scorer(Protocol):
    """Scores subsets for one setting. `at_once`: how many it may be given before progress is told."""

    at_once: int

    @property
    def reason(self) -> str | None:
        """Why a subset could not be fitted, the last one that could not."""

    def gains(self, subsets: Sequence[Subset]) -> list[float]:
        """The gain of each, more being better; -inf for one that cannot be fitted."""


class RefittingScorer:
    """Fits a model for each subset and lets it predict: right for every algorithm, and slow."""

    at_once = 4

    def __init__(self, moments: Moments, inputs: Sequence[str], setting: Setting, judge: Judge) -> None:
        self._moments, self._inputs, self._setting, self._judge = moments, inputs, setting, judge
        self._reason: str | None = None

    @property
    def reason(self) -> str | None:
        return self._reason

    def gains(self, subsets: Sequence[Subset]) -> list[float]:
        return [self.gain(subset) for subset in subsets]

    def gain(self, subset: Subset) -> float:
        names = [self._inputs[i] for i in subset]
        try:
            model = fit(
                self._setting.algorithm, self._moments, self._judge.target, names, **self._setting.parameters
            )
            return self._judge.gain_of_model(model)
        except (ModelError, AssessmentError) as error:
            self._reason = str(error)
            return -math.inf


class LinearScorer:
    """Solves each subset from the Gram matrix; predicts those of a batch by one matrix product.

    expanded: the validation rows, (p, rows). A subset that the rule refuses is fitted after all.
    """

    def __init__(
        self, sums: Gram, rule: Rule, expanded: FloatArray, judge: Judge, otherwise: RefittingScorer
    ) -> None:
        self._sums, self._rule, self._expanded, self._judge = sums, rule, expanded, judge
        self._otherwise = otherwise
        self.at_once = max(1, min(64, 2**22 // max(1, expanded.shape[1])))  # 32 MB of predictions

    @property
    def reason(self) -> str | None:
        return self._otherwise.reason

    def gains(self, subsets: Sequence[Subset]) -> list[float]:
        places = [self._sums.places(subset) for subset in subsets]
        lines = [self._rule(at) for at in places]
        weights = np.zeros((len(lines), len(self._expanded)))
        for row, at, line in zip(weights, places, lines, strict=True):
            if line is not None:
                row[at] = line.weights
        values = weights @ self._expanded
        return [
            self._otherwise.gain(subset) if line is None else self._gain(line, of_rows)
            for subset, line, of_rows in zip(subsets, lines, values, strict=True)
        ]

    def _gain(self, line: Line, values: FloatArray) -> float:
        return self._judge.gain_of_line(values + line.constant, line.middle)


class ClassScorer:
    """Takes the scores of the classes from a rule; a subset that it refuses is fitted after all."""

    at_once = 16

    def __init__(self, rule: ClassRule, judge: Judge, otherwise: RefittingScorer) -> None:
        self._rule, self._judge, self._otherwise = rule, judge, otherwise
        self._truth = judge.codes(rule.classes)

    @property
    def reason(self) -> str | None:
        return self._otherwise.reason

    def gains(self, subsets: Sequence[Subset]) -> list[float]:
        return [self._gain(subset) for subset in subsets]

    def _gain(self, subset: Subset) -> float:
        scores = self._rule.scores(subset)
        if scores is None:
            return self._otherwise.gain(subset)
        return self._judge.gain_of_classes(self._truth, scores)


class InSampleScorer:
    """Scores by AICc, from the statistics alone."""

    at_once = 64

    def __init__(self, sums: Gram) -> None:
        self._sums, self._aicc = sums, aicc(sums)

    @property
    def reason(self) -> str | None:
        return "there are too few rows, or the columns depend on each other"

    def gains(self, subsets: Sequence[Subset]) -> list[float]:
        return [-self._aicc(self._sums.places(subset)) for subset in subsets]
