"""Models selected and judged by jobs: as without a node, watched, killed, and refused with the reason."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.assessment import assess
from federation.models import fit
from federation.selection import select
from federation.statistics import Coded, Moments, Schema, Table
from node.errors import BadRequest, Forbidden, NotFound
from node.jobs.tables import whole_file
from node.keys import Role
from node.node import Node
from node.sources import SourceError, open_source
from node.tasks import Task, TaskStatus

INPUTS = ["a", "b", "c", "kind"]


def make(rows: int, seed: int) -> Table:
    rng = np.random.default_rng(seed)
    a, b, c = np.round(rng.normal(size=(3, rows)), 3)
    kind = rng.integers(0, 3, rows).astype(np.int32)
    y = np.round(2 * a + np.array([0.0, 3.0, -3.0])[kind] + rng.normal(size=rows), 3)
    return Table(
        {
            "a": a,
            "b": b,
            "c": c,
            "kind": Coded(kind, ("p", "q", "r")),
            "y": y,
            "t": (y > 1).astype(float),
            "group": Coded((y > 0).astype(np.int32) + (y > 2), ("low", "middle", "high")),
        }
    )


LEARNED, JUDGING = make(500, 0), make(300, 1)


@pytest.fixture
async def trial(node: Node) -> Node:
    """A node whose project trial has learned."""
    await node.projects.create("trial", owner="admin")
    await node.projects.learn("trial", LEARNED)
    return node


async def finished(node: Node, task: Task) -> Task:
    async with asyncio.timeout(60):
        while not task.finished:
            task = await node.jobs.wait(task.id, 10, seen=task)
    return task


async def run(node: Node, kind: str, **parameters: Any) -> Task:
    task = await node.jobs.submit(kind, actor=node.first_key, project="trial", parameters=parameters)
    return await finished(node, task)


def direct() -> Moments:
    return Moments(Schema.infer(LEARNED)).learn(LEARNED)


async def test_a_model_is_selected_by_a_file_as_without_a_node(
    trial: Node, csv_file: Callable[..., Path]
) -> None:
    done = await run(
        trial,
        "select",
        model="best",
        algorithm="mlr",
        target="y",
        inputs=INPUTS,
        parameters={"selector_type": "selector_type_brute"},
        path=str(csv_file(JUDGING)),
    )
    assert (done.status, done.error) == (TaskStatus.COMPLETED, None)
    expected = select("mlr", direct(), "y", INPUTS, JUDGING, selector_type="brute")
    assert done.result is not None
    found = done.result["selection"]
    assert (found["metric"], found["tried"], found["rows"]) == ("rmse", 15, 300)
    assert found["score"] == expected.score
    assert [item["inputs"] for item in found["candidates"]] == [
        list(item.inputs) for item in expected.candidates
    ]
    record = await trial.models.get("trial", "best")
    assert record.inputs == expected.chosen.inputs
    assert record.model == expected.model.to_dict()
    assert (record.algorithm, record.tried, record.rows) == ("mlr", 15, 500)
    assert record.contributions[0].rows == 500
    assert done.result["inputs"] == list(record.inputs)
    assert done.parameters["path"].endswith(".csv")


async def test_a_task_is_tried_with_all_that_suits_it(
    trial: Node, cells: Callable[[Table], list[list[object]]]
) -> None:
    table = {"names": list(JUDGING.names), "rows": cells(JUDGING)}
    done = await run(
        trial,
        "select",
        model="best",
        task="multiclass_classifier",
        target="group",
        inputs=INPUTS,
        parameters={"selector_type": "simple"},
        table=table,
    )
    assert (done.status, done.error) == (TaskStatus.COMPLETED, None)
    record = await trial.models.get("trial", "best")
    assert record.algorithm in ("mlda", "mqda", "bayes")
    assert done.result is not None
    assert done.result["selection"]["score"] > 0.6
    assert done.parameters["sample"] == {"names": table["names"], "rows": table["rows"][:5]}


async def test_the_rows_learned_can_choose_by_aicc(trial: Node) -> None:
    done = await run(
        trial,
        "select",
        model="best",
        algorithm="lda",
        target="t",
        inputs=INPUTS,
        parameters={"sml_model_assessment_type": "aicc"},
    )
    assert (done.status, done.error) == (TaskStatus.COMPLETED, None)
    record = await trial.models.get("trial", "best")
    assert {"a", "kind"} <= set(record.inputs)


async def test_a_model_is_judged_by_a_file_or_by_rows(
    trial: Node, csv_file: Callable[..., Path], cells: Callable[[Table], list[list[object]]]
) -> None:
    await trial.models.fit("trial", "late", "lda", "t", INPUTS)
    by_file = await run(trial, "assess", model="late", path=str(csv_file(JUDGING)))
    table = {"names": list(JUDGING.names), "rows": cells(JUDGING)}
    by_rows = await run(trial, "assess", model="late", table=table, figures=True)
    expected = assess(fit("lda", direct(), "t", INPUTS), "t", JUDGING).to_dict()
    assert by_file.error is None
    assert by_rows.result is not None
    assert by_file.result == {"assessment": expected}
    assert by_rows.result["assessment"] == expected
    assert set(by_rows.result["figures"]) == {"confusion", "roc", "gain", "lift"}


async def test_a_selection_tells_how_far_it_is_and_can_be_killed(
    trial: Node, cells: Callable[[Table], list[list[object]]]
) -> None:
    task = await trial.jobs.submit(
        "select",
        actor=trial.first_key,
        project="trial",
        parameters={
            "model": "best",
            "algorithm": "mlr",
            "target": "y",
            "inputs": INPUTS,
            "parameters": {"selector_type": "iteration", "selector_max_iterations": 10**9, "delta": 0},
            "table": {"names": list(JUDGING.names), "rows": cells(JUDGING)},
        },
    )
    done = await finished(trial, task)  # there are but 15 subsets
    assert done.result is not None
    assert done.result["selection"]["tried"] == 15
    wide = Table(
        {f"x{i}": np.random.default_rng(i).normal(size=200) for i in range(16)} | {"z": np.arange(200.0)}
    )
    await trial.projects.create("wide", owner="admin")
    await trial.projects.learn("wide", wide)
    task = await trial.jobs.submit(
        "select",
        actor=trial.first_key,
        project="wide",
        parameters={
            "model": "best",
            "algorithm": "mlr",
            "target": "z",
            "inputs": [f"x{i}" for i in range(16)],
            "parameters": {"selector_type": "iteration", "selector_max_seconds": 600, "intercept": True},
            "table": {"names": list(wide.names), "rows": cells(wide)},
        },
    )
    async with asyncio.timeout(60):
        while task.current == 0:
            task = await trial.jobs.wait(task.id, 10, seen=task)
    assert 0 < task.current < task.maximum
    killed = await trial.jobs.kill(task.id)
    assert killed.status is TaskStatus.STOPPED
    with pytest.raises(NotFound):
        await trial.models.get("wide", "best")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"algorithm": None}, "for an algorithm or for a task"),
        ({"task": "regression"}, "for an algorithm or for a task"),
        ({"algorithm": "oracle"}, "'oracle' is unknown"),
        ({"parameters": {"selector_type": "genetic"}}, "selector_type is 'genetic'"),
        ({"parameters": {"depth": 3}}, "no parameter 'depth'"),
        ({"parameters": ["depth"]}, "parameters is not a map"),
        ({"inputs": "a"}, "inputs is not a list"),
        ({"target": 3}, "is not a name"),
        ({"model": "a/b"}, "cannot be a name"),
        ({"path": "relative.csv"}, "not an absolute path"),
    ],
)
async def test_what_no_rows_could_select_is_refused_at_once(
    trial: Node, change: dict[str, Any], message: str
) -> None:
    parameters = {"model": "m", "algorithm": "mlr", "target": "y", "inputs": INPUTS} | change
    with pytest.raises(BadRequest, match=message):
        await trial.jobs.submit("select", actor=trial.first_key, project="trial", parameters=parameters)


async def test_a_job_says_why_it_could_not_judge(trial: Node, csv_file: Callable[..., Path]) -> None:
    without = Table({name: column for name, column in JUDGING.columns.items() if name != "y"})
    failed = await run(
        trial, "select", model="m", algorithm="mlr", target="y", inputs=INPUTS, path=str(csv_file(without))
    )
    assert failed.status is TaskStatus.FAILED
    assert "has no column 'y'" in (failed.error or "")
    failed = await run(trial, "select", model="m", algorithm="mlr", target="y", inputs=INPUTS)
    assert "there is no validation table" in (failed.error or "")


async def test_only_models_with_a_target_and_readable_files_are_judged(
    trial: Node, csv_file: Callable[..., Path]
) -> None:
    await trial.models.fit("trial", "parts", "pca", None, ["a", "b"])
    path = str(csv_file(JUDGING))
    with pytest.raises(BadRequest, match="predicts no attribute"):
        await run(trial, "assess", model="parts", path=path)
    with pytest.raises(NotFound, match="no model 'nothing'"):
        await run(trial, "assess", model="nothing", path=path)
    with pytest.raises(BadRequest, match="either a path or a table"):
        await run(trial, "assess", model="parts")
    user = await trial.keys.create("someone", Role.USER.value)
    with pytest.raises(Forbidden):
        await trial.jobs.submit(
            "assess", actor=user, project="trial", parameters={"model": "parts", "path": path}
        )


def test_a_file_too_large_to_be_held_is_refused(
    csv_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent:
        def log(self, message: str, level: str = "info") -> None:
            pass

    schema, source = Schema.infer(JUDGING), open_source(csv_file(JUDGING))
    table = whole_file(source, ["a", "kind"], schema, Silent())
    assert (table.names, table.rows) == (("a", "kind"), 300)
    monkeypatch.setattr("node.jobs.tables.MOST_CELLS", 400)
    with pytest.raises(SourceError, match="more than the 200 rows of 2 columns"):
        whole_file(source, ["a", "kind"], schema, Silent())
