"""Paths, versions, bodies and the envelope of the ClearML dialect."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.app import ROUTES
from api.bodies import Bodies
from api.clearml import PATHS, registry, speaks, wire
from api.clearml.endpoint import Endpoint, parse_version
from api.clearml.errors import SUBCODES, TEXTS, ApiError, of_problem
from api.clearml.times import iso, seconds_of
from api.problems import Problem
from node.errors import NodeError, Unavailable
from node.tracking import errors


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize("version", [None, "2.9", "2.23", "2.34", "999.0"])
async def test_every_method_and_version_reaches_the_endpoint(anonymous, method, version):
    reply = await anonymous.send("debug.ping", "{}", method=method, version=version)
    assert reply.data["msg"]
    assert reply.meta["endpoint"] == {
        "name": "debug.ping",
        "requested_version": version or "2.34",
        "actual_version": "2.9",
    }


async def test_the_envelope_is_always_complete(admin):
    for reply in (
        await admin("debug.ping"),
        await admin("tasks.no_such_thing"),
        await admin("users.get_by_id"),
    ):
        meta = reply.meta
        assert reply.status == meta["result_code"]
        assert len(meta["id"]) == 32 and meta["trx"] == meta["id"]
        assert isinstance(meta["result_msg"], str) and isinstance(meta["endpoint"], dict)
        assert isinstance(meta["result_subcode"], int) and meta["error_data"] == {}
        assert meta["error_stack"] is None
        assert isinstance(reply.body["data"], dict)
        assert reply.headers["Connection"] == "close"
        assert reply.headers["Server"] == "clearml"
        assert reply.headers["Access-Control-Allow-Origin"] == "*"


async def test_an_unknown_endpoint_is_told_as_the_agent_knows_it(admin):
    reply = await admin.send("workers.get_runtime_properties", "{}", version="2.13")
    assert (reply.status, reply.code) == (404, (404, 0))
    message = "Unable to find endpoint for name workers.get_runtime_properties and version 2.13"
    assert reply.meta["result_msg"] == message
    assert reply.meta["endpoint"]["actual_version"] is None


async def test_an_endpoint_younger_than_the_version_asked_for_does_not_exist(admin):
    assert (await admin.send("auth.edit_credentials", "{}", version="2.18")).status == 404
    assert (await admin.send("auth.edit_credentials", "{}", version="2.19")).status == 400


async def test_versions_before_2_1_are_numbers(anonymous):
    assert (await anonymous.send("debug.ping", "{}", version="1.5")).meta["endpoint"] == {
        "name": "debug.ping",
        "requested_version": 1.5,
        "actual_version": None,
    }


@pytest.mark.parametrize("path", ["", "ping", "a.b.c", "a/b.c", "debug.ping//"])
async def test_a_path_that_is_not_service_and_action_is_refused(anonymous, path):
    assert (await anonymous.send(path, "{}")).code == (400, 0)


async def test_a_trailing_slash_is_ignored(anonymous):
    assert (await anonymous.send("debug.ping/", "{}")).status == 200


async def test_the_newest_implementation_that_is_old_enough_is_taken(monkeypatch):
    older, newer = (
        Endpoint("things.get", handler=registry.endpoints, summary="", since=since)
        for since in ("2.1", "2.10")
    )
    monkeypatch.setattr(registry, "_TABLE", registry._by_name((older, newer)))
    assert registry.find("things.get", (2, 9)) is older
    assert registry.find("things.get", (2, 10)) is newer
    assert registry.find("things.get", (999, 0)) is newer
    with pytest.raises(ApiError, match="Unable to find endpoint"):
        registry.find("things.get", (2, 0))


def test_no_path_of_another_dialect_is_taken():
    for route in ROUTES:
        assert not speaks(route.path), route.path
    assert speaks("/v2.9/x") and speaks("/auth.login") and speaks("/auth.login/")
    assert not speaks("/v2.9") and not speaks("/vendor/x.y") and not speaks("/a.b/c")
    assert len(PATHS) == 2


async def test_openapi_is_still_there_for_every_method(served):
    async with served.session.get(served.url + "/openapi.json") as response:
        assert "openapi" in await response.json()
    async with served.session.post(served.url + "/openapi.json") as response:
        assert response.status == 405


async def test_numbers_and_names_of_the_client_come_back(anonymous):
    headers = {"X-ClearML-Trx": "my-trx"}
    assert (await anonymous.send("debug.ping", "{}", headers=headers)).meta["trx"] == "my-trx"
    assert (await anonymous.send("debug.ping", "{}", headers={"X-Trains-Trx": "old"})).meta["trx"] == "old"


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        ("{", {}, (400, 12)),
        ("[1]", {}, (400, 12)),
        ("null", {}, (400, 12)),
        (b"\xff", {}, (400, 12)),
        ("{}", {"Content-Encoding": "gzip"}, (415, 0)),
        ("{}\n{}", {"Content-Type": "application/json-lines"}, (400, 12)),
        ("[" * 100_000, {}, (400, 12)),
        ("[" * 100_000, {"Content-Type": "application/json-lines"}, (400, 12)),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(anonymous, body, headers, code):
    assert (await anonymous.send("debug.ping", body, headers=headers)).code == code


async def test_bodies_are_read_whatever_they_are_said_to_be(admin):
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
        reply = await admin.send("users.get_by_id", '{"user": "nobody"}', headers={"Content-Type": kind})
        assert reply.code == (400, 301)


async def test_arguments_of_query_and_form_are_part_of_the_body(served, admin):
    user = served.node.users.list()[0]
    assert (await admin.send(f"users.get_by_id?user={user.id}")).data["user"]["id"] == user.id
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = await admin.send("users.get_by_id", f"user={user.id}", method="POST", headers=form)
    assert reply.data["user"]["id"] == user.id


def test_arguments_nest_and_list_and_count():
    body = {"a": {"x": 1}}
    wire.merge(body, [("a.b.c", "1"), ("l[]", "007"), ("m", "x"), ("m", "2"), ("n", "-3")])
    assert body == {"a": {"x": 1, "b": {"c": 1}}, "l": ["007"], "m": ["x", 2], "n": "-3"}
    with pytest.raises(ApiError):
        wire.merge({}, [(".".join("a" * 100), "1")])


@given(st.lists(st.tuples(st.text(max_size=10), st.text(max_size=5)), max_size=5))
def test_any_arguments_merge_into_an_object(arguments):
    body: dict[str, object] = {}
    try:
        wire.merge(body, arguments)
    except ApiError as error:
        assert error.status == 400
    json.dumps(body)


def test_lines_of_a_batch_may_hold_what_trainings_print():
    lines = [{"msg": "café \\u0000"}, {"value": float("inf")}, {"msg": "half \ud800"}, {"msg": "\u0000 none"}]
    text = "\n\n".join(json.dumps(line) for line in lines).encode()
    assert wire.parse_lines(text) == [*lines[:2], {"msg": "half ?"}, {"msg": "\ufffd none"}]


async def test_null_is_absent_and_unknown_keys_are_ignored(admin):
    reply = await admin.send("users.get_all", json.dumps({"name": None, "id": None, "tags": 3, "x": {}}))
    assert len(reply.data["users"]) == 1


async def test_long_replies_are_compressed_for_who_asks(served, admin):
    for coding in ("gzip, deflate", "identity"):
        reply = await admin.send("server.endpoints", "{}", headers={"Accept-Encoding": coding})
        assert reply.headers.get("Content-Encoding") == ("gzip" if "gzip" in coding else None)
        assert reply.data["endpoints"]["auth"]["login"]


async def test_pages_of_other_sites_may_ask(served):
    headers = {"Origin": "https://elsewhere", "Access-Control-Request-Headers": "authorization"}
    async with served.session.options(served.url + "/v2.9/users.get_all", headers=headers) as response:
        assert response.status == 200
        assert response.headers["Access-Control-Allow-Headers"] == "authorization"


async def test_a_body_that_is_too_large_is_refused_and_the_connection_closed(small_bodies, anonymous):
    reply = await anonymous.send("debug.ping", "x" * 2000)
    assert reply.code == (413, 0)
    assert reply.headers["Connection"] == "close"


@pytest.fixture
def small_bodies(monkeypatch):
    monkeypatch.setattr(Bodies.__init__, "__defaults__", (1000, 2500, 1.0))


def test_what_may_succeed_later_is_a_429_and_nothing_is_above_500():
    assert of_problem(Unavailable("the disk is full")).status == 429
    assert of_problem(Problem(503, "unavailable", "too many")).status == 429
    assert of_problem(Problem(408, "timeout", "the body was too slow")).status == 429
    assert of_problem(Problem(503, "timeout", "too long")).status == 500
    assert all(code <= 500 for code, _ in TEXTS)


def test_every_refusal_of_the_node_has_a_code_of_clearml():
    assert {*SUBCODES.values()} <= {*TEXTS} and NodeError in SUBCODES
    refusal = of_problem(errors.WrongStatus("the task is queued", "dequeue it"))
    assert (refusal.status, refusal.subcode) == (400, 110)
    assert refusal.message == "Invalid task status (the task is queued. dequeue it)"


def test_a_refusal_tells_its_facts():
    error = ApiError(400, 110, expected="created", status="completed")
    assert error.message == "Invalid task status: expected=created, status=completed"
    assert ApiError(400, 12, "why").message == "Validation error (why)"


def test_times_are_iso_in_utc_with_milliseconds():
    assert iso(1795227344.6051) == "2026-11-21T02:15:44.605000+00:00"
    assert iso(None) is None
    assert iso(0.9996) == "1970-01-01T00:00:01.000000+00:00"
    assert seconds_of("2026-11-21T02:15:44.605000+00:00") == 1795227344.605
    assert seconds_of("2026-11-21T02:15:44Z") == seconds_of("2026-11-21 02:15:44")
    with pytest.raises(ApiError):
        seconds_of("yesterday")


@given(st.floats(0, 4e9))
def test_times_survive_to_the_millisecond(seconds):
    assert abs(seconds_of(iso(seconds) or "") - seconds) <= 0.00051


def test_versions_are_compared_by_number():
    assert parse_version("2.9") < parse_version("2.10") < parse_version("3")
