"""Exploration: questions to a project's statistics, at once or as a job.

What the answers look like is in `explore_views`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from api.problems import bad_request
from api.routes import Call
from api.symetry.binding import envelope
from api.symetry.entities import (
    ComponentsQuery,
    ConditionalDensityQuery,
    DensityQuery,
    ExploreContext,
    ExploreQuery,
    JobQuery,
    MLContext,
    OneContext,
)
from api.symetry.explore_views import entities
from api.symetry.job_calls import started
from api.symetry.lookups import entity_of, project_of
from api.symetry.views import inputs_of, targets_of
from node.answers import MetricInfo, ProjectInfo, Question

_PEER: Final = "fed_peer_uuid_for_explore"
_EMBEDDED: Final = "rolling_window_embedded_project"
_PARAMETERS: Final[Mapping[str, str]] = {
    "sml_explore_ztest_known_mu": "mu",
    "sml_explore_ttest_known_mu": "mu",
    "sml_explore_ftest_known_sigma": "sigma",
    "pcaNumDimension": "dimensions",
    "need_bi_conditional": "conditional",
    "need_bi_conditional_ci95": "limits",
    "need_bi_conditional_mmm": "quantiles",
    "hist_bins": "bins",
    "hist_min": "low",
    "hist_max": "high",
}
"""SymetryML's names of parameters, where the metrics have others."""


async def explore(call: Call) -> web.Response:
    query: ExploreQuery = call.query
    body: ExploreContext = call.body
    project = await project_of(call)
    if query.metric == "pca" and len(body.values) > 1:
        raise bad_request("The metric pca takes one MLContext.", "Ask for each on its own.")
    questions = await _questions(call, query.metric, body.values, project)
    whose = _whose(body.values)
    if query.in_background:
        return await _as_job(call, project, query.metric, questions, whose)
    found = await _answered(call, project, query.metric, questions, whose)
    extra = {"smlInfo": await entity_of(call, project)} if query.return_project_info else {}
    return envelope(values=found | extra)


async def vif(call: Call) -> web.Response:
    return await _one(call, "vif")


async def svd(call: Call) -> web.Response:
    return await _one(call, "svd")


async def svd_selection(call: Call) -> web.Response:
    return await _one(call, "svdfs")


async def components(call: Call) -> web.Response:
    query: ComponentsQuery = call.query
    return await _one(call, "pca", {"explained": query.explained})


async def density(call: Call) -> web.Response:
    query: DensityQuery = call.query
    return await _densities(call, "density", {}, query)


async def conditional_density(call: Call) -> web.Response:
    query: ConditionalDensityQuery = call.query
    return await _densities(call, "conditional_density", {"bins": query.tps}, query)


async def drift(call: Call) -> web.Response:
    context: MLContext = call.body
    given = context.extra_parameters
    if _EMBEDDED in given:
        raise bad_request(
            f"[{_EMBEDDED}] is not available: a project with a rolling window has no other inside.",
            "Learn into two projects, one with a window, and name both.",
        )
    names = ("driftPreferenceProjectName", "driftAnalysisProjectName", "driftMetric")
    missing = [name for name in names if name not in given]
    if missing:
        raise bad_request(f"The extraParameters lack [{', '.join(missing)}].", "Add them.")
    baseline, analysis = [await project_of(call, given[name]) for name in names[:2]]
    attributes = inputs_of(context, analysis)
    found = await call.node.exploration.drift(analysis.name, baseline.name, given["driftMetric"], attributes)
    return envelope(values={"KSVDMap": {"values": [found.values]}})


async def _one(call: Call, metric: str, defaults: Mapping[str, Any] | None = None) -> web.Response:
    """A call of one question, a job unless `async=false`."""
    query: JobQuery = call.query
    body: OneContext = call.body
    project = await project_of(call)
    context = body.context()
    questions = await _questions(call, metric, [context], project, defaults)
    whose = _whose([context])
    if query.in_background:
        return await _as_job(call, project, metric, questions, whose)
    return envelope(values=await _answered(call, project, metric, questions, whose))


