"""Pipelines, over HTTP: runs that are started anew, and deleted with their steps."""

from __future__ import annotations

from typing import Any

import pytest


async def run(admin: Any, project: str, **fields: Any) -> str:
    fields = {"name": "nightly", "type": "controller", "system_tags": ["pipeline"]} | fields
    return (await admin("tasks.create", project=project, **fields)).data["id"]


@pytest.fixture
async def pipeline(admin: Any) -> str:
    made = await admin("projects.create", name="birds/.pipelines/nightly", system_tags=["pipeline"])
    return made.data["id"]


@pytest.fixture
async def queue(admin: Any) -> str:
    return (await admin("queues.create", name="services")).data["id"]


async def test_a_run_is_started_anew_with_other_arguments(admin, pipeline, queue):
    arguments = {
        name: {"section": "Args", "name": name, "value": "1", "type": "int"} for name in ("kept", "given")
    }
    source = await run(admin, pipeline, hyperparams={"Args": arguments})
    told = await admin(
        "pipelines.start_pipeline", task=source, queue=queue, args=[{"name": "given", "value": 2}]
    )
    assert told.data["enqueued"] is True
    started = (await admin("tasks.get_by_id", task=told.data["pipeline"])).data["task"]
    assert (started["status"], started["execution"]["queue"]) == ("queued", queue)
    found = {name: item["value"] for name, item in started["hyperparams"]["Args"].items()}
    assert found == {"kept": "1", "given": "2"} and started["system_tags"] == ["pipeline"]
    assert (started["project"], started["parent"]) == (pipeline, source)


async def test_nothing_is_copied_if_there_is_no_queue(admin, pipeline):
    source = await run(admin, pipeline)
    assert (await admin("pipelines.start_pipeline", task=source)).code == (400, 707)
    assert (await admin("pipelines.start_pipeline", task=source, queue="none")).code == (400, 701)
    assert len((await admin("tasks.get_all", project=[pipeline])).data["tasks"]) == 1


async def test_an_unknown_run_is_not_started(admin, queue):
    assert (await admin("pipelines.start_pipeline", task="none", queue=queue)).code == (400, 101)


async def test_runs_are_deleted_with_their_steps(admin, pipeline):
    runs = [await run(admin, pipeline) for _ in range(3)]
    step = (await admin("tasks.create", name="step", type="training", parent=runs[0])).data["id"]
    stranger = (await admin("tasks.create", name="other", type="training", project=pipeline)).data["id"]
    told = await admin("pipelines.delete_runs", project=pipeline, ids=[*runs[:2], stranger])
    assert [item["id"] for item in told.data["succeeded"]] == runs[:2] and told.data["failed"] == []
    left = {task["id"] for task in (await admin("tasks.get_all")).data["tasks"]}
    assert left == {runs[2], stranger} and step not in left


async def test_a_pipeline_keeps_a_run(admin, pipeline):
    runs = [await run(admin, pipeline) for _ in range(2)]
    assert (await admin("pipelines.delete_runs", project=pipeline, ids=runs)).code == (400, 160)
    assert (await admin("pipelines.delete_runs", project="none", ids=runs)).code == (400, 401)
    assert (await admin("pipelines.delete_runs", project=pipeline, ids=["none"])).data == {
        "succeeded": [],
        "failed": [],
    }
