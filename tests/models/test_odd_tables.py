"""Tables that leave little to compute from: every regression refuses by name, or answers with numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from federation.models import ModelError, expand, fit, from_dict
from federation.statistics import Moments, Schema, Table

Tabulated = Callable[[dict[str, Any]], Table]

ALGORITHMS: dict[str, dict[str, Any]] = {
    "mlr": {},
    "ridge": {},
    "ridge by aicc": {"aicc": True, "num_lambda": 20},
    "lasso": {"lambda": 0.1},
    "lasso by aicc": {"aicc": True, "num_lambda": 20},
    "lasso debiased": {"lambda": 1e-6, "debias": True},
    "elasticnet": {"lambda": 0.1, "standardize": True},
    "elasticnet by aicc": {"aicc": True, "num_lambda": 20, "num_eta": 3},
    "elasticnet through zero": {"lambda": 0.1, "centerY": False},
    "pcr": {},
    "pcr full": {"pcr_type": "full", "lambda": 0.1},
    "plsq": {"q": 1},
    "lsvm": {},
    "lsvr": {},
    "powerreg": {},
    "covest": {},
    "covest graph_lasso": {"estimate_type": "graph_lasso", "lambda": 0.1},
    "covest ebic": {"estimate_type": "graph_lasso", "tuning_type": "ebic"},
    "covest eigen_trunc": {"estimate_type": "eigen_trunc", "q": 1},
}
NAN = float("nan")
GROW = np.array([1.0, 2.0, 4.0, 3.0, 7.0, 5.0, 6.0, 8.0])
BENT = np.array([2.0, 1.0, 5.0, 4.0, 4.0, 9.0, 6.0, 7.5])
SIDE = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0])

TABLES: dict[str, dict[str, Any]] = {
    "fewer rows than columns": {"a": [1.0, 2.0], "b": [2.0, 5.0], "c": [4.0, 1.0], "y": [0.0, 1.0]},
    "one row": {"a": [1.0], "b": [2.0], "y": [1.0]},
    "a constant input": {"a": GROW, "b": np.full(8, 3.5), "y": SIDE},
    "a constant target": {"a": GROW, "b": BENT, "y": np.ones(8)},
    "equal inputs": {"a": GROW, "b": GROW, "c": BENT, "y": SIDE},
    "inputs that add up": {"a": GROW, "b": BENT, "c": GROW + BENT, "y": SIDE},
    "a target that is an input": {"a": GROW, "b": SIDE, "y": SIDE},
    "an input that is never there": {"a": GROW, "b": np.full(8, NAN), "y": SIDE},
    "never two values at once": {
        "a": np.where(np.arange(8) % 2, GROW, NAN),
        "b": np.where(np.arange(8) % 2, NAN, BENT),
        "y": SIDE,
    },
    "huge and tiny values": {"a": GROW * 1e120, "b": BENT * 1e-120, "y": SIDE},
    "values far from zero": {"a": GROW + 1e9, "b": BENT - 1e9, "y": SIDE},
    "a gap": {"a": np.where(np.arange(8) == 3, NAN, GROW), "b": BENT, "y": SIDE},
}


def gaps(table: str) -> bool:
    return any(np.isnan(np.asarray(values, dtype=float)).any() for values in TABLES[table].values())


HANDLED = [
    (table, missing)
    for table in TABLES
    for missing in (("listwise", "mean", "pairwise") if gaps(table) else ("listwise",))
]


@pytest.mark.parametrize(("table", "missing"), HANDLED)
@pytest.mark.parametrize("case", ALGORITHMS)
def test_an_answer_is_a_number_or_a_reason(case: str, table: str, missing: str, tabulated: Tabulated) -> None:
    columns = {name: np.asarray(values, dtype=float) for name, values in TABLES[table].items()}
    rows = tabulated(columns)
    try:
        learned = expand(rows, "a", (0.5, 1.0)) if case == "powerreg" else rows
    except ModelError as error:
        assert len(str(error)) > 20
        return
    moments = Moments(Schema.infer(learned, 60)).learn(learned)
    algorithm = case.split()[0]
    inputs = [name for name in columns if name != "y"]
    target = None if algorithm == "covest" else "y"
    try:
        model = fit(algorithm, moments, target, inputs, missing=missing, **ALGORITHMS[case])
        predicted = model.predict(rows)
    except ModelError as error:
        assert len(str(error)) > 20
        return
    text = json.dumps(model.to_dict(), allow_nan=False)
    assert from_dict(json.loads(text)) == model
    for key, values in predicted.items():
        assert np.all(np.isfinite(values)), (key, values)
    if algorithm in ("mlr", "ridge", "lasso", "elasticnet", "pcr", "plsq") and not gaps(table):
        about = 0.0 if case.endswith("zero") else columns["y"].mean()
        assert np.sum((columns["y"] - predicted["res"]) ** 2) <= np.sum((columns["y"] - about) ** 2) + 1e-9
