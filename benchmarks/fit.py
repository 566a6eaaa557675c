"""Milliseconds to fit each algorithm's model once the statistics exist (goal at 100 inputs: under 10).

Beside each stands scikit-learn's nearest estimator on 100,000 rows of the same columns, up to 100 inputs.
BLAS has one thread, as in a node's workers: the matrices are too small to share. Times are the processor's,
so that a busy machine does not count. Random normal columns are an easy case for the searches (lasso,
elasticnet), which fit one penalty here.

    python benchmarks/fit.py
    python benchmarks/fit.py --profile mlr
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import time
import warnings
from collections.abc import Callable
from typing import Any, Final

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when numpy is first imported

import numpy as np
from rich.console import Console
from rich.table import Table as RichTable
from sklearn import (
    covariance,
    cross_decomposition,
    decomposition,
    discriminant_analysis,
    linear_model,
    naive_bayes,
    pipeline,
    svm,
)

from federation.models import ALGORITHMS, ModelError, fit
from federation.models.power import expand
from federation.statistics import Coded, Extra, Moments, Schema, Table

LEARNED_ROWS: Final = {10: 20_000, 30: 20_000, 100: 10_000, 300: 5_000, 1000: 3_000}
ROWS: Final = 100_000
GOAL: Final = 10.0
SIZES: Final = tuple(LEARNED_ROWS)
MOST_SECONDS: Final = 1.0
"""A model that took longer is not fitted to more inputs, or again."""

PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "lasso": {"lambda": 0.01},
    "elasticnet": {"lambda": 0.01, "eta": 0.5},
    "oospca": {"q": 5},
    "repca": {"q": 5},
}
TARGETS: Final = ("y", "c", "t", None)
CLASSES: Final = ("c", "t")
"""The targets tried for what discriminates: lda would take a number too."""

SKLEARN: Final[dict[str, Callable[[], Any]]] = {
    "mlr": linear_model.LinearRegression,
    "ridge": linear_model.Ridge,
    "lasso": lambda: linear_model.Lasso(alpha=0.01),
    "elasticnet": lambda: linear_model.ElasticNet(alpha=0.01),
    "lda": discriminant_analysis.LinearDiscriminantAnalysis,
    "mlda": discriminant_analysis.LinearDiscriminantAnalysis,
    "mqda": discriminant_analysis.QuadraticDiscriminantAnalysis,
    "bayes": naive_bayes.GaussianNB,
    "pca": decomposition.PCA,
    "oospca": lambda: decomposition.PCA(n_components=5),
    "pcr": lambda: pipeline.make_pipeline(decomposition.PCA(), linear_model.LinearRegression()),
    "plsq": lambda: cross_decomposition.PLSRegression(n_components=2),
    "lsvm": lambda: svm.LinearSVC(dual=False),
    "lsvr": lambda: svm.LinearSVR(dual=False, loss="squared_epsilon_insensitive"),
    "covest": covariance.LedoitWolf,
    "mahalanobis": covariance.EmpiricalCovariance,
}


def columns(rows: int, inputs: int) -> dict[str, Any]:
    """Normal columns x0, x1, …, a continuous target y, a 0/1 target t and one of three classes c."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, inputs))
    y = X[:, 0] - X[:, 1] + rng.normal(size=rows)
    classes = np.digitize(y, (-1.0, 1.0)).astype(np.int32)
    found: dict[str, Any] = {f"x{i}": X[:, i] for i in range(inputs)}
    return found | {"y": y, "t": (y > 0).astype(float), "c": Coded(classes, ("low", "middle", "high"))}


class Statistics:
    """The statistics of one number of inputs: plain, split by class, with profiles, with powers of x0."""

    def __init__(self, inputs: int) -> None:
        self._table = Table(columns(LEARNED_ROWS[inputs], inputs))
        self._made: dict[str, Moments] = {}

    def of(self, kind: str) -> Moments:
        if kind not in self._made:
            table = expand(self._table, "x0", (0.5, 1.5, 2.0)) if kind == "powers" else self._table
            schema = Schema.infer(table)
            extras = frozenset({Extra.PROFILES}) if kind == "profiles" else frozenset()
            split = "c" if kind == "split" else None
            self._made[kind] = Moments(Schema(schema.attributes, extras, split)).learn(table)
        return self._made[kind]


