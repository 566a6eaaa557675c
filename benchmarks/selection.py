"""Candidates a second of a selection over 50 attributes, beside fitting each with scikit-learn.

Both search forward with the same score on the same validation rows. scikit-learn's loop is that of its
SequentialFeatureSelector with one split: it fits an estimator to the rows for each candidate, while suffice
solves a submatrix of the statistics. scikit-learn's loop is given a few seconds and its rate is taken, which
is that of the smaller subsets, the cheaper ones.

    python benchmarks/selection.py
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as in a node's workers

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table as RichTable
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score, root_mean_squared_error

from federation.selection import select
from federation.statistics import Moments, Schema, Table

INPUTS = 50
LEARNED = (2_000, 20_000)
VALIDATION = 2_000
SECONDS = 4.0


def data(rows: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Inputs of which a third tell something, a continuous target and a binary one."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, INPUTS))
    y = X[:, ::3] @ rng.normal(size=X[:, ::3].shape[1]) + rng.normal(scale=3.0, size=rows)
    return X, y, (y > 0).astype(float)


def ours(algorithm: str, target: str, table: Table, learned: int) -> float:
    """Candidates a second, the statistics being there."""
    moments = Moments(Schema.infer(table)).learn(table.slice(0, learned))
    names = [f"x{i}" for i in range(INPUTS)]
    start = time.perf_counter()
    found = select(algorithm, moments, target, names, table.slice(learned))
    return found.tried / (time.perf_counter() - start)


def forward() -> Iterator[list[int]]:
    """The candidates of a forward search in which each attribute helps."""
    for size in range(INPUTS):
        for other in range(size, INPUTS):
            yield [*range(size), other]


def theirs(algorithm: str, X: NDArray[np.float64], y: NDArray[np.float64], learned: int) -> float:
    """Candidates a second of refitting, over the first sizes that fit into the time."""
    start, tried = time.perf_counter(), 0
    for columns in forward():
        if algorithm == "mlr":
            model = LinearRegression().fit(X[:learned, columns], y[:learned])
            root_mean_squared_error(y[learned:], model.predict(X[learned:, columns]))
        else:
            model = LinearDiscriminantAnalysis().fit(X[:learned, columns], y[:learned])
            roc_auc_score(y[learned:], model.decision_function(X[learned:, columns]))
        tried += 1
        if time.perf_counter() - start > SECONDS:
            break
    return tried / (time.perf_counter() - start)


def main() -> None:
    """Print the table, and on the last line the same as a JSON object."""
    table = RichTable(
        "algorithm", "rows learned", "suffice", "scikit-learn", "ratio", title="Candidates a second, d = 50"
    )
    result: dict[str, dict[str, float]] = {}
    for learned in LEARNED:
        X, y, t = data(learned + VALIDATION)
        columns = {f"x{i}": X[:, i] for i in range(INPUTS)} | {"y": y, "t": t}
        for algorithm, target in (("mlr", "y"), ("lda", "t")):
            fast = ours(algorithm, target, Table(columns), learned)
            slow = theirs(algorithm, X, columns[target], learned)
            cells = (f"{learned:,}", f"{fast:,.0f}", f"{slow:,.0f}", f"{fast / slow:.0f}")
            table.add_row(algorithm, *cells)
            result[f"{algorithm} {learned}"] = {
                "suffice": round(fast, 1),
                "sklearn": round(slow, 1),
                "ratio": round(fast / slow, 2),
            }
    Console().print(table)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
