"""Nodes that federate over a real NATS server: found, invite, join, learn, agree to the bit, leave."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from federation.encoders import Encoding
from federation.explore import explore
from federation.models import fit
from federation.statistics import Coded, Moments, Schema, Table
from node.answers import FederationInfo
from node.config import NodeConfig
from node.errors import AlreadyExists, BadRequest, NotFound, Unavailable
from node.node import Node
from transport.bus import Bus

SECONDS = 30

Launch = Callable[..., Awaitable[Node]]


@pytest.fixture
async def launch(tmp_path: Path) -> AsyncIterator[Launch]:
    """Start a node by name; the same name again after `stop` is the same node."""
    async with AsyncExitStack() as stack:

        async def start(name: str, role: str = "peer") -> Node:
            node = Node(NodeConfig(home=tmp_path / name, name=name, role=role, workers=1))
            await node.start()
            stack.push_async_callback(node.stop)
            return node

        yield start


async def until(node: Node, name: str, condition: Callable[[FederationInfo], bool]) -> FederationInfo:
    """The federation's status once it is as wished."""
    async with asyncio.timeout(SECONDS):
        while not condition(info := await node.federations.status(name)):
            await wait_for_change(node, name)
    return info


async def wait_for_change(node: Node, name: str) -> None:
    driver = node.federations._drivers[name]
    try:
        async with asyncio.timeout(0.2):
            await driver.changed()
    except TimeoutError:
        pass


async def join(admin: Node, peer: Node, name: str = "air") -> FederationInfo:
    issued = await admin.federations.invite(name)
    return await peer.federations.join(issued.invitation, owner="admin", wait=SECONDS)


async def test_three_nodes_hold_the_pooled_statistics_to_the_bit(
    launch: Launch, schema: Schema, table: Callable[..., Table], direct
) -> None:
    admin, jfk, lga = await launch("ewr", "admin"), await launch("jfk"), await launch("lga")
    await admin.federations.create("air", owner="admin")
    for peer in (jfk, lga):
        assert (await join(admin, peer)).state == "active"
    await admin.projects.create("delays", owner="admin", schema=schema, federation="air")
    tables = [table(1000, seed=seed) for seed in range(3)]
    await admin.projects.learn("delays", tables[0])
    for peer, rows in ((jfk, tables[1]), (lga, tables[2])):
        await until(peer, "air", lambda info: bool(info.projects))
        await peer.projects.create("delays", owner="admin", federation="air")
        await peer.projects.learn("delays", rows)
    pooled = direct(*tables)
    for node in (admin, jfk, lga):
        info = await until(node, "air", lambda info: info.projects[0].rows == 3000)
        assert info.projects[0].digest == pooled.digest()
        statistics = await node.projects.statistics("delays")
        assert {share.name: share.rows for share in statistics.contributions} == {
            "ewr": 1000,
            "jfk": 1000,
            "lga": 1000,
        }
        answer = await node.exploration.explore("delays", "anova", ["delay"], ["carrier"])
        assert answer.values == explore("anova", pooled, ["delay"], ["carrier"])
        assert (answer.rows, len(answer.contributions)) == (3000, 3)
        own = await node.exploration.explore("delays", "uni", ["distance"], local=True)
        assert (own.rows, [share.name for share in own.contributions]) == (1000, [node.name])
    stats = await lga.federations.sync_stats("air")
    assert stats.contributions_received == 2
    assert stats.waiting == 0


