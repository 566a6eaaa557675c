"""Predicting with missing inputs imputed, a whole file, and while learning, in both dialects."""

from __future__ import annotations

import csv
import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from federation.statistics import Table


@pytest.fixture
async def served_model(served, iris):
    """A node whose project p has learned the table, with a regression m of petal_width."""
    await served.symetry("POST", "/projects?pid=p")
    await served.symetry("POST", "/projects/p/learn", iris)
    inputs = ("sepal_length", "sepal_width", "petal_length")
    await served.node.models.fit("p", "m", "mlr", "petal_width", inputs)
    return served


HOLES = [[None, 3.5, 1.4], [6.3, None, None], [None, None, None], [5.0, 3.0, 4.0]]
NAMES = ["sepal_length", "sepal_width", "petal_length"]


def imputed(iris) -> np.ndarray:
    """The rows of HOLES with each hole filled by least squares from the rest of the row."""
    data = np.array([[float(cell) for cell in row[:3]] for row in iris["data"]])
    filled = np.array([[np.nan if cell is None else cell for cell in row] for row in HOLES])
    for row in filled:
        present = ~np.isnan(row)
        design = np.column_stack([np.ones(len(data)), data[:, present]])
        slopes = np.linalg.lstsq(design, data[:, ~present], rcond=None)[0]
        row[~present] = np.concatenate([[1.0], row[present]]) @ slopes
    return filled


async def test_missing_inputs_are_regressed_on_those_present(served_model, iris):
    body = {"names": NAMES, "rows": HOLES}
    path = "/api/projects/p/models/m/predict"
    plain = (await served_model.native("POST", path, body)).json["columns"]["res"]
    found = (await served_model.native("POST", path, body | {"impute": True})).json["columns"]["res"]
    intercept, *slopes = (await served_model.node.models.get("p", "m")).model["coef"]
    assert found == pytest.approx(imputed(iris) @ slopes + intercept, rel=1e-9)
    assert plain[2:] == pytest.approx(found[2:], rel=1e-12)  # nothing known, or everything: no difference
    assert plain[:2] != pytest.approx(found[:2], rel=1e-3)
    frame = {"attributeNames": NAMES, "attributeTypes": ["C"] * 3, "data": HOLES}
    answer = await served_model.symetry("POST", "/projects/p/predict/m?impute=true", frame)
    rows = answer.json["values"]["KSVSMap"]["values"]
    assert [float(row["res"]) for row in rows] == found


async def test_nothing_is_imputed_without_statistics(served_model):
    await served_model.native("POST", "/api/projects", {"name": "q"})
    record = (await served_model.native("GET", "/api/projects/p/models/m")).json
    await served_model.native("PUT", "/api/projects/q/models/m", record)
    body = {"names": NAMES, "rows": HOLES, "impute": True}
    answer = await served_model.native("POST", "/api/projects/q/models/m/predict", body)
    assert answer.status == 400 and answer.error["remedy"] == "predict without the imputer"


@pytest.fixture
def holes_file(tmp_path):
    """A CSV of HOLES with a column that the model does not know, quoted as it likes, gzipped."""
    path = tmp_path / "holes.csv.gz"
    lines = ["note," + ",".join(NAMES)]
    lines += [
        f'"row, {at}",' + ",".join("" if c is None else str(c) for c in row) for at, row in enumerate(HOLES)
    ]
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n\n").encode()))
    return path


@pytest.mark.parametrize("impute", [False, True])
async def test_a_file_is_predicted_beside_its_rows(served_model, holes_file, tmp_path, impute):
    call = served_model.native
    output = tmp_path / "out.csv"
    body = {"path": str(holes_file), "output": str(output), "impute": impute}
    started = await call("POST", "/api/projects/p/models/m/predict", body)
    assert started.status == 202
    job = await call.finished(started.json)
    assert job["status"] == "completed", job["error"]
    with output.open(newline="") as file:
        heading, *rows = csv.reader(file)
    assert heading == ["note", *NAMES, "res_Result"]
    assert [row[0] for row in rows] == [f"row, {at}" for at in range(len(HOLES))]
    direct = {"names": NAMES, "rows": HOLES, "impute": impute}
    expected = (await call("POST", "/api/projects/p/models/m/predict", direct)).json["columns"]["res"]
    assert [float(row[-1]) for row in rows] == expected
    assert (job["result"]["rows"], job["result"]["names"], job["result"]["sample"]) == (4, heading, rows)
    again = await call("POST", "/api/projects/p/models/m/predict", body)
    assert again.status == 400 and "exists already" in again.error["message"]
    assert not list(tmp_path.glob("*.part"))


