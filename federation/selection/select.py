"""Selecting a model: which inputs, and which algorithm with which penalty, predict rows not learned best."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from federation.assessment import AssessmentError, Task, score_named
from federation.models import Model, ModelError, fit
from federation.models.algorithm import MISSING
from federation.models.design import check_names, design, require_varying
from federation.models.errors import listed
from federation.selection.class_rules import CLASS_RULES, ClassRule
from federation.selection.gram import RULES, Gram, expanded, gram
from federation.selection.judge import Judge, judge
from federation.selection.options import Options, read_options
from federation.selection.scorers import ClassScorer, InSampleScorer, LinearScorer, RefittingScorer, Scorer
from federation.selection.settings import (
    TASK_NAMES,
    Setting,
    has_target,
    settings_of,
    suitable,
    task_named,
)
from federation.selection.strategies import STRATEGIES, Subset, expected
from federation.statistics import Missing, Moments, Table

SHOWN: Final = 20
"""How many of the best candidates an answer has."""

HOPELESS: Final = 64
"""After so many subsets of which none could be fitted, a setting is given up."""

AICC: Final = "aicc"
IN_SAMPLE: Final = ("mlr", "lda")
"""The algorithms that AICc judges, without a validation table."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model that was tried, and its score in the metric's own unit and sign."""

    algorithm: str
    parameters: Mapping[str, Any]
    inputs: tuple[str, ...]
    score: float


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a selection is: models tried, about how many there will be, the best so far."""

    tried: int
    expected: int
    best: Candidate | None


@dataclass(frozen=True, slots=True)
class Selection:
    """The model chosen, and how it was.

    score is that of `model` on the validation rows (AICc: of the rows learned); candidates are the best that
    were tried, best first. stopped says why the search ended early, None if it came to its end; remarks name
    inputs that no model could have, and levels in the validation rows that `model` does not know.
    """

    model: Model
    chosen: Candidate
    metric: str
    task: Task
    score: float
    rows: int
    tried: int
    candidates: tuple[Candidate, ...]
    stopped: str | None
    remarks: tuple[str, ...]


Clock = Callable[[], float]
Tell = Callable[[Progress], bool]
"""Takes progress and says whether to go on."""


def select(
    algorithm: str,
    moments: Moments,
    target: str,
    inputs: Sequence[str],
    validation: Table | None,
    *,
    clock: Clock | None = None,
    tell: Tell | None = None,
    **parameters: Any,
) -> Selection:
    """The subset of `inputs` with which models of `algorithm` predict `validation` best.

    `parameters` are those of `options.PARAMETERS` and of the algorithm; a penalised model without a penalty
    is tried with a grid of them. A level of the validation rows that was never learned counts as a missing
    value, and as an error if it is the target's. clock gives seconds, for `selector_max_seconds`. Without a
    validation table the metric must be "aicc". Raises `ModelError` for names, parameters and tables that do
    not fit, and if no model could be fitted.
    """
    plan = plan_for(algorithm, None, parameters)
    return _Search(moments, target, inputs, validation, plan, clock, tell).run()


def auto_select(
    task: str,
    moments: Moments,
    target: str,
    inputs: Sequence[str],
    validation: Table | None,
    *,
    clock: Clock | None = None,
    tell: Tell | None = None,
    **parameters: Any,
) -> Selection:
    """As `select`, among all algorithms that suit a task: binary_classification, regression or
    multiclass_classifier."""
    plan = plan_for(None, task, parameters)
    return _Search(moments, target, inputs, validation, plan, clock, tell).run()


@dataclass(frozen=True, slots=True)
class Plan:
    """How to search, for which settings; the task is None if the truth is to tell it."""

    options: Options
    settings: tuple[Setting, ...]
    task: Task | None


def plan_for(algorithm: str | None, task: str | None, parameters: Mapping[str, Any]) -> Plan:
    """What `select` or `auto_select` will do, before there are statistics or rows.

    Raises `ModelError` unless one of algorithm and task is given, and for unknown names and parameters that
    cannot be read or do not go together.
    """
    if (algorithm is None) == (task is None):
        raise ModelError("a selection is for an algorithm or for a task", "name one of the two")
    options, own = read_options(parameters)
    kind = None if task is None else task_named(task)
    _check_metric(options.metric, kind)
    if algorithm is not None:
        settings = settings_of(algorithm, own, options.grid)
        if not all(has_target(setting) for setting in settings):
            raise ModelError(
                f"{algorithm} has no target, by which a selection could judge it",
                f"name an algorithm that "
                f"predicts one, or a task ({', '.join(dict.fromkeys(TASK_NAMES.values()))})",
            )
    elif kind is not None:
        settings = suitable(kind, own, options.grid)
    if options.metric != AICC:
        return Plan(options, settings, kind)
    judged = [setting for setting in settings if setting.algorithm in IN_SAMPLE]
    if not judged or any(set(setting.parameters) - {"missing"} for setting in judged):
        raise ModelError(
            f"{AICC} judges {' and '.join(IN_SAMPLE)} without parameters of their own",
            "give a validation table and another metric",
        )
    return Plan(options, tuple(judged), kind)


class _Search:
    """One selection: what all its settings share, and the best that was found."""

    def __init__(
        self,
        moments: Moments,
        target: str,
        inputs: Sequence[str],
        validation: Table | None,
        plan: Plan,
        clock: Clock | None,
        tell: Tell | None,
    ) -> None:
        options, task = plan.options, plan.task
        if options.max_seconds is not None and clock is None:
            raise ModelError("selector_max_seconds needs a clock to go by", "give one, or leave it out")
        self._moments, self._target, self._options, self._tell = moments, target, options, tell
        self._settings = plan.settings
        self._clock = clock
        check_names(moments.schema, target, inputs, classes=True)
        self._judge = self._judge_by(validation, task)
        self._all = tuple(inputs)
        self._deadline = clock() + options.max_seconds if clock and options.max_seconds is not None else None
        self._best: list[tuple[float, int, int, Candidate]] = []  # a heap: the worst of the best first
        self._number = count(0, -1)
        self._tried = 0
        self._stopped: str | None = None
        self._usable: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self._sums: dict[str, tuple[Gram, Any]] = {}

    def _judge_by(self, validation: Table | None, task: Task | None) -> Judge | None:
        if self._options.metric == AICC:
            return None
        if validation is None:
            raise ModelError(
                "there is no validation table",
                "give rows that were not learned, with the target, or "
                f"choose by the rows learned with the metric {AICC} ({' and '.join(IN_SAMPLE)})",
            )
        separator = self._moments.schema.separator
        return judge(validation, self._target, self._options.metric, task, separator)

    def run(self) -> Selection:
        remarks: dict[str, None] = {}
        reason = None
        of_each = expected(len(self._all), self._options)
        for at, setting in enumerate(self._settings):
            if self._stopped is None:
                missing = str(setting.parameters.get("missing", "listwise"))
                inputs, left_out = self._inputs(missing)
                remarks |= dict.fromkeys(left_out)
                scorer = self._scorer(setting, inputs, missing)
                self._search(setting, inputs, scorer, of_each * (len(self._settings) - at - 1))
                reason = scorer.reason or reason
        chosen, model = self._fitted(reason)
        ordered = [entry[3] for entry in sorted(self._best, key=lambda entry: entry[:3], reverse=True)]
        score = chosen.score
        if self._judge is not None:
            score = self._judge.of_model(model)
            remarks |= dict.fromkeys(f"validation: {remark}" for remark in self._judge.unknown_to(model))
        return Selection(
            model=model,
            chosen=chosen,
            metric=AICC if self._judge is None else self._judge.score.name,
            task="regression" if self._judge is None else self._judge.task,
            score=score,
            rows=self._moments.rows if self._judge is None else self._judge.table.rows,
            tried=self._tried,
            candidates=tuple(ordered),
            stopped=self._stopped,
            remarks=tuple(remarks),
        )

    def _inputs(self, missing: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The inputs that vary, and why the others are left out; raises `ModelError` if none does."""
        if missing not in self._usable:
            kept, left_out = [], []
            for name in self._all:
                try:
                    require_varying(design(self._moments, None, [name], _missing(missing)))
                    kept.append(name)
                except ModelError as error:
                    left_out.append(error)
            if not kept:
                raise left_out[0]
            self._usable[missing] = tuple(kept), tuple(map(str, left_out))
        return self._usable[missing]

    def _scorer(self, setting: Setting, inputs: tuple[str, ...], missing: str) -> Scorer:
        if self._judge is None:
            return InSampleScorer(gram(self._moments, self._target, inputs, _missing(missing)))
        refitting = RefittingScorer(self._moments, inputs, setting, self._judge)
        class_rule = self._class_rule(setting, inputs, missing)
        if class_rule is not None:
            return ClassScorer(class_rule, self._judge, refitting)
        rule, holds_for = RULES.get(setting.algorithm, (None, frozenset[str]()))
        # Pairwise sums are scaled by the rows of the pair that has fewest, which each subset has its own of.
        if rule is None or set(setting.parameters) - holds_for or missing == "pairwise":
            return refitting
        if missing not in self._sums:
            sums = gram(self._moments, self._target, inputs, _missing(missing))
            self._sums[missing] = sums, expanded(sums.design, self._judge.table)
        sums, columns = self._sums[missing]
        return LinearScorer(sums, rule(sums, setting.parameters), columns, self._judge, refitting)

    def _class_rule(self, setting: Setting, inputs: tuple[str, ...], missing: str) -> ClassRule | None:
        """The rule of this classifier; None if there is none, or not for all inputs together."""
        rule, holds_for = CLASS_RULES.get(setting.algorithm, (None, frozenset[str]()))
        if rule is None or set(setting.parameters) - holds_for or missing == "pairwise" or not self._judge:
            return None
        try:
            return rule(self._moments, self._target, inputs, setting.parameters, self._judge.table)
        except ModelError:
            return None  # an input that no such model may have: others may do without it

    def _search(self, setting: Setting, inputs: tuple[str, ...], scorer: Scorer, to_come: int) -> None:
        """Follow the strategy to its end, or until it is stopped."""
        strategy = STRATEGIES[self._options.selector](len(inputs), self._options)
        total = self._tried + expected(len(inputs), self._options) + to_come
        known: dict[Subset, float] = {}
        wanted = next(strategy)
        while True:
            new = [subset for subset in dict.fromkeys(wanted) if subset not in known]
            for start in range(0, max(1, len(new)), scorer.at_once):  # nothing new may take time as well
                part = new[start : start + scorer.at_once]
                for subset, gain in zip(part, scorer.gains(part), strict=True):
                    known[subset] = gain
                    self._note(setting, inputs, subset, gain)
                if self._should_stop(total):
                    return
            if len(known) == 2 ** len(inputs) - 1:
                return
            if len(known) >= max(HOPELESS, len(inputs)) and max(known.values()) == -math.inf:
                return  # such as a model that needs statistics which are not there
            try:
                wanted = strategy.send([known[subset] for subset in wanted])
            except StopIteration:
                return

    def _note(self, setting: Setting, inputs: Sequence[str], subset: Subset, gain: float) -> None:
        self._tried += 1
        # Of equal scores that with fewer inputs is better, then that found first.
        order = (gain, -len(subset), next(self._number))
        if gain == -math.inf or (len(self._best) == SHOWN and order < self._best[0][:3]):
            return
        score = gain if self._judge is None or self._judge.score.sign > 0 else -gain
        score = -gain if self._judge is None else score
        names = tuple(inputs[i] for i in subset)
        entry = (*order, Candidate(setting.algorithm, setting.parameters, names, score))
        (heapq.heappush if len(self._best) < SHOWN else heapq.heapreplace)(self._best, entry)

    def _should_stop(self, total: int) -> bool:
        best = max(self._best, key=lambda entry: entry[:3])[3] if self._best else None
        if self._tell is not None and not self._tell(Progress(self._tried, max(total, self._tried), best)):
            self._stopped = "it was asked to stop"
        elif self._deadline is not None and self._clock is not None and self._clock() >= self._deadline:
            self._stopped = f"{self._options.max_seconds:g} seconds were over"
        return self._stopped is not None

    def _fitted(self, reason: str | None) -> tuple[Candidate, Model]:
        """The best candidate that the statistics can give a model for, and that model."""
        for entry in sorted(self._best, key=lambda entry: entry[:3], reverse=True):
            chosen = entry[3]
            try:
                fitted = fit(
                    chosen.algorithm, self._moments, self._target, chosen.inputs, **dict(chosen.parameters)
                )
            except ModelError as error:
                reason = str(error)
                continue
            return chosen, fitted
        raise ModelError(
            f"none of the {self._tried} models tried could be fitted: {reason or listed(self._all)}",
            "offer other inputs, or learn more rows",
        )


def _check_metric(name: str | None, task: Task | None) -> None:
    """Raise `ModelError` for a score that there is not, or that is not one of the task's."""
    if name in (None, AICC):
        return
    try:
        score_named(name, task)
    except AssessmentError as error:
        raise ModelError(f"sml_model_assessment_type: {error}", "or leave it out") from None


def _missing(name: str) -> Missing:
    missing: Missing = MISSING.read("missing", name)
    return missing