async def test_members_encode_by_what_all_of_them_learned(
    launch: Launch, table: Callable[..., Table]
) -> None:
    """Encoders of a federation's project are the same everywhere, and so is what is learned through them."""
    admin, jfk = await launch("ewr", "admin"), await launch("jfk")
    await admin.federations.create("air", owner="admin")
    await join(admin, jfk)
    texts = {"attributes": [{"name": "carrier", "type": "S"}, {"name": "night", "type": "B"}]}
    await admin.projects.create("carriers", owner="admin", schema=Schema.from_dict(texts), federation="air")
    tables = [table(500, seed=1), table(700, seed=2)]
    parts = [Table({key: rows.columns[key] for key in ("carrier", "night")}) for rows in tables]
    await until(jfk, "air", lambda info: bool(info.projects))
    await jfk.projects.create("carriers", owner="admin", federation="air")
    encoder = {"kind": "target", "target": "night", "binary": True, "project": "carriers"}
    snapshots = []
    for node, rows in zip((admin, jfk), parts, strict=True):
        await node.projects.learn("carriers", rows)
    for node in (admin, jfk):
        await until(node, "air", lambda info: info.projects[0].rows == 1200)
        await node.encoders.create("e", owner="admin", **encoder)
        snapshots.append(await node.encoders.snapshot("e"))
    assert snapshots[0].use == snapshots[1].use
    encoding = Encoding.from_dict(json.loads(snapshots[0].data))
    raw = Schema.from_dict(
        {"attributes": [*texts["attributes"], {"name": "delay", "type": "C", "quantum": "0.1"}]}
    )
    schema = encoding.encoded(raw)
    await admin.projects.create(
        "delays", owner="admin", schema=schema, federation="air", encoder=snapshots[0]
    )
    await until(jfk, "air", lambda info: len(info.projects) == 2)
    await jfk.projects.create("delays", owner="admin", federation="air", encoder=snapshots[1])
    pooled = Moments((await jfk.projects.row("delays")).schema)
    for node, rows in zip((admin, jfk), tables, strict=True):
        part = Table({key: rows.columns[key] for key in ("carrier", "night", "delay")})
        await node.projects.learn("delays", part)
        pooled.learn(encoding.transform(part))
    for node in (admin, jfk):
        await until(node, "air", lambda info: {p.name: p.rows for p in info.projects}["delays"] == 1200)
        assert (await node.projects.statistics("delays")).moments.digest() == pooled.digest()


async def test_members_count_what_the_admin_made_the_project_count(launch: Launch, table) -> None:
    admin, jfk = await launch("ewr", "admin"), await launch("jfk")
    await admin.federations.create("air", owner="admin")
    await join(admin, jfk)
    parameters = {"enableHistogram": False, "partitionSplit": "carrier"}
    await admin.projects.create("open", owner="admin", federation="air", parameters=parameters)
    await until(jfk, "air", lambda info: bool(info.projects))
    for options, words in (
        ({"enableHistogram": True}, "counts no profiles, as agreed"),
        ({"partitionSplit": "night"}, "is split by carrier, as agreed"),
    ):
        with pytest.raises(BadRequest, match=words):
            await jfk.projects.create("open", owner="admin", federation="air", parameters=options)
    made = await jfk.projects.create("open", owner="admin", federation="air")
    assert (made.extras, made.split, made.attributes) == ((), "carrier", ())
    await admin.projects.learn("open", table(100, seed=1))
    await jfk.projects.learn("open", table(200, seed=2))  # the attributes are left open
    schema = Schema.infer(table(100)).restrict(table(1).names)
    pooled = Moments(replace(schema, split="carrier")).learn(table(100, seed=1)).learn(table(200, seed=2))
    for node in (admin, jfk):
        await until(node, "air", lambda info: info.projects[0].rows == 300)
        moments = (await node.projects.statistics("open")).moments
        assert moments.parts().keys() == pooled.parts().keys()
        assert moments.part("UA") == pooled.part("UA").grow(moments.part("UA").schema)
        with pytest.raises(BadRequest, match="'open' takes part in 'air': its statistics are not handed out"):
            await node.transfer.export("open")


async def test_members_learn_the_powers_and_sequences_of_the_admins_project(launch: Launch, table) -> None:
    admin, jfk = await launch("ewr", "admin"), await launch("jfk")
    await admin.federations.create("air", owner="admin")
    await join(admin, jfk)
    options = {f"sml_project_power_{name}": at for name, at in (("min", -1), ("max", 1), ("steps", 3))}
    powers = {"sml_project_power_column": "distance"} | options
    schema = Schema.infer(table(100)).restrict(["distance", "delay"])
    await admin.projects.create("far", owner="admin", schema=schema, federation="air", parameters=powers)
    chain = {"sml_project_order": 1}
    await admin.projects.create("chain", owner="admin", federation="air", parameters=chain)
    await until(jfk, "air", lambda info: len(info.projects) == 2)
    other = powers | {"sml_project_power_max": 2}
    with pytest.raises(BadRequest, match=r"has no 'pt_distance\^0.5': other attributes are agreed"):
        await jfk.projects.create("far", owner="admin", federation="air", parameters=other)
    made = await jfk.projects.create("far", owner="admin", federation="air")
    assert made.parameters == powers  # the agreed attributes tell them
    await jfk.projects.create("chain", owner="admin", federation="air", parameters=chain)
    for at, node in enumerate((admin, jfk)):
        await node.projects.learn("far", Table({k: table(100, seed=at).columns[k] for k in schema.names}))
        await node.projects.learn("chain", Table({"carrier": Coded.of(["UA", "AA"] * 20)}))
    rows = {"far": 200, "chain": 78}
    await until(jfk, "air", lambda info: {p.name: p.rows for p in info.projects} == rows)
    fitted = await jfk.models.fit("far", "m", "powerreg", "delay", ["distance"])
    assert (fitted.rows, fitted.model["powers"]) == (200, [-1.0, 0.0, 1.0])
    chained = await jfk.models.fit("chain", "m", "mc", None, ["ngram"])
    assert chained.model["ngrams"] == {"AA|UA": 38, "UA|AA": 40}
    await jfk.projects.delete("far")
    await jfk.projects.create("near", owner="admin")
    shared = await jfk.projects.share("near", "air", "far")
    assert shared.parameters == powers


