"""Jobs in worker processes: what they learn, how they are watched, killed and taken up again."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from federation.statistics import Moments, Schema, Table
from node.errors import BadRequest, Forbidden, NotFound
from node.keys import Role
from node.node import Node
from node.task_work import WorkByKind
from node.tasks import Task, TaskStatus


async def finished(node: Node, task: Task) -> Task:
    async with asyncio.timeout(30):
        while not task.finished:
            task = await node.jobs.wait(task.id, 10, seen=task)
    return task


async def test_a_file_is_learned_once_and_answers_like_the_table(
    node: Node, schema: Schema, table: Callable[..., Table], csv_file: Callable[..., Path], direct
) -> None:
    rows = table(20_000)
    await node.projects.create("flights", owner="admin", schema=schema)
    path = csv_file(rows)
    task = await node.jobs.submit(
        "learn", actor=node.first_key, project="flights", parameters={"path": str(path)}
    )
    assert task.status is TaskStatus.QUEUED
    done = await finished(node, task)
    assert (done.status, done.error) == (TaskStatus.COMPLETED, None)
    assert done.result is not None
    assert done.result["digest"] == direct(rows).digest()
    assert done.result["learned"] == 20_000
    assert done.current == done.maximum == path.stat().st_size
    info = await node.projects.info("flights")
    assert (info.digest, info.rows, info.version) == (direct(rows).digest(), 20_000, 1)
    forgotten = await finished(
        node,
        await node.jobs.submit(
            "forget", actor=node.first_key, project="flights", parameters={"path": str(path)}
        ),
    )
    assert forgotten.result is not None
    assert forgotten.result["digest"] == Moments(schema).digest()


async def test_a_job_remarks_on_the_columns_that_a_file_lacks_or_that_it_left_out(
    node: Node, tmp_path: Path
) -> None:
    await node.projects.create("free", owner="admin")

    async def remarks(text: str) -> list[str]:
        path = tmp_path / "some.csv"
        path.write_text(text)
        parameters = {"path": str(path)}
        task = await node.jobs.submit("learn", actor=node.first_key, project="free", parameters=parameters)
        done = await finished(node, task)
        assert done.result is not None
        return done.result["remarks"]

    (left_out,) = await remarks("delay,distance,note\n1.5,300,\n2.5,400,\n")
    assert "'note'" in left_out
    (lacking,) = await remarks("delay\n3.5\n")
    assert "'distance' is not in the file" in lacking


async def test_explore_fit_and_predict_run_as_tasks_too(
    node: Node, schema: Schema, table: Callable[..., Table], cells
) -> None:
    await node.projects.create("flights", owner="admin", schema=schema)
    await node.projects.learn("flights", table(500))

    async def run(kind: str, **parameters: object) -> dict:
        task = await node.jobs.submit(kind, actor=node.first_key, project="flights", parameters=parameters)
        done = await finished(node, task)
        assert done.error is None
        assert done.result is not None
        return done.result

    explored = await run("explore", metric="uni", attributes=["distance"])
    answer = await node.exploration.explore("flights", "uni", ["distance"])
    assert explored["values"] == answer.values
    assert explored["contributions"][0]["rows"] == 500
    questions = [{"attributes": ["delay"], "targets": ["distance"]}, {"attributes": ["delay", "night"]}]
    several = await run("explore", metric="bi", questions=questions)
    pairs = [
        await node.exploration.explore("flights", "bi", ["delay", other]) for other in ("distance", "night")
    ]
    assert [answer["values"] for answer in several["answers"]] == [pair.values for pair in pairs]
    assert several["answers"][0]["targets"] == ["distance"]
    fitted = await run("fit", model="m", algorithm="mlr", target="delay", inputs=["distance", "carrier"])
    stored = await node.models.get("flights", "m")
    assert stored.model == fitted["model"]
    rows = table(3, seed=9)
    predicted = await run("predict", model="m", table={"names": list(rows.names), "rows": cells(rows)})
    direct = await node.models.predict("flights", "m", rows)
    assert predicted["columns"]["res"] == direct["res"].tolist()
    assert (await run("project_info"))["rows"] == 500
    assert (await run("projects_info"))["projects"][0]["name"] == "flights"


async def test_a_bad_file_fails_its_task_and_changes_nothing(
    node: Node, schema: Schema, tmp_path: Path
) -> None:
    await node.projects.create("flights", owner="admin", schema=schema)
    path = tmp_path / "bad.csv"
    path.write_text("delay,distance,night,carrier\n" + "1.5,100,0,AA\n" * 811 + "late,100,0,AA\n")
    task = await node.jobs.submit(
        "learn", actor=node.first_key, project="flights", parameters={"path": str(path)}
    )
    done = await finished(node, task)
    assert done.status is TaskStatus.FAILED
    assert done.error is not None
    assert "bad.csv, column delay, row 812" in done.error
    assert (await node.projects.info("flights")).rows == 0
    assert [line.level for line in await node.jobs.log(task.id)] == ["error"]


async def test_killing_a_running_task_ends_its_process(node: Node, schema: Schema, tmp_path: Path) -> None:
    await node.projects.create("flights", owner="admin", schema=schema)
    task = await stuck(node, tmp_path)
    [pid] = node.runner.worker_pids()
    killed = await node.jobs.kill(task.id)
    assert killed.status is TaskStatus.STOPPED
    await asyncio.to_thread(gone, pid)
    assert (await node.jobs.kill(task.id)).status is TaskStatus.STOPPED


async def stuck(node: Node, tmp_path: Path) -> Task:
    """A task that a worker has begun and will not finish by itself: it is stopped by a signal."""
    path = tmp_path / "rows.csv"
    path.write_text("delay,distance,night,carrier\n" + "1.5,100,0,AA\n" * 10)
    task = await node.jobs.submit("project_info", actor=node.first_key, project="flights")
    await finished(node, task)
    [pid] = node.runner.worker_pids()
    os.kill(pid, signal.SIGSTOP)
    task = await node.jobs.submit(
        "learn", actor=node.first_key, project="flights", parameters={"path": str(path)}
    )
    async with asyncio.timeout(10):
        while task.status is not TaskStatus.IN_PROGRESS:
            task = await node.jobs.wait(task.id, 10, seen=task)
    return task


def gone(pid: int) -> None:
    """Wait until a process has ended."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} is still there")


