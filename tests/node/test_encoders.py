"""Encoders of a node: learned, set by hand, assigned to projects whose rows then pass through them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.statistics import Coded, Moments, Schema, Table
from node.config import NodeConfig
from node.errors import AlreadyExists, BadRequest, InUse, NotFound
from node.node import Node
from node.tasks import Task

CITIES = ("Bari", "Como", "Lodi", "Pisa")


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with Node(NodeConfig(home=tmp_path / "home", workers=1)) as running:
        yield running


def visits(rows: int, seed: int) -> Table:
    """Rows whose target depends on the city; one city in ten is missing."""
    rng = np.random.default_rng(seed)
    city = rng.integers(0, 4, rows)
    ill = (rng.random(rows) < 0.2 * (city + 1)).astype(float)
    codes = np.where(rng.random(rows) < 0.1, -1, city).astype(np.int32)
    return Table({"city": Coded(codes, CITIES), "age": rng.integers(20, 90, rows).astype(float), "ill": ill})


async def made(node: Node, **more: Any) -> Any:
    await node.encoders.create("cities", owner="ada", kind="target", target="ill", binary=True, **more)
    return await node.encoders.learn("cities", visits(1000, 1))


async def test_an_encoder_learns_and_forgets(node: Node) -> None:
    info = await made(node)
    assert (info.rows, info.kind, list(info.columns)) == (1000, "target", ["city"])
    twice = await node.encoders.learn("cities", visits(500, 2))
    assert twice.digest != info.digest
    again = await node.encoders.learn("cities", visits(500, 2), -1)
    assert (again.rows, again.digest) == (1000, info.digest)
    with pytest.raises(BadRequest, match="rows more were forgotten than learned"):
        await node.encoders.learn("cities", visits(2000, 3), -1)
    with pytest.raises(AlreadyExists):
        await made(node)
    with pytest.raises(NotFound, match="no encoder 'towns'"):
        await node.encoders.info("towns")


async def test_its_values_are_shown_and_can_be_set_by_hand(node: Node) -> None:
    await made(node)
    table = visits(1000, 1)
    codes = table.columns["city"].codes
    values = {item.value: item for item in await node.encoders.values("cities", "city")}
    assert [values[city].count for city in CITIES] == [float((codes == at).sum()) for at in range(4)]
    assert values["Bari"].sum == table.columns["ill"][codes == 0].sum()
    (statistics,) = await node.encoders.statistics("cities")
    counts = np.array([item.count for item in values.values()])
    assert (statistics.key, statistics.count) == ("city", 4)
    assert (statistics.mean, statistics.variance) == (counts.mean(), counts.var())
    await node.encoders.set_values("cities", {"city": {"Bari": (10, 9), "Rome": (4, 1)}})
    values = {item.value: item for item in await node.encoders.values("cities", "city")}
    assert (values["Bari"].count, values["Bari"].sum, values["Rome"].count) == (10, 9, 4)
    with pytest.raises(NotFound, match="column 'street'"):
        await node.encoders.values("cities", "street")


async def test_what_a_project_learns_and_predicts_passes_through_its_encoder(node: Node) -> None:
    await made(node)
    snapshot = await node.encoders.snapshot("cities")
    info = await node.projects.create("p", owner="ada", encoder=snapshot)
    assert (info.encoder.name, info.encoder.columns) == ("cities", {"city": "S"})
    await node.encoders.learn("cities", visits(300, 9))  # what it learns later changes no project
    rows = visits(400, 5)
    info = await node.projects.learn("p", rows)
    assert {a.name: a.type for a in info.attributes} == {"city": "C", "age": "C", "ill": "B"}
    mean = (await node.exploration.explore("p", "uni", ["city"])).values["city"]["mean"]
    means = {item.value: item.sum / item.count for item in await node.encoders.values("cities", "city")}
    expected = dict(zip(CITIES, (None,) * 4, strict=True))
    codes = rows.columns["city"].codes
    first = visits(1000, 1)
    for at, city in enumerate(CITIES):
        expected[city] = first.columns["ill"][first.columns["city"].codes == at].mean()
        assert expected[city] != means[city]
    present = codes >= 0
    assert mean == pytest.approx(np.mean([expected[CITIES[code]] for code in codes[present]]), rel=1e-9)
    await node.models.fit("p", "m", "mlr", "ill", ["city"])
    new = Table({"city": Coded.of(["Pisa", "Rome", None])})
    answers = (await node.models.predict("p", "m", new))["res"]
    intercept, slope = (await node.models.get("p", "m")).model["coef"]
    assert answers[0] == pytest.approx(intercept + slope * expected["Pisa"], rel=1e-9)
    assert answers[1] == pytest.approx(intercept + slope * first.columns["ill"].mean(), rel=1e-9)
    forgotten = await node.projects.forget("p", rows)
    assert forgotten.rows == 0


async def finished(node: Node, project: str, parameters: dict[str, Any]) -> Any:
    task = await node.jobs.submit("learn", actor=node.first_key, project=project, parameters=parameters)
    while not task.finished:
        task = await node.jobs.wait(task.id, 60)
    return task


async def test_a_file_is_learned_by_a_job_as_its_rows_are(node: Node, tmp_path: Path) -> None:
    await made(node)
    table = visits(400, 5)
    path = tmp_path / "visits.csv"
    cities = [city or "" for city in table.columns["city"].decode()]
    lines = zip(cities, table.columns["age"], table.columns["ill"], strict=True)
    path.write_text("city,age,ill\n" + "".join(f"{a},{b:g},{c:g}\n" for a, b, c in lines))
    snapshot = await node.encoders.snapshot("cities")
    schema = Schema.from_dict(
        {"attributes": [{"name": "city", "type": "C", "quantum": "2^-40"}, {"name": "ill", "type": "B"}]}
    )
    for name, given in (("free", None), ("fixed", schema)):
        await node.projects.create(name, owner="ada", schema=given, encoder=snapshot)
        await node.projects.create(f"{name} rows", owner="ada", schema=given, encoder=snapshot)
        rows = table if given is None else Table({k: table.columns[k] for k in ("city", "ill")})
        expected = await node.projects.learn(f"{name} rows", rows)
        done = await finished(node, name, {"path": str(path), "types": {"city": "S"}})
        assert done.result["digest"] == expected.digest, done.error
    json_rows = {"names": ["city", "ill"], "rows": [["Pisa", 1], ["", 0]], "types": {"city": "S", "ill": "B"}}
    done = await finished(node, "fixed", {"table": json_rows})
    assert done.result["rows"] == 402, done.error


async def learned(node: Node, encoder: str, path: Path, kind: str = "encoder_learn") -> Task:
    parameters = {"encoder": encoder, "path": str(path)}
    task = await node.jobs.submit(kind, actor=node.first_key, parameters=parameters)
    while not task.finished:
        task = await node.jobs.wait(task.id, 60)
    return task


async def test_an_encoder_learns_a_file(node: Node, tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("ward,ill,note\n7,1,a\n7,0,b\n8,1,\n")
    await node.encoders.create("e", owner="ada", kind="target", target="ill", keys=["ward"], binary=True)
    assert (await learned(node, "e", path)).error is None
    values = await node.encoders.values("e", "ward")
    assert [(item.value, item.count, item.sum) for item in values] == [("7", 2.0, 1.0), ("8", 1.0, 1.0)]
    await node.encoders.create("all", owner="ada", kind="onehot")
    await learned(node, "all", path)
    info = await node.encoders.info("all")
    assert [a.name for a in info.columns["note"]] == ["note=a", "note=b"]
    assert "does not exist" in (await learned(node, "e", tmp_path / "nope.csv")).error
    await learned(node, "e", path, "encoder_forget")
    assert (await node.encoders.info("e")).rows == 0
    assert "3 rows more were forgotten" in (await learned(node, "e", path, "encoder_forget")).error
    assert (await node.encoders.info("e")).rows == 0


async def test_an_encoder_can_have_the_statistics_of_a_project(node: Node) -> None:
    """In a federation they are those of all members, and so each of them has the same encoding."""
    schema = Schema.from_dict({"attributes": [{"name": "city", "type": "S"}, {"name": "ill", "type": "B"}]})
    await node.projects.create("source", owner="ada", schema=schema)
    table = visits(1000, 1)
    await node.projects.learn("source", Table({k: table.columns[k] for k in ("city", "ill")}))
    of_project = {"kind": "target", "target": "ill", "binary": True, "project": "source"}
    await node.encoders.create("theirs", owner="ada", **of_project)
    assert (await node.encoders.info("theirs")).digest == (await made(node)).digest
    with pytest.raises(BadRequest, match="has the statistics of project 'source'"):
        await node.encoders.learn("theirs", table)


async def test_an_encoder_in_use_stays_and_a_project_with_rows_gets_none(node: Node) -> None:
    await made(node)
    snapshot = await node.encoders.snapshot("cities")
    await node.projects.create("p", owner="ada")
    await node.projects.assign_encoder("p", snapshot)
    with pytest.raises(InUse, match="in use by 'p'"):
        await node.encoders.delete("cities")
    assert (await node.encoders.info("cities")).used_by == ("p",)
    await node.projects.learn("p", visits(50, 2))
    with pytest.raises(BadRequest, match="has learned rows already"):
        await node.projects.assign_encoder("p", snapshot)
    await node.projects.delete("p")
    await node.encoders.delete("cities")
    assert await node.encoders.list() == []


async def test_encoders_survive_a_restart(tmp_path: Path) -> None:
    config = NodeConfig(home=tmp_path / "home", workers=1)
    async with Node(config) as node:
        digest = (await made(node)).digest
        await node.projects.create("p", owner="ada", encoder=await node.encoders.snapshot("cities"))
        before = await node.projects.learn("p", visits(100, 4))
    async with Node(config) as node:
        assert (await node.encoders.info("cities")).digest == digest
        again = await node.projects.forget("p", visits(100, 4))
        assert (again.rows, again.encoder) == (0, before.encoder)
        empty = Moments(Schema.from_dict({"attributes": []}))
        assert again.rows == empty.rows


async def test_a_hashing_encoder_has_nothing_to_learn(node: Node) -> None:
    await node.encoders.create("h", owner="ada", kind="hashing", keys=["city"], parameters={"bins": 16})
    with pytest.raises(BadRequest, match="learns nothing"):
        await node.encoders.learn("h", visits(10, 1))
    await node.projects.create("p", owner="ada", encoder=await node.encoders.snapshot("h"))
    info = await node.projects.learn("p", visits(100, 4))
    assert sum(a.name.startswith("hash.") for a in info.attributes) == 16
    await node.encoders.create("empty", owner="ada", kind="onehot")
    with pytest.raises(BadRequest, match="learned nothing"):
        await node.encoders.snapshot("empty")


async def test_numbers_are_learned_by_their_bins(node: Node, tmp_path: Path) -> None:
    await node.encoders.create("ages", owner="ada", kind="binning", keys=["age"], parameters={"bins": 4})
    await node.encoders.learn("ages", visits(1000, 1))
    await node.projects.create("p", owner="ada", encoder=await node.encoders.snapshot("ages"))
    rows = visits(400, 5)
    info = await node.projects.learn("p", rows)
    assert {a.name: a.type for a in info.attributes} == {"city": "T", "age": "T", "ill": "B"}
    path = tmp_path / "visits.csv"
    cities = [city or "" for city in rows.columns["city"].decode()]
    lines = zip(cities, rows.columns["age"], rows.columns["ill"], strict=True)
    path.write_text("city,age,ill\n" + "".join(f"{a},{b:g},{c:g}\n" for a, b, c in lines))
    await node.projects.create("f", owner="ada", encoder=await node.encoders.snapshot("ages"))
    done = await finished(node, "f", {"path": str(path)})
    assert done.result["digest"] == info.digest, done.error
    await node.encoders.create("by file", owner="ada", kind="binning", keys=["age"], parameters={"bins": 4})
    await learned(node, "by file", path)
    await node.encoders.create("by rows", owner="ada", kind="binning", keys=["age"], parameters={"bins": 4})
    by_rows = await node.encoders.learn("by rows", rows)
    assert (await node.encoders.info("by file")).digest == by_rows.digest
