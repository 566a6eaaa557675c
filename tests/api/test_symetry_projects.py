"""Projects, exploration, models and prediction through SymetryML's calls."""

from __future__ import annotations

import math

import numpy as np
import pytest

from node.project_options import EMBEDDED, WINDOW


@pytest.fixture
async def learned(served, iris):
    """The SymetryML client of a node whose project p has learned the table."""
    assert (await served.symetry("POST", "/projects?pid=p")).status == 201
    assert (await served.symetry("POST", "/projects/p/learn", iris)).status == 200
    return served.symetry


async def test_a_projects_life(served):
    call = served.symetry
    made = await call("POST", "/projects?pid=r1&persist=true", {"sml_project_autosave": "true"})
    assert (made.status, made.json["statusCode"]) == (201, "CREATED")
    assert made.json["statusString"] == "Project Created with id:r1"
    again = await call("POST", "/projects?pid=r1")
    assert (again.status, again.json["statusCode"]) == (409, "CONFLICT")
    assert (await call("GET", "/projects/list")).json["values"] == {"stringList": {"values": ["r1"]}}
    assert (await call("GET", "/projects/r1/save")).json["statusString"] == "OK"
    renamed = await call("GET", "/projects/r1/rename?newName=r2")
    assert (renamed.status, renamed.json["values"]["smlInfo"]["pid"]) == (201, "r2")
    cid = call.key.access_key
    deleted = await call("DELETE", "/projects/r2")
    assert deleted.json["statusString"] == f"deleted Project with id[r2] from Customer[{cid}] store"
    gone = await call("GET", "/projects/r2/info")
    assert (gone.status, gone.json["statusString"]) == (
        400,
        f"Cannot Find SYMETRYML id[r2] for Customer id [{cid}]",
    )


async def test_a_name_that_is_taken_is_a_conflict_for_rename_too(served):
    await served.symetry("POST", "/projects?pid=a")
    await served.symetry("POST", "/projects?pid=b")
    assert (await served.symetry("GET", "/projects/a/rename?newName=b")).status == 409


async def test_the_info_has_every_documented_field(learned):
    info = (await learned("GET", "/projects/p/info")).json["values"]["smlInfo"]
    assert set(info) == {
        "pid", "encoderName", "modelsList", "modelTypeList", "dsList", "attributeNames", "attributeIndexes",
        "attributeTypes", "modelAssessments", "modelPredictions", "partitionColumn", "params", "hash",
        "categorySeparator", "type", "creationDate", "lastModificationDate", "loaded", "persisted",
        "histogramEnabled", "autoSave", "fusionCellInfo", "streams", "isDirty",
    }  # fmt: skip
    assert info["attributeNames"] == [
        "sepal_length",
        "sepal_width",
        "petal_length",
        "petal_width",
        "virginica",
    ]
    assert info["attributeIndexes"] == [0, 1, 2, 3, 4]
    assert info["attributeTypes"] == ["C", "C", "C", "C", "B"]
    assert (info["hash"], info["categorySeparator"], info["type"]) == (-1, "$", "cpu")


async def test_forgetting_undoes_learning(served, iris):
    call = served.symetry
    await call("POST", "/projects?pid=p")
    await call("POST", "/projects/p/learn", iris)
    before = (await served.node.projects.info("p")).digest
    await call("POST", "/projects/p/learn", iris | {"data": iris["data"][:5]})
    done = await call.finished(
        await call("POST", "/projects/p/forget?async=true", iris | {"data": iris["data"][:5]})
    )
    assert done.status == 200
    info = await served.node.projects.info("p")
    assert (info.rows, info.digest) == (len(iris["data"]), before)


async def test_learning_at_once_and_by_a_job_are_the_same(served, iris):
    for pid, query in (("now", ""), ("later", "?async=true")):
        await served.symetry("POST", f"/projects?pid={pid}")
        answer = await served.symetry("POST", f"/projects/{pid}/learn{query}", iris)
        if answer.status == 202:
            await served.symetry.finished(answer)
    now, later = await served.node.projects.info("now"), await served.node.projects.info("later")
    assert (now.digest, now.attributes) == (later.digest, later.attributes)