async def test_a_model_selected_on_one_node_is_that_of_all_members_rows(
    launch: Launch,
    schema: Schema,
    table: Callable[..., Table],
    csv_file: Callable[..., Path],
    direct: Callable[..., Moments],
) -> None:
    admin, jfk = await launch("ewr", "admin"), await launch("jfk")
    await admin.federations.create("air", owner="admin")
    await join(admin, jfk)
    await admin.projects.create("delays", owner="admin", schema=schema, federation="air")
    await until(jfk, "air", lambda info: bool(info.projects))
    await jfk.projects.create("delays", owner="admin", federation="air")
    tables = [table(400, seed=seed) for seed in range(2)]
    for node, rows in zip((admin, jfk), tables, strict=True):
        await node.projects.learn("delays", rows)
    await until(jfk, "air", lambda info: info.projects[0].rows == 800)
    inputs = ["distance", "night", "carrier"]
    parameters = {"model": "m", "algorithm": "mlr", "target": "delay", "inputs": inputs}
    task = await jfk.jobs.submit(
        "select",
        actor=jfk.first_key,
        project="delays",
        parameters=parameters | {"path": str(csv_file(table(300, seed=9)))},
    )
    async with asyncio.timeout(SECONDS):
        while not task.finished:
            task = await jfk.jobs.wait(task.id, 10, seen=task)
    assert task.error is None
    record = await jfk.models.get("delays", "m")
    assert record.model == fit("mlr", direct(*tables), "delay", record.inputs).to_dict()
    assert {share.name: share.rows for share in record.contributions} == {"ewr": 400, "jfk": 400}


async def test_a_node_catches_up_after_it_was_away(
    launch: Launch, schema: Schema, table: Callable[..., Table], direct
) -> None:
    admin, jfk = await launch("ewr", "admin"), await launch("jfk")
    await admin.federations.create("air", owner="admin")
    await join(admin, jfk)
    await admin.projects.create("delays", owner="admin", schema=schema, federation="air")
    await until(jfk, "air", lambda info: bool(info.projects))
    await jfk.projects.create("delays", owner="admin", federation="air")
    await jfk.projects.learn("delays", table(500, seed=1))
    await jfk.stop()
    await admin.projects.learn("delays", table(700, seed=2))
    await admin.stop()
    jfk = await launch("jfk")  # its broker is away: it goes on alone, and says so
    async with asyncio.timeout(SECONDS):
        while "federation air" not in jfk.problems():
            await wait_for_change(jfk, "air")
    await jfk.projects.learn("delays", table(300, seed=3))
    admin = await launch("ewr", "admin")
    pooled = direct(table(500, seed=1), table(700, seed=2), table(300, seed=3))
    for node in (admin, jfk):
        info = await until(node, "air", lambda info: info.projects[0].rows == 1500)
        assert info.projects[0].digest == pooled.digest()
    assert jfk.problems() == {}


async def test_without_the_quorum_nothing_is_answered(launch: Launch, schema: Schema, table) -> None:
    admin, jfk = await launch("ewr", "admin"), await launch("jfk")
    await admin.federations.create("air", owner="admin")
    await join(admin, jfk)
    await admin.projects.create("delays", owner="admin", schema=schema, federation="air")
    await admin.projects.learn("delays", table(100))
    with pytest.raises(Unavailable, match="missing: jfk"):
        await admin.exploration.explore("delays", "uni", ["distance"])


async def test_a_person_decides_where_approval_is_manual(launch: Launch) -> None:
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


async def test_who_leaves_takes_its_rows_along(launch: Launch, schema: Schema, table, direct) -> None:
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


