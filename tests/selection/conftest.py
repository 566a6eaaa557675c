"""Real data split into rows to learn and rows to choose by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import datasets

from federation.statistics import Coded, Column, Moments, Schema, Table


@dataclass(frozen=True)
class Split:
    """Even rows learned, odd rows to choose by; X and y hold all rows."""

    moments: Moments
    validation: Table
    names: list[str]
    X: NDArray[np.float64]
    y: NDArray[np.float64]

    def matrices(self, columns: list[int]) -> tuple[Any, Any, Any, Any]:
        """X and y learned, X and y to choose by."""
        return self.X[::2, columns], self.y[::2], self.X[1::2, columns], self.y[1::2]


def split_of(bunch: Any, inputs: int | None = None, *, text: bool = False, apart: bool = False) -> Split:
    """`text`: the target is a category of the bunch's target names, `apart`: and splits the statistics."""
    X, y = np.asarray(bunch.data, dtype=float), np.asarray(bunch.target, dtype=float)
    X = X[:, :inputs]
    names = [f"x{i}" for i in range(X.shape[1])]
    target: Column = Coded.of([str(bunch.target_names[int(code)]) for code in y]) if text else y
    table = Table({name: X[:, i] for i, name in enumerate(names)} | {"y": target})
    learned = table.take(np.arange(0, y.size, 2))
    schema = Schema.infer(learned, 60)
    moments = Moments(Schema(schema.attributes, split="y") if apart else schema).learn(learned)
    return Split(moments, table.take(np.arange(1, y.size, 2)), names, X, y)


@pytest.fixture(scope="session")
def diabetes() -> Split:
    return split_of(datasets.load_diabetes())


@pytest.fixture(scope="session")
def cancer() -> Split:
    return split_of(datasets.load_breast_cancer(), 12)


@pytest.fixture(scope="session")
def cancer_named() -> Split:
    """All 30 inputs, and the target as a category."""
    return split_of(datasets.load_breast_cancer(), text=True)


@pytest.fixture(scope="session")
def wine() -> Split:
    return split_of(datasets.load_wine(), text=True)


@pytest.fixture(scope="session")
def wine_apart() -> Split:
    return split_of(datasets.load_wine(), text=True, apart=True)
