"""A project may call its indicators `name|level`: in questions, models, answers, files and a federation."""

from __future__ import annotations

import asyncio
import json

import pytest

from api.symetry.encryption import decrypt, password_key

NAMES = ["ward", "age", "ill", "cost$"]
ROWS = [[f"W{at % 3}", at % 11, int(at % 4 == 0), 10 + at % 7 + 2 * (at % 3)] for at in range(60)]
FRAME = {"attributeNames": NAMES, "attributeTypes": ["T", "C", "B", "C"], "data": ROWS}


@pytest.fixture
async def learned(served):
    """A project p with the separator | that has learned the rows, and its twin q with the usual one."""
    for pid, body in (("p", {"categorySeparator": "|"}), ("q", {})):
        made = await served.symetry("POST", f"/projects?pid={pid}", body)
        assert made.status == 201, made.text
        assert (await served.symetry("POST", f"/projects/{pid}/learn", FRAME)).status == 200
    info = (await served.symetry("GET", "/projects/p/info")).json["values"]["smlInfo"]
    assert info["categorySeparator"] == "|"
    return served


async def test_indicators_are_explored_by_their_names(learned):
    async def explored(pid, metric, inputs, targets=()):
        context = {"inputAttributeNames": list(inputs), "targetAttributeNames": list(targets)}
        answer = await learned.symetry(
            "POST", f"/projects/{pid}/explore?metric={metric}&returnProjectInfo=false", {"values": [context]}
        )
        return answer.json["values"]["KSVDMap"]["values"] if answer.status == 200 else answer.status

    for metric, inputs, targets in (
        ("uni", ["ward{}w1"], []),
        ("bi", ["age", "ward{}w1"], []),
        ("ttest", ["age"], ["ward{}w0", "ward{}w1"]),
        ("anova", ["age"], ["ward"]),
    ):
        mine, usual = (
            [[name.format(mark) for name in names] for names in (inputs, targets)] for mark in "|$"
        )
        assert await explored("p", metric, *mine) == await explored("q", metric, *usual) != 400
    assert await explored("p", "uni", ["ward$w1"]) == 400
    vif = (await learned.native("GET", "/api/projects/p/explore?metric=vif&attributes=ward,age")).json
    assert set(vif["values"]) == {"ward|w1", "ward|w2", "age"}


@pytest.mark.parametrize("algorithm", ["bayes", "mlda", "mqda"])
async def test_classes_are_told_by_their_names(learned, algorithm):
    call = learned.native
    if algorithm == "mqda":
        split = {"parameters": {"partitionSplit": "ward", "categorySeparator": "|"}}
        await call("POST", "/api/projects", {"name": "s"} | split)
        assert (await call("POST", "/api/projects/s/learn", {"names": NAMES, "rows": ROWS})).status == 200
    pid = "s" if algorithm == "mqda" else "p"
    body = {"name": "m", "algorithm": algorithm, "target": "ward", "inputs": ["age", "cost$"]}
    made = await call("POST", f"/api/projects/{pid}/models", body)
    assert made.status == 201, made.text
    assert made.json["model"]["separator"] == "|"
    level = "W1" if algorithm == "mqda" else "w1"
    assert f"ward|{level}" in made.json["outputs"] and not any("ward$" in key for key in made.json["outputs"])
    del made.json["model"]["separator"]
    older = made.json | {"model": {k: v for k, v in made.json["model"].items() if k != "separator"}}
    again = await call("PUT", f"/api/projects/{pid}/models/older", older)  # as models were stored before
    assert again.status == 201 and f"ward${level}" in again.json["outputs"]