async def test_the_first_row_is_row_1_of_a_table_and_of_a_file(served_model, tmp_path):
    call, path = served_model.native, tmp_path / "rows.parquet"
    refused = await call(
        "POST", "/api/projects/p/models/m/predict", {"names": NAMES, "rows": [["much", 3.5, 1.4]]}
    )
    assert (
        refused.status == 400 and "'sepal_length', row 1: 'much' is not a number" in refused.error["message"]
    )
    far = np.ones(100_000)
    far[90_000] = np.inf
    pq.write_table(
        pa.table({name: far if name == "sepal_width" else np.ones(100_000) for name in NAMES}), path
    )
    started = await call("POST", "/api/projects/p/models/m/predict", {"path": str(path)})
    error = (await call.finished(started.json))["error"]
    assert error.startswith("rows.parquet, column 'sepal_width', row 90001: the value is infinite; leave it")


async def test_a_parquet_file_is_predicted_too(served_model, tmp_path):
    path = tmp_path / "rows.parquet"
    columns = {name: [row[at] for row in HOLES] for at, name in enumerate(NAMES)}
    pq.write_table(pa.table(columns | {"day": ["a", None, "c", "d"]}), path)
    call = served_model.native
    started = await call("POST", "/api/projects/p/models/m/predict", {"path": str(path)})
    result = (await call.finished(started.json))["result"]
    assert result["names"] == [*NAMES, "day", "res_Result"]
    assert [row[3] for row in result["sample"]] == ["a", "", "c", "d"]
    assert result["output"] is None


async def test_symetry_predicts_a_file_into_another(served_model, holes_file, tmp_path):
    output = tmp_path / "out.csv"
    query = f"indsname={holes_file}&outdsname={output}&impute=true"
    done = await served_model.symetry.finished(
        await served_model.symetry("POST", f"/projects/p/dss/predict/m?{query}")
    )
    assert done.status == 200, done.text
    frame = done.json["values"]["dataframe"]
    assert frame["attributeNames"] == ["note", *NAMES, "res_Result"]
    assert frame["attributeTypes"] == ["S", "C", "C", "C", "C"]
    assert len(frame["data"]) == 4 and output.is_file()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"output": "here.csv"}, "absolute path"),
        ({"output": "/no/such/folder/x.csv"}, "no folder"),
        ({"path": "rows.csv"}, "absolute path"),
        ({"names": ["x"], "rows": [[1]]}, "either names and rows"),
    ],
)
async def test_a_file_that_cannot_be_predicted_is_refused_at_once(served_model, holes_file, change, words):
    body = {"path": str(holes_file)} | change
    answer = await served_model.native("POST", "/api/projects/p/models/m/predict", body)
    assert answer.status == 400 and words in answer.text


async def test_only_some_may_have_files_predicted(served_model, holes_file, as_user):
    native, symetry = await as_user("ann", "user")
    body = {"path": str(holes_file)}
    assert (await native("POST", "/api/projects/p/models/m/predict", body)).status == 403
    refused = await symetry("POST", f"/projects/p/dss/predict/m?indsname={holes_file}&outdsname=/tmp/x.csv")
    assert refused.status == 401


async def test_symetry_flags_the_rows_of_extreme_scores_as_a_job(served_model, iris, tmp_path):
    """A DSPredictDataFrameJob, of a DataFrame and of a file."""
    inputs = tuple(NAMES)
    await served_model.node.models.fit("p", "odd", "mahalanobis", None, inputs)
    call = served_model.symetry
    frame = {"attributeNames": NAMES, "attributeTypes": ["C"] * 3, "data": [r[:3] for r in iris["data"]]}
    columns = {name: np.array([float(row[at]) for row in frame["data"]]) for at, name in enumerate(NAMES)}
    scores = (await served_model.node.models.predict("p", "odd", Table(columns)))["res"]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(",".join(row) for row in [NAMES, *frame["data"]]) + "\n")
    query = f"anomaly=true&indsname={path}&outdsname={tmp_path / 'flags.csv'}"
    started = [
        await call("POST", "/projects/p/predict/odd?anomaly=true&score=res", frame),
        await call("POST", f"/projects/p/dss/predict/odd?{query}"),
    ]
    for job in started:
        done = await call.finished(job)
        assert done.status == 200, done.text
        found = done.json["values"]["dataframe"]
        assert found["attributeNames"] == ["id", "res", "q95", "q98", "q99", "evt"]
        assert set(found["attributeTypes"]) == {"C"}
        flagged = [int(row[0]) - 1 for row in found["data"] if row[1] == "1"]
        assert flagged == np.flatnonzero(scores > np.quantile(scores, 0.95)).tolist()
        assert float(found["data"][0][3]) == np.quantile(scores, 0.98)
    jobs = (await call("GET", "/jobs")).json["values"]["jobinfo"]
    assert [job["jobType"] for job in jobs[:2]] == ["DSPredictDataFrameJob"] * 2


