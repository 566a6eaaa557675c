"""Encoders over HTTP: the native calls, and SymetryML's."""

from __future__ import annotations

import numpy as np
import pytest

CITIES = ["Bari", "Como", "Lodi", "Pisa"]


def visits(rows: int, seed: int) -> list[list[object]]:
    rng = np.random.default_rng(seed)
    city = rng.integers(0, 4, rows)
    ill = rng.random(rows) < 0.2 * (city + 1)
    return [
        [CITIES[c], int(a), int(i)] for c, a, i in zip(city, rng.integers(20, 90, rows), ill, strict=True)
    ]


ROWS = visits(400, 1)
NAMES = ["city", "age", "ill"]
FRAME = {"attributeNames": NAMES, "attributeTypes": ["S", "C", "B"], "data": ROWS}


def means() -> dict[str, float]:
    return {city: float(np.mean([ill for c, _, ill in ROWS if c == city])) for city in CITIES}


async def test_an_encoder_s_life(served):
    call = served.native
    body = {"name": "e", "target": "ill", "binary": True, "parameters": {"smoothing": 0}}
    made = await call("POST", "/api/encoders", body)
    assert (made.status, made.json["digest"], made.json["columns"]) == (201, None, {})
    assert (await call("POST", "/api/encoders", body)).error["code"] == "already_exists"
    learned = await call("POST", "/api/encoders/e/learn", {"names": NAMES, "rows": ROWS})
    assert (learned.status, learned.json["rows"], list(learned.json["columns"])) == (200, 400, ["city"])
    more = await call("POST", "/api/encoders/e/learn", {"names": NAMES, "rows": visits(50, 2)})
    back = await call("POST", "/api/encoders/e/forget", {"names": NAMES, "rows": visits(50, 2)})
    assert back.json["digest"] == learned.json["digest"] != more.json["digest"]
    values = (await call("GET", "/api/encoders/e/values/city")).json["values"]
    assert {item["value"]: item["sum"] / item["count"] for item in values} == means()
    assert (await call("GET", "/api/encoders/e/statistics")).json["keys"][0]["count"] == 4
    project = await call("POST", "/api/projects", {"name": "p", "encoder": "e"})
    assert project.json["encoder"]["digest"] == learned.json["digest"]
    await call("POST", "/api/projects/p/learn", {"names": NAMES, "rows": ROWS})
    uni = (await call("GET", "/api/projects/p/explore?metric=uni&attributes=city")).json
    assert uni["values"]["city"]["mean"] == pytest.approx(np.mean([row[2] for row in ROWS]), rel=1e-9)
    used = await call("DELETE", "/api/encoders/e")
    assert (used.status, used.error["code"]) == (409, "in_use")
    await call("DELETE", "/api/projects/p")
    assert (await call("DELETE", "/api/encoders/e")).json == {}
    assert (await call("GET", "/api/encoders")).json == {"encoders": []}


async def test_an_encoder_is_assigned_and_values_are_set_by_hand(served):
    call = served.native
    await call("POST", "/api/encoders", {"name": "e", "target": "ill", "binary": True})
    given = await call("PUT", "/api/encoders/e/values", {"values": {"city": {"Bari": [4, 1]}}})
    assert given.status == 200
    await call("POST", "/api/projects", {"name": "p"})
    assigned = await call("PUT", "/api/projects/p/encoder", {"encoder": "e"})
    assert assigned.json["encoder"]["digest"] == given.json["digest"]
    wrong = await call("PUT", "/api/encoders/e/values", {"values": {"city": {"Bari": [-4, 1]}}})
    assert wrong.status == 400 and "'Bari'" in wrong.error["message"]
    assert (await call("PUT", "/api/projects/p/encoder", {"encoder": "none"})).status == 404


async def test_a_schema_is_taken_from_a_file_as_it_will_be_encoded(served, tmp_path):
    call = served.native
    path = tmp_path / "visits.csv"
    path.write_text("city,age,ill\n" + "".join(f"{c},{a},{i}\n" for c, a, i in ROWS))
    await call("POST", "/api/encoders", {"name": "e", "target": "ill", "binary": True})
    job = await call.finished((await call("POST", "/api/encoders/e/learn", {"path": str(path)})).json)
    assert (job["kind"], job["result"]["learned"], job["result"]["rows"]) == ("encoder_learn", 400, 400)
    body = {"name": "p", "encoder": "e", "schema_from": {"path": str(path), "attributes": ["city", "ill"]}}
    made = (await call("POST", "/api/projects", body)).json
    assert [(a["name"], a["type"]) for a in made["attributes"]] == [("city", "C"), ("ill", "B")]
    job = await call.finished((await call("POST", "/api/projects/p/learn", {"path": str(path)})).json)
    assert (job["status"], job["result"]["rows"]) == ("completed", 400), job["error"]


async def test_symetry_s_encoders(served):
    call = served.symetry
    query = "encodername=e&encoderTarget=ill&targetType=B"
    made = await call("POST", f"/encoders/create?{query}", {"minTrimSize": "2"})
    assert (made.status, made.json["statusString"]) == (201, "Encoder Created with id:e")
    assert (await call("POST", f"/encoders/create?{query}")).status == 409
    assert (await call("POST", "/encoders/e/learn", FRAME)).status == 200
    assert (await call("GET", "/encoders")).json["values"] == {"stringList": {"values": ["e"]}}
    stats = (await call("GET", "/encoders/e/stats")).json["values"]["dataframe"]
    assert stats["attributeNames"] == ["key", "type", "count", "mean", "stddev", "variance"]
    assert stats["data"][0][:4] == ["city", "S", "4", "100.0"]
    found = (await call("GET", "/encoders/e/keyvals/city")).json["values"]["dataframe"]
    assert found["attributeNames"] == ["Value", "Type", "Count", "Sum"]
    assert {row[0]: float(row[3]) / float(row[2]) for row in found["data"]} == means()
    assert (await call("GET", "/encoders/none/stats")).status == 400
    assert (await call("GET", "/encoders/e/keyvals/none")).status == 400