async def test_a_worker_that_dies_is_replaced_and_the_task_done(
    node: Node, schema: Schema, tmp_path: Path
) -> None:
    await node.projects.create("flights", owner="admin", schema=schema)
    task = await stuck(node, tmp_path)
    os.kill(node.runner.worker_pids()[0], signal.SIGKILL)
    done = await finished(node, task)
    assert (done.status, done.attempts) == (TaskStatus.COMPLETED, 1)
    assert (await node.projects.info("flights")).rows == 10


async def test_only_some_roles_may_name_files(node: Node, schema: Schema) -> None:
    await node.projects.create("flights", owner="admin", schema=schema)
    user = await node.keys.create("ann", Role.USER)
    with pytest.raises(Forbidden, match=r"ann.*may not name files"):
        await node.jobs.submit("learn", actor=user, project="flights", parameters={"path": "/etc/passwd"})


async def test_impossible_submissions_are_refused_at_once(node: Node, schema: Schema) -> None:
    await node.projects.create("flights", owner="admin", schema=schema)
    for kind, parameters, match in [
        ("dance", {}, "no kind of job"),
        ("learn", {}, "either a path or a table"),
        ("learn", {"path": "relative.csv"}, "absolute"),
        ("fit", {"model": "m"}, "needs the parameter 'algorithm'"),
        ("learn", {"table": []}, "a table is"),
        ("explore", {"metric": "tri"}, "there is no metric 'tri'"),
        ("explore", {"metric": "bi", "attributes": ["delay"] * 3}, "bi takes 1 or 2 attributes"),
        ("explore", {"metric": "uni", "questions": []}, "not a list of questions"),
        ("explore", {"metric": "uni", "questions": [{"attributes": "delay"}]}, "a question is"),
        ("explore", {"metric": "uni", "parameters": {"mu": 1}}, "uni has no parameter 'mu'"),
    ]:
        with pytest.raises(BadRequest, match=match):
            await node.jobs.submit(kind, actor=node.first_key, project="flights", parameters=parameters)
    with pytest.raises(NotFound):
        await node.jobs.submit("explore", actor=node.first_key, project="none", parameters={"metric": "uni"})
    with pytest.raises(NotFound, match="no job '77'"):
        await node.jobs.get("77")


async def test_a_task_that_cannot_be_sent_to_its_worker_fails_and_leaves_the_worker_to_others(
    node: Node, schema: Schema, csv_file: Callable[..., Path], table: Callable[..., Table], monkeypatch
) -> None:
    await node.projects.create("flights", owner="admin", schema=schema)
    parameters = {"path": str(csv_file(table(10)))}

    async def prepare(task: Task) -> tuple[dict[str, int], bytes]:
        return {"more than 64 bits": 2**70}, b""

    with monkeypatch.context() as patched:
        patched.setattr(WorkByKind, "prepare", lambda _self, task: prepare(task))
        for _ in range(3):  # more than there are workers
            task = await node.jobs.submit(
                "learn", actor=node.first_key, project="flights", parameters=parameters
            )
            done = await finished(node, task)
            assert done.status is TaskStatus.FAILED and done.error is not None
    task = await node.jobs.submit("learn", actor=node.first_key, project="flights", parameters=parameters)
    assert (await finished(node, task)).status is TaskStatus.COMPLETED