async def test_columns_that_only_an_encoder_could_use_are_ignored(served):
    frame = {
        "attributeNames": ["x", "note", "tags", "patient", "skip"],
        "attributeTypes": ["C", "S", "L", "P", "X"],
        "data": [["1", "a", "b|c", "p1", "?"], [2, None, "", "p2", "!"]],
        "errorHandling": 1,
    }
    await served.symetry("POST", "/projects?pid=p")
    assert (await served.symetry("POST", "/projects/p/learn", frame)).status == 200
    assert [a.name for a in (await served.node.projects.info("p")).attributes] == ["x"]
    done = await served.symetry.finished(await served.symetry("POST", "/projects/p/learn?async=true", frame))
    assert done.status == 200
    (task,) = await served.node.jobs.list()
    assert [remark.split(":")[0] for remark in task.result["remarks"]] == [
        "column 'note' is ignored",
        "column 'tags' is ignored",
        "column 'patient' is ignored",
    ]


@pytest.mark.parametrize("query", ["", "?async=true"])
async def test_the_types_of_a_frame_are_those_of_the_project(served, query):
    frame = {
        "attributeNames": ["count", "code", "day"],
        "attributeTypes": ["C", "T", "D"],
        "data": [["0", "1", "2013-01-31"], ["1", "2", "2013-02-01T10:00:00"]],
    }
    await served.symetry("POST", "/projects?pid=p")
    answer = await served.symetry("POST", f"/projects/p/learn{query}", frame)
    if query:
        answer = await served.symetry.finished(answer)
    assert answer.status == 200
    assert {a.name: a.type for a in (await served.node.projects.info("p")).attributes} == {
        "count": "C", "code": "T",
        "day.year": "C", "day.month": "T", "day.day": "C", "day.weekday": "T", "day.hour": "C",
    }  # fmt: skip
    more = frame | {"attributeTypes": ["C", "T", "S"], "data": [["7", "1", "2014-05-01"]]}
    assert (await served.symetry("POST", "/projects/p/learn", more)).status == 200
    statistics = await served.node.projects.statistics("p")
    assert statistics.moments.level_counts("day.month") == {"1": 1, "2": 1, "5": 1}


async def test_options_of_a_project_hold_for_all_that_is_learned(served, iris):
    call = served.symetry
    options = {
        "sml_project_predicate_row_filter": "petal_width >= 1; species != setosa",
        "sml_project_rolling_window_size": "5",
        "precision": "80",
    }
    assert (await call("POST", "/projects?pid=p", options)).status == 201
    frame = {
        "attributeNames": [*iris["attributeNames"], "species"],
        "attributeTypes": [*iris["attributeTypes"], "S"],
        "data": [[*row, "setosa" if at < 4 else "other"] for at, row in enumerate(iris["data"])],
    }
    await call("POST", "/projects/p/learn", frame)
    await call.finished(
        await call("POST", "/projects/p/learn?async=true", frame | {"data": frame["data"][:6]})
    )
    statistics = await served.node.projects.statistics("p")
    kept = [row for row in frame["data"] if float(row[3]) >= 1] + frame["data"][4:6]
    widths = [float(row[3]) for row in kept][-5:]
    assert statistics.moments.rows == 5
    assert statistics.moments.univariate("petal_width").mean == pytest.approx(sum(widths) / 5, rel=1e-12)
    assert "species" not in statistics.moments.schema
    params = (await call("GET", "/projects/p/info")).json["values"]["smlInfo"]["params"]
    assert options.items() <= params.items()
    refused = await call(
        "POST", "/projects?pid=q", {"sml_project_predicate_row_filter": "petal_width > wide"}
    )
    assert (refused.status, "'petal_width > wide'" in refused.json["statusString"]) == (400, True)
    unknown = await call("POST", "/projects?pid=q", {"sml_project_rolling_widow_size": "5"})
    assert (unknown.status, "sml_project_rolling_widow_size" in unknown.json["statusString"]) == (400, True)


