"""Milliseconds to fit each closed-form model once the statistics exist (goal at 100 inputs: under 10).

BLAS has one thread, as in a node's workers: the matrices are too small to share.

    python benchmarks/fit.py
"""

from __future__ import annotations

import json
import os
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when numpy is first imported

import numpy as np
from rich.console import Console
from rich.table import Table as RichTable

from federation.models import fit
from federation.statistics import Moments, Schema, Table

ROWS = 20_000
REPEATS = 15


def statistics(inputs: int) -> Moments:
    """Random columns x0, x1, …, a continuous target y and a binary one t."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, inputs))
    y = X[:, 0] - X[:, 1] + rng.normal(size=ROWS)
    columns = {f"x{i}": X[:, i] for i in range(inputs)} | {"y": y, "t": (y > 0).astype(float)}
    table = Table(columns)
    return Moments(Schema.infer(table)).learn(table)


def milliseconds(algorithm: str, moments: Moments, target: str | None, inputs: list[str]) -> float:
    """Median of some repetitions."""
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        fit(algorithm, moments, target, inputs)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds)) * 1e3


def main() -> None:
    """Print the table, and on the last line the same as a JSON object."""
    targets: dict[str, str | None] = {"mlr": "y", "ridge": "y", "lda": "t", "pca": None}
    table = RichTable("inputs", *targets, title="Milliseconds to fit a model from statistics")
    result: dict[str, dict[str, float]] = {}
    for count in (10, 30, 100, 300):
        moments, inputs = statistics(count), [f"x{i}" for i in range(count)]
        found = {name: milliseconds(name, moments, target, inputs) for name, target in targets.items()}
        table.add_row(str(count), *(f"{value:.1f}" for value in found.values()))
        result[str(count)] = {name: round(value, 2) for name, value in found.items()}
    Console().print(table)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
