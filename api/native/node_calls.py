"""The node itself: what it is, how it is, and how its interface is described."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Final

from aiohttp import hdrs, web

from api.app_keys import DOCUMENT, METRICS, NODE
from api.docs_page import CONTENT_SECURITY_POLICY, PAGE
from api.metrics import CONTENT_TYPE
from api.native.binding import answer
from api.native.entities import FilesInfo, Health, NodeInfo
from api.routes import Call, Route


async def info(call: Call) -> web.Response:
    node = call.node
    found = NodeInfo(
        node_id=node.node_id,
        name=node.name,
        role=node.role,
        version=version("suffice"),
        url=f"{call.request.scheme}://{call.request.host}",
        files=FilesInfo(
            url=node.files_url,
            count=await node.files.count(),
            bytes=node.files.used,
            quota=node.files.quota,
        ),
        nats=node.nats_url,
        compute=node.config.compute,
        federations=[federation.name for federation in await node.federations.list()],
        projects=[project.name for project in await node.projects.list()],
        problems=node.problems(),
    )
    return answer(found)


async def health(request: web.Request) -> web.Response:
    """200 whenever the node answers: without its broker it still learns and explores."""
    problems = sorted(request.app[NODE].problems())
    return answer({"status": "degraded" if problems else "ok", "problems": problems})


async def metrics(request: web.Request) -> web.Response:
    page = await request.app[METRICS].page(request.app[NODE])
    return web.Response(body=page, headers={hdrs.CONTENT_TYPE: CONTENT_TYPE})


async def openapi(request: web.Request) -> web.Response:
    return answer(await asyncio.to_thread(request.app[DOCUMENT]))


async def docs(_request: web.Request) -> web.Response:
    return web.Response(
        text=PAGE,
        content_type="text/html",
        headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY, "X-Content-Type-Options": "nosniff"},
    )


ROUTES: Final = (
    Route("GET", "/healthz", health, "Whether the node answers", access="open", answers={200: Health}),
    Route("GET", "/metrics", metrics, "Counters for Prometheus", access="open", answers={200: "Exposition."}),
    Route("GET", "/openapi.json", openapi, "This document", access="open", answers={200: "OpenAPI 3.1."}),
    Route("GET", "/docs", docs, "This document as a page", access="open", answers={200: "HTML."}),
    Route("GET", "/api/node", info, "The node", access="annotator", answers={200: NodeInfo}),
)
