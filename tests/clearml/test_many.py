"""Calls for many tasks or models at once, over HTTP: each is done or refused for itself."""

from __future__ import annotations

from typing import Any

import pytest


async def tasks(admin: Any, count: int = 2, **fields: Any) -> list[str]:
    made = [await admin("tasks.create", name=f"task {i}", type="training", **fields) for i in range(count)]
    return [reply.data["id"] for reply in made]


async def statuses(admin: Any, ids: list[str]) -> list[str]:
    found = (await admin("tasks.get_by_id_ex", id=ids, order_by=["name"], only_fields=["status"])).data[
        "tasks"
    ]
    return [task["status"] for task in found]


def done(reply: Any) -> list[str]:
    return [item["id"] for item in reply.data["succeeded"]]


async def test_tasks_are_published_reset_and_deleted_together(admin):
    ids = await tasks(admin)
    for task in ids:
        await admin("tasks.started", task=task)
        await admin("tasks.stopped", task=task)
    assert done(await admin("tasks.publish_many", ids=[ids[0]])) == [ids[0]]
    assert await statuses(admin, ids) == ["published", "stopped"]
    reply = await admin("tasks.reset_many", ids=ids)
    assert done(reply) == [ids[1]] and reply.data["failed"][0]["error"]["codes"] == [400, 110]
    reply = await admin("tasks.delete_many", ids=ids)
    assert done(reply) == [ids[1]] and reply.data["failed"][0]["error"]["codes"] == [400, 123]
    assert done(await admin("tasks.delete_many", ids=ids, force=True)) == [ids[0]]
    assert (await admin("tasks.get_all")).data["tasks"] == []


async def test_tasks_leave_queues_and_the_archive_together(admin):
    ids = await tasks(admin)
    await admin("tasks.enqueue_many", ids=ids, queue_name="work")
    assert done(await admin("tasks.dequeue_many", ids=ids)) == ids
    assert await statuses(admin, ids) == ["created", "created"]
    assert done(await admin("tasks.archive_many", ids=ids)) == ids
    assert done(await admin("tasks.unarchive_many", ids=ids)) == ids
    assert (await admin("tasks.get_all", system_tags=["archived"])).data["tasks"] == []


async def test_models_are_made_ready_and_deleted_together(admin):
    made = [await admin("models.create", name=f"net {i}", uri=f"file:///{i}") for i in range(2)]
    ids = [reply.data["id"] for reply in made]
    assert done(await admin("models.publish_many", ids=[*ids, "none"])) == ids
    shown = await admin("models.get_by_id_ex", id=ids, only_fields=["ready"])
    assert [model["ready"] for model in shown.data["models"]] == [True, True]
    reply = await admin("models.delete_many", ids=[*ids, "none"])
    assert done(reply) == ids and reply.data["failed"][0]["error"]["codes"] == [400, 201]


async def test_public_models_are_taken_back(admin):
    key = (await admin("models.create", name="net", uri="file:///net")).data["id"]
    assert (await admin("models.make_public", ids=[key])).data == {"updated": 1}
    assert (await admin("models.edit", model=key, comment="x")).code == (403, 21)
    assert (await admin("models.make_private", ids=[key])).data == {"updated": 1}


async def test_small_calls_about_one_task(admin):
    (key,) = await tasks(admin, 1, script={"entry_point": "a.py"})
    assert (await admin("tasks.get_types")).data == {"types": ["training"]}
    assert (await admin("tasks.validate", name="abc", type="training")).data == {}
    assert (await admin("tasks.validate", name="ab", type="training")).code == (400, 800)
    assert (await admin("tasks.validate", name="abc", type="training", parent="none")).code == (400, 101)
    await admin("tasks.set_requirements", task=key, requirements={"pip": "numpy"})
    before = (await admin("tasks.get_by_id", task=key)).data["task"]
    assert before["script"] == {"entry_point": "a.py", "requirements": {"pip": "numpy"}}
    await admin("tasks.edit_runtime", task=key, runtime={"a.b": 1, "c": 2})
    await admin("tasks.edit_runtime", task=key, keys=["c"])
    before = (await admin("tasks.get_by_id", task=key)).data["task"]
    assert before["runtime"] == {"a.b": 1}
    assert (await admin("tasks.ping", task=key)).data == {}
    after = (await admin("tasks.get_by_id", task=key)).data["task"]
    assert after["last_update"] >= before["last_update"] and after["last_change"] == before["last_change"]
    assert (await admin("tasks.close", task=key)).code == (400, 110)
    await admin("tasks.started", task=key)
    await admin("tasks.stopped", task=key)
    assert (await admin("tasks.close", task=key)).data["fields"]["status"] == "closed"


@pytest.mark.parametrize(
    "action", ["publish_many", "reset_many", "delete_many", "dequeue_many", "unarchive_many", "stop_many"]
)
async def test_many_of_none_is_a_mistake(admin, action):
    assert (await admin(f"tasks.{action}", ids=[])).code == (400, 12)
    reply = await admin(f"tasks.{action}", ids=["none"])
    assert reply.data["failed"][0]["error"]["codes"] == [400, 101]


async def test_signing_out_drops_the_cookie(admin):
    reply = await admin("auth.logout")
    assert reply.status == 200 and "clearml_token_basic=" in reply.headers["Set-Cookie"]
