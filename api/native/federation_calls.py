"""Federations in the native dialect."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api.native import paths
from api.native.binding import answer
from api.native.entities import Federations, Joining, NewFederation, NewInvitation, Requests
from api.native.paths import EMPTY
from api.routes import Call, Route
from node.answers import FederationInfo, IssuedInvitation


async def create(call: Call) -> web.Response:
    body: NewFederation = call.body
    made = await call.node.federations.create(
        body.name, owner=call.key.user, approval=body.approval, quorum=body.quorum
    )
    return answer(made, 201)


async def listed(call: Call) -> web.Response:
    return answer({"federations": await call.node.federations.list()})


async def status(call: Call) -> web.Response:
    return answer(await call.node.federations.status(call.part("federation")))


async def invite(call: Call) -> web.Response:
    body: NewInvitation = call.body or NewInvitation()
    issued = await call.node.federations.invite(
        call.part("federation"), password=body.password, lifetime=body.lifetime
    )
    return answer(issued, 201)


async def join(call: Call) -> web.Response:
    body: Joining = call.body
    joined = await call.node.federations.join(
        body.invitation, owner=call.key.user, password=body.password, project=body.project, wait=body.wait
    )
    return answer(joined)


async def requests(call: Call) -> web.Response:
    return answer({"requests": await call.node.federations.requests(call.part("federation"))})


async def approve(call: Call) -> web.Response:
    name = call.part("federation")
    await call.node.federations.approve(name, call.part("request"))
    return answer(await call.node.federations.status(name))


async def refuse(call: Call) -> web.Response:
    name = call.part("federation")
    await call.node.federations.refuse(name, call.part("request"))
    return answer(await call.node.federations.status(name))


async def expel(call: Call) -> web.Response:
    name = call.part("federation")
    await call.node.federations.expel(name, call.part("node_id"))
    return answer(await call.node.federations.status(name))


async def leave(call: Call) -> web.Response:
    await call.node.federations.leave(call.part("federation"))
    return answer({})


async def sync(call: Call) -> web.Response:
    return answer(await call.node.federations.sync(call.part("federation")))


ROUTES: Final = (
    Route(
        "POST",
        "/api/federations",
        create,
        "Create a federation",
        access="superuser",
        answers={201: FederationInfo},
        body=NewFederation,
    ),
    Route(
        "GET",
        "/api/federations",
        listed,
        "List the federations",
        access="annotator",
        answers={200: Federations},
    ),
    Route(
        "POST",
        "/api/federations/join",
        join,
        "Join by an invitation",
        access="superuser",
        answers={200: FederationInfo},
        body=Joining,
    ),
    Route(
        "GET",
        paths.FEDERATION,
        status,
        "A federation's members and state",
        access="annotator",
        answers={200: FederationInfo},
    ),
    Route(
        "POST",
        paths.FEDERATION + "/invitations",
        invite,
        "Make a one-time invitation",
        access="superuser",
        answers={201: IssuedInvitation},
        body=NewInvitation,
        body_required=False,
    ),
    Route(
        "GET",
        paths.FEDERATION + "/requests",
        requests,
        "Who asks to join",
        access="annotator",
        answers={200: Requests},
    ),
    Route(
        "POST",
        paths.FEDERATION + "/requests/{request}/approve",
        approve,
        "Let a node join",
        access="superuser",
        answers={200: FederationInfo},
    ),
    Route(
        "POST",
        paths.FEDERATION + "/requests/{request}/refuse",
        refuse,
        "Do not let a node join",
        access="superuser",
        answers={200: FederationInfo},
    ),
    Route(
        "DELETE",
        paths.FEDERATION + "/members/{node_id}",
        expel,
        "Expel a member",
        access="superuser",
        answers={200: FederationInfo},
    ),
    Route(
        "POST",
        paths.FEDERATION + "/leave",
        leave,
        "Leave a federation",
        access="superuser",
        answers={200: EMPTY},
    ),
    Route(
        "POST",
        paths.FEDERATION + "/sync",
        sync,
        "Publish now, and read every member again",
        access="user",
        answers={200: FederationInfo},
    ),
)
