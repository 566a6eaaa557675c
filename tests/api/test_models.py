"""Algorithms and models in the native dialect: listing, fitting, taking a model to another project."""

from __future__ import annotations

import json

import numpy as np
import pytest

from federation.models import ALGORITHMS, Algorithm, InputColumn
from federation.models.record import to_record

TABLE = {
    "names": ["x", "y", "kind"],
    "rows": [[0.1, 1, "a"], [0.2, 3, "b"], [0.3, 4, "a"], [0.5, 4, None], [0.7, 6, "b"], [0.8, 9, "b"]],
}


@pytest.fixture
async def call(served):
    """The native client of a node whose project p has learned the table."""
    await served.native("POST", "/api/projects", {"name": "p"})
    assert (await served.native("POST", "/api/projects/p/learn", TABLE)).status == 200
    return served.native


@pytest.fixture
async def fitted(call):
    """A regression m of p, as it was answered."""
    body = {"name": "m", "algorithm": "mlr", "target": "y", "inputs": ["x"]}
    return (await call("POST", "/api/projects/p/models", body)).json


async def test_every_registered_algorithm_is_listed_with_its_parameters(call):
    listed = (await call("GET", "/api/algorithms")).json["algorithms"]
    assert [item["name"] for item in listed] == list(ALGORITHMS)
    for item in listed:
        assert item["target"] in ("needed", "none", "of score")
        assert item["summary"] and all(part["name"] and part["help"] for part in item["parameters"])
        assert (await call("GET", f"/api/algorithms/{item['name']}")).json == item
    gone = await call("GET", "/api/algorithms/guess")
    assert gone.status == 404 and "mlr" in gone.error["remedy"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"algorithm": "guess"}, "'mlr'"),
        ({"parameters": {"speed": 1}}, "'missing'"),
        ({"parameters": {"missing": "somehow"}}, "listwise"),
        ({"parameters": {"moments": 1, "target": 2}}, "no parameter"),
        ({"target": None}, "mlr needs a target"),
        ({"algorithm": "pca"}, "pca has no target"),
    ],
)
async def test_a_wrong_name_is_refused_with_the_right_ones(call, served, change, words):
    body = {"name": "m", "algorithm": "mlr", "target": "y", "inputs": ["x"]} | change
    answer = await call("POST", "/api/projects/p/models", body)
    assert answer.status == 400
    assert words in "{message}: {remedy}".format(**answer.error)


async def test_a_model_tells_what_it_predicts_and_how_long_it_took(fitted):
    assert fitted["outputs"] == ["res"]
    assert 0 < fitted["seconds"] < 60
    assert fitted["imported"] is False


async def test_a_model_moves_to_another_project_as_it_is(call, fitted):
    await call("POST", "/api/projects", {"name": "q"})
    moved = await call("PUT", "/api/projects/q/models/copy", fitted)
    assert moved.status == 201, moved.text
    assert moved.json["model"] == fitted["model"]
    assert (moved.json["imported"], moved.json["contributions"], moved.json["rows"]) == (True, [], 6)
    assert (await call("GET", "/api/projects/q/models/copy")).json == moved.json
    row = {"names": ["x"], "rows": [[0.4], [None]]}
    here = await call("POST", "/api/projects/p/models/m/predict", row)
    there = await call("POST", "/api/projects/q/models/copy/predict", row)
    assert there.json == here.json


@pytest.mark.parametrize(
    "damage",
    [
        {"coef": ["1", "2"]},
        {"coef": [1.0]},
        {"coef": [1.0, True]},
        {"coef": None},
        {"coef": {"0": 1.0}},
        {"algorithm": "guess"},
        {"algorithm": 7},
        {"terms": ["(intercept)", 2]},
        {"columns": [{"term": "x"}]},
        {"columns": [{"term": "x", "attribute": "z", "level": None, "mean": 0.0}]},
        {"columns": "x"},
        {"reference_levels": []},
        {"more": 1},
    ],
    ids=json.dumps,
)
async def test_what_is_not_a_model_is_not_imported(call, fitted, damage):
    answer = await call("PUT", "/api/projects/p/models/bad", fitted | {"model": fitted["model"] | damage})
    assert (answer.status, answer.error["code"]) == (400, "bad_request"), answer.text
    assert (await call("GET", "/api/projects/p/models/bad")).status == 404


async def test_numbers_too_large_are_not_imported(call, fitted):
    text = json.dumps(fitted["model"] | {"coef": [0.0, 7.5]}).replace("7.5", "9" * 400)
    answer = await call("PUT", "/api/projects/p/models/bad", fitted | {"model": json.loads(text)})
    assert answer.status == 400 and "finite" in answer.error["message"]


async def test_an_imported_model_whose_numbers_do_not_fit_is_refused_wherever_it_is_asked(call):
    body = {"name": "c", "algorithm": "pca", "inputs": ["x", "y"]}
    made = (await call("POST", "/api/projects/p/models", body)).json
    path = "/api/projects/p/models/bad"
    assert (await call("PUT", path, made | {"model": made["model"] | {"components": []}})).status == 201
    answer = await call("GET", f"{path}/onnx")
    assert (answer.status, answer.error["code"]) == (400, "bad_request"), answer.text
    assert "model 'bad' was imported, and its numbers do not fit" in answer.error["message"]


async def test_a_job_refuses_it_in_the_same_words(call, tmp_path):
    """Of nothing it predicts something; of a large number it looks up a count that it lacks."""
    made = (
        await call("POST", "/api/projects/p/models", {"name": "e", "algorithm": "ecod", "inputs": ["x", "y"]})
    ).json
    made["model"]["marginals"][0]["counts"].pop()
    assert (await call("PUT", "/api/projects/p/models/bad", made)).status == 201
    rows = {"names": ["x", "y"], "rows": [[1e6, 1e6]]}
    path = tmp_path / "rows.csv"
    path.write_text("x,y\n1e6,1e6\n")
    words = "model 'bad' was imported, and its numbers do not fit"
    at_once = await call("POST", "/api/projects/p/models/bad/predict", rows)
    assert at_once.status == 400 and words in at_once.error["message"]
    for body in ({"path": str(path)}, {"path": str(path), "flags": True}, rows | {"flags": True}):
        job = await call.finished((await call("POST", "/api/projects/p/models/bad/predict", body)).json)
        assert job["status"] == "failed" and words in job["error"]


class Named:
    """A model whose answers are names of classes."""

    algorithm = "named"

    def predict(self, table):
        return {"res": np.where(table.columns["x"] > 0.25, "large", "small"), "score": table.columns["x"]}

    def to_dict(self):
        return {"algorithm": self.algorithm}


async def test_answers_that_are_names_are_told_as_names(call, monkeypatch):
    from federation import models

    named = Algorithm("named", "names", lambda *_args, **_options: Named(), Named, has_target=False)
    monkeypatch.setitem(ALGORITHMS, "named", named)
    monkeypatch.setattr(models, "from_dict", lambda _record: Named())
    body = {"name": "n", "algorithm": "named", "inputs": ["x"]}
    made = await call("POST", "/api/projects/p/models", body)
    assert made.json["outputs"] == ["res", "score"]
    rows = {"names": ["x"], "rows": [[0.1], [0.5]]}
    found = await call("POST", "/api/projects/p/models/n/predict", rows)
    assert found.json["columns"] == {"res": ["small", "large"], "score": [0.1, 0.5]}


def test_columns_are_dataclasses_in_records() -> None:
    column = InputColumn("x", "x", None, 1.0)
    assert to_record(column) == {"term": "x", "attribute": "x", "level": None, "mean": 1.0}