async def test_levels_are_trimmed_and_in_lower_case_as_symetryml_has_them(served):
    frame = {
        "attributeNames": ["x", "kind"],
        "attributeTypes": ["C", "T"],
        "data": [["1", "Iris_Setosa "], ["2", "iris_setosa"], ["4", " IRIS_VIRGINICA"]],
    }
    await served.symetry("POST", "/projects?pid=p")
    for query in ("", "?async=true"):
        answer = await served.symetry("POST", f"/projects/p/learn{query}", frame)
        assert answer.status == 200 or (await served.symetry.finished(answer)).status == 200
    statistics = await served.node.projects.statistics("p")
    assert statistics.moments.level_counts("kind") == {"iris_setosa": 4, "iris_virginica": 2}


async def test_a_frozen_project_refuses_rows_until_it_is_thawed(served, iris):
    call = served.symetry
    await call("POST", "/projects?pid=p")
    assert (await call("GET", "/projects/p/freeze")).status == 200
    refused = await call("POST", "/projects/p/learn", iris)
    assert (refused.status, "is frozen" in refused.json["statusString"]) == (400, True)
    later = await call.finished(await call("POST", "/projects/p/learn?async=true", iris))
    assert (later.status, "is frozen" in later.json["statusString"]) == (400, True)
    params = (await call("GET", "/projects/p/info")).json["values"]["smlInfo"]["params"]
    assert params["sml_project_is_freeze"] == "true"
    assert (await call("GET", "/projects/p/unfreeze")).status == 200
    assert (await call("POST", "/projects/p/learn", iris)).status == 200
    assert (await call("GET", "/projects/p/unload")).status == 200
    assert (await served.node.projects.statistics("p")).moments.rows == len(iris["data"])


async def test_histograms_are_on_unless_refused_and_can_be_turned_off(served, iris):
    call = served.symetry

    async def info(pid):
        return (await call("GET", f"/projects/{pid}/info")).json["values"]["smlInfo"]

    await call("POST", "/projects?pid=with")
    await call("POST", "/projects?pid=without&enableHistogram=false")
    assert (await info("with"))["histogramEnabled"] is True
    assert (await info("without"))["histogramEnabled"] is False
    await call("POST", "/projects/with/learn", iris)
    question = {"values": [{"inputAttributes": ["0"]}]}
    answer = await call("POST", "/projects/with/explore?metric=uni", question)
    assert {"skewness", "median"} <= answer.json["values"]["KSVDMap"]["values"][0].keys()
    assert (await call("POST", "/projects/with/histogramEnable?enable=false")).status == 200
    assert (await info("with"))["histogramEnabled"] is False
    refused = await call("POST", "/projects/with/histogramEnable?enable=true")
    assert (refused.status, "without histograms" in refused.json["statusString"]) == (400, True)
    assert (await call("POST", "/projects/without/histogramEnable?enable=true")).status == 200
    assert (await info("without"))["histogramEnabled"] is True


@pytest.mark.parametrize("query", ["", "?async=true"])
async def test_a_partition_project_keeps_the_values_of_its_column_apart(served, query):
    call = served.symetry
    assert (await call("POST", "/projects?pid=p&type=partition")).status == 400
    made = await call("POST", "/projects?pid=p&type=partition&persist=true", {"partitionSplit": "class"})
    assert made.status == 201
    frame = {
        "attributeNames": ["x", "class"],
        "attributeTypes": ["C", "S"],
        "data": [[str(at), f"Iris_{at % 3}"] for at in range(90)],
    }
    answer = await call("POST", f"/projects/p/learn{query}", frame)
    assert answer.status == 200 or (await call.finished(answer)).status == 200
    moments = (await served.node.projects.statistics("p")).moments
    assert {level: part.rows for level, part in moments.parts().items()} == {
        "iris_0": 30,
        "iris_1": 30,
        "iris_2": 30,
    }
    info = (await call("GET", "/projects/p/info")).json["values"]["smlInfo"]
    assert (info["type"], info["partitionColumn"]) == ("partition", "class")
    assert info["params"]["partitionSplit"] == "class"


