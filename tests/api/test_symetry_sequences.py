"""Markov chains through SymetryML's calls: a project of runs of tokens, and what follows a sequence."""

from __future__ import annotations

from itertools import pairwise

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
    record = await served.node.projects.model("p", "m")
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
