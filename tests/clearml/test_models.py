"""Models over HTTP: registered, given to tasks, made ready, put away."""

from __future__ import annotations

from typing import Any

import pytest


async def made(admin: Any, **fields: Any) -> str:
    return (await admin("models.create", **{"name": "owls", "uri": "file:///m"} | fields)).data["id"]


async def task_of(admin: Any, **fields: Any) -> str:
    return (await admin("tasks.create", name="a task", type="training", **fields)).data["id"]


async def seen(admin: Any, model: str) -> dict[str, Any]:
    return (await admin("models.get_by_id", model=model)).data["model"]


async def test_a_model_is_as_it_was_registered(admin):
    fields = {"comment": "c", "labels": {"owl": 1}, "design": {"design": "net"}, "tags": ["t"]}
    metadata = [{"key": "a.b $", "value": "1", "type": "int"}]
    model = await seen(admin, await made(admin, **fields, framework="PyTorch", metadata=metadata))
    assert {name: model[name] for name in fields} == fields
    assert (model["framework"], model["ready"]) == ("pytorch", False)
    assert model["metadata"] == {"a.b $": metadata[0]}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": "ab"}, (400, 800)),
        ({"uri": None}, (400, 12)),
        ({"project": "none"}, (400, 401)),
        ({"task": "none"}, (400, 101)),
        ({"parent": "none"}, (400, 201)),
        ({"labels": {"owl": "x"}}, (400, 12)),
        ({"metadata": [{"value": "1"}]}, (400, 16)),
    ],
)
async def test_what_cannot_be_registered(admin, fields, code):
    reply = await admin("models.create", **{"name": "owls", "uri": "file:///m"} | fields)
    assert reply.code == code
    assert (await admin("models.get_all")).data["models"] == []


async def test_a_ready_model_keeps_what_others_build_on(admin):
    model = await made(admin)
    assert (await admin("models.edit", model=model, uri="file:///n")).data["fields"] == {"uri": "file:///n"}
    assert (await admin("models.set_ready", model=model)).data == {"updated": 1}
    assert (await admin("models.set_ready", model=model)).code == (400, 203)
    assert (await admin("models.edit", model=model, uri="file:///o")).code == (400, 203)
    assert (await admin("models.edit", model=model, comment="still", uri="file:///n")).data["updated"] == 1


async def test_making_a_model_ready_publishes_its_task(admin):
    task = await task_of(admin)
    model = await made(admin, task=task)
    await admin("tasks.started", task=task)
    await admin("tasks.completed", task=task)
    told = (await admin("models.set_ready", model=model)).data["published_task"]
    assert (told["id"], told["data"]["fields"]["status"]) == (task, "published")
    assert (await admin("models.delete", model=model)).code == (400, 206)
    assert (await admin("models.delete", model=model, force=True)).data == {
        "deleted": True,
        "url": "file:///m",
    }


async def test_a_model_that_a_task_reads_is_kept(admin):
    model = await made(admin)
    task = await task_of(admin)
    await admin("tasks.add_or_update_model", task=task, name="base", model=model, type="input")
    assert (await admin("models.delete", model=model)).code == (400, 205)
    await admin("tasks.delete_models", task=task, models=[{"name": "base", "type": "input"}])
    assert (await admin("models.delete", model=model)).data["deleted"] is True


async def test_a_task_is_given_its_output_model(admin):
    task = await task_of(admin)
    first = (await admin("models.update_for_task", task=task, uri="file:///1", iteration=7)).data
    again = (await admin("models.update_for_task", task=task, uri="file:///1", comment="x")).data
    assert (first["created"], again["created"], again["id"]) == (True, False, first["id"])
    found = (await admin("models.get_by_task_id", task=task)).data["model"]
    assert (found["id"], found["comment"]) == (first["id"], "x")
    assert (await admin("tasks.get_by_id", task=task)).data["task"]["last_iteration"] == 7
    assert (await admin("models.update_for_task", task=task)).code == (400, 16)


async def test_metadata_and_tags(admin):
    model = await made(admin)
    items = [{"key": "k", "value": "v"}, {"key": "l", "value": "w"}]
    await admin("models.add_or_update_metadata", model=model, metadata=items)
    await admin("models.delete_metadata", model=model, keys=["k"])
    assert set((await seen(admin, model))["metadata"]) == {"l"}
    await admin("models.add_or_update_metadata", model=model, metadata=items[:1], replace_metadata=True)
    assert set((await seen(admin, model))["metadata"]) == {"k"}
    assert (await admin("models.update_tags", ids=[model], add_tags=["x"])).data == {"updated": 1}
    assert (await admin("models.get_all", tags=["x"], only_fields=["name"])).data["models"][0]["id"] == model


async def test_models_go_into_the_archive_and_elsewhere(admin):
    model = await made(admin)
    done = (await admin("models.archive_many", ids=[model, "none"])).data
    assert done["succeeded"] == [{"id": model, "archived": True}]
    assert done["failed"][0]["error"]["codes"] == [400, 201]
    assert (await admin("models.get_all", system_tags=["-archived"])).data["models"] == []
    await admin("models.unarchive_many", ids=[model])
    key = (await admin("models.move", ids=[model], project_name="zoo")).data["project_id"]
    shown = (await admin("models.get_all_ex", id=model, only_fields=["project.name"])).data["models"][0]
    assert shown["project"] == {"id": key, "name": "zoo"}
    assert (await admin("models.move", ids=[model, "none"], project=None)).code == (400, 201)
    assert (await seen(admin, model))["project"] == key
    assert (await admin("models.move", ids=[model], project=None)).data == {"project_id": None}
    assert "project" not in await seen(admin, model)
    assert (await admin("models.get_frameworks")).data == {"frameworks": []}


async def test_public_models_are_changed_by_nobody(admin):
    model = await made(admin, public=True)
    assert (await admin("models.edit", model=model, comment="x")).code == (403, 21)
    assert (await admin("models.make_private", ids=[model])).data == {"updated": 1}
    assert (await admin("models.edit", model=model, comment="x")).data["updated"] == 1
