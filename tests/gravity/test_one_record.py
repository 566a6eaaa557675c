"""A scoring job is a task like any other: every dialect shows it, and its files go with it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

ROWS = "x,y\n" + "1,1\n" * 200_000


async def test_it_is_a_task_of_type_inference(served: Any) -> None:
    job = (await served.client.post("x,y\n1,1\n", name="march")).data
    task = UUID(job["id"]).hex
    shown = await served.native.ok("GET", f"/api/jobs/{task}")
    assert (shown["kind"], shown["status"], shown["owner"]) == ("score", "completed", "admin")
    assert shown["parameters"]["deployment"] == "plane"
    document = await served.node.tasks.get(task)
    assert (document["name"], document["type"], document["status"]) == ("march", "inference", "completed")
    told = {name: item["value"] for name, item in document["hyperparams"]["Job"].items()}
    assert told == {
        "deployment": "plane",
        "version": "0.0.1",
        "file": "example.csv",
        "mime": "text/csv; header=present",
    }
    await served.node.tasks.update(task, {"name": "renamed there"}, "admin")
    assert (await served.client("GET", f"/api/v1/jobs/{task}")).data["name"] == "renamed there"


async def test_its_files_go_with_it_and_what_it_cost_stays(served: Any) -> None:
    job = (await served.client.post("x,y\n1,1\n")).data["id"]
    kept = served.node.files.used
    assert kept > 0
    await served.node.tasks.delete(UUID(job).hex, force=True)
    assert served.node.files.used == 0
    assert (await served.client("GET", f"/api/v1/jobs/{job}")).status == 404
    report = await served.native.ok("GET", "/api/deployments/plane/usage")
    assert (report["units"], report["usage"][0]["jobs"]) == (20, 1)


async def test_a_copy_of_it_has_no_file(served: Any) -> None:
    job = (await served.client.post("x,y\n1,1\n")).data["id"]
    copy = (await served.node.tasks.clone(UUID(job).hex, {}, "admin"))["id"]
    await served.node.tasks.enqueue(copy, "admin")
    task = await served.node.jobs.get(copy)
    while not task.finished:
        task = await served.node.jobs.wait(copy, 10, seen=task)
    assert "submit the file" in (task.error or "")


async def test_it_outlives_the_node(serve: Any, tmp_path: Path, monkeypatch: Any, eventually: Any) -> None:
    """The node ends in the middle of it; the next one scores it from the start, and it is paid for once."""
    from api.gravity import calls

    monkeypatch.setattr(calls, "WAIT_SECONDS", 0.0)
    async with serve(tmp_path / "home") as served:
        job = (await served.client.post(ROWS)).data["id"]
        key = served.client.key
        task = await served.node.jobs.get(UUID(job).hex)
        async with asyncio.timeout(30):
            while not (task.current or task.finished):
                task = await served.node.jobs.wait(task.id, 10, seen=task)
    async with serve(tmp_path / "home") as served:
        served.client.key = key
        ended = await eventually(served, served.client, job)
        assert (ended["status"], ended["recordCount"], ended["billedUsage"]) == ("success", 200_000, 800_000)
        assert (await served.client.result(job)).text.count("\n") == 200_001
        report = await served.native.ok("GET", "/api/deployments/plane/usage")
        assert (report["units"], report["dollars"]) == (800_000, 800.0)


async def test_an_output_that_nobody_waits_for_goes_with_its_job(served: Any, monkeypatch: Any) -> None:
    """The job is stopped when its output is with the node, and the job is not yet complete."""
    from node.deployments import ScoringTasks

    async def never(*_: Any) -> None:
        raise RuntimeError("not settled")

    monkeypatch.setattr(ScoringTasks, "settle", never)
    job = (await served.client.post("x,y\n1,1\n")).data
    assert job["status"] == "error"
    assert (await served.client("GET", f"/api/v1/jobs/result-link/{job['id']}")).status == 400
    assert await served.node.files.count() == 2
    await served.node.tasks.delete(UUID(job["id"]).hex, force=True)
    assert await served.node.files.count() == 0
