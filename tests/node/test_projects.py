"""Projects: learning, forgetting, exploring, models; what is refused and what survives."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from federation.statistics import Moments, Schema, Table
from node.config import NodeConfig
from node.errors import AlreadyExists, BadRequest, Forbidden, NotFound, Unavailable
from node.keys import Role
from node.node import Node
from node.places import Place


@pytest.fixture
async def project(node: Node, schema: Schema) -> str:
    await node.projects.create("flights", owner="ann", schema=schema)
    return "flights"


async def test_learning_in_parts_is_learning_the_whole(node: Node, project: str, table, direct) -> None:
    parts = [table(50, seed) for seed in range(20)]
    await asyncio.gather(*(node.projects.learn(project, part) for part in parts))
    info = await node.projects.info(project)
    assert (info.rows, info.version, info.digest) == (1000, 20, direct(*parts).digest())


async def test_forgetting_leaves_no_trace(node: Node, project: str, table, direct) -> None:
    await node.projects.learn(project, table(100, 1))
    await node.projects.learn(project, table(50, 2))
    info = await node.projects.forget(project, table(50, 2))
    assert info.digest == direct(table(100, 1)).digest()
    assert info.version == 3


async def test_what_was_never_learned_cannot_be_forgotten(node: Node, project: str, table) -> None:
    await node.projects.learn(project, table(100, 1))
    before = await node.projects.info(project)
    with pytest.raises(BadRequest, match="forgotten"):
        await node.projects.forget(project, table(101, 1))
    with pytest.raises(BadRequest, match="forgotten"):
        await node.projects.forget(project, table(50, 2))
    assert await node.projects.info(project) == before


async def test_a_project_without_a_schema_takes_it_from_its_first_rows_and_grows(node: Node) -> None:
    await node.projects.create("free", owner="ann")
    await node.projects.learn("free", Table.from_rows(["x", "kind"], [[1.5, "a"], [2.25, "b"]]))
    info = await node.projects.learn("free", Table.from_rows(["x", "y"], [[3, 7]]))
    assert [(a.name, a.type) for a in info.attributes] == [("x", "C"), ("kind", "T"), ("y", "C")]
    assert info.rows == 3
    moments = (await node.projects.statistics("free")).moments
    assert moments.univariate("y").missing == 2
    info = await node.projects.forget("free", Table.from_rows(["x", "y"], [[3, 7]]))
    assert info.rows == 2


async def test_a_given_schema_does_not_grow(node: Node, project: str, table) -> None:
    rows = table(3)
    with pytest.raises(BadRequest, match="no attribute 'typo'"):
        await node.projects.learn(project, Table({**rows.columns, "typo": rows.columns["delay"]}))
    with pytest.raises(BadRequest, match="carrier"):
        await node.projects.learn(
            project, Table({name: column for name, column in rows.columns.items() if name != "carrier"})
        )
    with pytest.raises(BadRequest, match=r"'distance'.*row 2"):
        await node.projects.learn(
            project, Table.from_rows(list(rows.names), [[1, 2, 0, "AA"], [1, float("inf"), 0, "AA"]])
        )
    assert (await node.projects.info(project)).rows == 0


async def test_models_are_kept_with_whose_rows_are_in_them(node: Node, project: str, table) -> None:
    await node.projects.learn(project, table(500))
    record = await node.models.fit(project, "m", "mlr", "delay", ["distance", "carrier"], {})
    assert record.rows == 500
    assert [(share.name, share.rows) for share in record.contributions] == [(node.name, 500)]
    assert await node.models.get(project, "m") == record
    assert (await node.projects.info(project)).models == ("m",)
    assert len((await node.models.predict(project, "m", table(7)))["res"]) == 7
    await node.models.fit(project, "m", "ridge", "delay", ["distance"], {"alpha": "2"})
    assert [m.algorithm for m in await node.models.list(project)] == ["ridge"]
    await node.models.delete(project, "m")
    with pytest.raises(NotFound, match="no model 'm'"):
        await node.models.get(project, "m")


async def test_a_project_is_compared_with_another(node: Node, project: str, table) -> None:
    await node.projects.create("later", owner="ann")
    await node.projects.learn(project, table(80, seed=1))
    await node.projects.learn("later", table(50, seed=2))
    answer = await node.exploration.drift("later", project, "global", ["delay", "distance"])
    assert set(answer.values) == {"driftScore", "delay_drift", "distance_drift"}
    assert (answer.rows, answer.baseline_rows) == (50, 80)
    assert [share.rows for share in answer.baseline_contributions] == [80]
    same = await node.exploration.drift(project, project, "marginal_stat")
    assert same.values["driftScore"] == pytest.approx(0.0, abs=1e-7)
    with pytest.raises(BadRequest, match="no metric of drift"):
        await node.exploration.drift("later", project, "sideways")


async def test_every_metric_tells_what_it_takes(node: Node) -> None:
    metrics = {metric.name: metric for metric in await node.exploration.metrics()}
    assert metrics["ttest"].attributes == (1, 2)
    assert [parameter.name for parameter in metrics["ttestmu"].parameters] == ["mu"]
    assert {drift.name for drift in await node.exploration.drifts()} >= {"global", "marginal_stat"}


async def test_bad_questions_are_refused_with_their_reason(node: Node, project: str, table) -> None:
    await node.projects.learn(project, table(50))
    for question in [
        node.exploration.explore(project, "uni", ["altitude"]),
        node.exploration.explore(project, "bi", ["delay"]),
        node.exploration.explore(project, "tri", ["delay"]),
        node.models.fit(project, "m", "magic", "delay", ["distance"], {}),
        node.models.fit(project, "m", "mlr", "delay", ["altitude"], {}),
        node.models.fit(project, "a/b", "mlr", "delay", ["distance"], {}),
        node.projects.create("", owner="ann"),
        node.projects.create("a/b", owner="ann"),
    ]:
        with pytest.raises(BadRequest):
            await question


async def test_projects_are_renamed_and_deleted(node: Node, project: str, table) -> None:
    await node.projects.learn(project, table(50))
    with pytest.raises(AlreadyExists):
        await node.projects.create(project, owner="bob")
    assert (await node.projects.rename(project, "air")).rows == 50
    with pytest.raises(NotFound):
        await node.projects.info(project)
    await node.projects.delete("air")
    assert await node.projects.list() == []
    with pytest.raises(NotFound):
        await node.projects.learn("air", table(1))


async def test_a_project_of_a_federation_needs_the_federation(node: Node) -> None:
    with pytest.raises(NotFound, match="in no federation 'sea'"):
        await node.projects.create("p", owner="ann", federation="sea")


async def test_a_caller_that_gives_up_does_not_stop_a_change(node: Node, project: str, table) -> None:
    task = asyncio.create_task(node.projects.learn(project, table(5000)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    info = await node.projects.learn(project, table(10))
    assert (info.rows, info.version) in {(5010, 2), (10, 1)}
    total = (await node.projects.statistics(project)).moments
    assert total.digest() == (await node.projects.info(project)).digest


async def test_everything_is_there_after_a_restart(tmp_path: Path, schema: Schema, table) -> None:
    config = NodeConfig(home=tmp_path / "home")
    async with Node(config) as node:
        node_id, key = node.node_id, node.first_key
        await node.projects.create("flights", owner="ann", schema=schema)
        await node.projects.learn("flights", table(100))
        before = await node.projects.info("flights")
        user = await node.keys.create("bob", Role.USER)
    async with Node(config) as node:
        assert (node.node_id, node.first_key) == (node_id, key)
        assert await node.projects.info("flights") == before
        assert node.keys.find(user.access_key) == user
        assert (await node.projects.statistics("flights")).moments == Moments(schema).learn(table(100))


async def test_the_schema_of_a_file_is_told_to_those_who_may_ask(node: Node, csv_file, table) -> None:
    place = Place.of_file(str(csv_file(table(100))), None)
    found, remarks = await node.projects.schema_from(place, actor=node.first_key, types={"night": "T"})
    assert remarks == []
    assert {a.name: a.type.value for a in found.attributes} == {
        "delay": "C",
        "distance": "C",
        "night": "T",
        "carrier": "T",
    }
    user = await node.keys.create("bob", Role.ANNOTATOR)
    with pytest.raises(Forbidden):
        await node.projects.schema_from(place, actor=user)


def test_unavailable_and_its_kin_have_codes() -> None:
    assert {error.code for error in (BadRequest, Forbidden, NotFound, AlreadyExists, Unavailable)} == {
        "bad_request",
        "forbidden",
        "not_found",
        "already_exists",
        "unavailable",
    }
