"""Exploration in the native dialect: the metrics, a project's answers, its drift from another."""

from __future__ import annotations

from aiohttp import web

from api.native.binding import answer
from api.native.entities import Drifting, Exploring
from api.routes import Call

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
