"""Selecting and judging by the native dialect: jobs whose results are models and figures."""

from __future__ import annotations

import pytest

ROWS = [[x, z, 2 * x + (z % 3) * 0.1, float(x > 10)] for x, z in ((i, (7 * i) % 11) for i in range(24))]
NAMES = ["x", "z", "y", "late"]


@pytest.fixture
async def call(served):
    """The client of a node with a project p that has learned the even rows."""
    await served.native("POST", "/api/projects", {"name": "p"})
    learned = await served.native("POST", "/api/projects/p/learn", {"names": NAMES, "rows": ROWS[::2]})
    assert learned.status == 200
    return served.native


JUDGING = {"names": NAMES, "rows": ROWS[1::2]}


async def test_a_model_is_selected_and_then_judged(call):
    started = await call(
        "POST",
        "/api/projects/p/select",
        {"model": "m", "target": "y", "inputs": ["x", "z"], "task": "regression"} | JUDGING,
    )
    assert started.status == 202
    done = await call.finished(started.json)
    assert done["status"] == "completed", done["error"]
    selection = done["result"]["selection"]
    assert selection["metric"] == "rmse"
    assert selection["tried"] == done["result"]["tried"] > 3
    model = (await call("GET", "/api/projects/p/models/m")).json
    assert model["inputs"] == done["result"]["inputs"]
    judged = await call.finished(
        (await call("POST", "/api/projects/p/assess", {"model": "m", "figures": True} | JUDGING)).json
    )
    assessment = judged["result"]["assessment"]
    assert assessment["scores"]["rmse"] == pytest.approx(selection["score"])
    assert set(judged["result"]["figures"]) == {"errors"}


async def test_what_a_selection_may_be_told_is_listed(call):
    offered = (await call("GET", "/api/selection")).json
    assert {item["name"] for item in offered["parameters"]} >= {"selector_type", "rnd_seed"}
    assert all(item["help"] for item in offered["parameters"])
    scores = {item["name"]: item["tasks"] for item in offered["scores"]}
    assert (scores["auc"], scores["rmse"], scores["mkappa"]) == (["binary"], ["regression"], ["multiclass"])
    assert offered["tasks"]["regression"][0] == "mlr"
    assert "lda" in offered["tasks"]["binary_classification"] == offered["tasks"]["binary_classifier"]


async def test_a_file_is_read_where_the_node_is(call, tmp_path):
    path = tmp_path / "judging.csv"
    lines = [",".join(map(str, row)) for row in [NAMES, *ROWS[1::2]]]
    path.write_text("\n".join(lines) + "\n")
    body = {"model": "m", "target": "late", "inputs": ["x", "z"], "algorithm": "lda", "path": str(path)}
    done = await call.finished((await call("POST", "/api/projects/p/select", body)).json)
    assert done["status"] == "completed", done["error"]
    assert done["result"]["selection"]["metric"] == "auc"
    assert done["parameters"]["path"] == str(path)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"path": "/rows.csv"} | JUDGING, "Both a file and rows"),
        ({"names": NAMES}, "incomplete"),
        ({"format": "csv"}, "belongs to a path"),
        ({"names": NAMES, "rows": [[1]]}, "1 cells, but there are 4 columns"),
        ({"inputs": []}, "inputs"),
        ({"task": "regression"}, "for an algorithm or for a task"),
        ({"parameters": {"selector_type": "bayesian"}}, "fw_bw, simple, brute or iteration"),
        ({"parameters": {"sml_model_assessment_type": "luck"}}, "'luck' is not a score"),
        ({"algorithm": "hba"}, "hba has no target"),
    ],
)
async def test_what_is_wrong_is_refused_before_a_job_is_made(call, body, message):
    given = {"model": "m", "target": "y", "inputs": ["x"], "algorithm": "mlr"} | body
    refused = await call("POST", "/api/projects/p/select", given)
    assert refused.status == 400
    assert message in "{message} {remedy}".format(**refused.error)


async def test_who_may_not_name_files_may_send_rows(call, as_user):
    native, _ = await as_user("someone", "user")
    body = {"model": "m", "target": "y", "inputs": ["x"], "algorithm": "mlr"}
    assert (await native("POST", "/api/projects/p/select", body | {"path": "/rows.csv"})).status == 403
    assert (await native("POST", "/api/projects/p/select", body | JUDGING)).status == 202
    assert (await native("POST", "/api/projects/p/assess", {"model": "none"} | JUDGING)).status == 404
