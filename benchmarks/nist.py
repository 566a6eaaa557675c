"""Correct digits on the 11 linear-regression problems of NIST's Statistical Reference Datasets (StRD).

For each problem the rows are learned into exact statistics and the model is fitted from those alone. Beside
it stand numpy's `lstsq` and a QR factorisation, both of the pooled rows, and the exact rational fit of the
float64 columns: what is lost there was lost by rounding the data, before any fitting (decimal quanta undo
that rounding). Digits are the log relative error, -log10(|x - c| / |c|) (absolute if c = 0), at most 15, of
the worst coefficient or standard error; NIST certifies 15.

    python benchmarks/nist.py
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table as RichTable
from scipy.linalg import solve_triangular

from federation.models import LinearModel, fit_linear
from federation.statistics import Attribute, AttributeType, Moments, Quantum, Schema, Table

FIXTURES = Path(__file__).parents[1] / "tests" / "models" / "nist"
NAMES = (
    *("Norris", "Pontius", "NoInt1", "NoInt2", "Filip", "Longley"),
    *("Wampler1", "Wampler2", "Wampler3", "Wampler4", "Wampler5"),
)
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Problem:
    """One data set: exact columns by name (y first), and the certified values as decimal texts."""

    name: str
    intercept: bool
    columns: dict[str, list[Fraction]]
    coef: list[str]
    std_error: list[str]
    sigma: str
    r2: str

    @property
    def inputs(self) -> list[str]:
        return [name for name in self.columns if name != "y"]

    def floats(self) -> dict[str, FloatArray]:
        """The columns as every program gets them: rounded to float64."""
        return {name: np.array([float(value) for value in column]) for name, column in self.columns.items()}


@dataclass(frozen=True, slots=True)
class Digits:
    """Correct digits of the worst coefficient and of the worst standard error."""

    coef: float
    std_error: float


def load(name: str) -> Problem:
    """Read a fixture; powers of x are formed exactly."""
    data = json.loads((FIXTURES / f"{name.lower()}.json").read_text())
    columns = {column: [Fraction(row[i]) for row in data["rows"]] for i, column in enumerate(data["columns"])}
    if data["polynomial_degree"]:
        columns |= {
            f"x^{power}": [x**power for x in columns["x"]]
            for power in range(2, data["polynomial_degree"] + 1)
        }
    certified = data["certified"]
    return Problem(
        name,
        data["intercept"],
        columns,
        certified["coef"],
        certified["std_error"],
        certified["sigma"],
        certified["r2"],
    )


def moments(problem: Problem) -> Moments:
    """Learn the float64 columns in units so fine that every value is a whole number of them."""
    columns = problem.floats()
    schema = Schema(
        tuple(
            Attribute(name, AttributeType.CONTINUOUS, exact_quantum(values))
            for name, values in columns.items()
        )
    )
    return Moments(schema).learn(Table(columns))


def exact_quantum(values: FloatArray) -> Quantum:
    """A decimal unit where the values are decimals, else the power of two they are all multiples of."""
    inferred = Quantum.infer(values, precision=80)
    if inferred.fives:
        return inferred
    denominators = [Fraction(value).denominator for value in values.tolist()]
    return Quantum(max(denominators).bit_length() - 1, 0)


def ours(problem: Problem) -> LinearModel:
    """The fit from statistics alone."""
    return fit_linear(moments(problem), "y", problem.inputs, intercept=problem.intercept)


def lstsq(problem: Problem) -> tuple[FloatArray, FloatArray]:
    """Coefficients by numpy's `lstsq` from the pooled rows, with standard errors."""
    design, y = _pooled(problem)
    return _with_errors(design, y, np.linalg.lstsq(design, y, rcond=None)[0])


def qr(problem: Problem) -> tuple[FloatArray, FloatArray]:
    """Coefficients by Householder QR of the pooled rows, with standard errors."""
    design, y = _pooled(problem)
    q, r = np.linalg.qr(design)
    return _with_errors(design, y, solve_triangular(r, q.T @ y))


def _pooled(problem: Problem) -> tuple[FloatArray, FloatArray]:
    columns = problem.floats()
    y = columns.pop("y")
    return np.column_stack([np.ones(len(y))] * problem.intercept + list(columns.values())), y


