"""Selecting and judging models by the command line, on one real node."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from plotly import graph_objects


@pytest.fixture(scope="module")
def learned(one_node: Any, write_table: Callable[..., Path]) -> Any:
    """A node whose project ``trial`` has learned 300 rows; judging.csv has others."""
    write_table(one_node.folder / "table.csv", 300)
    write_table(one_node.folder / "judging.csv", 200, seed=2)
    one_node.run("project", "create", "trial")
    one_node.run("project", "learn", "trial", "table.csv")
    return one_node


def test_a_selection_shows_the_best_candidates(learned: Any) -> None:
    shown = learned.run(
        "project", "select", "trial", "best", "--target", "delay", "--inputs", "distance,carrier",
        "--algorithm", "mlr", "--validate", "judging.csv", "--set", "missing=mean",
    ).stdout  # fmt: skip
    for word in (
        "mlr best: delay ~ distance + carrier",
        "rmse",
        "models tried",
        "3 in",
        "here 300 rows (v1)",
    ):
        assert word in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert learned.json("project", "model", "trial", "best")["tried"] == 3


def test_by_default_all_others_are_tried_with_all_that_suits_the_target(learned: Any) -> None:
    done = learned.json(
        "project", "select", "trial", "late", "--target", "late", "--validate", "judging.csv",
        "--selector", "brute",
    )  # fmt: skip
    found = done["result"]["selection"]
    assert found["offered"] == ["delay", "distance", "carrier"]
    assert (found["task"], found["metric"]) == ("binary", "auc")
    assert found["tried"] >= 7
    assert found["score"] > 0.9


def test_without_a_file_the_rows_learned_may_choose(learned: Any) -> None:
    arguments = ["project", "select", "trial", "inside", "--target", "delay", "--inputs", "distance,carrier"]
    done = learned.json(*arguments, "--algorithm", "mlr", "--metric", "aicc")
    assert done["result"]["selection"]["metric"] == "aicc"
    refused = learned.error(*arguments, "--algorithm", "mlr")
    assert "there is no validation table" in refused["message"]


def test_an_assessment_is_readable(learned: Any) -> None:
    learned.run("project", "fit", "trial", "d", "--target", "delay", "--inputs", "distance,carrier")
    learned.run(
        "project", "fit", "trial", "l", "--target", "late", "--inputs", "distance", "--algorithm", "lda"
    )
    regression = learned.run("project", "assess", "trial", "d", "judging.csv").stdout
    for word in ("rmse", "r2", "mean", "95 % are below", "without a target"):
        assert word in regression
    binary = learned.run("project", "assess", "trial", "l", "judging.csv").stdout
    for word in ("auc", "mcc", "actual", "taken for 1", "lift"):
        assert word in binary
    assert max(map(len, (regression + binary).splitlines())) <= 100


def test_figures_are_written_as_plotly_has_them(learned: Any) -> None:
    learned.run(
        "project", "fit", "trial", "l", "--target", "late", "--inputs", "distance", "--algorithm", "lda"
    )
    result = learned.json("project", "assess", "trial", "l", "judging.csv", "--figures", "figures.json")
    assert result["assessment"]["rows"] == 200
    written = json.loads((learned.folder / "figures.json").read_text())
    assert written == result["figures"]
    assert all(graph_objects.Figure(figure).data for figure in written.values())


def test_what_cannot_be_judged_is_said(learned: Any) -> None:
    assert (
        "no model 'nothing'"
        in learned.error("project", "assess", "trial", "nothing", "judging.csv")["message"]
    )
    refused = learned.error(
        "project", "select", "trial", "m", "--target", "delay", "--algorithm", "oracle",
        "--validate", "judging.csv",
    )  # fmt: skip
    assert "'oracle' is unknown" in refused["message"]
