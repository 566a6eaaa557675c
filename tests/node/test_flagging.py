"""Rows flagged by a model's scores, as a task: of a table and of a file."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.assessment import flags
from federation.models.errors import ModelError
from federation.statistics import Schema, Table
from node import flagging
from node.errors import BadRequest
from node.events.plots import LastPlots
from node.flagging import Wanted, flag_file, score_key
from node.node import Node
from node.project_options import ProjectOptions
from node.sources import SourceError, open_source
from node.tasks import Task


async def run(node: Node, **parameters: Any) -> Task:
    given = {"model": "odd", "flags": True} | parameters
    task = await node.jobs.submit("predict", actor=node.first_key, project="flights", parameters=given)
    while not task.finished:
        task = await node.jobs.wait(task.id, 30, seen=task)
    return task


@pytest.fixture
async def odd(node: Node, schema: Schema, table: Callable[..., Table]) -> Node:
    """A node whose project flights has a model odd of how far a row is from the others."""
    await node.projects.create("flights", owner="admin", schema=schema)
    await node.projects.learn("flights", table(500))
    await node.models.fit("flights", "odd", "mahalanobis", None, ("delay", "distance"))
    return node


async def test_a_table_and_a_file_are_flagged_by_the_models_score(
    odd: Node, table: Callable[..., Table], cells: Any, csv_file: Callable[..., Path], tmp_path: Path
) -> None:
    rows = table(1_000, seed=3)
    scores = (await odd.models.predict("flights", "odd", rows))["res"]
    expected = {name: values.tolist() for name, values in flags(scores).columns().items()}
    of_table = await run(odd, table={"names": list(rows.names), "rows": cells(rows)}, figures=True)
    assert of_table.result is not None, of_table.error
    assert of_table.result["columns"] == expected
    assert of_table.result["limit"] == flags(scores).limit
    assert (of_table.result["rows"], of_table.result["score"]) == (1_000, "res")
    assert of_table.result["figures"]["anomalies"]["data"]
    [plot], _, _ = await odd.events.last_plots(LastPlots((of_table.id,), 1))
    assert (plot["metric"], plot["variant"]) == ("predict", "anomalies")
    assert json.loads(plot["plot_str"]) == of_table.result["figures"]["anomalies"]
    output = tmp_path / "flags.csv"
    of_file = await run(odd, path=str(csv_file(rows)), output=str(output))
    assert of_file.result is not None, of_file.error
    assert of_file.result["columns"] == expected
    heading, *lines = csv.reader(output.read_text().splitlines())
    assert heading == list(expected)
    assert np.array_equal(np.array(lines, dtype=float), np.column_stack(list(expected.values())))


async def test_another_score_may_be_named(odd: Node, table: Callable[..., Table], cells: Any) -> None:
    rows = table(30)
    given = {"names": list(rows.names), "rows": cells(rows)}
    named = await run(odd, table=given, score="p")
    shares = (await odd.models.predict("flights", "odd", rows))["p"]
    assert named.result is not None and named.result["columns"]["q95"][0] == np.quantile(shares, 0.95)
    assert named.result["limit"] is None  # too few rows
    unknown = await run(odd, table=given, score="depth")
    assert unknown.error is not None and "'depth'" in unknown.error and "'res'" in unknown.error
    with pytest.raises(BadRequest, match="score is about flags"):
        await run(odd, table=given, flags=False, score="p")


async def test_flags_of_many_rows_need_a_file_to_be_in(
    odd: Node, table: Callable[..., Table], csv_file: Callable[..., Path], schema: Schema,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setattr(flagging, "MOST_TOLD", 50)
    record = await odd.models.get("flights", "odd")
    given = (record.model, record.inputs, open_source(csv_file(table(60))), schema, ProjectOptions())

    def found(output: Path | None) -> dict[str, Any]:
        place = None if output is None else str(output)
        return flag_file(*given, Wanted(None, figures=False), output=place, tell=lambda *_: None)

    with pytest.raises(SourceError, match=r"60 rows.*name an output"):
        found(None)
    told = found(tmp_path / "flags.csv")
    assert (told["rows"], len(told["columns"]["res"])) == (60, 50)
    assert len((tmp_path / "flags.csv").read_text().splitlines()) == 61


def test_each_kind_of_model_has_its_own_score() -> None:
    numbers, names = np.zeros(1), np.array(["a"])
    ecod = {"res": numbers, "ecodscore": numbers}
    assert score_key({"algorithm": "ecod"}, ecod, None) == "ecodscore"
    assert (
        score_key({"algorithm": "evt", "base": {}, "key": "p"}, {"res": numbers, "p": numbers}, None) == "p"
    )
    assert score_key({"algorithm": "evt", "base": None, "key": "delay"}, {"res": numbers}, None) == "res"
    with pytest.raises(ModelError, match=r"no numbers 'res'.*'resZ'"):
        score_key({"algorithm": "lda"}, {"res": names, "resZ": numbers}, None)
