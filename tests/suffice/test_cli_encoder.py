"""Encoders by the command line, on one real node."""

from __future__ import annotations

import random
from typing import Any

import pytest


@pytest.fixture(scope="module")
def visited(one_node: Any) -> Any:
    """A node with a file of visits, whose target depends on a text of many values."""
    rng = random.Random(1)
    wards = {f"W{number:03}": rng.random() for number in range(300)}
    rows = [(ward, rng.randint(20, 90), int(rng.random() < wards[ward])) for ward in wards for _ in range(10)]
    lines = "".join(f"{ward},{age},{ill}\n" for ward, age, ill in rows)
    (one_node.folder / "visits.csv").write_text("ward,age,ill\n" + lines)
    one_node.run("encoder", "create", "wards", "--target", "ill", "--binary", "--keys", "ward")
    one_node.run("encoder", "learn", "wards", "visits.csv")
    return one_node


def test_an_encoder_is_shown_with_its_values(visited: Any) -> None:
    info = visited.json("encoder", "show", "wards")
    assert (info["rows"], list(info["columns"])) == (3000, ["ward"])
    values = visited.json("encoder", "show", "wards", "ward")
    assert len(values) == 300 and {item["count"] for item in values} == {10.0}
    assert "ward → ward" in visited.run("encoder", "show", "wards").stdout
    assert "W000" in visited.run("encoder", "show", "wards", "ward").stdout
    assert "wards" in visited.run("encoder", "list").stdout


def test_a_project_learns_and_predicts_through_it(visited: Any) -> None:
    visited.run("project", "create", "p", "--encoder", "wards", "--like", "visits.csv")
    visited.run("project", "learn", "p", "visits.csv")
    info = visited.json("project", "info", "p")
    assert info["encoder"]["digest"] == visited.json("encoder", "show", "wards")["digest"]
    assert {item["name"]: item["type"] for item in info["attributes"]} == {
        "ward": "C",
        "age": "C",
        "ill": "B",
    }
    assert "encoder" in visited.run("project", "info", "p").stdout
    fitted = visited.json("project", "fit", "p", "m", "--target", "ill", "--inputs", "ward")
    assert fitted["model"]["coef"] == pytest.approx([0.0, 1.0], abs=1e-9)
    one = visited.json("project", "predict", "p", "m", "--set", "ward=W007")
    values = {item["value"]: item for item in visited.json("encoder", "show", "wards", "ward")}
    assert one["res"][0] == pytest.approx(values["W007"]["sum"] / 10, abs=1e-9)
    assert visited.error("encoder", "delete", "wards")["code"] == "in_use"
    visited.run("project", "delete", "p")


def test_an_encoder_forgets_and_goes(visited: Any) -> None:
    visited.run("encoder", "create", "other", "--kind", "onehot", "--keys", "ward")
    once = visited.json("encoder", "learn", "other", "visits.csv")
    visited.run("encoder", "learn", "other", "visits.csv")
    assert visited.json("encoder", "forget", "other", "visits.csv")["digest"] == once["digest"]
    visited.run("encoder", "delete", "other")
    assert visited.error("encoder", "show", "other")["code"] == "not_found"
    hashing = visited.json("encoder", "create", "h", "--kind", "hashing", "--keys", "ward", "--set", "bins=8")
    assert len(hashing["columns"]["ward"]) == 8
    assert "needs a target" in visited.error("encoder", "create", "x")["message"]
