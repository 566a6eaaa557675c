"""Who may hear on this node's broker which uplets wait for a worker."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from pydantic import BaseModel, Field

from api.native.binding import answer
from api.native.entities import Taken
from api.routes import Call, Route
from node.uplets.hearers import Hearer, Hearing


class HearingRequest(Taken):
    """The public half of an NKEY pair of a user."""

    nkey: str = Field(max_length=100)


class HearerList(BaseModel):
    hearers: list[Hearer]


async def hear(call: Call) -> web.Response:
    """Let a worker's key in, or prolong its time."""
    body: HearingRequest = call.body
    return answer(await call.node.hearers.let_in(body.nkey, call.key))


async def listed(call: Call) -> web.Response:
    return answer({"hearers": await call.node.hearers.list(call.key)})


async def ended(call: Call) -> web.Response:
    await call.node.hearers.end(call.part("nkey"), call.key)
    return answer({"ended": call.part("nkey")})


ROUTES: Final = (
    Route(
        "POST",
        "/api/uplets/hearers",
        hear,
        "Let a worker's public NKEY hear of ready uplets for a day",
        access="user",
        answers={200: Hearing},
        body=HearingRequest,
    ),
    Route(
        "GET",
        "/api/uplets/hearers",
        listed,
        "The NKEYs that this access key let in; an admin sees all",
        access="user",
        answers={200: HearerList},
    ),
    Route(
        "DELETE",
        "/api/uplets/hearers/{nkey}",
        ended,
        "Let an NKEY hear no more",
        access="user",
        answers={200: "Done."},
    ),
)
