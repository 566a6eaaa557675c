"""Jobs of the node itself, as ClearML's clients see them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

TABLE = {"names": ["x", "y"], "rows": [[float(n), 2.0 * n + 1] for n in range(50)]}
FIT = {"model": "line", "algorithm": "mlr", "target": "y", "inputs": ["x"]}


async def ended(node: Any, kind: str, **about: Any) -> str:
    """The id of a job that has completed."""
    task = await node.jobs.submit(kind, actor=node.first_key, **about)
    async with asyncio.timeout(60):
        while not task.finished:
            task = await node.jobs.wait(task.id, 10, seen=task)
    assert task.status == "completed", task.error
    return task.id


async def fitted(node: Any) -> tuple[str, str]:
    """Two jobs: one has learned a table, one has fitted a line to it."""
    await node.projects.create("birds", owner="admin")
    learned = await ended(node, "learn", project="birds", parameters={"table": TABLE})
    return learned, await ended(node, "fit", project="birds", parameters=FIT)


async def test_jobs_are_tasks_of_their_project(served: Any, admin: Any) -> None:
    learned, fit = await fitted(served.node)
    (project,) = (await admin("projects.get_all", name="^birds$")).data["projects"]
    found = (await admin("tasks.get_all_ex", project=[project["id"]], order_by=["created"])).data["tasks"]
    assert [task["id"] for task in found] == [learned, fit]
    assert [(task["type"], task["status"]) for task in found] == [
        ("data_processing", "completed"),
        ("training", "completed"),
    ]
    shown = (await admin("events.scalar_metrics_iter_histogram", task=learned)).data["progress"]["progress"]
    assert (shown["x"][-1], shown["y"][-1]) == (50, 100)
    assert [task["last_worker"] for task in found] == [f"{served.node.name}:0"] * 2
    parameters = found[1]["hyperparams"]["Job"]
    assert {name: item["value"] for name, item in parameters.items()} == {
        "model": "line",
        "algorithm": "mlr",
        "target": "y",
        "inputs": '["x"]',
    }


async def test_what_a_job_fitted_is_a_model_that_can_be_had(served: Any, admin: Any) -> None:
    served.node.files_url = served.files_url
    _, fit = await fitted(served.node)
    task = (await admin("tasks.get_by_id", task=fit)).data["task"]
    (written,) = task["models"]["output"]
    model = (await admin("models.get_by_id", model=written["model"])).data["model"]
    assert (model["name"], model["ready"], model["task"], model["project"]) == (
        "line",
        True,
        fit,
        task["project"],
    )
    async with served.session.get(model["uri"], headers={"Authorization": admin.auth}) as reply:
        content = await reply.json(content_type=None)
    assert (content["name"], content["target"]) == ("line", "y")


async def test_a_model_that_is_deleted_is_gone_everywhere(served: Any, admin: Any) -> None:
    served.node.files_url = served.files_url
    _, fit = await fitted(served.node)
    await ended(served.node, "fit", project="birds", parameters=FIT | {"model": "other"})
    assert await served.node.files.count() == 2
    await served.node.models.delete("birds", "line")
    assert [model["name"] for model in (await admin("models.get_all")).data["models"]] == ["other"]
    assert await served.node.files.count() == 1
    assert (await admin("tasks.get_by_id", task=fit)).data["task"]["status"] == "completed"


async def test_a_copy_of_a_job_runs_on_the_node(served: Any, admin: Any) -> None:
    _, fit = await fitted(served.node)
    copy = (await admin("tasks.clone", task=fit)).data["id"]
    edited = [{"section": "Job", "name": "model", "value": "another"}]
    await admin("tasks.edit_hyper_params", task=copy, hyperparams=edited)
    told = await admin("tasks.enqueue", task=copy, queue_name="any", verify_watched_queue=True)
    assert told.data["queue_watched"] is True
    task = await served.node.jobs.get(copy)
    async with asyncio.timeout(60):
        while not task.finished:
            task = await served.node.jobs.wait(copy, 10, seen=task)
    shown = (await admin("tasks.get_by_id", task=copy)).data["task"]
    assert shown["status"] == "completed" and shown["parent"] == fit
    (model,) = (await admin("models.get_all", task=[copy])).data["models"]
    assert model["name"] == "another"
    models = await served.node.models.list("birds")
    assert [record.inputs for record in models] == [("x",), ("x",)]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("path", "/etc/passwd", (400, 16)),
        ("output", "rows.csv", (400, 16)),
        ("model", "a/b", (400, 12)),
        ("inputs", "5", (400, 16)),
        ("algorithm", "guessing", (400, 12)),
    ],
)
async def test_a_copy_reads_and_writes_nothing_that_the_job_did_not(
    served: Any, admin: Any, name: str, value: str, code: tuple[int, int]
) -> None:
    _, fit = await fitted(served.node)
    copy = (await admin("tasks.clone", task=fit)).data["id"]
    edited = [{"section": "Job", "name": name, "value": value}]
    await admin("tasks.edit_hyper_params", task=copy, hyperparams=edited)
    assert (await admin("tasks.enqueue", task=copy)).code == code
    assert (await admin("tasks.get_by_id", task=copy)).data["task"]["status"] == "created"