async def test_merge_export_and_import(served, iris):
    call = served.symetry
    for pid in ("a", "b"):
        await call("POST", f"/projects?pid={pid}")
        await call("POST", f"/projects/{pid}/learn", iris)
    once = (await served.node.projects.info("b")).digest
    assert (await call("GET", "/projects/a/merge?otherProjectName=b")).status == 200
    assert (await served.node.projects.info("a")).rows == 2 * len(iris["data"])
    missing = await call("GET", "/projects/a/merge?otherProjectName=none")
    assert "Cannot Find SYMETRYML id[none]" in missing.json["statusString"]
    text = (await call("GET", "/projects/b/export")).json["values"]["string"]
    imported = await call("POST", "/projects/c/import?persist=true", text.encode())
    assert (imported.status, imported.json["values"]["smlInfo"]["pid"]) == (200, "c")
    assert (await served.node.projects.info("c")).digest == once
    assert (await call("POST", "/projects/c/import", text.encode())).status == 409
    assert (await call("POST", "/projects/d/import", b"AAAA")).status == 400


async def test_univariate(learned, iris):
    question = {"values": [{"inputAttributes": ["0"]}, {"inputAttributeNames": ["petal_width"]}]}
    answer = await learned("POST", "/projects/p/explore?metric=uni", question)
    first, second = answer.json["values"]["KSVDMap"]["values"]
    for found, column in ((first, 0), (second, 3)):
        x = np.array([float(row[column]) for row in iris["data"]])
        assert found["count"] == len(x)
        assert found["mean"] == pytest.approx(x.mean(), rel=1e-12)
        assert found["variance"] == pytest.approx(x.var(), rel=1e-12)
        assert found["stderr"] == pytest.approx(x.std() / math.sqrt(len(x)), rel=1e-12)
    assert answer.json["values"]["smlInfo"]["pid"] == "p"


async def test_bivariate_at_once_and_by_a_job(learned, iris):
    question = {"values": [{"inputAttributes": ["0"], "targets": ["3"]}]}
    now = await learned("POST", "/projects/p/explore?metric=bi&returnProjectInfo=false", question)
    assert set(now.json["values"]) == {"KSVDMap"}
    later = await learned.finished(
        await learned("POST", "/projects/p/explore?metric=bi&async=true", question)
    )
    assert set(later.json["values"]) == {"KSVDMap", "smlInfo"}
    assert later.json["values"]["KSVDMap"] == now.json["values"]["KSVDMap"]
    x, y = (np.array([float(row[at]) for row in iris["data"]]) for at in (0, 3))
    (found,) = now.json["values"]["KSVDMap"]["values"]
    assert found["linCorr"] == pytest.approx(np.corrcoef(x, y)[0, 1], rel=1e-12)
    assert found["condCount"] == pytest.approx(y.sum(), rel=1e-12)
    assert found["condMean"] == pytest.approx((x * y).sum() / y.sum(), rel=1e-12)


async def test_a_regression_with_its_coefficient_table(learned, iris):
    context = {
        "targets": ["3"],
        "inputAttributes": ["0", "1", "2"],
        "extraParameters": {"missing": "listwise"},
    }
    started = await learned("POST", "/projects/p/build?modelid=m1&algo=mlr", context)
    assert started.json["statusString"] == "Job Created"
    assert (await learned.finished(started)).status == 200
    info = (await learned("GET", "/projects/p/models/m1")).json["values"]["modelInfo"]
    assert (info["modelId"], info["modelType"]) == ("m1", "mlr")
    assert (info["attributeIndexes"], info["targetNames"], info["targetindexes"]) == (
        [0, 1, 2],
        ["petal_width"],
        [3],
    )
    table = info["extra"]["coefficients"]
    assert table["attributeNames"] == [
        "attribute", "coefficient", "std.error", "scores(t)", "p.values", "ci.low", "ci.high",
        "mean_petal_width",
    ]  # fmt: skip
    data = np.array([[float(cell) for cell in row] for row in iris["data"]])
    design = np.column_stack([np.ones(len(data)), data[:, :3]])
    expected = np.linalg.lstsq(design, data[:, 3], rcond=None)[0]
    assert [row[0] for row in table["data"]] == ["(intercept)", "sepal_length", "sepal_width", "petal_length"]
    assert [float(row[1]) for row in table["data"]] == pytest.approx(expected, rel=1e-9)

    predicted = await learned("POST", "/projects/p/predict/m1", iris)
    values = [float(row["res"]) for row in predicted.json["values"]["KSVSMap"]["values"]]
    assert values == pytest.approx(design @ expected, rel=1e-9)
    listed = (await learned("GET", "/projects/p/info")).json["values"]["smlInfo"]
    assert (listed["modelsList"], listed["modelTypeList"]) == (["m1"], ["mlr"])
    assert (await learned("DELETE", "/projects/p/models/m1")).status == 200
    gone = await learned("GET", "/projects/p/models/m1")
    assert (gone.status, gone.json["statusString"]) == (400, "Generic Exception <Error no such model <m1>>")


