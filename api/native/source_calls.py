"""Data sources in the native dialect: tables that are elsewhere, by name."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from api.native.binding import answer
from api.native.entities import Browsing, NewSource, Source
from api.problems import bad_request
from api.routes import Call

NAME = "source"


async def create(call: Call) -> web.Response:
    body: NewSource = call.body
    return answer(await call.node.sources.create(body.name, body.type, body.info, actor=call.key), 201)


async def listed(call: Call) -> web.Response:
    return answer({"sources": await call.node.sources.list()})


async def info(call: Call) -> web.Response:
    return answer(await call.node.sources.info(call.part(NAME)))


async def replace(call: Call) -> web.Response:
    body: Source = call.body
    return answer(await call.node.sources.replace(call.part(NAME), body.type, body.info, actor=call.key))


async def delete(call: Call) -> web.Response:
    await call.node.sources.delete(call.part(NAME))
    return answer({})


async def sample(call: Call) -> web.Response:
    return answer(await call.node.sources.sample(call.part(NAME), actor=call.key))


async def preview(call: Call) -> web.Response:
    body: Source = call.body
    return answer(await call.node.sources.preview(body.type, body.info, actor=call.key))


async def browse(call: Call) -> web.Response:
    body: Browsing = call.body
    return answer(await call.node.sources.browse(body.type, body.info, body.path, actor=call.key))


async def attach(call: Call) -> web.Response:
    await call.node.sources.attach(call.part("project"), call.part(NAME))
    return answer({})


async def detach(call: Call) -> web.Response:
    await call.node.sources.detach(call.part("project"), call.part(NAME))
    return answer({})


def named_rows(path: str | None, source: str | None, form: str | None = None) -> dict[str, Any]:
    """What a task is told of rows that a body names; nothing if it names none. Raises `Problem` 400."""
    if path is not None and source is not None:
        raise bad_request("Both a path and a source are given.", "Give one of them.")
    if form is not None and path is None:
        raise bad_request("A format belongs to a path.", "A source has its own, in its info.")
    if source is not None:
        return {"source": source}
    return {} if path is None else {"path": path, "format": form}
