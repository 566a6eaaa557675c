"""The code of a model computes what the model computes: SQL in SQLite, Java in a virtual machine."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import numpy as np
import pytest

from federation.models import ModelError, fit
from federation.models.scoring_code import LINEAR, scoring_code
from federation.statistics import Coded, Moments, Schema, Table

CELLS = {
    "days": [1.0, 2.5, 4.0, 7.0, 8.5, 3.0, 2.0, 9.5],
    "late": [0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0],
    "air time": [1.0, 2.0, 3.0, 5.0, 7.0, 2.0, 1.5, 9.0],
    "class": [0.5, 0.25, 0.5, 1.0, 2.0, 4.0, 1.0, 0.125],
}
CARRIERS = ["AA", "O\"Hare's", "U\\A é", "AA", "O\"Hare's", "U\\A é", "AA", "O\"Hare's"]
INPUTS = ["air time", "class", "carrier"]


@pytest.fixture(scope="module")
def table() -> Table:
    return Table({name: np.array(cells) for name, cells in CELLS.items()} | {"carrier": Coded.of(CARRIERS)})


@pytest.fixture(scope="module")
def moments(table: Table) -> Moments:
    return Moments(Schema.infer(table)).learn(table)


ROWS = [
    (2.0, 0.5, "AA"),
    (None, 1.0, "O\"Hare's"),
    (4.5, None, "U\\A é"),
    (None, None, None),
]


def expected(model, key: str) -> list[float]:
    air, grade, carrier = (list(cells) for cells in zip(*ROWS, strict=True))
    given = {name: np.array([np.nan if c is None else c for c in cells]) for name, cells in
             (("air time", air), ("class", grade))}  # fmt: skip
    return model.predict(Table(given | {"carrier": Coded.of(carrier)}))[key].tolist()


def fitted(moments: Moments, algorithm: str, inputs: list[str]):
    parameters = {"lambda": 0.01} if algorithm in ("lasso", "elasticnet", "ridge") else {}
    target = "late" if algorithm == "lda" else "days"
    return fit(algorithm, moments, target, inputs, **parameters)


def expression(sql: str) -> str:
    """What the function returns: SQLite has no functions of its own in SQL."""
    found = re.fullmatch(
        r"CREATE FUNCTION \"m_score\"\((.*?)\)\nRETURNS DOUBLE PRECISION\nRETURN (.*);\n", sql, re.DOTALL
    )
    assert found is not None
    return found[2]


@pytest.mark.parametrize("algorithm", LINEAR)
@pytest.mark.parametrize("inputs", [INPUTS, ["carrier$AA", "air time"]], ids=["category", "one level"])
def test_sql(moments: Moments, algorithm: str, inputs: list[str]) -> None:
    model = fitted(moments, algorithm, inputs)
    with sqlite3.connect(":memory:") as database:
        database.execute('CREATE TABLE t ("air time" REAL, class REAL, carrier TEXT)')
        database.executemany("INSERT INTO t VALUES (?, ?, ?)", ROWS)
        query = f"SELECT {expression(scoring_code(model, 'm', 'sql'))} FROM t"  # noqa: S608
        scores = [score for (score,) in database.execute(query)]
    database.close()
    assert scores == pytest.approx(expected(model, "resZ" if algorithm == "lda" else "res"), rel=1e-12)


def test_a_level_that_the_model_does_not_know_has_no_score(moments: Moments) -> None:
    code = expression(scoring_code(fitted(moments, "mlr", INPUTS), "m", "sql"))
    database = sqlite3.connect(":memory:")
    given = "(SELECT 1 AS 'air time', 2 AS class, 'ZZ' AS carrier)"
    row = database.execute(f"SELECT {code} FROM {given}")  # noqa: S608
    assert row.fetchone() == (None,)
    database.close()


def test_java(moments: Moments, tmp_path: Path) -> None:
    assert shutil.which("javac"), "a JDK is missing: apt-get install default-jdk-headless"
    algorithms = ("mlr", "lda")
    models = [fitted(moments, algorithm, INPUTS) for algorithm in algorithms]
    calls = []
    for at in range(len(models)):
        for air, grade, carrier in ROWS:
            text = (
                "null" if carrier is None else '"' + carrier.replace("\\", "\\\\").replace('"', '\\"') + '"'
            )
            numbers = ", ".join("null" if cell is None else repr(cell) for cell in (air, grade))
            calls.append(f"System.out.println(m{at}_score({numbers}, {text}));")
    methods = "\n".join(scoring_code(model, f"m{at}", "java") for at, model in enumerate(models))
    source = tmp_path / "Main.java"
    source.write_text(
        f"class Main {{\n{methods}\npublic static void main(String[] a) {{ {' '.join(calls)} }} }}\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        ["java", "-Dfile.encoding=UTF-8", "-Xshare:auto", str(source)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    wanted = expected(models[0], "res") + expected(models[1], "resZ")
    assert [float(line) for line in done.stdout.split()] == pytest.approx(wanted, rel=1e-12)


def test_what_is_not_a_weighted_sum_has_no_code(moments: Moments) -> None:
    with pytest.raises(ModelError, match="pca is not a weighted sum"):
        scoring_code(fit("pca", moments, None, ["air time", "class"]), "m", "sql")
    with pytest.raises(ModelError, match="'java', 'sql'"):
        scoring_code(fitted(moments, "mlr", INPUTS), "m", "cobol")
