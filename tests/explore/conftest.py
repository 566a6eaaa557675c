"""Real tables that ship in packages, as columns: numbers, and one category each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="session")
def real_tables() -> dict[str, dict[str, Any]]:
    """Iris, wine and breast cancer (first ten columns), each with its class as the category "kind"."""
    from sklearn import datasets

    tables: dict[str, dict[str, Any]] = {}
    for name in ("iris", "wine", "breast_cancer"):
        bunch = getattr(datasets, f"load_{name}")()
        kinds = [str(bunch.target_names[label]) for label in bunch.target]
        columns = {f"x{at}": bunch.data[:, at] for at in range(min(bunch.data.shape[1], 10))}
        tables[name] = {**columns, "kind": kinds}
    return tables


@pytest.fixture(scope="session")
def fair() -> dict[str, Any]:
    """Fair's survey of extramarital affairs (statsmodels), some columns as categories, one as 0/1."""
    from statsmodels.datasets import fair

    data = fair.load_pandas().data
    return {
        "age": data["age"].to_numpy(),
        "yrs_married": data["yrs_married"].to_numpy(),
        "affairs": data["affairs"].to_numpy().round(4),
        "had_affair": (data["affairs"] > 0).to_numpy().astype(float),
        "rating": [f"r{value:.0f}" for value in data["rate_marriage"]],
        "religious": [f"g{value:.0f}" for value in data["religious"]],
        "has_children": np.asarray(data["children"] > 0, dtype=float),
    }
