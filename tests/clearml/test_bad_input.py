"""Whatever is sent to whichever endpoint, the answer is a documented refusal: never a 500."""

from __future__ import annotations

import json

import pytest

from api.clearml import ENDPOINTS

JUNK = [
    0, -1, 2**63, 2**70, 1e308, -0.5, True, "", "x", "\u0000", "0" * 32, "x" * 5000, "(", "__$not", "-",
    "é\u2028", [], [None], [[]], [""], ["__$all", None], ["x", 1, {}], list(range(300)), [None, None],
    {}, {"": None}, {"a.b": {"$c": [1]}}, {"a": {"b": {"c": {"d": {}}}}}, {"id": 1, "name": [], "value": {}},
]  # fmt: skip
"""Values that a field was not made for."""


@pytest.fixture(params=sorted({endpoint.name.partition(".")[0] for endpoint in ENDPOINTS}))
def service(request):
    return [endpoint for endpoint in ENDPOINTS if endpoint.name.startswith(f"{request.param}.")]


async def test_junk_in_every_field_is_refused_or_taken_but_never_breaks(service, admin, caplog):
    broken = []
    for endpoint in service:
        fields = endpoint.request.model_fields
        names = [field.alias or name for name, field in fields.items()] or ["anything"]
        whole = [dict.fromkeys(names, junk) for junk in JUNK]
        mixed = [
            {name: JUNK[(i + 7 * j) % len(JUNK)] for j, name in enumerate(names)} for i in range(len(JUNK))
        ]
        for body in [*whole, *mixed]:
            reply = await admin.send(endpoint.name, json.dumps(body))
            if reply.status >= 500:
                broken.append((endpoint.name, body, caplog.text[-2000:]))
                break
    assert not broken, "\n".join(f"{name} {str(body)[:300]}\n{log}" for name, body, log in broken)


async def test_batches_of_anything_are_refused_or_taken(admin):
    for endpoint in ENDPOINTS:
        if endpoint.batch:
            for items in ([], JUNK, [{}], [{"task": junk, "type": junk} for junk in JUNK]):
                reply = await admin.batch(endpoint.name, items)
                assert reply.status < 500, (endpoint.name, reply.meta)


async def test_a_nul_character_is_refused_wherever_a_text_may_be(admin):
    for body in ({"task": "\x00"}, {"task": "a\x00b"}, {"project": ["\x00"]}, {"x": {"\x00": 1}}):
        reply = await admin.send("tasks.get_all", json.dumps(body))
        assert reply.code == (400, 12) and "NUL" in reply.meta["result_msg"]
    assert (await admin.send("tasks.get_by_id?task=%00")).code == (400, 12)
    assert (await admin("projects.create", name="two \\u0000 words")).status == 200  # a backslash, and no NUL


async def test_nul_characters_in_a_batch_are_replaced(admin):
    task = (await admin("tasks.create", name="reports", type="training")).data["id"]
    lines = [{"type": "log", "task": task, "msg": "10%\x00", "level": "in\x00fo", "worker": "\x00"}]
    lines += [{"type": "training_stats_scalar", "task": task, "metric": "\x00", "variant": "v", "value": 1.0}]
    assert (await admin.batch("events.add_batch", lines)).data["added"] == 2
    log = (await admin("events.get_task_log", task=task)).data["events"]
    assert [event["msg"] for event in log] == ["10%\ufffd"]
    found = (await admin("events.get_scalar_metrics_and_variants", task=task)).data["metrics"]
    assert found == {"\ufffd": ["v"]}


@pytest.mark.parametrize(
    "query", ["?x[]=1&x[]=2&x.y=3", "?.=.", "?%00=%ff", "?a.b=1&a=2", "?" + "a.b" * 2000]
)
async def test_arguments_of_any_kind_are_refused_or_taken(admin, query):
    assert (await admin.send(f"users.get_all{query}")).status in (200, 400)


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "HEAD"])
async def test_other_methods_are_refused_in_the_dialects_form(served, method):
    async with served.session.request(method, served.url + "/v2.9/debug.ping") as response:
        assert response.status == 405
        assert response.headers["Connection"] == "close"


async def test_nothing_of_an_error_shows_that_there_was_a_secret(admin):
    reply = await admin("auth.set_password", password=["a secret in a list"])
    assert reply.status == 400 and "a secret" not in json.dumps(reply.body)


async def test_a_batch_as_large_as_the_sdk_sends_is_read(admin):
    line = json.dumps({"type": "log", "task": "0" * 32, "msg": "x" * 1000})
    data = "\n".join([line] * 14_000)
    assert len(data) > 14 * 2**20
    reply = await admin.send("events.add_batch", data, headers={"Content-Type": "application/json-lines"})
    assert reply.code == (400, 131)  # there is no such task
