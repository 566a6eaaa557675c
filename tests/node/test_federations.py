"""Who is in a federation over a real NATS server: founding, inviting, asking, being let in, leaving."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from federation.statistics import Schema
from node.answers import FederationInfo
from node.errors import AlreadyExists, BadRequest, NotFound
from node.node import Node
from transport.bus import Bus

Launch = Callable[..., Awaitable[Node]]
SECONDS = 30


async def test_a_person_decides_where_approval_is_manual(launch: Launch, until) -> None:
    admin, jfk, lga = await launch("ewr", "admin"), await launch("jfk"), await launch("lga")
    await admin.federations.create("air", owner="admin", approval="manual")
    invitations = [(await admin.federations.invite("air")).invitation for _ in range(2)]
    for peer, invitation in zip((jfk, lga), invitations, strict=True):
        assert (await peer.federations.join(invitation, owner="admin")).state == "joining"
    info = await until(admin, "air", lambda info: len(info.requests) == 2)
    by_name = {request.name: request.id for request in info.requests}
    await admin.federations.approve("air", by_name["jfk"])
    await admin.federations.refuse("air", by_name["lga"])
    await until(jfk, "air", lambda info: info.state == "active")
    await until(lga, "air", lambda info: info.state == "refused")
    assert any("declined" in line.message for line in await lga.federations.error_log("air"))


async def test_who_leaves_takes_its_rows_along(
    launch: Launch, schema: Schema, table, direct, join, until
) -> None:
    admin, jfk = await launch("ewr", "admin"), await launch("jfk")
    await admin.federations.create("air", owner="admin")
    await join(admin, jfk)
    await admin.projects.create("delays", owner="admin", schema=schema, federation="air")
    await admin.projects.learn("delays", table(100))
    await until(jfk, "air", lambda info: bool(info.projects))
    await jfk.projects.create("mine", owner="admin", federation="air", shared_as="delays")
    await jfk.projects.learn("mine", table(200, seed=1))
    await until(admin, "air", lambda info: info.projects[0].rows == 300)
    await jfk.federations.leave("air")
    await until(jfk, "air", lambda info: info.state == "left")
    info = await until(admin, "air", lambda info: info.projects[0].rows == 100)
    assert [member.name for member in info.members] == ["ewr"]
    assert (await jfk.projects.info("mine")).federation is None
    assert (await jfk.projects.statistics("mine")).moments.rows == 200


async def test_what_cannot_be_is_refused_with_the_remedy(launch: Launch, schema: Schema) -> None:
    admin, jfk = await launch("ewr", "admin"), await launch("jfk")
    with pytest.raises(BadRequest, match="no broker"):
        await jfk.federations.create("air", owner="admin")
    await admin.federations.create("air", owner="admin")
    with pytest.raises(AlreadyExists):
        await admin.federations.create("air", owner="admin")
    issued = await admin.federations.invite("air", password="tiger")
    with pytest.raises(BadRequest, match="password"):
        await jfk.federations.join(issued.invitation, owner="admin")
    with pytest.raises(BadRequest, match="altered"):
        await jfk.federations.join(issued.invitation[:-3], owner="admin")
    joined = await jfk.federations.join(issued.invitation, owner="admin", password="tiger", wait=SECONDS)
    assert joined.state == "active"
    with pytest.raises(NotFound, match="no project 'delays'"):
        await jfk.projects.create("delays", owner="admin", federation="air")
    with pytest.raises(BadRequest, match="only the admin"):
        await jfk.federations.invite("air")
    with pytest.raises(NotFound, match="in no federation"):
        await jfk.federations.status("sea")


async def test_who_is_admitted_after_its_invitation_expired_hears_of_it(launch: Launch, until) -> None:
    admin, jfk = await launch("ewr", "admin"), await launch("jfk")
    await admin.federations.create("air", owner="admin", approval="manual")
    issued = await admin.federations.invite("air", lifetime=3)
    await jfk.federations.join(issued.invitation, owner="admin")
    info = await until(admin, "air", lambda info: bool(info.requests))
    await until(jfk, "air", lambda _: time.time() > issued.expires)
    await admin.federations.approve("air", info.requests[0].id)
    await until(jfk, "air", lambda info: info.state == "active")


async def test_who_was_expelled_while_away_can_leave_and_come_back(launch: Launch, join, until) -> None:
    admin, jfk = await launch("ewr", "admin"), await launch("jfk")
    await admin.federations.create("air", owner="admin")
    await join(admin, jfk)
    await jfk.stop()
    await admin.federations.expel("air", jfk.node_id)
    await admin.federations.sync("air")
    await admin.stop()
    admin = await launch("ewr", "admin")
    jfk = await launch("jfk")
    await until(jfk, "air", lambda info: info.problem is not None)
    await jfk.federations.leave("air")
    assert (await jfk.federations.status("air")).state == "leaving"
    await jfk.federations.leave("air")
    with pytest.raises(NotFound):
        await jfk.federations.status("air")
    assert (await join(admin, jfk)).state == "active"


async def test_of_two_that_are_founded_at_once_under_one_name_one_is(launch: Launch, until) -> None:
    admin = await launch("ewr", "admin")
    tries = [admin.federations.create("air", owner="admin") for _ in range(4)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, FederationInfo) for result in results) == 1
    assert sum(isinstance(result, AlreadyExists) for result in results) == 3
    driver = admin.federations._drivers["air"]
    info = await until(admin, "air", lambda info: info.connected)
    assert driver.row.federation_id == info.federation_id


async def test_a_request_that_waits_to_be_sent_is_void_once_it_was_granted(launch: Launch, until) -> None:
    admin, jfk = await launch("ewr", "admin"), await launch("jfk")
    await admin.federations.create("air", owner="admin", approval="manual")
    issued = await admin.federations.invite("air")
    await jfk.federations.join(issued.invitation, owner="admin")
    driver = jfk.federations._drivers["air"]
    info = await until(admin, "air", lambda info: bool(info.requests))
    sent = driver._send_one

    async def unsure(bus: Bus, sequence: int) -> None:
        """As when the answer overtakes the acknowledgement of the request."""

    driver._send_one = unsure
    await driver.step(lambda machine: machine.republish(0.0))
    await admin.federations.approve("air", info.requests[0].id)
    await until(jfk, "air", lambda info: info.state == "active")
    driver._send_one = sent
    async with asyncio.timeout(SECONDS):
        await driver.all_sent()
    await jfk.federations.sync("air")
    assert jfk.problems() == {}


async def test_a_project_made_on_admission_is_made_once(launch: Launch, schema: Schema, until) -> None:
    admin, jfk = await launch("ewr", "admin"), await launch("jfk")
    await admin.federations.create("air", owner="admin")
    await admin.projects.create("delays", owner="admin", schema=schema, federation="air")
    issued = await admin.federations.invite("air")
    await jfk.federations.join(issued.invitation, owner="admin", project="mine", wait=SECONDS)
    driver = jfk.federations._drivers["air"]
    await until(jfk, "air", lambda _: driver.row.broker["project"] is None)
    await jfk.projects.delete("mine")
    await jfk.stop()
    jfk = await launch("jfk")
    await until(jfk, "air", lambda info: info.connected)
    assert await jfk.projects.list() == []
