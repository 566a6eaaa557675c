"""An uplet is a task: what ClearML's clients and the node's own API see of it, and what they do to it."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass

import pytest


@dataclass
class ClearML:
    """`await clearml("tasks.get_by_id", task=...)`: the data of a reply that must not be a refusal."""

    client: object

    async def __call__(self, name, /, **body):
        answer = await self.client("POST", f"/v2.34/{name}", body)
        assert answer.status == 200, answer
        return answer.json["data"]

    async def refused(self, name, /, **body):
        answer = await self.client("POST", f"/v2.34/{name}", body)
        assert 400 <= answer.status < 500, answer
        return answer.json["meta"]["result_msg"]


@pytest.fixture
def clearml(admin):
    return ClearML(admin)


@pytest.fixture
async def chain(admin):
    """A problem with three learnuplets of one algorithm."""
    await admin.problem(size=1)
    await admin.data("D1", "D2", "D3")
    await admin.algo()
    return await admin.learnuplets()


def task_of(uplet):
    return uuid.UUID(uplet["uuid"]).hex


async def test_uplets_are_tasks_of_their_problem(admin, clearml, chain):
    first = await admin.learn(chain[0], perf=0.75)
    await admin.ok("POST", "/prediction", {"data": "X", "problem": "P"})
    await admin.claim((await admin.preduplets())[0], "w2")
    (project,) = (await clearml("projects.get_all", name="^Morpheo/problem P$"))["projects"]
    found = (await clearml("tasks.get_all", project=[project["id"]], order_by=["name"]))["tasks"]
    assert [(task["name"], task["type"], task["status"]) for task in found] == [
        ("algo A 0", "training", "completed"),
        ("algo A 1", "training", "queued"),
        ("algo A 2", "training", "created"),
        ("predict X", "inference", "in_progress"),
    ]
    done = found[0]
    assert done["id"] == task_of(first)
    assert (done["last_worker"], found[3]["last_worker"]) == ("worker", "w2")
    assert done["hyperparams"]["learnuplet"]["rank"]["value"] == "0"
    assert done["started"] <= done["completed"]
    ((value,),) = [
        values["values"]
        for values in (await clearml("events.get_task_single_value_metrics", tasks=[done["id"]]))["tasks"]
    ]
    assert (value["metric"], value["variant"], value["value"]) == ("Summary", "perf", 0.75)
    (metrics,) = done["last_metrics"].values()
    assert [metric["value"] for metric in metrics.values()] == [0.75]


async def test_the_model_of_a_learnuplet_is_a_model_of_its_task(admin, served, clearml, chain):
    first = await admin.learn(chain[0])
    task = (await clearml("tasks.get_by_id", task=task_of(first)))["task"]
    ((output,),) = [task["models"]["output"]]
    model = (await clearml("models.get_by_id", model=output["model"]))["model"]
    assert model["id"] == uuid.UUID(first["model_end"]).hex
    assert (model["ready"], model["task"], model["project"]) == (True, task["id"], task["project"])
    assert model["uri"] == f"{served.url}/storage/model/{first['model_end']}/blob"


async def test_uplets_are_jobs_of_the_node(admin, chain):
    first = await admin.learn(chain[0], perf=0.75)
    await admin.fail((await admin.learnuplets())[1])
    jobs = (await admin.ok("GET", "/api/jobs"))["jobs"]
    assert [(job["kind"], job["status"]) for job in reversed(jobs)] == [
        ("learnuplet", "completed"),
        ("learnuplet", "failed"),
        ("learnuplet", "created"),
    ]
    done = await admin.ok("GET", f"/api/jobs/{task_of(first)}")
    assert done["result"] == {"perf": 0.75, "model": first["model_end"]}
    assert done["parameters"]["algo"] == "A"
    assert jobs[1]["error"] == "its worker reported that it failed"


@pytest.mark.parametrize("when", ["before it is taken", "while a worker has it"])
async def test_one_that_is_stopped_has_failed(admin, clearml, chain, when):
    if when == "while a worker has it":
        await admin.claim(chain[0])
    await clearml("tasks.stop", task=task_of(chain[0]))
    statuses = [uplet["status"] for uplet in await admin.learnuplets()]
    assert statuses == ["failed", "todo", "todo"]
    body = {"status": "done", "perf": 1, "train_perf": [], "test_perf": []}
    answer = await admin("POST", f"/learndone/{chain[0]['uuid']}", body)
    assert answer.status == 400 and "no update of learnuplet" in answer.error
    assert (await admin.claim(chain[0])).status == 400


async def test_the_nodes_own_api_stops_one_too(admin, chain):
    job = await admin.ok("DELETE", f"/api/jobs/{task_of(chain[0])}")
    assert job["status"] == "stopped"
    assert (await admin.learnuplets())[0]["status"] == "failed"


async def test_one_that_is_reset_waits_until_it_is_enqueued_and_runs_again(admin, clearml, served, chain):
    first = await admin.learn(chain[0], perf=0.9)
    heard = []
    with served.node.uplets.listening(heard.extend):
        await clearml("tasks.reset", task=task_of(first))
        again = (await admin.learnuplets())[0]
        assert again == chain[0]
        assert (await admin.claim(again)).status == 400
        await clearml("tasks.enqueue", task=task_of(first))
    assert [(one.kind, one.uuid) for one in heard] == [("learnuplet", first["uuid"])]
    again = await admin.learn(again, perf=0.1)
    assert (again["perf"], again["model_end"]) == (0.1, first["model_end"])
    assert (await clearml("queues.get_all"))["queues"] == []


async def test_a_failed_one_that_runs_again_continues_the_chain(admin, clearml, chain):
    await admin.fail(chain[0])
    await clearml("tasks.enqueue", task=task_of(chain[0]), force=True)
    await admin.learn((await admin.learnuplets())[0])
    assert (await admin.learnuplets())[1]["model_start"] == chain[0]["model_end"]


async def test_what_only_a_worker_may_say_is_refused(admin, clearml, chain):
    task, behind = task_of(chain[0]), task_of(chain[1])
    await admin.claim(chain[0])
    for name in ("tasks.completed", "tasks.publish", "tasks.close"):
        assert "result" in await clearml.refused(name, task=task, force=True)
    for name in ("tasks.enqueue", "tasks.started"):
        assert "waits for the model" in await clearml.refused(name, task=behind, force=True)
    assert [uplet["status"] for uplet in await admin.learnuplets()] == ["pending", "todo", "todo"]


async def test_what_is_done_may_be_published_and_closed(admin, clearml, chain):
    first = await admin.learn(chain[0])
    await clearml("tasks.publish", task=task_of(first))
    assert (await admin.learnuplets())[0] == first
    assert (await admin.ok("POST", "/prediction", {"data": "X", "problem": "P"}))["new_preduplets"] == 1


async def test_one_that_is_deleted_is_gone_and_its_data_are_trained_on_with_the_next(admin, clearml, chain):
    await admin.learn(chain[0])
    await clearml("tasks.delete", task=task_of(chain[1]), force=True)
    assert [uplet["rank"] for uplet in await admin.learnuplets()] == [0, 2]
    assert (await admin("GET", f"/learnuplet/{chain[1]['uuid']}")).status == 404
    assert (await admin.claim(chain[1])).status == 400
    assert await admin.data("D4") == 2
    late = (await admin.learnuplets())[2:]
    assert [uplet["train_data"] for uplet in late] == [["D2"], ["D4"]]
    assert late[0]["model_start"] == chain[0]["model_end"]


async def test_a_copy_is_a_task_of_its_own(admin, clearml, chain):
    copy = (await clearml("tasks.clone", task=task_of(chain[0])))["id"]
    task = (await clearml("tasks.get_by_id", task=copy))["task"]
    assert (task["type"], task["status"]) == ("training", "created")
    assert len(await admin.learnuplets()) == 3
    assert (await admin("GET", f"/learnuplet/{uuid.UUID(copy)}")).status == 404


async def test_whatever_is_done_to_an_uplet_its_lists_can_be_read(admin, clearml, chain):
    """Every step in every state: taken or refused, and what is told stays whole."""
    steps = [
        "started", "stop", "stopped", "failed", "completed", "close", "publish", "reset", "enqueue",
        "dequeue", "archive", "unarchive", "ping", "delete",
    ]  # fmt: skip
    for rank, force in ((0, False), (1, True), (0, True)):
        uplet = (await admin.learnuplets())[rank]
        for name in steps + steps[:-1][::-1]:
            tasks = {"tasks": [task_of(uplet)]} if "archive" in name else {"task": task_of(uplet)}
            answer = await admin("POST", f"/tasks.{name}", tasks | {"force": force})
            assert answer.status < 500, (name, answer)
            for shown in await admin.learnuplets():
                assert shown["status"] in ("todo", "pending", "done", "failed")
                assert (shown["status"] == "done") == (shown["perf"] is not None), name


async def test_who_waits_for_an_uplet_hears_that_it_was_taken(admin, served, chain):
    before = await served.node.jobs.get(task_of(chain[0]))
    waiting = asyncio.create_task(served.node.jobs.wait(before.id, 30, seen=before))
    await admin.claim(chain[0])
    assert (await waiting).status == "in_progress"


async def test_a_result_is_taken_whatever_became_of_names_and_projects(admin, clearml, chain):
    task = task_of(chain[0])
    project = (await clearml("tasks.get_by_id", task=task))["task"]["project"]
    await clearml("tasks.update", task=task, name="n" * 1000)
    await clearml("projects.delete", project=project, force=True)
    done = await admin.learn(chain[0])
    model = uuid.UUID(done["model_end"]).hex
    assert (await clearml("models.get_by_id", model=model))["model"]["name"].startswith("model of nnn")
    await clearml("models.delete", model=model, force=True)
    await clearml("tasks.reset", task=task)
    await clearml("tasks.enqueue", task=task)
    await admin.learn(done)
    assert (await clearml("models.get_by_id", model=model))["model"]["task"] == task
    assert await admin.data("D4") == 1


async def test_a_problem_whose_project_is_deleted_with_all_in_it_goes_on(admin, clearml, chain):
    await admin.learn(chain[0])
    project = (await clearml("tasks.get_by_id", task=task_of(chain[0])))["task"]["project"]
    await clearml("projects.delete", project=project, force=True, delete_contents=True)
    assert await admin.learnuplets() == []
    assert await admin.data("D4") == 4
    again = await admin.learnuplets()
    assert [uplet["rank"] for uplet in again] == [0, 1, 2, 3] and again[0]["model_start"] == "A"


async def test_uplets_that_workers_hold_outlive_the_node(start, tmp_path):
    async with start(tmp_path / "home") as it:
        client = it.client(it.node.first_key)
        await client.problem(size=1)
        await client.data("D1", "D2")
        await client.algo()
        await client.claim((await client.learnuplets())[0])
        before = await client.learnuplets()
    async with start(tmp_path / "home") as it:
        client = it.client(it.node.first_key)
        assert await client.learnuplets() == before
        body = {"status": "done", "perf": 1, "train_perf": [], "test_perf": []}
        await client.ok("POST", f"/learndone/{before[0]['uuid']}", body)
        assert (await client.learnuplets())[1]["model_start"] == before[0]["model_end"]
