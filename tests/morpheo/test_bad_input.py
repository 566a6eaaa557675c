"""Whatever is sent to whichever call, the answer is a refusal in the dialect's form, and nothing changes."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from api.morpheo.routes import ROUTES

JUNK = [
    None, 0, -1, 2**63, 2**70, 1e308, -0.5, True, "", "x", "\u0000", "0" * 32, "x" * 201, "a/b", "é\u2028\n",
    "?", "#", [], [None], [[]], [""], ["x", 1], ["x", "\u0000"], [[["x"]]], {}, {"": None}, {"a": {"b": 1}},
    {"x": None}, {"$ne": 1},
]  # fmt: skip
"""Values that a field was not made for, for the most part."""

TEXTS = ("x", "0" * 32)
FITTING = {
    **dict.fromkeys(("uuid", "workflow", "worker", "data", "prediction_storage_uuid"), TEXTS),
    "name": (*TEXTS, "x" * 201, "a/b", "é\u2028\n", "?", "#"),
    "test_dataset": ([],),
    "perf": (0, -1, 2**63, 2**70, 1e308, -0.5),
    **dict.fromkeys(("train_perf", "test_perf"), ([], {}, {"$ne": 1})),
}
"""What of it is no junk in these fields."""

GOOD = {
    "/problem": {"uuid": "N", "workflow": "W", "test_dataset": ["T"], "size_train_dataset": 1},
    "/algo": {"uuid": "N", "problem": "P", "name": "new"},
    "/data": {"uuid": ["N1", "N2"], "problems": ["P"]},
    "/prediction": {"data": ["X"], "problem": "P"},
    "/worker/learnuplet/{uuid}": {"worker": "w"},
    "/learndone/{uuid}": {"status": "done", "perf": 0.5, "train_perf": {"D2": 1}, "test_perf": [1]},
    "/preddone/{uuid}": {"status": "done", "prediction_storage_uuid": "S"},
}
COLLECTIONS = ("problem", "algo", "data", "learnuplet", "preduplet")


@pytest.fixture
async def busy(admin):
    """A client of a node with one of each thing, and an uplet of each kind that is ready."""
    await admin.problem(size=1)
    await admin.data("D1", "D2")
    await admin.algo()
    await admin.learn((await admin.learnuplets())[0])
    await admin.ok("POST", "/prediction", {"data": "X", "problem": "P"})
    return admin


async def everything(client):
    return {name: await client.ok("GET", f"/{name}") for name in COLLECTIONS}


async def target(client, path):
    kind = "preduplet" if path.startswith("/preddone") else "learnuplet"
    (uplet,) = (await client.ok("GET", f"/{kind}?status=todo"))[f"{kind}s"]
    return path.replace("{uuid}", uplet["uuid"])


def test_every_call_that_takes_something_is_tried():
    assert {path.split("/")[1] for path in GOOD} == {
        route.path.split("/")[1] for route in ROUTES if route.method == "POST"
    }


@pytest.mark.parametrize("path", GOOD)
async def test_a_field_that_is_missing_or_junk_is_refused_and_nothing_changes(busy, path):
    before, good, where = await everything(busy), GOOD[path], await target(busy, path)
    for name in good:
        without = {key: value for key, value in good.items() if key != name}
        answer = await busy("POST", where, without)
        assert answer.status == 400 and "wrong key in posted data" in answer.error, (name, answer)
        for junk in JUNK:
            if any(type(junk) is type(one) and junk == one for one in FITTING.get(name, ())):
                continue
            answer = await busy("POST", where, good | {name: junk})
            assert answer.status in (400, 404, 409) and answer.error, (name, junk, answer)
            assert await everything(busy) == before, (name, junk)
    answer = await busy("POST", where, good)
    assert answer.status in (200, 201), answer


@pytest.mark.parametrize("path", GOOD)
async def test_bodies_that_are_no_objects_are_refused(busy, path):
    before, where = await everything(busy), await target(busy, path)
    good = json.dumps(GOOD[path]).encode()
    for body in (
        b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 100_000, b'{"a":' * 100_000, good[:-1],
        good + b"}", good[:-1] + b', "more": "\\ud800"}', good[:-1] + b', "more": ' + b"1" * 5000 + b"}",
        good[:-1] + b', "more": NaN}',
    ):  # fmt: skip
        answer = await busy("POST", where, body)
        assert answer.status == 400 and answer.error, (body[:50], answer)
    assert await everything(busy) == before
    assert (await busy("POST", where, GOOD[path] | {"more": [{"of": "it"}]})).status in (200, 201)


async def test_numbers_that_are_too_large_are_refused(busy):
    size = GOOD["/problem"]
    for number in (2**31 + 1, 2**63, 10**400):
        answer = await busy("POST", "/problem", size | {"size_train_dataset": number})
        assert answer.status == 400 and "size_train_dataset" in answer.error
    where = await target(busy, "/learndone/{uuid}")
    for perf in (b"1e999", b"-1e999", b"1" * 400):
        body = b'{"status": "done", "train_perf": [], "test_perf": [], "perf": ' + perf + b"}"
        assert (await busy("POST", where, body)).status == 400


@pytest.mark.parametrize("part", ["x", "\u0000", "é", "a" * 3000, "0" * 32, "%", "..", "🦉", " "])
async def test_names_of_any_kind_are_not_found_or_refused(busy, part):
    part = quote(part, safe="") if part != ".." else "%2E%2E"
    for collection in COLLECTIONS:
        assert (await busy("GET", f"/{collection}/{part}")).status == 404
    claim = {"worker": "w"}
    assert (await busy("POST", f"/worker/learnuplet/{part}", claim)).status in (400, 404)
    assert (await busy("POST", f"/worker/{part}/x", claim)).status == 404
    for path in ("learndone", "preddone"):
        assert (await busy("POST", f"/{path}/{part}", {"status": "failed"})).status in (400, 404)


async def test_filters_of_any_kind_find_nothing(busy):
    values = ["x" * 5000, "%00", "%ff", "%F0%9F%A6%89", "-1", "1e400", "nan", "9" * 40, "true", "null", "{}"]
    fields = [
        "uuid",
        "rank",
        "status",
        "perf",
        "timestamp_creation",
        "size_train_dataset",
        "$where",
        "a.b",
        "",
    ]
    for collection in COLLECTIONS:
        for name in fields:
            for value in values:
                answer = await busy("GET", f"/{collection}?{name}={value}")
                assert answer.status == 200 and answer.json[f"{collection}s"] == [], (name, value, answer)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_other_methods_are_refused_in_the_dialects_form(busy, method):
    for path in ("/problem", "/learnuplet", "/learndone/x", "/data/x"):
        answer = await busy(method, path)
        assert answer.status == 405 and answer.error and answer.headers["Allow"]


async def test_a_page_of_another_site_may_not_ask(busy):
    answer = await busy("GET", "/problem", headers={"Origin": "https://elsewhere.example"})
    assert answer.status == 403 and answer.error


async def test_many_data_at_once_are_taken_as_one(busy):
    """What is more than one statement's parameters."""
    uuids = [f"E{i}" for i in range(3000)]
    assert await busy.data(*uuids) == 3000
    answer = await busy("POST", "/data", {"uuid": [*uuids, "E3000"], "problems": ["P"]})
    assert answer.status == 409
    assert (await busy("GET", "/data/E3000")).status == 404
    assert len(await busy.learnuplets()) == 3002


async def test_a_list_that_repeats_the_test_data_many_times_is_sent_piece_by_piece(admin):
    """Its size is that of both multiplied, and no answer of that size is made."""
    tests = [f"t{number:05}" for number in range(10_001)]
    too_wide = {"uuid": "wide", "workflow": "W", "test_dataset": tests, "size_train_dataset": 1}
    assert (await admin("POST", "/problem", too_wide)).status == 400
    await admin.problem("P", 1, tests[:-1])
    await admin.algo()
    await admin.data(*(f"d{number}" for number in range(300)))
    answer = await admin("GET", "/learnuplet")
    assert answer.headers["Transfer-Encoding"] == "chunked"
    found = answer.json["learnuplets"]
    assert len(found) == 300 and all(uplet["test_data"] == tests[:-1] for uplet in found)
