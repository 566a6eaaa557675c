"""SymetryML's selectModel, autoSelect and reduce: jobs that tell what they were given, and leave a model."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
async def project(served, iris):
    """A project p that has learned the even rows of the DataFrame; the odd ones choose."""
    await served.symetry("POST", "/projects?pid=p")
    learned = await served.symetry("POST", "/projects/p/learn", iris | {"data": iris["data"][::2]})
    assert learned.status == 200
    return served


@pytest.fixture
def body(iris):
    return {
        "dataframe": iris | {"data": iris["data"][1::2]},
        "mlcontext": {
            "targets": ["4"],
            "inputAttributes": ["0", "1", "2", "3"],
            "extraParameters": {
                "selector_type": "selector_type_fw_bw",
                "sml_model_assessment_type": "auc",
                "autoselect_thread_pool_size": "8",
            },
        },
    }


async def test_select_model_tries_subsets_and_keeps_the_best(project, body, iris):
    started = await project.symetry("POST", "/projects/p/selectModel?modelid=best&algo=lda", body)
    assert (started.status, started.json["statusString"]) == (202, "SelectModel Job Created")
    done = await project.symetry.finished(started)
    assert done.status == 200, done.text
    info = done.json["values"]["jobinfo"]
    assert info["jobType"] == "SelectModelJob"
    assert info["details"]["selector_type"] == "selector_type_fw_bw"
    assert json.loads(info["details"]["inputAttributeNames"]) == iris["attributeNames"][:4]
    assert json.loads(info["details"]["targetAttributeNames"]) == ["virginica"]
    shown = json.loads(info["details"]["dataframe"])
    assert shown["attributeTypes"] == iris["attributeTypes"]
    assert shown["data"] == body["dataframe"]["data"][:5]
    model = (await project.symetry("GET", "/projects/p/models/best")).json["values"]["modelInfo"]
    assert model["modelType"] == "lda"
    assert set(model["attributeNames"]) < set(iris["attributeNames"])
    assert model["modelBuilt"] > 4
    assert model["targetNames"] == ["virginica"]


@pytest.mark.parametrize("task", ["binary_classification", "binary_classifier"])
async def test_auto_select_chooses_the_algorithm_as_well(project, body, task):
    started = await project.symetry("POST", f"/projects/p/autoSelect?modelid=best&task={task}", body)
    done = await project.symetry.finished(started)
    assert done.status == 200, done.text
    info = done.json["values"]["jobinfo"]
    assert (info["jobType"], info["details"]["task"]) == ("AutoSelectJob", task)
    model = (await project.symetry("GET", "/projects/p/models/best")).json["values"]["modelInfo"]
    assert model["modelType"] in ("lda", "lsvm", "bayes", "mqda")


async def test_reduce_leaves_out_what_tells_nothing_more(project, body):
    context = body["mlcontext"] | {"extraParameters": {}}
    started = await project.symetry("POST", "/projects/p/reduce?modelid=small&heuristic=default", context)
    assert started.json["statusString"] == "Reduce Job Created"
    done = await project.symetry.finished(started)
    assert done.status == 200, done.text
    assert done.json["values"]["jobinfo"]["jobType"] == "ReduceJob"
    model = (await project.symetry("GET", "/projects/p/models/small")).json["values"]["modelInfo"]
    assert (model["modelType"], 1 <= len(model["attributeNames"]) < 4) == ("lda", True)
    assert model["modelBuilt"] >= 4


@pytest.mark.parametrize(
    ("path", "change", "words"),
    [
        ("selectModel?modelid=m&algo=oracle", {}, "'oracle' is unknown"),
        ("autoSelect?modelid=m&task=clustering", {}, "'clustering' is unknown"),
        ("selectModel?modelid=m&algo=lda", {"targets": []}, "one target"),
        ("selectModel?modelid=m&algo=lda", {"inputAttributes": []}, "one target and inputs"),
        ("selectModel?modelid=m&algo=lda", {"targets": ["9"]}, "no attribute with the id [9]"),
        (
            "selectModel?modelid=m&algo=lda",
            {"extraParameters": {"selector_type": "selector_type_genetic"}},
            "fw_bw, simple, brute or iteration",
        ),
        (
            "selectModel?modelid=m&algo=lda",
            {"extraParameters": {"sml_model_assessment_type": "luck"}},
            "sml_model_assessment_type: 'luck' is not a score: use one of auc",
        ),
        (
            "autoSelect?modelid=m&task=regression",
            {"extraParameters": {"sml_model_assessment_type": "auc"}},
            "'auc' is not a score of regression models: use one of rmse",
        ),
        ("selectModel?modelid=m&algo=pca", {}, "pca has no target"),
    ],
)
async def test_what_cannot_be_selected_is_400(project, body, path, change, words):
    refused = await project.symetry(
        "POST", f"/projects/p/{path}", body | {"mlcontext": body["mlcontext"] | change}
    )
    assert (refused.status, refused.json["statusCode"]) == (400, "BAD_REQUEST")
    assert words in refused.json["statusString"]


async def test_a_validation_frame_without_the_target_fails_with_the_reason(project, body):
    frame = body["dataframe"]
    without = {
        "attributeNames": frame["attributeNames"][:4],
        "attributeTypes": frame["attributeTypes"][:4],
        "data": [row[:4] for row in frame["data"]],
    }
    started = await project.symetry(
        "POST", "/projects/p/selectModel?modelid=m&algo=lda", body | {"dataframe": without}
    )
    done = await project.symetry.finished(started)
    assert done.status == 400
    assert "no column 'virginica'" in done.json["statusString"]
