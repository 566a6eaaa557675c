"""Tasks over HTTP: their forms, their states, and what is refused. The states themselves are tested below the
dialect, cell by cell."""

from __future__ import annotations

from typing import Any

import pytest


async def made(admin: Any, name: str = "a task", **fields: Any) -> str:
    return (await admin("tasks.create", name=name, type="training", **fields)).data["id"]


async def seen(admin: Any, task: str) -> dict[str, Any]:
    return (await admin("tasks.get_by_id", task=task)).data["task"]


async def test_a_task_is_as_it_was_made(admin):
    fields = {
        "tags": ["x"],
        "comment": "why",
        "script": {"repository": "r", "entry_point": "train.py"},
        "hyperparams": {"Args": {"lr": {"section": "Args", "name": "lr", "value": "0.1"}}},
        "configuration": {"net": {"name": "net", "value": "layers: 3", "type": "yaml"}},
        "execution": {"framework": "none", "artifacts": []},
        "container": {"image": "python:3.11"},
        "output_dest": "s3://bucket",
    }
    task = await seen(admin, await made(admin, **fields))
    destination = fields.pop("output_dest")
    assert {name: task[name] for name in fields} == fields
    assert task["output"]["destination"] == destination
    assert (task["status"], task["type"], task["last_iteration"]) == ("created", "training", 0)
    assert task["created"].endswith("+00:00") and len(task["user"]) == 32


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"type": "training"}, (400, 12)),
        ({"name": "abc"}, (400, 12)),
        ({"name": "abc", "type": "nonsense"}, (400, 12)),
        ({"name": "ab", "type": "training"}, (400, 800)),
        ({"name": "abc", "type": "training", "project": "none"}, (400, 401)),
        ({"name": "abc", "type": "training", "parent": "none"}, (400, 101)),
        ({"name": "abc", "type": "training", "tags": ["__$all"]}, (400, 16)),
        ({"name": "abc", "type": "training", "tags": "x"}, (400, 12)),
        ({"name": "abc", "type": "training", "script": {"entry_point": "\ud800"}}, (400, 12)),
    ],
)
async def test_what_no_task_can_be_made_of(admin, fields, code):
    assert (await admin("tasks.create", **fields)).code == code
    assert (await admin("tasks.get_all")).data["tasks"] == []


@pytest.mark.parametrize("action", ["tasks.get_all", "tasks.get_all_ex"])
async def test_a_list_has_what_has_changed_since_it_was_last_asked_for(admin, action):
    async def listed() -> list[tuple[str, str]]:
        found = (await admin(action, order_by=["name"], only_fields=["name", "status", "tags"])).data["tasks"]
        return [(task["name"], task["status"]) for task in found]

    task = await made(admin, "first")
    assert await listed() == await listed() == [("first", "created")]
    await made(admin, "second")
    assert await listed() == [("first", "created"), ("second", "created")]
    await admin("tasks.started", task=task)
    assert await listed() == [("first", "in_progress"), ("second", "created")]
    await admin("tasks.delete", task=task, force=True)
    assert await listed() == [("second", "created")]


async def test_the_life_of_a_task(admin):
    task = await made(admin)
    reply = await admin("tasks.started", task=task, status_message="off we go")
    assert (reply.data["started"], reply.data["fields"]["status"]) == (1, "in_progress")
    assert reply.data["fields"]["started"].endswith("+00:00")
    assert (await admin("tasks.edit", task=task, comment="late")).code == (400, 110)
    assert (await admin("tasks.edit", task=task, comment="late", force=True)).data["updated"] == 1
    assert (await admin("tasks.completed", task=task, publish=True)).data["published"] == 1
    refused = await admin("tasks.started", task=task)
    assert refused.code == (400, 110) and "status" in refused.meta["result_msg"]
    assert (await seen(admin, task))["status"] == "published"