async def test_ridge_takes_its_penalty_as_text(learned):
    context = {
        "targetAttributeNames": ["petal_width"],
        "inputAttributeNames": ["sepal_length", "petal_length"],
        "extraParameters": {"lambda": "0.5"},
    }
    done = await learned.finished(await learned("POST", "/projects/p/build?modelid=r&algo=ridge", context))
    assert done.status == 200, done.text
    info = (await learned("GET", "/projects/p/models/r")).json["values"]["modelInfo"]
    assert info["modelType"] == "ridge"
    columns = info["extra"]["coefficients"]["attributeNames"]
    assert columns == ["attribute", "coefficient", "mean_petal_width"]


async def test_lda_and_its_keys(learned, iris):
    context = {"targets": ["4"], "inputAttributes": ["0", "2", "3"]}
    done = await learned.finished(await learned("POST", "/projects/p/build?modelid=l&algo=lda", context))
    assert done.status == 200, done.text
    info = (await learned("GET", "/projects/p/models/l")).json["values"]["modelInfo"]
    assert info["predictInfo"] == ["resZ", "res", "normZ"]
    assert info["info"]["z"].startswith("l0 <- c(") and info["info"]["buildStatus"] == "OK"
    predicted = await learned("POST", "/projects/p/predict/l", iris)
    rows = predicted.json["values"]["KSVSMap"]["values"]
    assert {"res", "resZ", "normZ", "z0", "z1LTz0"} <= set(rows[0])
    assert {row["res"] for row in rows} == {"0", "1"}
    assert [row["res"] for row in rows][:4] == ["0"] * 4


async def test_a_long_prediction_is_the_same_as_many_short_ones(learned, iris):
    context = {"targets": ["3"], "inputAttributes": ["0"]}
    await learned.finished(await learned("POST", "/projects/p/build?modelid=m&algo=mlr", context))
    short = await learned("POST", "/projects/p/predict/m", iris)
    long = await learned("POST", "/projects/p/predict/m", iris | {"data": iris["data"] * 100})
    assert long.json["statusString"] == "OK"
    assert long.json["values"]["KSVSMap"]["values"] == short.json["values"]["KSVSMap"]["values"] * 100


async def test_what_one_dialect_makes_the_other_shows(learned, served):
    info = (await served.native("GET", "/api/projects/p")).json
    assert (info["owner"], info["rows"]) == ("admin", 16)
    started = await learned(
        "POST", "/projects/p/build?modelid=m&algo=mlr", {"targets": ["3"], "inputAttributes": ["0"]}
    )
    number = started.headers["sym-job-id"]
    job = await served.native.finished((await served.native("GET", f"/api/jobs/{number}")).json)
    assert (job["kind"], job["status"], job["number"]) == ("fit", "completed", int(number))


@pytest.mark.parametrize(
    ("option", "value", "remedy"),
    [
        ("sml_project_hashtrick_binsize", "1024", "an encoder of the kind hashing"),
        ("sml_project_rolling_window_use_embedded", "true", "two projects"),
    ],
)
async def test_an_option_that_there_is_in_another_form_is_refused_with_it(served, option, value, remedy):
    made = await served.symetry("POST", "/projects?pid=p", {option: value})
    assert made.status == 400 and remedy in made.json["statusString"]
    assert (await served.symetry("POST", "/projects?pid=p", {WINDOW: "5", EMBEDDED: "false"})).status == 201
    asked = {"rolling_window_embedded_project": "true", "driftMetric": "global"}
    drift = await served.symetry("POST", "/projects/dataDrift", {"extraParameters": asked})
    assert drift.status == 400 and "two projects" in drift.json["statusString"]