async def test_lists_are_hashed_item_by_item(served):
    hashing = {"kind": "hashing", "keys": ["tags"], "parameters": {"bins": 8, "lists": True}}
    await served.native("POST", "/api/encoders", {"name": "h", **hashing})
    call = served.symetry
    await call("POST", "/projects?pid=p")
    await call("GET", "/projects/p/encoderAssign?encoderName=h")
    rows = [["a|b", "1"], ["b", "2"]]
    frame = {"attributeNames": ["tags", "x"], "attributeTypes": ["L", "C"], "data": rows}
    assert (await call("POST", "/projects/p/learn", frame)).status == 200
    assert (await call.finished(await call("POST", "/projects/p/learn?async=true", frame))).status == 200
    info = (await call("GET", "/projects/p/info")).json["values"]["smlInfo"]
    assert sorted(info["attributeNames"]) == [*(f"hash.{at}" for at in range(8)), "x"]
    assert (await served.native("GET", "/api/projects/p")).json["rows"] == 4


async def test_symetry_s_projects_pass_through_their_encoder(served):
    call = served.symetry
    await call("POST", "/encoders/create?encodername=e&targetName=ill&targetType=B")
    await call("POST", "/encoders/e/learn", FRAME)
    values = {"attributeNames": ["Value", "Type", "Count", "Sum"], "attributeTypes": ["S", "S", "C", "C"]}
    for verb in ("setValue", "setValues"):
        assert (
            await call(
                "POST", f"/encoders/e/keyvals/city/{verb}", values | {"data": [["Bari", "S", "10", "9"]]}
            )
        ).status == 200
    key = {"attributeNames": ["Key", *values["attributeNames"]], "attributeTypes": ["S"] * 3 + ["C"] * 2}
    made = await call("POST", "/encoders/e/createKeyValues", key | {"data": [["city", "Rome", "S", 4, 1]]})
    assert made.status == 200
    await call("POST", "/projects?pid=p")
    assigned = await call("GET", "/projects/p/encoderAssign?encoderName=e")
    assert assigned.json["values"]["smlInfo"]["encoderName"] == "e"
    assert (await call("POST", "/projects/p/learn", FRAME)).status == 200
    done = await call.finished(await call("POST", "/projects/p/learn?async=true", FRAME))
    assert done.status == 200
    info = (await call("GET", "/projects/p/info")).json["values"]["smlInfo"]
    assert dict(zip(info["attributeNames"], info["attributeTypes"], strict=True))["city"] == "C"
    names = {"values": [{"inputAttributeNames": ["city"]}]}
    uni = (await call("POST", "/projects/p/explore?metric=uni", names)).json["values"]["KSVDMap"]["values"][0]
    expected = means() | {"Bari": 0.9}
    assert uni["mean"] == pytest.approx(np.mean([expected[city] for city, _, _ in ROWS]), rel=1e-9)
    assert (await call("DELETE", "/encoders/e")).status == 409
    again = await call("GET", "/projects/p/encoderAssign?encoderName=e")
    assert again.status == 400
    await call("DELETE", "/projects/p")
    assert (await call("DELETE", "/encoders/e")).status == 200


async def test_symetry_s_encoders_learn_data_sources(served, tmp_path):
    path = tmp_path / "visits.csv"
    path.write_text("city,age,ill\n" + "".join(f"{c},{a},{i}\n" for c, a, i in ROWS))
    call, place = served.symetry, {"type": "localfile", "name": "v", "info": {"path": str(path)}}
    await call("POST", "/encoders/create?encodername=e&encoderTarget=ill&targetType=B")
    for told in (place, {"name": "v"}, place):  # made by the first of them
        assert (await call.finished(await call("POST", "/encoders/e/learnds", told))).status == 200
    stats = (await call("GET", "/encoders/e/stats")).json["values"]["dataframe"]
    assert stats["data"][0][:4] == ["city", "S", "4", "300.0"]
    other = await call("POST", "/encoders/e/learnds", place | {"info": {"path": "/x.csv"}})
    assert other.status == 409
    assert (await call("POST", "/encoders/none/learnds", {"name": "v"})).status == 400
    assert (await call("POST", "/encoders/e/learnds", {"name": "none"})).status == 400
    assert (await call("DELETE", "/dss/v")).status == 200
    assert (await call("GET", "/encoders/e/dss")).json["values"] == {"stringList": {"values": ["v"]}}


async def test_learning_an_encoder_is_killed_without_a_trace(served, big_file):
    call = served.native
    await call("POST", "/api/encoders", {"name": "e", "kind": "binning", "keys": ["a"]})
    job = (await call("POST", "/api/encoders/e/learn", {"path": str(big_file)})).json
    while not job["current"]:
        job = (await call("GET", f"/api/jobs/{job['id']}?wait=30")).json
    assert job["current"] < job["maximum"]
    assert (await call("DELETE", f"/api/jobs/{job['id']}")).json["status"] == "stopped"
    assert (await call("GET", "/api/encoders/e")).json["rows"] == 0
