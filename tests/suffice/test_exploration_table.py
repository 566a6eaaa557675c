"""How explorations are drawn: many attributes, histograms, large tables, whose rows are in them."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from suffice.exploration_table import drift, exploration

SHARES = [{"node_id": "n", "name": "here", "version": 2, "rows": 70}]


def shown(answer: dict[str, Any], draw: Any = exploration) -> str:
    console = Console(width=100, file=None, highlight=False)
    with console.capture() as capture:
        console.print(draw({"project": "p", "rows": 70, "contributions": SHARES, "targets": []} | answer))
    return capture.get()


def test_few_attributes_stand_side_by_side_and_many_below_each_other() -> None:
    values = {"count": 70.0, "mean": 1.5, "stderr": 0.25}
    few = shown({"metric": "uni", "attributes": ["a", "b"], "values": {"a": values, "b": {"count": 3.0}}})
    assert "std. error" in few
    many = shown({"metric": "uni", "attributes": [], "values": {f"x{at}": values for at in range(9)}})
    assert "std. error" not in many  # there is no room: --json has it
    assert sum(line.strip().startswith("x") for line in many.splitlines()) == 9
    assert "here 70 rows (v2)" in many


def test_densities_are_bars_as_long_as_their_counts() -> None:
    density = {"min": 0.0, "max": 1.5, "width": 0.5, "histogram": [20, 40, 10]}
    lines = shown({"metric": "density", "attributes": ["a"], "values": {"a": density}}).splitlines()
    bars = [line.count("█") for line in lines if "█" in line]
    assert bars == [20, 40, 10]


def test_a_wide_table_of_counts_is_left_to_json() -> None:
    cells = {f"obs$r:{column}": 1.0 for column in range(99)}
    assert "(1 by 99 counts: see --json)" in shown(
        {"metric": "chi2", "attributes": ["a"], "values": {"chiStat": 2.0, **cells}}
    )


def test_drift_names_both_sides_and_the_farthest_first() -> None:
    answer = {
        "metric": "global",
        "baseline": "q",
        "attributes": [],
        "values": {"driftScore": 0.3, "near_drift": 0.1, "far_drift": 0.5},
        "baseline_rows": 90,
        "baseline_contributions": [],
    }
    text = shown(answer, drift)
    assert text.index("far") < text.index("near")
    assert all(word in text for word in ("of p from q", "0.3000", "70", "90"))


@pytest.mark.parametrize("metric", ["bi", "a metric of a newer node"])
def test_what_has_no_table_of_its_own_is_a_list_of_figures(metric: str) -> None:
    values = {"linCorr": 0.12345678, "figureOfANewerNode": 7.5}
    text = shown({"metric": metric, "attributes": ["a", "b"], "values": values})
    lines = [line.split() for line in text.splitlines()]
    assert ["correlation", "0.123457"] in lines  # in words that people use
    assert ["figureOfANewerNode", "7.5"] in lines
