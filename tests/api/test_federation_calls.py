"""Two nodes and a real broker: a federation made, joined and asked through either dialect."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

from api.symetry.encryption import decrypt, encrypt, password_key

SECONDS = 30.0


@pytest.fixture
async def pair(tmp_path, start):
    """An admin with its embedded server, and a peer."""
    async with (
        start(tmp_path / "admin", role="admin", name="ewr") as admin,
        start(tmp_path / "peer", name="jfk") as peer,
    ):
        yield admin, peer


def sealed(client, content: dict[str, str]) -> bytes:
    return encrypt(base64.b64decode(client.key.secret_key), json.dumps(content)).encode()


async def until(ask, holds):
    """Ask again whenever the node may have moved on, until it holds."""
    async with asyncio.timeout(SECONDS):
        while not holds(answer := await ask()):  # noqa: ASYNC110 - behind HTTP there is no event to wait for
            await asyncio.sleep(0.02)
        return answer


async def test_a_federation_through_symetry(pair, iris):
    admin, peer = pair
    made = await admin.symetry(
        "POST", "/fedml/create?pid=local", sealed(admin.symetry, {"fed_name": "iris", "sync_sched": "m1"})
    )
    assert (made.status, made.json["statusString"]) == (201, "Project Created with id:local")
    again = await admin.symetry("POST", "/fedml/create?pid=local", {"fed_name": "other"})
    assert (again.status, again.json["statusCode"]) == (409, "CONFLICT")
    assert [f.name for f in await admin.node.federations.list()] == ["iris"]

    request = sealed(admin.symetry, {"passwd": "correct horse", "fed_rest_host": "x"})
    invited = await admin.symetry("POST", "/fedml/local/getInvitation", request)
    invitation = json.loads(
        decrypt(password_key("correct horse"), invited.json["values"]["encryptedGroupInfo"])
    )
    assert invitation["fed_name"] == "iris" and invitation["sync_sched"] == "m1"

    joined = await peer.symetry(
        "POST", "/fedml/createJoin?pid=mine", sealed(peer.symetry, invitation | {"fed_local_type": "cpu"})
    )
    assert (joined.status, joined.json["statusString"]) == (201, "Fed Project created with join")
    assert joined.json["values"]["smlInfo"]["pid"] == "mine"

    for it, pid in ((admin, "local"), (peer, "mine")):
        assert (await it.symetry("GET", f"/fedml/{pid}/startPulse")).status == 200
    # The disclosure policy releases nothing of fewer rows than attributes and five more.
    half = len(iris["data"])
    iris["data"] *= 2
    await admin.symetry("POST", "/projects/local/learn", iris | {"data": iris["data"][:half]})
    await peer.symetry("POST", "/projects/mine/learn", iris | {"data": iris["data"][half:]})

    async def count():
        question = {"values": [{"inputAttributes": ["0"]}]}
        answer = await peer.symetry("POST", "/projects/mine/explore?metric=uni", question)
        return answer.json["values"]["KSVDMap"]["values"][0]["count"] if answer.status == 200 else 0

    assert await until(count, lambda n: n == len(iris["data"])) == len(iris["data"])

    mine = iris["data"][half:]
    alone = {"inputAttributes": ["0"], "extraParameters": {"fed_peer_uuid_for_explore": peer.node.node_id}}

    async def of_peer():
        return await admin.symetry("POST", "/projects/local/explore?metric=uni", {"values": [alone]})

    asked = await until(of_peer, lambda answer: answer.status == 200)  # the admin may hear of it last
    assert asked.json["values"]["KSVDMap"]["values"][0]["count"] == len(mine), asked.text
    started = await admin.symetry(
        "POST", "/projects/local/explore?metric=uni&async=true", {"values": [alone]}
    )
    done = await admin.symetry.finished(started)
    assert done.json["values"]["KSVDMap"]["values"][0]["count"] == len(mine)
    mixed = await admin.symetry(
        "POST", "/projects/local/explore?metric=uni", {"values": [alone, {"inputAttributes": ["0"]}]}
    )
    assert mixed.status == 400 and "each peer on its own" in mixed.json["statusString"]
    native = await admin.native("GET", "/api/projects/local/explore?attributes=sepal_length&member=jfk")
    assert [share["name"] for share in native.json["contributions"]] == ["jfk"]
    nobody = await admin.native("GET", "/api/projects/local/explore?attributes=sepal_length&member=lga")
    assert nobody.status == 400 and "no member 'lga'" in nobody.error["message"]
    await admin.native("POST", "/api/projects", {"name": "own"})
    of_none = await admin.native("GET", "/api/projects/own/explore?attributes=x&member=jfk")
    assert of_none.status == 400 and "takes part in no federation" in of_none.error["message"]

    info = await admin.symetry("GET", "/fedml/local/info")
    entity = json.loads(
        decrypt(base64.b64decode(admin.symetry.key.secret_key), info.json["values"]["fedInfoEncrypted"])
    )
    assert (entity["fed_name"], entity["sync_sched"], entity["is_pulsing"]) == ("iris", "m1", True)
    assert entity["peersInfo"] == {peer.node.node_id: "jfk"}
    params = (await peer.symetry("GET", "/projects/mine/info")).json["values"]["smlInfo"]["params"]
    assert params["fed_pulsing"] == "true" and params["fed_is_admin"] == "false"

    assert (await peer.symetry("GET", "/fedml/mine/fullSyncRequest")).status == 200
    stats = (await peer.symetry("GET", "/fedml/mine/syncStats")).json["values"]["fedSyncStats"]
    assert set(stats) == {
        "sndCount",
        "sndContractError",
        "rcvCount",
        "rcvError",
        "rcvContractError",
        "errorLog",
        "syncLog",
    }
    assert stats["sndCount"] >= 1 and stats["rcvCount"] >= 1
    log = (await peer.symetry("GET", "/fedml/mine/getSyncLog")).json["values"]["stringList"]["values"]
    assert log and all(" time:20" in entry for entry in log)
    errors = (await peer.symetry("GET", "/fedml/mine/getErrorLog")).json["values"]["stringList"]["values"]
    assert errors == ["no error"]
    assert (await peer.symetry("GET", "/fedml/mine/stopPulse")).status == 200
    assert not (await peer.node.federations.status("iris")).pulse


async def test_members_learn_sequences_of_the_order_that_the_federation_s_schema_says(pair):
    admin, peer = pair
    wrong = await admin.symetry("POST", "/fedml/create?pid=a", {"fed_name": "s", "sml_project_order": "0"})
    assert wrong.status == 400 and await admin.node.federations.list() == []
    body = {"fed_name": "s", "sml_project_order": "1"}
    made = await admin.symetry("POST", "/fedml/create?pid=a", body)
    assert made.json["values"]["smlInfo"]["type"] == "sequence"
    request = {"passwd": "pw", "fed_rest_host": "x"}
    told = (await admin.symetry("POST", "/fedml/a/getInvitation", request)).json["values"]
    invitation = json.loads(decrypt(password_key("pw"), told["encryptedGroupInfo"]))
    joined = await peer.symetry("POST", "/fedml/createJoin?pid=b", invitation)
    info = joined.json["values"]["smlInfo"]
    assert (info["type"], info["params"]["sml_project_order"]) == ("sequence", "1")
    frame = {"attributeNames": ["w"], "attributeTypes": ["S"], "data": [["sun"], ["rain"]] * 8}
    for it, pid in ((admin, "a"), (peer, "b")):
        assert (await it.symetry("GET", f"/fedml/{pid}/startPulse")).status == 200
        assert (await it.symetry("POST", f"/projects/{pid}/learn", frame)).status == 200

    async def fused():
        return (await peer.native("GET", "/api/projects/b/statistics")).json["fused"]

    assert (await until(fused, lambda found: found and found["rows"] == 30))["rows"] == 30
    context = {"inputAttributeNames": ["ngram"], "targets": []}
    started = await peer.symetry("POST", "/projects/b/build?modelid=m&algo=mc", context)
    assert (await peer.symetry.finished(started)).status == 200
    other = {"name": "c", "federation": "s", "shared_as": "s", "parameters": {"sml_project_order": 2}}
    await peer.native("DELETE", "/api/projects/b")
    refused = await peer.native("POST", "/api/projects", other)
    assert refused.status == 400 and "agreed among its members" in refused.error["message"]
    window = other | {"parameters": {"sml_project_rolling_window_size": 5}}
    refused = await peer.native("POST", "/api/projects", window)
    assert refused.status == 400 and "do not go together" in refused.error["message"]


async def test_the_powers_of_a_federation_s_project_are_told_with_its_map(pair):
    admin, _ = pair
    powers = {"sml_project_power_column": "x", "sml_project_power_min": "-1", "sml_project_power_steps": "3"}
    made = await admin.symetry("POST", "/fedml/create?pid=a", {"fed_name": "s"} | powers)
    assert made.status == 201, made.text
    assert powers.items() <= made.json["values"]["smlInfo"]["params"].items()


async def test_a_federation_through_native(pair):
    admin, peer = pair
    made = await admin.native("POST", "/api/federations", {"name": "air", "approval": "manual"})
    assert (made.status, made.json["is_admin"], made.json["state"]) == (201, True, "active")
    assert (await admin.native("POST", "/api/federations", {"name": "air"})).status == 409
    schema = {"attributes": [{"name": "x", "type": "C", "quantum": "1"}]}
    await admin.native("POST", "/api/projects", {"name": "p", "federation": "air", "schema": schema})
    invited = await admin.native("POST", "/api/federations/air/invitations", {"password": "pw"})
    assert invited.status == 201 and set(invited.json) == {"invitation", "id", "expires"}

    body = {"invitation": invited.json["invitation"], "wait": 0}
    without = await peer.native("POST", "/api/federations/join", body)
    assert (without.status, without.error["code"]) == (400, "bad_request")
    joined = await peer.native("POST", "/api/federations/join", body | {"password": "pw"})
    assert joined.json["state"] == "joining"

    async def requests():
        return (await admin.native("GET", "/api/federations/air/requests")).json["requests"]

    (request,) = await until(requests, bool)
    assert request["name"] == "jfk"
    approved = await admin.native("POST", f"/api/federations/air/requests/{request['id']}/approve")
    assert {m["name"] for m in approved.json["members"]} == {"ewr", "jfk"}

    async def state():
        return (await peer.native("GET", "/api/federations/air")).json["state"]

    await until(state, lambda s: s == "active")
    assert (await peer.native("POST", "/api/projects", {"name": "p", "federation": "air"})).status == 201
    for it, rows in ((admin, [[n] for n in range(9)]), (peer, [[n] for n in range(7)])):
        assert (
            await it.native("POST", "/api/projects/p/learn", {"names": ["x"], "rows": rows})
        ).status == 200
        assert (await it.native("POST", "/api/federations/air/sync")).status == 200

    async def fused():
        return [(await it.native("GET", "/api/projects/p/statistics")).json["fused"] for it in pair]

    both = await until(fused, lambda found: all(f and f["rows"] == 16 for f in found))
    assert both[0]["digest"] == both[1]["digest"]
    assert sorted((c["name"], c["rows"]) for c in both[1]["contributions"]) == [("ewr", 9), ("jfk", 7)]
    page = (await admin.anonymous("GET", "/metrics")).text
    assert "suffice_federation_members 2.0" in page and "suffice_federations 1.0" in page

    expelled = await admin.native("DELETE", f"/api/federations/air/members/{peer.node.node_id}")
    assert [m["name"] for m in expelled.json["members"]] == ["ewr"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"sync_sched": "m1"}, "[fed_name] is missing"),
        ({"fed_name": "f", "sync_sched": "often"}, "sync_sched [often]"),
        ({"fed_name": "f", "fed_use_smpc": "true"}, "Secure multi-party computation is not available"),
        ({"fed_name": "f", "fed_enforce_hipaa_compliance": True}, "HIPAA mode is not available"),
        ({"fed_name": "f", "aws_access_key": "AK"}, "belongs to AWS"),
        (
            {"fed_name": "f", "nats_hosts": "nats://elsewhere:4222"},
            "nats_hosts is not the broker of this node",
        ),
        ({"fed_name": "f", "surprise": "1"}, "[surprise] is not available"),
    ],
)
async def test_a_map_that_asks_for_what_there_is_not_is_refused(pair, content, words):
    admin, _ = pair
    answer = await admin.symetry("POST", "/fedml/create?pid=p", content)
    assert answer.status == 400 and words in answer.json["statusString"]
    assert await admin.node.federations.list() == []


async def test_a_local_project_is_not_a_federated_one(served):
    await served.symetry("POST", "/projects?pid=p")
    answer = await served.symetry("GET", "/fedml/p/syncStats")
    assert (answer.status, answer.json["statusString"]) == (400, "Project [p] is not a federated project")


async def test_without_a_broker_there_is_no_federation(served):
    native = await served.native("POST", "/api/federations", {"name": "f"})
    symetry = await served.symetry("POST", "/fedml/create?pid=p", {"fed_name": "f"})
    assert (native.status, native.error["code"]) == (400, "bad_request")
    assert (symetry.status, symetry.json["statusCode"]) == (400, "BAD_REQUEST")
    assert "broker" in native.error["message"] and "broker" in symetry.json["statusString"]
    assert await served.node.projects.list() == []
