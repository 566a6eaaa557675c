"""The code of a model computes what the model computes: SQL in SQLite, Java by its syntax tree."""

from __future__ import annotations

import json
import math
import operator
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import javalang
import numpy as np
import pytest
from javalang import tree

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


def interpreted(methods: str, calls: list[tuple[str, tuple[object, ...]]], _folder: Path) -> list[float]:
    """What the methods return, by their syntax tree."""
    declared = {m.name: m for m in javalang.parse.parse(f"class Main {{ {methods} }}").types[0].methods}
    return [Method(declared[name], given).run() for name, given in calls]


def in_a_virtual_machine(
    methods: str, calls: list[tuple[str, tuple[object, ...]]], folder: Path
) -> list[float]:
    lines = [f"System.out.println({name}({', '.join(map(java_literal, given))}));" for name, given in calls]
    source = folder / "Main.java"
    source.write_text(
        f"class Main {{\n{methods}\npublic static void main(String[] a) {{ {' '.join(lines)} }} }}\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        ["java", "-Dfile.encoding=UTF-8", "-Xshare:auto", str(source)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [float(line) for line in done.stdout.split()]


def java_literal(value: object) -> str:
    return "null" if value is None else json.dumps(value)


class Method:
    """A static method of Java with its arguments: what of the language scoring code is written in."""

    def __init__(self, declared: tree.MethodDeclaration, given: tuple[object, ...]) -> None:
        self.body = declared.body
        self.variables = dict(zip((p.name for p in declared.parameters), given, strict=True))

    def run(self) -> float:
        for statement in self.body:
            if isinstance(statement, tree.ReturnStatement):
                return self.value(statement.expression)
            self.do(statement)
        raise AssertionError("the method does not return")

    def do(self, statement: tree.Statement) -> None:
        match statement:
            case tree.LocalVariableDeclaration(declarators=[variable]):
                assert variable.name not in self.variables
                self.variables[variable.name] = self.value(variable.initializer)
            case tree.StatementExpression(expression=tree.Assignment(type="+=") as change):
                self.variables[change.expressionl.member] += self.value(change.value)
            case tree.IfStatement():
                if self.value(statement.condition):
                    self.do(statement.then_statement)
                elif statement.else_statement is not None:
                    self.do(statement.else_statement)
            case tree.ThrowStatement(expression=thrown):
                raise ValueError(thrown.type.name, *map(self.value, thrown.arguments))
            case _:
                raise AssertionError(statement)

    def value(self, expression: tree.Expression) -> Any:
        match expression:
            case tree.Literal():
                plain = json.loads(expression.value)
                return -plain if expression.prefix_operators else plain
            case tree.MemberReference(qualifier=""):
                return self.variables[expression.member]
            case tree.TernaryExpression():
                return self.value(
                    expression.if_true if self.value(expression.condition) else expression.if_false
                )
            case tree.BinaryOperation(operator="||"):
                return self.value(expression.operandl) or self.value(expression.operandr)
            case tree.BinaryOperation(operator=("==" | "*" | "+") as sign):
                operation = {"==": operator.eq, "*": operator.mul, "+": operator.add}[sign]
                return operation(self.value(expression.operandl), self.value(expression.operandr))
            case tree.MethodInvocation(member=name):
                receiver = self.variables[expression.qualifier]
                assert receiver is not None, f"{name} of null"
                known = {"isNaN": math.isnan, "isEmpty": lambda text: text == "", "equals": operator.eq}
                return known[name](receiver, *map(self.value, expression.arguments))
        raise AssertionError(expression)


JAVA = [interpreted] + ([in_a_virtual_machine] if shutil.which("javac") else [])
"""Everywhere by the syntax tree; where the machine has a JDK, by that as well."""


@pytest.mark.parametrize("run", JAVA)
def test_java(moments: Moments, tmp_path: Path, run: Callable[..., list[float]]) -> None:
    models = [fitted(moments, algorithm, INPUTS) for algorithm in ("mlr", "lda")]
    methods = "\n".join(scoring_code(model, f"m{at}", "java") for at, model in enumerate(models))
    calls = [(f"m{at}_score", row) for at in range(len(models)) for row in ROWS]
    wanted = expected(models[0], "res") + expected(models[1], "resZ")
    assert run(methods, calls, tmp_path) == pytest.approx(wanted, rel=1e-12)


def test_in_java_a_level_that_the_model_does_not_know_is_an_exception(
    moments: Moments, tmp_path: Path
) -> None:
    code = scoring_code(fitted(moments, "mlr", INPUTS), "m", "java")
    with pytest.raises(ValueError, match=r"IllegalArgumentException.*carrier: unknown level ZZ"):
        interpreted(code, [("m_score", (1.0, 2.0, "ZZ"))], tmp_path)


def test_what_is_not_a_weighted_sum_has_no_code(moments: Moments) -> None:
    with pytest.raises(ModelError, match="pca is not a weighted sum"):
        scoring_code(fit("pca", moments, None, ["air time", "class"]), "m", "sql")
    with pytest.raises(ModelError, match="'java', 'sql'"):
        scoring_code(fitted(moments, "mlr", INPUTS), "m", "cobol")