async def test_flags_are_a_job_of_rows_too_and_drawn_if_asked_for(served_model):
    call = served_model.native
    path = "/api/projects/p/models/m/predict"
    body = {"names": NAMES, "rows": HOLES, "flags": True}
    started = await call("POST", path, body | {"figures": True})
    assert started.status == 202
    result = (await call.finished(started.json))["result"]
    assert result["columns"]["id"] == [1, 2, 3, 4] and sum(result["columns"]["res"]) == 1
    assert result["limit"] is None
    assert result["figures"]["anomalies"]["layout"]["title"]["text"] == "Anomalies"
    unasked = await call("POST", path, {"names": NAMES, "rows": HOLES, "score": "res"})
    assert unasked.status == 400 and "flags: true" in unasked.text
    ragged = await call("POST", path, body | {"rows": [[1.0]]})
    assert ragged.status == 400


async def test_a_file_without_an_input_fails_and_writes_nothing(served_model, tmp_path):
    path = tmp_path / "short.csv"
    path.write_text("sepal_length\n1\n")
    call = served_model.native
    body = {"path": str(path), "output": str(tmp_path / "out.csv")}
    job = await call.finished((await call("POST", "/api/projects/p/models/m/predict", body)).json)
    assert job["status"] == "failed" and "sepal_width" in job["error"]
    assert sorted(item.name for item in tmp_path.glob("*.csv*")) == ["short.csv"]


async def test_predicting_before_learning_uses_the_old_model(served_model, iris):
    before = await served_model.symetry("POST", "/projects/p/predict/m", iris)
    both = await served_model.symetry("POST", "/projects/p/learnpredict/m", iris)
    assert both.json["values"] == before.json["values"]
    assert (await served_model.node.projects.info("p")).rows == 32
    record = await served_model.node.models.get("p", "m")
    assert record.rows == 16


async def test_learning_before_predicting_and_rebuilding_uses_the_new_one(served_model, iris):
    other = iris | {"data": [[str(float(cell) + 0.5 * (at % 3)) for cell in row[:4]] + [row[4]]
                             for at, row in enumerate(iris["data"])]}  # fmt: skip
    query = "predictBeforeLearn=false&rebuildModel=true&keepColumns=virginica,sepal_length"
    both = await served_model.symetry("POST", f"/projects/p/learnpredict/m?{query}", other)
    rows = both.json["values"]["KSVSMap"]["values"]
    assert list(rows[0]) == ["virginica", "sepal_length", "res"]
    assert [row["virginica"] for row in rows] == [row[4] for row in iris["data"]]
    record = await served_model.node.models.get("p", "m")
    assert record.rows == 32
    table = {name: np.array([float(row[at]) for row in other["data"]]) for at, name in enumerate(NAMES)}
    expected = await served_model.node.models.predict("p", "m", Table(table))
    assert [float(row["res"]) for row in rows] == expected["res"].tolist()


async def test_all_columns_can_be_kept(served_model, iris):
    answer = await served_model.symetry("POST", "/projects/p/learnpredict/m?keepColumns=true", iris)
    row = answer.json["values"]["KSVSMap"]["values"][0]
    assert list(row) == [*iris["attributeNames"], "res"]
    wrong = await served_model.symetry("POST", "/projects/p/learnpredict/m?keepColumns=stem", iris)
    assert wrong.status == 400 and "[stem]" in wrong.json["statusString"]


async def test_an_imported_model_is_not_rebuilt(served_model, iris):
    record = (await served_model.native("GET", "/api/projects/p/models/m")).json
    await served_model.native("PUT", "/api/projects/p/models/copy", record)
    answer = await served_model.symetry("POST", "/projects/p/learnpredict/copy?rebuildModel=true", iris)
    assert answer.status == 400 and "imported" in answer.json["statusString"]
    assert (await served_model.node.projects.info("p")).rows == 16


async def test_a_model_that_remembers_scores_remembers_those_it_has_learned(served_model):
    parameters = {"evt_warmup_size": 300, "evt_window_size": 0}
    await served_model.node.models.fit("p", "watch", "evt", None, ("sepal_length",), parameters)
    rng = np.random.default_rng(0)
    ordinary = [[str(round(value, 1))] for value in rng.normal(6.0, 0.5, 400)]
    frame = {"attributeNames": ["sepal_length"], "attributeTypes": ["C"], "data": ordinary}
    first = await served_model.symetry("POST", "/projects/p/learnpredict/watch", frame)
    assert first.status == 200, first.text
    again = await served_model.symetry("POST", "/projects/p/predict/watch", frame | {"data": [["60"], ["6"]]})
    rows = again.json["values"]["KSVSMap"]["values"]
    assert [row["evt_is_anomaly"] for row in rows] == ["1", "0"]
    before = (await served_model.node.models.get("p", "watch")).model
    await served_model.symetry("POST", "/projects/p/predict/watch", frame)  # predicting alone leaves no trace
    assert (await served_model.node.models.get("p", "watch")).model == before
