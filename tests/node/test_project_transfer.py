"""Statistics that move between projects: merged, exported and imported, and what is refused."""

from __future__ import annotations

from base64 import b64decode, b64encode
from pathlib import Path

import pytest

from federation.statistics import Schema, Table
from node.config import NodeConfig
from node.errors import AlreadyExists, BadRequest, NotFound
from node.node import Node


async def test_merging_is_having_learned_both(node: Node, schema: Schema, table, direct) -> None:
    for name, seed in (("a", 1), ("b", 2)):
        await node.projects.create(name, owner="ann", schema=schema)
        await node.projects.learn(name, table(100, seed))
    other = await node.projects.info("b")
    merged = await node.transfer.merge("a", "b")
    assert (merged.rows, merged.version) == (200, 2)
    assert merged.digest == direct(table(100, 1), table(100, 2)).digest()
    assert await node.projects.info("b") == other


async def test_merging_adds_attributes_to_a_project_that_may_grow(node: Node, schema: Schema) -> None:
    await node.projects.create("free", owner="ann")
    await node.projects.learn("free", Table.from_rows(["x"], [[1.5], [2]]))
    await node.projects.create("other", owner="ann")
    await node.projects.learn("other", Table.from_rows(["x", "kind"], [[0.125, "a"]]))
    merged = await node.transfer.merge("free", "other")
    assert {a.name: a.quantum for a in merged.attributes} == {"x": "0.001", "kind": None}
    await node.projects.create("strict", owner="ann", schema=schema)
    with pytest.raises(BadRequest, match="'strict' has no attribute 'x', 'kind'"):
        await node.transfer.merge("strict", "other")


async def test_what_cannot_be_merged_is_refused_with_its_reason(node: Node, table) -> None:
    await node.projects.create("a", owner="ann")
    await node.projects.learn("a", table(10))
    await node.projects.create("slim", owner="ann", parameters={"enableHistogram": False})
    await node.projects.learn("slim", table(10))
    await node.projects.create("rolling", owner="ann", parameters={"sml_project_rolling_window_size": 5})
    await node.projects.create("odd", owner="ann")
    await node.projects.learn("odd", Table.from_rows(["carrier"], [[1.5]]))
    for name, other, words in (
        ("a", "a", "with itself"),
        ("a", "slim", "'slim' counts no profiles, which 'a' does"),
        ("rolling", "a", "'rolling' has a rolling window"),
        ("a", "odd", "'carrier' is of type"),
    ):
        with pytest.raises(BadRequest, match=words):
            await node.transfer.merge(name, other)
    with pytest.raises(NotFound):
        await node.transfer.merge("a", "none")
    assert (await node.transfer.merge("slim", "a")).rows == 20
    await node.projects.delete("odd")
    await node.projects.create("odd", owner="ann")
    await node.projects.freeze("a")
    with pytest.raises(BadRequest, match="frozen"):
        await node.transfer.merge("a", "odd")


async def test_a_project_is_carried_to_another_node(tmp_path: Path, schema: Schema, table) -> None:
    parameters = {"sml_project_predicate_row_filter": "delay > 0", "precision": 60}
    async with Node(NodeConfig(home=tmp_path / "one", workers=1)) as node:
        await node.projects.create("p", owner="ann", schema=schema, parameters=parameters)
        before = await node.projects.learn("p", table(300))
        exported = await node.transfer.export("p")
    config = NodeConfig(home=tmp_path / "two", workers=1)
    async with Node(config) as node:
        made = await node.transfer.import_project("q", exported, owner="bob")
        assert (made.rows, made.digest, made.attributes) == (before.rows, before.digest, before.attributes)
        assert (made.owner, made.parameters) == ("bob", parameters)
        with pytest.raises(AlreadyExists):
            await node.transfer.import_project("q", exported, owner="bob")
    async with Node(config) as node:
        assert (await node.projects.forget("q", table(300))).rows == 0


async def test_what_no_export_gave_is_refused(node: Node, schema: Schema, table) -> None:
    await node.projects.create("p", owner="ann", schema=schema)
    await node.projects.learn("p", table(20))
    good = await node.transfer.export("p")
    packed = bytearray(b64decode(good["statistics"]))
    packed[len(packed) // 2] ^= 255
    for change, words in (
        ({"format": "other"}, "not an exported project"),
        ({"statistics": "%%%"}, "damaged"),
        ({"statistics": b64encode(bytes(packed)).decode()}, "damaged"),
        ({"statistics": ""}, "damaged"),
        ({"parameters": {"partitionSplit": "no such column"}}, "not those of its schema"),
        ({"statistics": good["statistics"][: len(good["statistics"]) // 8 * 4]}, "damaged"),
        ({"schema": {"attributes": []}}, "not that of its statistics"),
        ({"parameters": {"nonsense": 1}}, "no project option 'nonsense'"),
    ):
        with pytest.raises(BadRequest, match=words):
            await node.transfer.import_project("q", good | change, owner="ann")
    assert [info.name for info in await node.projects.list()] == ["p"]


async def test_the_encoding_of_its_rows_travels_with_a_project(tmp_path: Path) -> None:
    rows = Table.from_rows(["city", "ill"], [["Bari", 1], ["Como", 0], ["Bari", 1], ["Como", 1]])
    async with Node(NodeConfig(home=tmp_path / "one", workers=1)) as node:
        await node.encoders.create("cities", owner="ada", kind="target", target="ill", binary=True)
        await node.encoders.learn("cities", rows)
        await node.projects.create("p", owner="ada", encoder=await node.encoders.snapshot("cities"))
        learned = await node.projects.learn("p", rows)
        exported = await node.transfer.export("p")
    async with Node(NodeConfig(home=tmp_path / "two", workers=1)) as node:
        made = await node.transfer.import_project("q", exported, owner="bob")
        assert (made.encoder, made.digest) == (learned.encoder, learned.digest)
        assert (await node.projects.forget("q", rows)).rows == 0
