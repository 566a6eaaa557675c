"""What is learned of rows beside their columns, through SymetryML's calls: runs of tokens, and powers."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from federation.statistics import NGRAM_SCHEMA

WEATHER = ["sun", "sun", "rain", "sun", "rain", "rain", "sun", "sun"]


async def test_a_chain_is_built_from_runs_of_tokens(served):
    """A project whose schema has the runs as text; each row learned is one run."""
    call = served.symetry
    schema = NGRAM_SCHEMA.to_dict()
    assert (await served.native("POST", "/api/projects", {"name": "p", "schema": schema})).status == 201
    runs = [[f"{before}|{token}"] for before, token in pairwise(WEATHER)]
    frame = {"attributeNames": ["ngram"], "attributeTypes": ["S"], "data": runs}
    assert (await call("POST", "/projects/p/learn", frame)).status == 200
    context = {"inputAttributeNames": ["ngram"], "targets": []}
    done = await call.finished(await call("POST", "/projects/p/build?modelid=m&algo=mc", context))
    assert done.status == 200, done.text
    record = await served.node.models.get("p", "m")
    assert record.model["transitions"] == {
        "tm1$rain:$:to$rain": 1 / 3,
        "tm1$rain:$:to$sun": 2 / 3,
        "tm1$sun:$:to$rain": 0.5,
        "tm1$sun:$:to$sun": 0.5,
    }
    rows = {
        "attributeNames": ["first", "second"],
        "attributeTypes": ["T", "T"],
        "data": [["sun", "rain"], ["rain", "hail"]],
    }
    predicted = await call("POST", "/projects/p/predict/m", rows)
    assert predicted.status == 200, predicted.text
    told = predicted.json["values"]["KSVSMap"]["values"]
    assert [row["next"] for row in told] == ["sun", "sun"]  # after hail: what came most of all
    assert [row["seq.like"] for row in told] == ["0.5", "0"]


@pytest.mark.parametrize("query", ["", "?async=true"])
async def test_a_sequence_project_makes_the_runs_itself(served, query):
    call = served.symetry
    assert (await call("POST", "/projects?pid=p&type=sequence")).status == 400
    assert (await call("POST", "/projects?pid=p", {"sml_project_order": "1"})).status == 400
    made = await call("POST", "/projects?pid=p&type=sequence", {"sml_project_order": "1"})
    assert made.status == 201, made.text
    info = made.json["values"]["smlInfo"]
    assert (info["type"], info["params"]["sml_project_order"]) == ("sequence", "1")
    frame = {
        "attributeNames": ["weather", "id"],
        "attributeTypes": ["S", "X"],
        "data": [[word, str(at)] for at, word in enumerate(WEATHER)],
    }
    answer = await call("POST", f"/projects/p/learn{query}", frame)
    assert answer.status == 200 or (await call.finished(answer)).status == 200
    context = {"inputAttributeNames": ["ngram"], "targets": []}
    done = await call.finished(await call("POST", "/projects/p/build?modelid=m&algo=mc", context))
    assert done.status == 200, done.text
    record = await served.node.models.get("p", "m")
    assert record.model["transitions"]["tm1$rain:$:to$sun"] == 2 / 3
    rows = {"attributeNames": ["a", "b"], "attributeTypes": ["S", "S"], "data": [["sun", "rain"]]}
    predicted = await call("POST", "/projects/p/predict/m", rows)
    assert [row["next"] for row in predicted.json["values"]["KSVSMap"]["values"]] == ["sun"]


@pytest.mark.parametrize("query", ["", "?async=true"])
async def test_a_power_is_chosen_among_those_learned(served, query):
    call = served.symetry
    powers = {"column": "x", "min": "-1", "max": "1", "steps": "3"}
    options = {f"sml_project_power_{name}": value for name, value in powers.items()}
    made = await call("POST", "/projects?pid=p", options)
    assert made.status == 201, made.text
    params = made.json["values"]["smlInfo"]["params"]
    assert {name: params[name] for name in options} == options
    frame = {
        "attributeNames": ["x", "y"],
        "attributeTypes": ["C", "C"],
        "data": [[str(x), str(5 + 3 * math.log1p(x) + (-1) ** x / 100)] for x in range(40)],
    }
    answer = await call("POST", f"/projects/p/learn{query}", frame)
    assert answer.status == 200 or (await call.finished(answer)).status == 200
    context = {"inputAttributeNames": ["x"], "targetAttributeNames": ["y"]}
    done = await call.finished(await call("POST", "/projects/p/build?modelid=m&algo=powerreg", context))
    assert done.status == 200, done.text
    assert (await served.node.models.get("p", "m")).model["power"] == 0.0
    rows = {"attributeNames": ["x"], "attributeTypes": ["C"], "data": [["9"]]}
    predicted = await call("POST", "/projects/p/predict/m", rows)
    told = predicted.json["values"]["KSVSMap"]["values"]
    assert float(told[0]["res"]) == pytest.approx(5 + 3 * math.log(10), abs=0.02)
