"""Nodes that share projects over a real NATS server: what each learns, all answer, equal to the bit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from federation.encoders import Encoding
from federation.explore import explore
from federation.models import fit
from federation.statistics import Coded, Moments, Schema, Table
from node.errors import BadRequest, Unavailable
from node.node import Node

Launch = Callable[..., Awaitable[Node]]
SECONDS = 30


async def test_three_nodes_hold_the_pooled_statistics_to_the_bit(
    launch: Launch, schema: Schema, table: Callable[..., Table], direct, join, until
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
    launch: Launch, table: Callable[..., Table], join, until
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


async def test_members_count_what_the_admin_made_the_project_count(
    launch: Launch, table, join, until
) -> None:
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


async def test_members_learn_the_powers_and_sequences_of_the_admins_project(
    launch: Launch, table, join, until
) -> None:
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
    join,
    until,
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
    launch: Launch, schema: Schema, table: Callable[..., Table], direct, join, until
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
    await until(jfk, "air", lambda _: "federation air" in jfk.problems())
    await jfk.projects.learn("delays", table(300, seed=3))
    admin = await launch("ewr", "admin")
    pooled = direct(table(500, seed=1), table(700, seed=2), table(300, seed=3))
    for node in (admin, jfk):
        info = await until(node, "air", lambda info: info.projects[0].rows == 1500)
        assert info.projects[0].digest == pooled.digest()
    assert jfk.problems() == {}


async def test_without_the_quorum_nothing_is_answered(launch: Launch, schema: Schema, table, join) -> None:
    admin, jfk = await launch("ewr", "admin"), await launch("jfk")
    await admin.federations.create("air", owner="admin")
    await join(admin, jfk)
    await admin.projects.create("delays", owner="admin", schema=schema, federation="air")
    await admin.projects.learn("delays", table(100))
    with pytest.raises(Unavailable, match="missing: jfk"):
        await admin.exploration.explore("delays", "uni", ["distance"])


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


async def test_a_damaged_value_of_one_member_does_not_keep_the_others_from_being_heard(
    launch: Launch, schema: Schema, table: Callable[..., Table], join, until
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
    launch: Launch, schema: Schema, table: Callable[..., Table], monkeypatch: pytest.MonkeyPatch, until
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
