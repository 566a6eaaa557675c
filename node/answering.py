"""From statistics to answers: exploring as plain functions over plain data; models are in `modelling`.

Run in a thread of the node for a request that waits, and in a worker process for a task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from federation.statistics import Moments
from node.answers import DriftInfo, MetricInfo, ParameterInfo, Question
from node.errors import BadRequest

MOST_QUESTIONS = 10_000
"""In one exploration."""


def metrics() -> tuple[MetricInfo, ...]:
    """All metrics, in the order in which they are registered."""
    from federation.explore import METRICS

    return tuple(
        MetricInfo(
            item.name,
            item.summary,
            item.inputs,
            item.targets,
            tuple(ParameterInfo(p.name, p.help) for p in item.parameters),
            item.each,
        )
        for item in METRICS.values()
    )


def drifts() -> tuple[DriftInfo, ...]:
    """All metrics of drift."""
    from federation.explore import DRIFTS

    return tuple(DriftInfo(item.name, item.summary) for item in DRIFTS.values())


def check(metric: str, questions: Sequence[Question]) -> None:
    """Raise ModelError for an unknown metric, or for questions that no statistics could answer."""
    from federation.explore import find

    chosen = find(metric)
    for question in questions:
        chosen.check(question.attributes, question.targets, question.parameters)


def explore(moments: Moments, metric: str, questions: Sequence[Question]) -> list[dict[str, Any]]:
    """What `federation.explore` answers to each; a metric of single attributes maps them to their values."""
    from federation.explore import explore as ask

    return [
        ask(metric, moments, question.attributes, question.targets, question.parameters)
        for question in questions
    ]


def drift(metric: str, baseline: Moments, analysis: Moments, attributes: Sequence[str]) -> dict[str, float]:
    """What `federation.explore.drift` answers. Raises ModelError."""
    from federation.explore import drift as ask

    return ask(metric, baseline, analysis, attributes)


def questions_of(given: Mapping[str, Any]) -> list[Question]:
    """The questions of a task: `questions`, a list, or else one whose parts are given. Raises BadRequest."""
    listed = given.get("questions", [given])
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_QUESTIONS:
        raise BadRequest(
            "questions is not a list of questions", f"send 1 to {MOST_QUESTIONS:,}, or attributes instead"
        )
    return [_question(item) for item in listed]


def _question(given: Any) -> Question:
    if isinstance(given, Mapping):
        attributes, targets = _texts(given.get("attributes")), _texts(given.get("targets"))
        parameters = given.get("parameters") or {}
        if attributes is not None and targets is not None and isinstance(parameters, Mapping):
            return Question(attributes, targets, dict(parameters))
    raise BadRequest(
        "a question is {attributes: [names], targets?: [names], parameters?: {}}", "send it in this form"
    )


def _texts(value: object) -> tuple[str, ...] | None:
    """A list of names (nothing is an empty one); None for anything else."""
    names = () if value is None else value
    if isinstance(names, (list, tuple)) and all(isinstance(item, str) for item in names):
        return tuple(names)
    return None
