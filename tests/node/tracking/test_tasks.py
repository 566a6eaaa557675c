"""Tasks from their making to their end, as clients and agents see them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from node.events import Events
from node.store import Store
from node.store.schema import COMPANY, labels
from node.tracking import documents, errors, task_edits, task_steps
from node.tracking.batches import for_each
from node.tracking.collection import MODELS, PROJECTS, TASKS
from node.tracking.queues import Queues
from node.tracking.task_states import Step
from node.tracking.tasks import Tasks

ANN = "ann"


async def made(tasks: Tasks, **fields: Any) -> str:
    key: str = (await tasks.create({"name": "train", **fields}, ANN))["id"]
    return key


async def running(tasks: Tasks, **fields: Any) -> str:
    key = await made(tasks, **fields)
    await tasks.started(key, ANN)
    return key


async def put_model(store: Store, key: str, **fields: Any) -> None:
    model = {"id": key, "name": key, "user": ANN, "company": COMPANY, "ready": False, "created": 1.0}
    await store.write(lambda c: documents.insert(c, MODELS, model | {"last_update": 1.0} | fields))


async def test_a_task_is_made_with_what_it_is_given(tasks: Tasks) -> None:
    made_ = await tasks.create(
        {
            "name": "train",
            "type": "testing",
            "tags": ["a"],
            "output_dest": "s3://bucket",
            "hyperparams": {"Args": {"l.r": {"value": 0.1}}},
            "configuration": {"General": {"value": "x = 1"}},
            "status": "published",
            "unknown": 1,
        },
        ANN,
    )
    task = await tasks.get(made_["id"])
    assert task == made_ | {"status_reason": "", "status_message": ""}
    assert (task["status"], task["user"], task["company"], task["type"]) == (
        "created",
        ANN,
        COMPANY,
        "testing",
    )
    assert task["output"] == {"destination": "s3://bucket"}
    assert task["hyperparams"] == {"Args": {"l.r": {"section": "Args", "name": "l.r", "value": "0.1"}}}
    assert task["configuration"] == {"General": {"name": "General", "value": "x = 1"}}
    assert task["created"] == task["last_update"] == round(task["created"], 3)
    assert "unknown" not in task


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"name": "ab"}, errors.NameTooShort),
        ({"name": None}, errors.NameTooShort),
        ({"name": "x" * 1001}, errors.BadFieldValue),
        ({"project": "nowhere"}, errors.UnknownProject),
        ({"parent": "nobody"}, errors.UnknownTask),
        ({"script": "print(1)"}, errors.BadFieldValue),
        ({"hyperparams": {"Args": 5}}, errors.BadFieldValue),
        ({"hyperparams": {"Args": {"lr": 5}}}, errors.BadFieldValue),
        ({"tags": ["__$all"]}, errors.BadFieldValue),
        ({"comment": 5}, errors.BadFieldValue),
    ],
)
async def test_a_task_that_cannot_be_is_not_made(
    tasks: Tasks, fields: dict[str, Any], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await tasks.create({"name": "train"} | fields, ANN)
    assert (await tasks.find({})).documents == []


async def test_a_task_runs_and_completes(tasks: Tasks) -> None:
    key = await made(tasks)
    started = await tasks.started(key, "bob", reason="why", message="launched")
    assert (started["status"], started["status_reason"], started["status_message"]) == (
        "in_progress",
        "why",
        "launched",
    )
    assert started["last_changed_by"] == "bob"
    again = await tasks.started(key, ANN)
    assert "started" not in again
    await tasks.completed(key, ANN)
    task = await tasks.get(key)
    assert (task["status"], task["status_message"], task["active_duration"]) == ("completed", "", 0)
    assert task["started"] == started["started"] <= task["completed"] == task["status_changed"]
    await tasks.started(key, ANN)
    task = await tasks.get(key)
    assert "completed" not in task
    assert "active_duration" not in task


async def test_what_is_completed_may_be_published_with_its_models(tasks: Tasks, store: Store) -> None:
    await put_model(store, "m")
    key = await running(tasks)
    await tasks.add_model(key, task_edits.model("output", "best", "m"), "m", ANN)
    fields = await tasks.completed(key, ANN, publish=True)
    assert (fields["status"], fields["published"] >= fields["completed"]) == ("published", True)
    assert (await store.read(lambda c: documents.get(c, MODELS, "m")))["ready"] is True
    with pytest.raises(errors.WrongStatus, match="cannot publish"):
        await tasks.publish(key, ANN)


async def test_an_unknown_task_is_said_to_be_unknown(tasks: Tasks) -> None:
    for call in (tasks.get("x"), tasks.started("x", ANN), tasks.delete("x"), tasks.clone("x", {}, ANN)):
        with pytest.raises(errors.UnknownTask, match="'x'"):
            await call


async def test_a_status_that_changed_meanwhile_is_not_overwritten(tasks: Tasks, store: Store) -> None:
    key = await running(tasks)
    seen = await tasks.get(key)
    await tasks.completed(key, ANN)
    with pytest.raises(errors.StatusOvertaken):
        await store.write(lambda c: task_steps.change(c, seen, Step.FAILED, ANN))
    assert (await tasks.get(key))["status"] == "completed"


async def test_a_running_task_is_asked_to_stop_and_one_without_a_worker_is_stopped(
    tasks: Tasks, store: Store
) -> None:
    alone, on_worker, silent, at_home = [await running(tasks) for _ in range(4)]

    def on(key: str, **fields: Any) -> Any:
        return store.write(lambda c: documents.update(c, TASKS, key, {"last_worker": "w:0", **fields}))

    await on(on_worker)
    await on(silent, last_update=1.0)
    await on(at_home, system_tags=["development"])
    for key in (alone, silent, at_home):
        stopped = await tasks.stop(key, ANN, name="Ann")
        assert (stopped["status"], stopped["status_message"]) == ("stopped", "Stopped by Ann")
    asked = await tasks.stop(on_worker, ANN, name="Ann")
    assert (asked["status"], asked["status_message"]) == ("in_progress", "stopping")
    assert (await tasks.get(on_worker))["status_message"] == "stopping"
    await tasks.stopped(on_worker, "agent", message="done")
    assert (await tasks.get(on_worker))["status"] == "stopped"


async def test_a_task_waits_in_one_queue_at_a_time(tasks: Tasks, queues: Queues) -> None:
    key = await made(tasks, system_tags=["development", "x"])
    fields = await tasks.enqueue(key, ANN, queue_name="gpu")
    first = fields["execution.queue"]
    assert (fields["status"], fields["enqueue_status"], fields["system_tags"]) == ("queued", "created", ["x"])
    with pytest.raises(errors.AlreadyQueued):
        await tasks.enqueue(key, ANN, queue_name="gpu", force=True)
    await tasks.dequeue(key, ANN)
    task = await tasks.get(key)
    assert (task["status"], "queue" in task.get("execution", {})) == ("created", False)
    assert (await queues.get(first))["entries"] == []
    assert await tasks.dequeue(key, ANN) == {}
    with pytest.raises(errors.NoDefaultQueue):
        await tasks.enqueue(key, ANN)
    home = await queues.create({"name": "home", "system_tags": ["default"]}, ANN)
    await tasks.enqueue(key, ANN)
    assert [entry["task"] for entry in (await queues.get(home["id"]))["entries"]] == [key]
    with pytest.raises(errors.UnknownQueue):
        await tasks.enqueue(await made(tasks), ANN, queue="nowhere")


async def test_an_agent_takes_a_task_and_says_that_it_runs(tasks: Tasks, queues: Queues) -> None:
    key = await made(tasks)
    queue = (await tasks.enqueue(key, ANN, queue_name="gpu"))["execution.queue"]
    entry = await queues.next(queue)
    assert entry is not None
    assert (entry.task, (await tasks.get(key))["status"]) == (key, "queued")
    await tasks.started(key, "agent", force=True, message="pulled by agent")
    await tasks.dequeue(key, "agent", to="in_progress")
    task = await tasks.get(key)
    assert (task["status"], "execution" in task) == ("in_progress", False)
    with pytest.raises(errors.BadFieldValue):
        await tasks.dequeue(key, "agent", to="asleep")
    with pytest.raises(errors.WrongStatus):
        await tasks.dequeue(key, "agent", to="published")


async def test_an_edit_merges_documents_and_replaces_maps(tasks: Tasks) -> None:
    key = await made(
        tasks,
        script={"binary": "python", "diff": "x"},
        runtime={"a": 1, "b": 2},
        hyperparams={"Args": {"a": {"value": "1"}}},
        output_dest="s3://a",
    )
    edit = {"script": {"diff": "y"}, "runtime": {"b": 3}, "hyperparams": {"New": {}}, "output_dest": "s3://b"}
    fields = await tasks.edit(key, edit, ANN)
    task = await tasks.get(key)
    assert task["script"] == fields["script"] == {"binary": "python", "diff": "y"}
    assert (task["runtime"], task["hyperparams"]) == ({"b": 3}, {"New": {}})
    assert task["output"] == {"destination": "s3://b"}
    await tasks.started(key, ANN)
    with pytest.raises(errors.WrongStatus, match="cannot edit a task that is in_progress"):
        await tasks.edit(key, {"name": "other"}, ANN)
    await tasks.edit(key, {"name": "other", "status": "failed"}, ANN, force=True)
    task = await tasks.get(key)
    assert (task["name"], task["status"]) == ("other", "in_progress")


async def test_some_fields_are_updated_in_any_status(tasks: Tasks) -> None:
    key = await running(tasks)
    await tasks.completed(key, ANN)
    await tasks.update(key, {"name": "best", "tags": ["t"], "type": "testing", "status_message": "m"}, ANN)
    task = await tasks.get(key)
    assert (task["name"], task["tags"], task["type"], task["status_message"]) == (
        "best",
        ["t"],
        "training",
        "m",
    )


async def test_parameters_configurations_artifacts_and_models_are_edited_by_their_keys(tasks: Tasks) -> None:
    key = await made(tasks)

    async def do(edit: task_edits.Edit, step: Step = Step.EDIT_PARAMETERS) -> dict[str, Any]:
        await tasks.change(key, edit, ANN, step)
        return await tasks.get(key)

    def parameter(section: str, name: str, value: str) -> dict[str, str]:
        return {"section": section, "name": name, "value": value}

    both = [parameter("A", "x.y", "1"), parameter("B", "$ z", "2")]
    task = await do(task_edits.hyperparams(both))
    assert task["hyperparams"] == {"A": {"x.y": both[0]}, "B": {"$ z": both[1]}}
    third = parameter("A", "w", "3")
    assert (await do(task_edits.hyperparams([third])))["hyperparams"]["A"] == {"x.y": both[0], "w": third}
    assert (await do(task_edits.hyperparams([third], "section")))["hyperparams"]["A"] == {"w": third}
    assert (await do(task_edits.hyperparams(both, "all")))["hyperparams"] == task["hyperparams"]
    task = await do(task_edits.without_hyperparams([{"section": "A", "name": "x.y"}, {"section": "B"}]))
    assert task["hyperparams"] == {"A": {}}

    await do(task_edits.configuration([{"name": "c.1", "value": "v"}]))
    task = await do(task_edits.configuration([{"name": "c2", "value": 5, "type": "t"}]))
    assert task["configuration"] == {
        "c.1": {"name": "c.1", "value": "v"},
        "c2": {"name": "c2", "value": "5", "type": "t"},
    }
    assert list((await do(task_edits.without_configuration(["c.1"])))["configuration"]) == ["c2"]
    task = await do(task_edits.configuration([{"name": "c3"}], replace=True))
    assert list(task["configuration"]) == ["c3"]

    first = {"key": "data", "uri": "u1", "type": "t"}
    await do(task_edits.artifacts([first, {**first, "mode": "input"}]), Step.EDIT_ARTIFACTS)
    task = await do(task_edits.artifacts([{**first, "uri": "u2"}]), Step.EDIT_ARTIFACTS)
    assert [(a["mode"], a["uri"]) for a in task["execution"]["artifacts"]] == [
        ("output", "u2"),
        ("input", "u1"),
    ]
    task = await do(task_edits.without_artifacts([{"key": "data"}]), Step.EDIT_ARTIFACTS)
    assert [a["mode"] for a in task["execution"]["artifacts"]] == ["input"]

    for name, model in (("best", "m1"), ("last", "m2"), ("best", "m3")):
        task = await do(task_edits.model("output", name, model))
    assert task["models"]["output"] == [{"name": "best", "model": "m3"}, {"name": "last", "model": "m2"}]
    task = await do(task_edits.without_models([{"type": "output", "name": "best"}]))
    assert task["models"]["output"] == [{"name": "last", "model": "m2"}]

    task = await do(task_edits.runtime({"progress": "5", "a.b": 1}))
    assert (await do(task_edits.runtime({"x": 1}, ["a.b"])))["runtime"] == {"progress": "5", "x": 1}
    task = await do(task_edits.requirements({"pip": "numpy"}))
    assert task["script"] == {"requirements": {"pip": "numpy"}}
    task = await do(task_edits.tags(["a", "b"], ["a"]))
    assert task["tags"] == ["b"]


async def test_a_parameter_without_a_name_is_refused(tasks: Tasks) -> None:
    with pytest.raises(errors.BadFieldValue, match="no name"):
        task_edits.hyperparams([{"section": "Args"}])
    with pytest.raises(errors.BadFieldValue, match="no key"):
        task_edits.artifacts([{"uri": "x"}])


async def test_a_clone_has_what_was_given_and_not_what_was_made(tasks: Tasks, store: Store) -> None:
    await put_model(store, "m")
    key = await made(
        tasks,
        tags=["t"],
        system_tags=["development", "archived", "kept"],
        comment="c",
        hyperparams={"Args": {"a": {"value": "1"}}},
        script={"diff": "x"},
        container={"image": "python"},
        output_dest="s3://a",
        execution={"artifacts": [{"key": "in", "mode": "input"}, {"key": "out", "mode": "output"}]},
        models={"input": [{"name": "i", "model": "m"}], "output": [{"name": "o", "model": "m"}]},
        runtime={"x": 1},
    )
    source = await tasks.get(key)
    await tasks.enqueue(key, ANN, queue_name="gpu")
    copy = await tasks.get((await tasks.clone(key, {"name": "again", "tags": ["u"]}, "bob"))["id"])
    for name in ("comment", "hyperparams", "script", "container", "output", "type"):
        assert copy[name] == source[name]
    assert (copy["name"], copy["tags"], copy["system_tags"]) == ("again", ["u"], ["kept"])
    assert (copy["status"], copy["user"], copy["parent"]) == ("created", "bob", key)
    assert copy["execution"] == {"artifacts": [{"key": "in", "mode": "input"}]}
    assert copy["models"] == {"input": [{"name": "i", "model": "m"}], "output": []}
    assert "runtime" not in copy
    grandchild = await tasks.clone(copy["id"], {}, ANN)
    assert grandchild["parent"] == key
    other = await tasks.clone(key, {"name": "other", "parent": copy["id"]}, ANN)
    assert other["parent"] == copy["id"]


async def test_a_reset_task_is_as_before_it_ran(tasks: Tasks, store: Store) -> None:
    await put_model(store, "done", ready=True)
    key = await made(
        tasks,
        script={"diff": "x"},
        hyperparams={"Args": {}},
        execution={"artifacts": [{"key": "i", "mode": "input"}, {"key": "o", "uri": "file://o"}]},
    )
    await put_model(store, "draft", task=key, uri="file://draft")
    for name in ("done", "draft"):
        await tasks.add_model(key, task_edits.model("output", name, name), name, ANN)
    await tasks.started(key, ANN)
    ran = {"last_iteration": 9, "last_metrics": {"m": {}}, "last_worker": "w", "runtime": {"p": 1}}
    await store.write(lambda c: documents.update(c, TASKS, key, ran))
    Events(store).log(key, "hello")
    await tasks.failed(key, ANN, message="oh")
    answer = await tasks.reset(key, "bob")
    assert (answer["deleted_models"], answer["events"]) == (1, 1)
    assert answer["urls"] == {"event_urls": [], "artifact_urls": ["file://o"], "model_urls": ["file://draft"]}
    task = await tasks.get(key)
    assert (task["status"], task["status_message"], task["last_iteration"]) == ("created", "", 0)
    assert (
        not {"started", "completed", "last_metrics", "runtime", "last_worker", "active_duration"}
        & task.keys()
    )
    assert task["execution"]["artifacts"] == [{"key": "i", "mode": "input"}]
    assert task["models"]["output"] == [{"name": "done", "model": "done"}]
    assert task["script"] == {"diff": "x"}
    await tasks.reset(key, ANN, clear_all=True)
    assert "script" not in await tasks.get(key)


async def test_a_deleted_task_takes_its_own_along_and_leaves_the_rest(tasks: Tasks, store: Store) -> None:
    key = await made(tasks, execution={"artifacts": [{"key": "o", "uri": "file://o"}]}, tags=["t"])
    child = await made(tasks, parent=key)
    await put_model(store, "draft", task=key, uri="file://draft")
    await put_model(store, "ready", task=key, ready=True)
    await put_model(store, "read", task=key)
    await tasks.add_model(child, task_edits.model("input", "r", "read"), "read", ANN)
    Events(store).log(key, "hello")
    answer = await tasks.delete(key)
    urls = answer.pop("urls")
    assert urls == {"event_urls": [], "artifact_urls": ["file://o"], "model_urls": ["file://draft"]}
    assert answer == {
        "deleted": True,
        "deleted_models": 1,
        "updated_models": 2,
        "updated_children": 1,
        "events": 1,
    }
    with pytest.raises(errors.UnknownTask):
        await tasks.get(key)
    assert (await tasks.get(child))["parent"] == f"__DELETED__{key}"
    left = await store.read(lambda c: [documents.get(c, MODELS, name)["task"] for name in ("ready", "read")])
    assert left == [f"__DELETED__{key}"] * 2
    assert await store.read(lambda c: c.execute(sa.select(labels).where(labels.c.id == key)).all()) == []


async def test_only_what_is_new_or_archived_is_deleted_without_force(tasks: Tasks) -> None:
    key = await running(tasks)
    with pytest.raises(errors.UndeletableTask):
        await tasks.delete(key)
    archived = await tasks.archive(key, ANN)
    assert (archived["status"], archived["system_tags"]) == ("stopped", ["archived"])
    assert (await tasks.find({"system_tags": ["-archived"]})).documents == []
    assert (await tasks.unarchive(key, ANN))["system_tags"] == []
    await tasks.archive(key, ANN)
    await tasks.delete(key)
    other = await running(tasks)
    await tasks.delete(other, force=True)


async def test_a_queued_task_leaves_its_queue_when_archived_or_deleted(tasks: Tasks, queues: Queues) -> None:
    archived, deleted = await made(tasks), await made(tasks)
    for key in (archived, deleted):
        queue = (await tasks.enqueue(key, ANN, queue_name="gpu"))["execution.queue"]
    await tasks.archive(archived, ANN)
    await tasks.delete(deleted, force=True)
    assert (await tasks.get(archived))["status"] == "created"
    assert await queues.length(queue) == 0


async def test_many_are_handled_each_for_itself(tasks: Tasks) -> None:
    good, bad = await running(tasks), await made(tasks)
    batch = await for_each([good, "nobody", bad, good], lambda key: tasks.completed(key, ANN))
    assert list(batch.succeeded) == [good]
    assert batch.succeeded[good]["status"] == "completed"
    assert {key: type(error) for key, error in batch.failed.items()} == {
        "nobody": errors.UnknownTask,
        bad: errors.WrongStatus,
    }


async def test_a_public_task_is_read_and_cloned_but_not_changed(tasks: Tasks) -> None:
    key = await made(tasks)
    await tasks.set_public(key, public=True)
    assert (await tasks.get(key))["company"] == ""
    for call in (tasks.started(key, ANN), tasks.edit(key, {"name": "mine"}, ANN), tasks.delete(key)):
        with pytest.raises(errors.ReadOnlyDocument):
            await call
    assert (await tasks.clone(key, {}, ANN))["company"] == COMPANY
    await tasks.set_public(key, public=False)
    await tasks.started(key, ANN)


async def test_a_change_of_status_is_told_and_changes_the_project(tasks: Tasks, store: Store) -> None:
    project = {"id": "p", "name": "proj", "basename": "proj", "user": ANN, "company": COMPANY}
    await store.write(lambda c: documents.insert(c, PROJECTS, project | {"created": 1.0, "last_update": 1.0}))
    key = await made(tasks, project="p")
    with tasks._events.listen([key]) as heard:
        await tasks.started(key, ANN)
        await tasks.started(key, ANN)
        await tasks.completed(key, ANN)
        async with asyncio.timeout(10):
            told = [(await heard.get()).body["status"] for _ in range(2)]
    assert told == ["in_progress", "completed"]
    assert (await store.read(lambda c: documents.get(c, PROJECTS, "p")))["last_update"] > 1.0


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_a_deleted_task_gives_its_space_back_to_the_disk(tasks: Tasks, tmp_path: Path) -> None:
    key = await made(tasks, script={"diff": "x" * 8_000_000})
    await tasks.delete(await made(tasks))
    full = (tmp_path / "node.sqlite").stat().st_size
    await tasks.delete(key)
    assert (tmp_path / "node.sqlite").stat().st_size < full / 4
