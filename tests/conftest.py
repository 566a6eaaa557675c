"""What tests of several rooms share: statistics from plain columns, and the iris of the reference."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from federation.statistics import Attribute, AttributeType, Coded, Extra, Moments, Quantum, Schema, Table

Learned = Callable[..., Moments]


@pytest.fixture(scope="session")
def iris_of_the_reference() -> dict[str, Any]:
    """Iris as in the UCI archive (two rows differ from Fisher's), whose numbers the reference documents."""
    from sklearn import datasets

    bunch = datasets.load_iris()
    data = bunch.data.copy()
    data[34] = data[37] = [4.9, 3.1, 1.5, 0.1]
    names = ("sepal_length", "sepal_width", "petal_length", "petal_width")
    return {name: data[:, i] for i, name in enumerate(names)} | {
        "species": [str(bunch.target_names[i]) for i in bunch.target]
    }


@pytest.fixture(scope="session")
def tabulated() -> Callable[[dict[str, Any]], Table]:
    """A table from arrays of numbers and lists of text (None is missing)."""

    def build(columns: dict[str, Any]) -> Table:
        return Table(
            {
                name: Coded.of(values)
                if isinstance(values, list) and any(isinstance(value, str) for value in values)
                else np.asarray(values, dtype=np.float64)
                for name, values in columns.items()
            }
        )

    return build


@pytest.fixture(scope="session")
def learned(tabulated: Callable[[dict[str, Any]], Table]) -> Learned:
    """Statistics of columns; `precision` bits for non-decimal numbers, `types` where guesses are wrong, and
    `extras` to be counted beside, and apart for each level of `split`."""

    def build(
        columns: dict[str, Any],
        precision: int = 60,
        types: dict[str, str] | None = None,
        extras: Iterable[Extra] = (),
        split: str | None = None,
    ) -> Moments:
        table = tabulated(columns)
        schema = Schema.infer(table, precision)
        if types:
            schema = Schema(
                tuple(
                    Attribute(a.name, AttributeType(types[a.name]), a.quantum or Quantum(0, 0))
                    if a.name in types
                    else a
                    for a in schema.attributes
                )
            )
        return Moments(replace(schema, extras=frozenset(extras), split=split)).learn(table)

    return build
