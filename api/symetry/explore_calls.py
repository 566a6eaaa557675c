"""Exploration: univariate and bivariate questions, at once or as a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from aiohttp import web

from api.problems import bad_request
from api.routes import Call
from api.symetry.binding import envelope
from api.symetry.entities import ExploreContext, ExploreQuery
from api.symetry.job_calls import maps_of, started
from api.symetry.lookups import entity_of, project_of
from api.symetry.views import inputs_of, targets_of
from node.answers import ProjectInfo

_ATTRIBUTES = {"uni": 1, "bi": 2}


async def explore(call: Call) -> web.Response:
    query: ExploreQuery = call.query
    project = await project_of(call)
    questions = _questions(call.body, query.metric, project)
    if query.in_background:
        return await _as_job(call, project.name, query.metric, questions)
    maps: list[dict[str, float]] = []
    for attributes in _batches(query.metric, questions):
        maps += maps_of(asdict(await call.node.projects.explore(project.name, query.metric, attributes)))
    values = {"KSVDMap": {"values": maps}}
    extra = {"smlInfo": await entity_of(call, project)} if query.return_project_info else {}
    return envelope(values=values | extra)


def _questions(body: ExploreContext, metric: str, project: ProjectInfo) -> list[list[str]]:
    """The attributes of each question, inputs before targets."""
    questions = []
    for number, context in enumerate(body.values):
        attributes = inputs_of(context, project) + targets_of(context, project)
        needed = _ATTRIBUTES[metric]
        if len(attributes) != needed:
            raise bad_request(
                f"values[{number}] names {len(attributes)} attributes; the metric {metric} takes {needed}."
            )
        questions.append(attributes)
    return questions


def _batches(metric: str, questions: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    """All univariate questions are one; each pair is one."""
    return [[attributes[0] for attributes in questions]] if metric == "uni" else questions


async def _as_job(call: Call, project: str, metric: str, questions: Sequence[Sequence[str]]) -> web.Response:
    batches = _batches(metric, questions)
    if len(batches) > 1:
        raise bad_request(
            f"A job answers one pair; {len(batches)} were asked.", "Start a job for each, or leave async out."
        )
    parameters = {"metric": metric, "attributes": list(batches[0])}
    return started(
        call, await call.node.jobs.submit("explore", actor=call.key, project=project, parameters=parameters)
    )