async def test_a_pulse_that_is_off_contributes_only_when_asked(launch: Launch, schema: Schema, table) -> None:
    admin = await launch("ewr", "admin")
    await admin.federations.create("air", owner="admin")
    await admin.projects.create("delays", owner="admin", schema=schema, federation="air")
    await admin.federations.stop("air")
    await admin.projects.learn("delays", table(100))
    with pytest.raises(Unavailable, match="missing: ewr"):
        await admin.projects.statistics("delays")
    await admin.federations.sync("air")
    assert (await admin.projects.statistics("delays")).moments.rows == 100


async def test_a_project_made_anew_brings_none_of_the_rows_of_the_one_before(
    launch: Launch, schema: Schema, table
) -> None:
    admin = await launch("ewr", "admin")
    await admin.federations.create("air", owner="admin")
    await admin.projects.create("delays", owner="admin", schema=schema, federation="air")
    await admin.projects.learn("delays", table(100))
    await admin.federations.sync("air")
    await admin.federations.stop("air")
    await admin.projects.delete("delays")
    await admin.projects.create("delays", owner="admin", federation="air")
    info = await admin.federations.sync("air")
    assert info.projects[0].rows == 0


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


async def test_a_damaged_value_of_one_member_does_not_keep_the_others_from_being_heard(
    launch: Launch, schema: Schema, table: Callable[..., Table]
) -> None:
    admin, jfk, lga = await launch("ewr", "admin"), await launch("jfk"), await launch("lga")
    await admin.federations.create("air", owner="admin")
    await admin.projects.create("delays", owner="admin", schema=schema, federation="air")
    await join(admin, jfk)
    await join(admin, lga)
    driver = jfk.federations._drivers["air"]
    await until(jfk, "air", lambda _: driver.connected)
    federation = driver.row.federation_id
    for project in ("0" * 64, "a b", "a\u00e9"):  # no manifest below it, or not even a slot
        subject = f"suffice.{federation}.state.statistics.{project.replace(' ', '+')}.{jfk.node_id}"
        await driver._bus.request(subject, b"not a manifest")
    await admin.stop()
    admin = await launch("ewr", "admin")  # lists it all again
    await until(lga, "air", lambda info: bool(info.projects))
    await lga.projects.create("delays", owner="admin", federation="air")
    await lga.projects.learn("delays", table(100))
    await until(admin, "air", lambda info: any(m.contributions for m in info.members))
    info = await admin.federations.status("air")
    assert info.connected
    assert info.problem is None
    errors = {line.message for line in await admin.federations.error_log("air")}
    assert sum(message.startswith("passed over") for message in errors) == 3


async def test_a_store_that_fails_for_a_while_does_not_end_the_pulse(
    launch: Launch, schema: Schema, table: Callable[..., Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await launch("ewr", "admin")
    await admin.federations.create("air", owner="admin")
    await admin.projects.create("delays", owner="admin", schema=schema, federation="air")
    failed = asyncio.Event()

    def full(*_: object) -> None:
        failed.set()
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("node.federation_rows.mark_shared", full)
        await admin.projects.learn("delays", table(100))
        async with asyncio.timeout(SECONDS):
            await failed.wait()
    await until(admin, "air", lambda info: bool(info.members[0].contributions))


async def test_who_is_admitted_after_its_invitation_expired_hears_of_it(launch: Launch) -> None:
    admin, jfk = await launch("ewr", "admin"), await launch("jfk")
    await admin.federations.create("air", owner="admin", approval="manual")
    issued = await admin.federations.invite("air", lifetime=3)
    await jfk.federations.join(issued.invitation, owner="admin")
    info = await until(admin, "air", lambda info: bool(info.requests))
    await until(jfk, "air", lambda _: time.time() > issued.expires)
    await admin.federations.approve("air", info.requests[0].id)
    await until(jfk, "air", lambda info: info.state == "active")


async def test_who_was_expelled_while_away_can_leave_and_come_back(launch: Launch) -> None:
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


async def test_of_two_that_are_founded_at_once_under_one_name_one_is(launch: Launch) -> None:
    admin = await launch("ewr", "admin")
    tries = [admin.federations.create("air", owner="admin") for _ in range(4)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, FederationInfo) for result in results) == 1
    assert sum(isinstance(result, AlreadyExists) for result in results) == 3
    driver = admin.federations._drivers["air"]
    info = await until(admin, "air", lambda info: info.connected)
    assert driver.row.federation_id == info.federation_id


async def test_a_request_that_waits_to_be_sent_is_void_once_it_was_granted(launch: Launch) -> None:
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


async def test_a_project_made_on_admission_is_made_once(launch: Launch, schema: Schema) -> None:
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