async def test_a_batch_tells_what_was_done_and_what_was_refused(admin):
    task = await made(admin)
    reply = await admin("tasks.stop_many", ids=[task, "unknown"])
    assert reply.data["succeeded"] == []
    errors = {item["id"]: item["error"]["codes"] for item in reply.data["failed"]}
    assert errors == {task: [400, 110], "unknown": [400, 101]}
    await admin("tasks.started", task=task)
    reply = await admin("tasks.stop_many", ids=[task])
    assert [item["id"] for item in reply.data["succeeded"]] == [task]


async def test_parameters_are_set_and_removed_whatever_their_names(admin):
    task = await made(admin)
    item = {"section": "Args.x", "name": "deep.key $", "value": "1"}
    assert (await admin("tasks.edit_hyper_params", task=task, hyperparams=[item])).data == {"updated": 1}
    told = (await admin("tasks.get_hyper_params", tasks=[task])).data["params"]
    assert told[0]["hyperparams"] == [item]
    key = {"section": "Args.x", "name": "deep.key $"}
    assert (await admin("tasks.delete_hyper_params", task=task, hyperparams=[key])).data == {"deleted": 1}
    assert (await admin("tasks.get_hyper_params", tasks=[task])).data["params"][0]["hyperparams"] == []


async def test_configurations(admin):
    task = await made(admin)
    items = [{"name": "net", "value": "a"}, {"name": "data", "value": ""}]
    await admin("tasks.edit_configuration", task=task, configuration=items)
    names = (await admin("tasks.get_configuration_names", tasks=[task])).data["configurations"]
    assert names == [{"task": task, "names": ["net"]}]
    await admin("tasks.delete_configuration", task=task, configuration=["data"])
    told = (await admin("tasks.get_configurations", tasks=[task], names=["net"])).data["configurations"]
    assert told[0]["configuration"] == [{"name": "net", "value": "a"}]


async def test_artifacts_are_replaced_by_key_and_mode(admin):
    task = await made(admin)
    first = {"key": "k", "mode": "output", "type": "json", "uri": "u1"}
    await admin("tasks.add_or_update_artifacts", task=task, artifacts=[first])
    await admin("tasks.add_or_update_artifacts", task=task, artifacts=[first | {"uri": "u2"}])
    assert [a["uri"] for a in (await seen(admin, task))["execution"]["artifacts"]] == ["u2"]
    gone = await admin("tasks.delete_artifacts", task=task, artifacts=[{"key": "k", "mode": "output"}])
    assert gone.data == {"deleted": 1}


async def test_a_clone_has_what_the_task_was_given(admin):
    task = await made(admin, comment="c", tags=["t"], system_tags=["development"])
    reply = await admin("tasks.clone", task=task, new_task_name="copy", new_project_name="elsewhere/new")
    assert reply.data["new_project"]["name"] == "elsewhere/new"
    copy = await seen(admin, reply.data["id"])
    assert (copy["name"], copy["comment"], copy["tags"], copy["parent"]) == ("copy", "c", ["t"], task)
    assert copy["project"] == reply.data["new_project"]["id"] and copy.get("system_tags", []) == []


async def test_tasks_wait_in_queues(admin):
    task = await made(admin)
    assert (await admin("tasks.enqueue", task=task)).code == (400, 707)
    reply = await admin("tasks.enqueue", task=task, queue_name="gpu work")
    assert (reply.data["queued"], reply.data["fields"]["status"]) == (1, "queued")
    assert (await admin("tasks.enqueue", task=task, queue_name="gpu work")).code == (400, 706)
    shown = (await admin("tasks.get_all_ex", id=task, only_fields=["execution.queue.name"])).data["tasks"][0]
    assert shown["execution"]["queue"]["name"] == "gpu work"
    assert (await admin("tasks.dequeue", task=task)).data["dequeued"] == 1
    assert (await seen(admin, task))["status"] == "created"


