"""What a project answers by the command line, on one real node: metrics, models, predictions."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest


def test_the_coefficient_table_is_readable(learned: Any) -> None:
    shown = learned.run("project", "model", "trial", "m").stdout
    for word in (
        "term",
        "estimate",
        "std. error",
        "carrier = UA",
        "compared with",
        "R²",
        "here 300 rows (v1)",
    ):
        assert word in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_fit_prints_the_whole_model_as_json(learned: Any) -> None:
    record = learned.json("project", "fit", "trial", "m2", "--target", "delay", "--inputs", "distance")
    assert record["model"]["terms"] == ["(intercept)", "distance"]
    assert record["contributions"][0]["name"] == "here"
    assert {item["name"] for item in learned.json("project", "models", "trial")} >= {"m", "m2"}


@pytest.mark.parametrize(
    "options",
    [
        ["--algorithm", "ridge", "--set", "alpha=0.5", "--target", "delay", "--inputs", "distance"],
        ["--algorithm", "lda", "--target", "late", "--inputs", "distance"],
        ["--algorithm", "pca", "--inputs", "distance,delay"],
        ["--set", "missing=mean", "--target", "delay", "--inputs", "distance"],
    ],
    ids=lambda options: options[1],
)
def test_every_algorithm_has_something_to_show(learned: Any, options: list[str]) -> None:
    shown = learned.run("project", "fit", "trial", "other", *options).stdout
    assert "300 rows" in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_algorithms_tell_of_their_parameters(learned: Any) -> None:
    listed = learned.json("project", "algorithms")
    assert {"mlr", "ridge", "lda", "pca"} <= {item["name"] for item in listed}
    assert learned.json("project", "algorithms", "ridge") in listed
    shown = learned.run("project", "algorithms").stdout
    for item in listed:
        assert item["name"] in shown
    assert "standardize" in learned.run("project", "algorithms", "ridge").stdout
    assert learned.error("project", "algorithms", "guess")["code"] == "not_found"
    assert "project algorithms" in learned.run("project", "fit", "--help").stdout


def test_powers_of_a_column_and_runs_of_tokens_are_learned(learned: Any) -> None:
    create = ("project", "create")
    shown = learned.run(*create, "powered", "--powers-of", "distance", "--powers", "-1:1:3").stdout
    assert "of distance: 3 from -1 to 1" in shown
    learned.run("project", "learn", "powered", "table.csv")
    fit = ("--algorithm", "powerreg", "--target", "delay", "--inputs", "distance")
    assert learned.json("project", "fit", "powered", "m", *fit)["model"]["powers"] == [-1, 0, 1]
    assert learned.json("project", "predict", "powered", "m", "--set", "distance=900")

    (learned.folder / "words.csv").write_text("word\n" + "a\nb\n" * 9)
    assert "runs of 2 tokens" in learned.run(*create, "clicks", "--sequence", "1").stdout
    assert learned.json("project", "learn", "clicks", "words.csv")["result"]["learned"] == 17
    chain = learned.json("project", "fit", "clicks", "m", "--algorithm", "mc", "--inputs", "ngram")
    assert chain["model"]["transitions"] == {"tm1$a:$:to$b": 1, "tm1$b:$:to$a": 1}
    assert "MIN:MAX:STEPS" in learned.run(*create, "--help").stdout
    for name in ("powered", "clicks"):
        learned.run("project", "delete", name)


def test_a_model_is_exported_and_imported(learned: Any) -> None:
    learned.run("project", "create", "other")
    learned.run("project", "model", "trial", "m", "--export", "m.json")
    shown = learned.run("project", "import-model", "other", "m", "m.json").stdout
    assert "imported" in shown and "carrier = UA" in shown
    row = ("--set", "distance=900", "--set", "carrier=UA")
    there = learned.json("project", "predict", "other", "m", *row)
    assert there == learned.json("project", "predict", "trial", "m", *row)
    (learned.folder / "bad.json").write_text("[]")
    assert learned.error("project", "import-model", "other", "x", "bad.json")["code"] == "bad_file"
    (learned.folder / "bad.json").write_text('{"inputs": ["x"], "model": {"algorithm": "mlr"}}')
    assert "LinearModel" in learned.error("project", "import-model", "other", "x", "bad.json")["message"]
    learned.run("project", "delete", "other")


def test_explore_one_by_one_and_in_pairs(learned: Any) -> None:
    answer = learned.json("project", "explore", "trial", "delay", "distance")
    assert answer["values"]["distance"]["count"] == 300
    shown = learned.run("project", "explore", "trial").stdout
    assert all(word in shown for word in ("mean", "delay", "distance", "late"))
    pair = learned.run("project", "explore", "trial", "delay", "distance", "--metric", "bi").stdout
    assert "correlation" in pair


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ["delay", "--metric", "ttest", "--by", "carrier$AA", "--by", "carrier$UA"],
            ["delay of carrier$UA", "p (Welch)"],
        ),
        (["delay", "distance", "--metric", "ftest"], ["std. deviation", "degrees of freedom, second"]),
        (["delay", "--metric", "ttestmu", "--set", "mu=5"], ["p "]),
        (["late", "late", "--metric", "ztestp"], ["p  1.0000"]),
        (["delay", "--metric", "anova", "--by", "carrier"], ["between", "mean square"]),
        (["carrier", "--metric", "chi2", "--by", "late"], ["not late", "chi²"]),
        (["--metric", "gain", "--by", "late"], ["carrier", "bits gained"]),
        (["--metric", "vif"], ["variance inflation", "distance"]),
        (["--metric", "pca", "--set", "correlation=true"], ["pc1", "share"]),
        (["--metric", "svd"], ["singular value"]),
        (["delay", "distance", "--metric", "svdfs"], ["singular value"]),
        (["delay", "--metric", "density", "--set", "bins=7"], ["█", "from"]),
        (["delay", "--local"], ["skewness", "median"]),
    ],
    ids=lambda item: "",
)
def test_every_metric_has_a_table(learned: Any, options: list[str], words: list[str]) -> None:
    shown = learned.run("project", "explore", "trial", *options).stdout
    for word in [*words, "here 300 rows (v"]:
        assert word in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert learned.json("project", "explore", "trial", *options)["rows"] == 300


def test_metrics_are_listed_by_the_help_and_with_their_parameters(learned: Any) -> None:
    helped = learned.run("project", "explore", "--help").stdout
    for name in ("uni", "ttest", "anova", "svdfs"):
        assert name in helped
    assert "whether two variances differ" in " ".join(helped.split())
    assert "marginal_stat" in learned.run("project", "metrics").stdout
    assert "the known mean" in learned.run("project", "metrics", "ttestmu").stdout
    assert learned.json("project", "metrics", "pca")["name"] == "pca"
    assert "no metric 'tri'" in learned.error("project", "metrics", "tri")["message"]
    assert "no metric 'tri'" in learned.error("project", "explore", "trial", "--metric", "tri")["message"]
    learned.run("project", "explore", "trial", "delay", "--set", "mu", code=2)


def test_drift_from_another_project(learned: Any, write_table: Callable[..., Path]) -> None:
    write_table(learned.folder / "later.csv", 100, seed=5)
    learned.run("project", "create", "spring")
    learned.run("project", "learn", "spring", "later.csv")
    shown = learned.run("project", "drift", "spring", "trial", "--metric", "marginal_stat").stdout
    assert all(word in shown for word in ("drift score", "carrier", "100", "300"))
    answer = learned.json("project", "drift", "spring", "trial", "delay", "distance")
    assert set(answer["values"]) == {"driftScore", "delay_drift", "distance_drift"}


def test_predict_a_file_and_a_row(learned: Any) -> None:
    (learned.folder / "new.csv").write_text("distance,carrier,other\n900,UA,x\n,,y\n")
    rows = list(csv.reader(io.StringIO(learned.run("project", "predict", "trial", "m", "new.csv").stdout)))
    assert rows[0] == ["res"]
    one = learned.json("project", "predict", "trial", "m", "--set", "distance=900", "--set", "carrier=UA")
    assert [float(rows[1][0])] == one["res"]
    piped = learned.json("project", "predict", "trial", "m", "-", text="distance,carrier\n900,UA\n")
    assert piped == one
    imputed = learned.json("project", "predict", "trial", "m", "new.csv", "--impute")
    assert imputed["res"][0] == one["res"][0]


def test_the_node_predicts_a_file_into_another(learned: Any) -> None:
    (learned.folder / "rows.csv").write_text("distance,carrier,other\n900,UA,x\n,,y\n")
    shown = learned.run("project", "predict", "trial", "m", "rows.csv", "--output", "out.csv").stdout
    assert "completed" in shown
    written = list(csv.reader((learned.folder / "out.csv").read_text().splitlines()))
    assert written[0] == ["distance", "carrier", "other", "res_Result"]
    here = learned.json("project", "predict", "trial", "m", "rows.csv")
    assert [float(row[-1]) for row in written[1:]] == here["res"]
    again = learned.error("project", "predict", "trial", "m", "rows.csv", "--output", "out.csv")
    assert "exists already" in again["message"]


def test_rows_of_extreme_scores_are_flagged(learned: Any, write_table: Callable[..., Path]) -> None:
    write_table(learned.folder / "many.csv", 400, seed=5)
    flags = ("project", "predict", "trial", "m", "many.csv", "--flags")
    heading, *rows = csv.reader(io.StringIO(learned.run(*flags).stdout))
    assert heading == ["id", "res", "q95", "q98", "q99", "evt"]
    scores = np.array(learned.json("project", "predict", "trial", "m", "many.csv")["res"])
    assert [row[1] == "1" for row in rows] == (scores > np.quantile(scores, 0.95)).tolist()
    told = learned.json(*flags, "--score", "res")
    assert told["columns"]["evt"] == [int(row[5]) for row in rows]
    assert "completed" in learned.run(*flags, "--output", "flags.csv").stdout
    assert list(csv.reader((learned.folder / "flags.csv").read_text().splitlines())) == [heading, *rows]
    learned.run("project", "predict", "trial", "m", "--set", "distance=900", "--flags", code=2)
    assert "'depth'" in learned.error(*flags, "--score", "depth")["message"]


@pytest.mark.parametrize("algorithm", ["mlda", "bayes"])
def test_a_class_is_predicted_by_its_name(algorithm: str, learned: Any) -> None:
    learned.run(
        *("project", "fit", "trial", "who", "--algorithm", algorithm),
        *("--target", "carrier", "--inputs", "distance,delay"),
    )
    (learned.folder / "new.csv").write_text("distance,delay\n900,12\n,\n")
    rows = list(csv.reader(io.StringIO(learned.run("project", "predict", "trial", "who", "new.csv").stdout)))
    classes = [heading.removeprefix("carrier$") for heading in rows[0] if heading.startswith("carrier$")]
    one = learned.json("project", "predict", "trial", "who", "--set", "distance=900", "--set", "delay=12")
    assert one["res"] == [rows[1][0]]
    assert {rows[1][0], rows[2][0]} <= set(classes)
    assert sum(one[f"carrier${name}"][0] for name in classes) == pytest.approx(1.0)


def test_a_model_is_written_as_onnx(learned: Any) -> None:
    learned.run("project", "model", "trial", "m", "--onnx", "m.onnx")
    session = onnxruntime.InferenceSession(learned.folder / "m.onnx")
    row = {"distance": np.array([900.0]), "carrier": np.array(["UA"], dtype=object)}
    one = learned.json("project", "predict", "trial", "m", "--set", "distance=900", "--set", "carrier=UA")
    assert session.run(["res"], row)[0] == pytest.approx(one["res"], rel=1e-12)
    error = learned.error("project", "model", "trial", "m", "--onnx", "no/such/folder/m.onnx")
    assert "cannot be written" in error["message"]


def test_a_prediction_names_what_is_wrong_with_its_input(learned: Any) -> None:
    learned.run("project", "predict", "trial", "m", code=2)
    learned.run("project", "predict", "trial", "m", "--set", "dist=1", code=2)
    assert "nope.csv" in learned.error("project", "predict", "trial", "m", "nope.csv")["message"]
    (learned.folder / "ragged.csv").write_text("distance,carrier\n900\n")
    (learned.folder / "rows.parquet").write_bytes(b"PAR1\xc0PAR1")
    assert "--output" in learned.error("project", "predict", "trial", "m", "rows.parquet")["remedy"]
    assert "1 cells" in learned.error("project", "predict", "trial", "m", "ragged.csv")["message"]
