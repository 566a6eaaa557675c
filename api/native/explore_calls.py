"""Exploration in the native dialect: the metrics, a project's answers, its drift from another."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api.native import paths
from api.native.binding import answer
from api.native.entities import Drifting, Exploring, Metrics
from api.routes import Call, Route
from node.answers import Answer, DriftAnswer

PROJECT = "project"


async def metrics(call: Call) -> web.Response:
    exploration = call.node.exploration
    return answer({"metrics": await exploration.metrics(), "drift": await exploration.drifts()})


async def explore(call: Call) -> web.Response:
    query: Exploring = call.query
    return answer(
        await call.node.exploration.explore(
            call.part(PROJECT),
            query.metric,
            query.attributes,
            query.targets,
            query.parameters(),
            local=query.local,
            member=query.member,
        )
    )


async def drift(call: Call) -> web.Response:
    query: Drifting = call.query
    return answer(
        await call.node.exploration.drift(call.part(PROJECT), query.baseline, query.metric, query.attributes)
    )


ROUTES: Final = (
    Route(
        "GET",
        "/api/metrics",
        metrics,
        "What may be explored, with its parameters",
        access="annotator",
        answers={200: Metrics},
    ),
    Route(
        "GET",
        paths.PROJECT + "/explore",
        explore,
        "Explore attributes; what else the query has are the metric's parameters",
        access="annotator",
        answers={200: Answer},
        query=Exploring,
    ),
    Route(
        "GET",
        paths.PROJECT + "/drift",
        drift,
        "How far the rows have moved from another project's",
        access="annotator",
        answers={200: DriftAnswer},
        query=Drifting,
    ),
)
