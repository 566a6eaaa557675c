"""The storage service's rows of the route table: the same calls for every kind of blob, below `/storage/`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from aiohttp import web
from pydantic import BaseModel

from api.morpheo import storage
from api.morpheo.storage import Metadata, ObjectPage
from api.native.binding import answer
from api.routes import Route
from node.uplet_storage import Kind

_FORMS: Final[dict[Kind, type[BaseModel]]] = {
    Kind.PROBLEM: storage.ProblemForm,
    Kind.ALGO: storage.AlgoForm,
    Kind.DATA: storage.DataForm,
    Kind.PREDICTION: storage.DataForm,
}
_BYTES: Final = "The bytes; a Range of them if one is asked for."


async def _root(_request: web.Request) -> web.Response:
    return answer({"routes": sorted({f"{route.method} {route.path}" for route in ROUTES})})


async def _health(_request: web.Request) -> web.Response:
    return answer({"status": "ok"})


def _routes(kind: Kind) -> Iterator[Route]:
    """What can be done with every kind; data and predictions are read by whom they concern."""
    path = f"/storage/{kind}"
    one = path + "/{uuid}"
    yield Route(
        "GET",
        path,
        partial(storage.listed, kind),
        f"The {kind} blobs, newest first",
        dialect="morpheo",
        query=storage.PageQuery,
        answers={200: ObjectPage},
    )
    yield Route(
        "GET",
        one,
        partial(storage.got, kind),
        f"What is known of a {kind} blob",
        dialect="morpheo",
        answers={200: Metadata},
    )
    yield Route(
        "GET",
        f"{one}/blob",
        partial(storage.sent, kind),
        f"A {kind} blob",
        dialect="morpheo",
        query=storage.BlobQuery,
        answers={200: _BYTES, 206: _BYTES},
    )
    yield Route(
        "DELETE",
        one,
        partial(storage.deleted, kind),
        f"Remove a {kind} blob",
        dialect="morpheo",
        access="user",
        answers={200: Metadata},
    )
    if kind in _FORMS:
        yield Route(
            "POST",
            path,
            partial(storage.posted, kind, _FORMS[kind]),
            f"Upload a {kind} blob",
            dialect="morpheo",
            access="user",
            body=_FORMS[kind],
            body_form="form",
            answers={201: Metadata},
        )


ROUTES: Final = (
    Route("GET", "/storage/", _root, "The storage service's calls", dialect="morpheo", access="open"),
    Route("GET", "/storage/health", _health, "Whether it answers", dialect="morpheo", access="open"),
    *(route for kind in Kind for route in _routes(kind)),
    Route(
        "POST",
        "/storage/model",
        storage.posted_model,
        "Upload a model blob",
        dialect="morpheo",
        access="user",
        query=storage.ModelQuery,
        body_form="bytes",
        answers={201: Metadata},
    ),
    Route(
        "PATCH",
        "/storage/problem/{uuid}",
        storage.changed_problem,
        "Change a problem blob or what is told of it",
        dialect="morpheo",
        access="user",
        body=storage.ProblemChange,
        body_form="form",
        answers={200: Metadata},
    ),
)