def _with_errors(design: FloatArray, y: FloatArray, coef: FloatArray) -> tuple[FloatArray, FloatArray]:
    variance = np.sum((y - design @ coef) ** 2) / (len(y) - design.shape[1])
    inverse = solve_triangular(np.linalg.qr(design, mode="r"), np.eye(len(coef)))
    return coef, np.sqrt(variance * np.sum(inverse**2, axis=1))


def exact_fit(columns: dict[str, list[Fraction]], intercept: bool) -> tuple[list[Fraction], list[Fraction]]:
    """Coefficients and squared standard errors by rational arithmetic."""
    y = columns["y"]
    rows = [
        ([Fraction(1)] if intercept else []) + list(row)
        for row in zip(*(values for name, values in columns.items() if name != "y"), strict=True)
    ]
    p = len(rows[0])
    gram = [[sum((row[i] * row[j] for row in rows), Fraction()) for j in range(p)] for i in range(p)]
    cross = [sum((row[i] * value for row, value in zip(rows, y, strict=True)), Fraction()) for i in range(p)]
    # Gauss-Jordan on [gram | cross | identity]
    work = [[*gram[i], cross[i], *(Fraction(int(i == j)) for j in range(p))] for i in range(p)]
    for k in range(p):
        pivot = work[k][k]
        work[k] = [value / pivot for value in work[k]]
        for i in range(p):
            if i != k:
                factor = work[i][k]
                work[i] = [a - factor * b for a, b in zip(work[i], work[k], strict=True)]
    coef = [row[p] for row in work]
    residuals = [
        value - sum((b * x for b, x in zip(coef, row, strict=True)), Fraction())
        for row, value in zip(rows, y, strict=True)
    ]
    variance = sum((r * r for r in residuals), Fraction()) / (len(y) - p)
    return coef, [variance * work[i][p + 1 + i] for i in range(p)]


def exact_digits(problem: Problem, *, rounded: bool) -> Digits:
    """Digits of the rational fit, of the decimal data or of the columns rounded to float64."""
    columns = problem.columns
    if rounded:
        columns = {
            name: [Fraction(value) for value in values.tolist()] for name, values in problem.floats().items()
        }
    coef, squares = exact_fit(columns, problem.intercept)
    return digits(
        problem,
        np.array([float(value) for value in coef]),
        np.array([math.sqrt(value) for value in squares]),
    )


def digits(problem: Problem, coef: FloatArray, std_error: FloatArray) -> Digits:
    """Of the worst coefficient and standard error."""
    return Digits(
        min(correct_digits(a, c) for a, c in zip(coef.tolist(), problem.coef, strict=True)),
        min(correct_digits(a, c) for a, c in zip(std_error.tolist(), problem.std_error, strict=True)),
    )


def correct_digits(value: float, certified: str) -> float:
    """The log relative error, from 0 to 15."""
    exact = Fraction(certified)
    error = abs(Fraction(value) - exact) / (abs(exact) or 1)
    return 15.0 if error < Fraction(1, 10**15) else max(0.0, -math.log10(error))


def measure(name: str) -> dict[str, Digits]:
    """Digits of each method on one problem."""
    problem = load(name)
    model = ours(problem)
    return {
        "suffice": digits(problem, np.array(model.coef), np.array(model.std_error)),
        "lstsq": digits(problem, *lstsq(problem)),
        "qr": digits(problem, *qr(problem)),
        "exact": exact_digits(problem, rounded=True),
    }


def main() -> None:
    """Print the table, and on the last line the same as a JSON object."""
    table = RichTable(title="NIST StRD: correct digits, worst coefficient / worst standard error")
    for heading in ("problem", "suffice", "numpy lstsq", "QR", "exact fit of float64 columns"):
        table.add_column(heading, justify="left" if heading == "problem" else "right")
    result: dict[str, dict[str, dict[str, float]]] = {}
    for name in NAMES:
        found = measure(name)
        table.add_row(name, *(f"{value.coef:.1f} / {value.std_error:.1f}" for value in found.values()))
        result[name] = {
            method: {"coef": round(value.coef, 2), "std_error": round(value.std_error, 2)}
            for method, value in found.items()
        }
    Console().print(table)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