async def test_models_have_them_as_terms_and_targets_and_judge_files_by_them(learned, tmp_path):
    call = learned.native
    body = {"name": "m", "algorithm": "mlr", "target": "cost$", "inputs": ["ward", "age"]}
    made = (await call("POST", "/api/projects/p/models", body)).json
    assert [term for term in made["model"]["terms"] if "ward" in term] == ["ward|w1", "ward|w2"]
    body = {"name": "n", "algorithm": "lda", "target": "ward|w1", "inputs": ["age", "cost$"]}
    assert (await call("POST", "/api/projects/p/models", body)).status == 201
    one = {"name": "o", "algorithm": "mlr", "target": "age", "inputs": ["ward|w1"]}
    assert (await call("POST", "/api/projects/p/models", one)).status == 201
    path = tmp_path / "rows.csv"
    path.write_text(",".join(NAMES) + "\n" + "".join(",".join(map(str, row)) + "\n" for row in ROWS))
    for model in ("m", "n"):
        job = (await call("POST", "/api/projects/p/assess", {"model": model, "path": str(path)})).json
        done = await call.finished(job)
        assert done["status"] == "completed", done["error"]
    for model in ("m", "o"):
        started = await call("POST", f"/api/projects/p/models/{model}/predict", {"path": str(path)})
        done = await call.finished(started.json)
        assert done["status"] == "completed" and done["result"]["rows"] == 60, done["error"]
    asked = {"target": "ward|w1", "inputs": ["age", "ill"], "algorithm": "lda", "path": str(path)}
    done = await call.finished((await call("POST", "/api/projects/p/select", asked | {"model": "s"})).json)
    assert done["status"] == "completed", done["error"]
    impute = {"names": ["ward", "age"], "rows": [["w1", None], [None, 5]], "impute": True}
    assert (await call("POST", "/api/projects/p/models/m/predict", impute)).status == 200


@pytest.mark.parametrize("mark", ["", "||", "a", " ", "1"])
async def test_what_cannot_separate_is_refused(served, mark):
    made = await served.symetry("POST", "/projects?pid=p", {"categorySeparator": mark})
    assert made.status == (400 if mark else 201), made.text


async def test_a_federation_agrees_on_it(tmp_path, start):
    async with (
        start(tmp_path / "admin", role="admin", name="ewr") as admin,
        start(tmp_path / "peer", name="jfk") as peer,
    ):
        await admin.native("POST", "/api/federations", {"name": "air"})
        schema = {"attributes": [{"name": "ward", "type": "T"}, {"name": "age", "type": "C", "quantum": "1"}]}
        body = {"name": "p", "federation": "air", "schema": schema | {"separator": "|"}}
        made = await admin.native("POST", "/api/projects", body)
        assert (made.status, made.json["separator"]) == (201, "|")
        invitation = (await admin.native("POST", "/api/federations/air/invitations")).json["invitation"]
        await peer.native("POST", "/api/federations/join", {"invitation": invitation, "wait": 30})
        mine = {"name": "mine", "federation": "air", "shared_as": "p"}
        other = await peer.native("POST", "/api/projects", mine | {"parameters": {"categorySeparator": ":"}})
        assert other.status == 400 and "agreed among its members" in other.error["message"]
        joined = await peer.native("POST", "/api/projects", mine)
        assert (joined.status, joined.json["separator"]) == (201, "|")
        for it, pid in ((admin, "p"), (peer, "mine")):
            rows = {"names": ["ward", "age"], "rows": [row[:2] for row in ROWS]}
            assert (await it.native("POST", f"/api/projects/{pid}/learn", rows)).status == 200
        async with asyncio.timeout(30):
            while True:
                found = await admin.native("GET", "/api/projects/p/explore?attributes=ward|W1")
                if found.status == 200 and found.json["rows"] == 120:
                    break
                await asyncio.sleep(0.02)
        assert found.json["values"]["ward|W1"]["mean"] == pytest.approx(1 / 3)


async def test_symetry_s_federations_are_told_of_it_with_their_map(tmp_path, start):
    async with start(tmp_path / "admin", role="admin", name="ewr") as admin:
        body = {"fed_name": "s", "categorySeparator": ":"}
        made = await admin.symetry("POST", "/fedml/create?pid=a", body)
        assert made.json["values"]["smlInfo"]["categorySeparator"] == ":"
        request = {"passwd": "pw", "fed_rest_host": "x"}
        told = (await admin.symetry("POST", "/fedml/a/getInvitation", request)).json["values"]
        assert json.loads(decrypt(password_key("pw"), told["encryptedGroupInfo"]))["fed_name"] == "s"