async def test_lists_are_queries(admin):
    keys = [
        await made(admin, f"task {number}", tags=["even"] if number % 2 == 0 else []) for number in range(5)
    ]
    reply = await admin("tasks.get_all", tags=["even"], order_by=["-name"], only_fields=["name"])
    assert reply.data["tasks"] == [{"id": keys[number], "name": f"task {number}"} for number in (4, 2, 0)]
    page = (await admin("tasks.get_all", order_by=["name"], page=1, page_size=2)).data["tasks"]
    assert [task["id"] for task in page] == keys[2:4]
    assert (await admin("tasks.get_all", page=-1)).code == (400, 12)
    assert (await admin("tasks.get_all", name="(")).code == (400, 21)
    me = (await admin("users.get_current_user")).data["user"]
    shown = (await admin("tasks.get_all_ex", user=[me["id"]], only_fields=["user.name"])).data["tasks"]
    assert [task["user"] for task in shown] == [{"id": me["id"], "name": "admin"}] * 5


async def test_updates_by_the_line(admin):
    keys = [await made(admin) for _ in range(2)]
    reply = await admin.batch("tasks.update_batch", [{"task": key, "comment": key} for key in keys])
    assert reply.data == {"updated": 2}
    assert [(await seen(admin, key))["comment"] for key in keys] == keys
    assert (await admin.batch("tasks.update_batch", [])).code == (400, 17)
    refused = await admin.batch("tasks.update_batch", [{"task": keys[0], "comment": "x"}, {"comment": "y"}])
    assert refused.code == (400, 12)
    assert (await seen(admin, keys[0]))["comment"] == keys[0]


async def test_tags_are_added_and_removed(admin):
    keys = [await made(admin, tags=["a", "b"]), await made(admin)]
    reply = await admin("tasks.update_tags", ids=[*keys, "unknown"], add_tags=["c"], remove_tags=["a"])
    assert reply.data == {"updated": 2}
    assert [(await seen(admin, key))["tags"] for key in keys] == [["b", "c"], ["c"]]


async def test_a_deleted_task_is_gone_with_its_events(admin):
    task = await made(admin)
    child = await made(admin, parent=task)
    await admin.batch("events.add_batch", [{"type": "log", "task": task, "msg": "hello"}])
    await admin("tasks.started", task=task)
    assert (await admin("tasks.delete", task=task)).code == (400, 123)
    gone = (await admin("tasks.delete", task=task, force=True, return_file_urls=True)).data
    assert gone["deleted"] is True and gone["updated_children"] == 1
    assert gone["urls"] == {"model_urls": [], "event_urls": [], "artifact_urls": []}
    assert (await admin("tasks.get_by_id", task=task)).code == (400, 101)
    assert (await seen(admin, child))["parent"] == f"__DELETED__{task}"


async def test_tasks_move_between_projects(admin):
    task = await made(admin)
    key = (await admin("tasks.move", ids=[task], project_name="some/where")).data["project_id"]
    assert (await seen(admin, task))["project"] == key
    assert (await admin("tasks.move", ids=[task], project="none")).code == (400, 401)
    assert (await admin("tasks.move", ids=[task])).code == (400, 11)


async def test_tasks_move_together_or_not_at_all(admin):
    tasks = [await made(admin), await made(admin)]
    moved = await admin("tasks.move", ids=[*tasks, "none"], project_name="nowhere")
    assert moved.code == (400, 101)
    assert [(await seen(admin, task)).get("project") for task in tasks] == [None, None]
    assert (await admin("projects.get_all", name="nowhere")).data["projects"] == []


async def test_tasks_move_out_of_all_projects(admin):
    task = await made(admin)
    await admin("tasks.move", ids=[task], project_name="some/where")
    assert (await admin("tasks.move", ids=[task], project=None)).data == {"project_id": None}
    assert "project" not in await seen(admin, task)
    assert (await admin("tasks.move", ids=[task], project=None, project_name="some/where")).data["project_id"]


async def test_public_tasks_are_changed_by_nobody(admin):
    task = await made(admin)
    assert (await admin("tasks.make_public", ids=[task])).data == {"updated": 1}
    assert (await admin("tasks.edit", task=task, comment="x")).code == (403, 21)
    assert (await admin("tasks.make_private", ids=[task, "unknown"])).data == {"updated": 1}
