"""Federations in the native dialect."""

from __future__ import annotations

from aiohttp import web

from api.native.binding import answer
from api.native.entities import Joining, NewFederation, NewInvitation
from api.routes import Call


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