def question(algorithm: str, statistics: Statistics, inputs: list[str]) -> tuple[Any, ...] | None:
    """The first of statistics, targets and inputs that the algorithm takes; None if it takes none."""
    for kind in ("plain", "split", "profiles", "powers"):
        for target in CLASSES if algorithm in ("lda", "mlda", "lsvm") else TARGETS:
            for chosen in (inputs, inputs[:1]):
                given = (algorithm, statistics.of(kind), target, chosen)
                try:
                    fit(*given, **PARAMETERS.get(algorithm, {}))
                except ModelError:
                    continue
                return given
    return None


def milliseconds(work: Callable[[], Any], repeats: int) -> float:
    """Median of some repetitions; a long one is not repeated."""
    seconds: list[float] = []
    while len(seconds) < repeats and (not seconds or max(seconds) < MOST_SECONDS):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return float(np.median(seconds)) * 1e3


def of_sklearn(algorithm: str, inputs: int, target: str | None) -> float | None:
    """One fit on rows; None where there is no such estimator or it would take long."""
    if algorithm not in SKLEARN or inputs > 100:
        return None
    given = columns(ROWS, inputs)
    X = np.column_stack([given[f"x{i}"] for i in range(inputs)])
    y = None if target is None else given[target].codes if target == "c" else given[target]
    estimator = SKLEARN[algorithm]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return milliseconds(lambda: estimator.fit(X, y), 1)


def measure(sizes: tuple[int, ...]) -> dict[str, dict[str, dict[str, float]]]:
    """{algorithm: {inputs: {"suffice": ms, "sklearn": ms}}}."""
    found: dict[str, dict[str, dict[str, float]]] = {name: {} for name in ALGORITHMS}
    for size in sizes:
        statistics, inputs = Statistics(size), [f"x{i}" for i in range(size)]
        for algorithm, known in found.items():
            last = max((times["suffice"] for times in known.values()), default=0.0)
            grown = (size / int(list(known)[-1])) ** 3 if known else 1.0
            asked = None if last * grown > 5e3 * MOST_SECONDS else question(algorithm, statistics, inputs)
            if asked is None:
                continue
            options = PARAMETERS.get(algorithm, {})
            times = {"suffice": milliseconds(lambda: fit(*asked, **options), 5)}  # noqa: B023
            beside = of_sklearn(algorithm, size, asked[2])
            known[str(size)] = times | ({} if beside is None else {"sklearn": beside})
    return found


def show(found: dict[str, dict[str, dict[str, float]]], sizes: tuple[int, ...]) -> None:
    headings = [str(size) for size in sizes]
    table = RichTable("algorithm", *headings, "sklearn 100", title="Milliseconds to fit from statistics")
    for algorithm, known in found.items():
        cells = [f"{known[size]['suffice']:.1f}" if size in known else "" for size in headings]
        beside = known.get("100", {}).get("sklearn")
        missed = known.get("100", {}).get("suffice", 0.0) > GOAL
        mark = f"[bold]{algorithm}[/bold] *" if missed else algorithm
        table.add_row(mark, *cells, "" if beside is None else f"{beside:.0f}")
    Console().print(table)
    Console().print(f"* misses the goal of {GOAL:g} ms at 100 inputs")


def profile(algorithm: str) -> None:
    """Where the time goes at 100 inputs."""
    asked = question(algorithm, Statistics(100), [f"x{i}" for i in range(100)])
    if asked is None:
        raise SystemExit(f"{algorithm} takes none of these statistics")
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(5):
        fit(*asked, **PARAMETERS.get(algorithm, {}))
    profiler.disable()
    pstats.Stats(profiler).sort_stats("cumulative").print_stats(25)


def main() -> None:
    """Print the table, and on the last line the same as a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", metavar="ALGORITHM", help="show where the time goes instead")
    parser.add_argument("--most", type=int, default=1000, help="the most inputs (10, 30, 100, 300 or 1000)")
    options = parser.parse_args()
    if options.profile:
        profile(options.profile)
        return
    sizes = tuple(size for size in SIZES if size <= options.most)
    found = measure(sizes)
    show(found, sizes)
    rounded = {
        algorithm: {size: {name: round(ms, 2) for name, ms in times.items()} for size, times in known.items()}
        for algorithm, known in found.items()
    }
    print(json.dumps(rounded))


if __name__ == "__main__":
    main()
