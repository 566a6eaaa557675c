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
from collections.abc import Callable, Iterator
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as in a node's workers

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table as RichTable
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression
from sklearn.metrics import f1_score, roc_auc_score, root_mean_squared_error
from sklearn.naive_bayes import GaussianNB

from federation.selection import select
from federation.statistics import Coded, Moments, Schema, Table

INPUTS = 50
LEARNED = (2_000, 20_000)
VALIDATION = 2_000
SECONDS = 3.0

Fit = Callable[[Any, Any], Any]
Score = Callable[[Any, Any, Any], float]


def error(model: Any, X: Any, y: Any) -> float:
    """RMSE of a regression."""
    return float(root_mean_squared_error(y, model.predict(X)))


def area(model: Any, X: Any, y: Any) -> float:
    """AUC of two classes."""
    return float(roc_auc_score(y, model.decision_function(X)))


def weighted_f1(model: Any, X: Any, y: Any) -> float:
    """F1 of many classes."""
    return float(f1_score(y, model.predict(X), average="weighted"))


TASKS: dict[str, tuple[str, Fit, Score]] = {
    "mlr": ("value", lambda X, y: LinearRegression().fit(X, y), error),
    "lda": ("binary", lambda X, y: LinearDiscriminantAnalysis().fit(X, y), area),
    "mlda": ("class", lambda X, y: LinearDiscriminantAnalysis().fit(X, y), weighted_f1),
    "bayes": ("class", lambda X, y: GaussianNB().fit(X, y), weighted_f1),
}


def data(rows: int) -> tuple[NDArray[np.float64], dict[str, NDArray[Any]]]:
    """Inputs of which a third tell something, and three targets."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, INPUTS))
    y = X[:, ::3] @ rng.normal(size=X[:, ::3].shape[1]) + rng.normal(scale=3.0, size=rows)
    return X, {"value": y, "binary": (y > 0).astype(float), "class": np.digitize(y, [-3.0, 3.0])}


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


def theirs(algorithm: str, X: NDArray[np.float64], y: NDArray[Any], learned: int) -> float:
    """Candidates a second of refitting, over the first sizes that fit into the time."""
    _, fit, score = TASKS[algorithm]
    start, tried = time.perf_counter(), 0
    for columns in forward():
        score(fit(X[:learned, columns], y[:learned]), X[learned:, columns], y[learned:])
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
        X, targets = data(learned + VALIDATION)
        columns: dict[str, Any] = {f"x{i}": X[:, i] for i in range(INPUTS)} | targets
        columns["class"] = Coded(targets["class"].astype(np.int32), ("low", "middle", "high"))
        for algorithm, (target, _, _) in TASKS.items():
            fast = ours(algorithm, target, Table(columns), learned)
            slow = theirs(algorithm, X, targets[target], learned)
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
