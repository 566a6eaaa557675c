"""Data sources in the native dialect: tables that are elsewhere, by name."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from api.native import paths
from api.native.binding import answer
from api.native.entities import Browsing, NewSource, Source, Sources
from api.native.paths import EMPTY
from api.problems import bad_request
from api.routes import Call, Route
from node.answers import Listing, SourceInfo, SourceSample

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


ROUTES: Final = (
    Route(
        "POST",
        "/api/sources",
        create,
        "Name a data source",
        access="superuser",
        answers={201: SourceInfo},
        body=NewSource,
    ),
    Route("GET", "/api/sources", listed, "List the sources", access="annotator", answers={200: Sources}),
    Route(
        "POST",
        "/api/sources/preview",
        preview,
        "The first rows of a table that has no name",
        access="superuser",
        answers={200: SourceSample},
        body=Source,
    ),
    Route(
        "POST",
        "/api/sources/browse",
        browse,
        "Files and folders below a path of the machine, or of a bucket",
        access="superuser",
        answers={200: Listing},
        body=Browsing,
    ),
    Route(
        "GET",
        paths.SOURCE,
        info,
        "A data source, its secrets hidden",
        access="annotator",
        answers={200: SourceInfo},
    ),
    Route(
        "PUT",
        paths.SOURCE,
        replace,
        "Let a name mean another table",
        access="superuser",
        answers={200: SourceInfo},
        body=Source,
    ),
    Route("DELETE", paths.SOURCE, delete, "Delete a data source", access="superuser", answers={200: EMPTY}),
    Route(
        "GET",
        paths.SOURCE + "/sample",
        sample,
        "Its first rows",
        access="superuser",
        answers={200: SourceSample},
    ),
    Route(
        "PUT",
        paths.PROJECT + "/sources/{source}",
        attach,
        "Make a data source one of a project's",
        access="user",
        answers={200: EMPTY},
    ),
    Route(
        "DELETE",
        paths.PROJECT + "/sources/{source}",
        detach,
        "Undo that",
        access="user",
        answers={200: EMPTY},
    ),
)