async def _densities(
    call: Call, metric: str, defaults: Mapping[str, Any], query: DensityQuery
) -> web.Response:
    body: ExploreContext = call.body
    project = await project_of(call)
    questions = await _questions(call, metric, body.values, project, defaults)
    whose = _whose(body.values) | ({"local": True} if query.use_local else {})
    if query.in_background:
        return await _as_job(call, project, metric, questions, whose)
    return envelope(values=await _answered(call, project, metric, questions, whose))


async def _questions(
    call: Call,
    metric: str,
    contexts: Sequence[MLContext],
    project: ProjectInfo,
    defaults: Mapping[str, Any] | None = None,
) -> list[Question]:
    """A question for each context. Raises BadRequest and `Problem` 400 for what cannot be asked."""
    known = {info.name: info for info in await call.node.exploration.metrics()}
    if metric not in known:
        raise bad_request(f"There is no metric [{metric}].", f"Use one of {', '.join(known)}.")
    ask = _conditional_question if metric == "conditional_density" else _question
    questions = [ask(known[metric], context, project, defaults or {}) for context in contexts]
    for number, question in enumerate(questions):
        if known[metric].each and len(question.attributes) != 1:
            raise bad_request(
                f"values[{number}] names {len(question.attributes)} attributes; the metric {metric} takes 1."
            )
    await call.node.exploration.check(metric, questions)
    return questions


def _question(
    metric: MetricInfo, context: MLContext, project: ProjectInfo, defaults: Mapping[str, Any]
) -> Question:
    """Attributes are taken as inputs or as targets where the metric has but one kind of them."""
    inputs, targets = inputs_of(context, project), targets_of(context, project)
    if metric.targets[1] == 0 or not inputs:
        inputs, targets = inputs + targets, []
    return Question(tuple(inputs), tuple(targets), {**defaults, **_given(context)})


def _conditional_question(
    _metric: MetricInfo, context: MLContext, project: ProjectInfo, defaults: Mapping[str, Any]
) -> Question:
    """Of a pair, a number and a category or one of its levels, the latter is the condition."""
    names = inputs_of(context, project) + targets_of(context, project)
    if len(names) != 2:
        raise bad_request(f"A conditional density takes a pair of attributes, not {len(names)}.")
    numbers = {attribute.name for attribute in project.attributes if attribute.type in ("C", "B")}
    counted, condition = names if names[0] in numbers else reversed(names)
    return Question((counted,), (condition,), {**defaults, **_given(context)})


def _given(context: MLContext) -> dict[str, Any]:
    given = context.extra_parameters
    return {_PARAMETERS.get(name, name): value for name, value in given.items() if name != _PEER}


def _whose(contexts: Sequence[MLContext]) -> dict[str, Any]:
    """Whose statistics are asked: those of all, or of the one peer that all contexts name."""
    named = {context.extra_parameters.get(_PEER) for context in contexts}
    if len(named) > 1:
        raise bad_request(f"The contexts differ in [{_PEER}].", "Ask about each peer on its own.")
    (peer,) = named
    return {} if not peer else {"member": peer}


async def _answered(
    call: Call,
    project: ProjectInfo,
    metric: str,
    questions: Sequence[Question],
    whose: Mapping[str, Any],
) -> dict[str, Any]:
    answers = await call.node.exploration.explore_each(project.name, metric, questions, **whose)
    return entities(
        metric, [(answer.attributes, answer.targets, answer.values) for answer in answers], project
    )


async def _as_job(
    call: Call,
    project: ProjectInfo,
    metric: str,
    questions: Sequence[Question],
    whose: Mapping[str, Any],
) -> web.Response:
    asked = [
        {"attributes": list(item.attributes), "targets": list(item.targets), "parameters": item.parameters}
        for item in questions
    ]
    parameters = {"metric": metric, "questions": asked, **whose}
    task = await call.node.jobs.submit("explore", actor=call.key, project=project.name, parameters=parameters)
    return started(call, task)
