"""Tables that leave little to tell classes or anomalies from: models refuse with a reason, or answer with
numbers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.models import ModelError, fit, from_dict
from federation.statistics import Attribute, AttributeType, Coded, Extra, Moments, Quantum, Schema, Table

PLAIN = st.sampled_from([0.0, 1.0, 2.0, 2.5, -3.0])
ODD = st.sampled_from([0.0, 1.0, 1e150, -1e150, 1e-150, 123456789.25, float("nan")])
GAPPY = PLAIN | st.just(float("nan"))
CLASSIFIERS: list[tuple[str, dict[str, Any]]] = [
    ("lda", {}),
    ("lda", {"estimate_type": "l2_reg_sig"}),
    ("mlda", {}),
    ("mqda", {}),
    ("bayes", {}),
    ("bayes", {"laplace_factor": 0.0, "var_smoothing": 0.0}),
]
DETECTORS: list[tuple[str, dict[str, Any]]] = [
    ("mahalanobis", {}),
    ("oospca", {}),
    ("oospca", {"correlation": True, "q": 1}),
    ("ecod", {"desired_prob_feats": "a"}),
    ("hba", {}),
]


@st.composite
def tables(draw: st.DrawFn) -> Table:
    rows = draw(st.integers(1, 12))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=rows, max_size=rows))

    numbers = draw(st.sampled_from([PLAIN, GAPPY, ODD]))
    return Table(
        {
            "a": np.array(column(numbers)),
            "b": np.array(column(numbers)),
            "flag": np.array(column(st.sampled_from([0.0, 1.0]))),
            "word": Coded.of(column(st.sampled_from(["x", "y", "z"]))),
            "kind": Coded.of(column(st.sampled_from(["u", "v", "w", None]))),
        }
    )


def learned(table: Table) -> Moments:
    types = {"flag": AttributeType.BINARY, "word": AttributeType.CATEGORY, "kind": AttributeType.CATEGORY}
    attributes = tuple(
        Attribute(name, types.get(name, AttributeType.CONTINUOUS), Quantum.infer(column))
        if not isinstance(column, Coded)
        else Attribute(name, types[name])
        for name, column in table.columns.items()
    )
    return Moments(Schema(attributes, frozenset(Extra), split="kind")).learn(table)


def check(
    algorithm: str, options: dict[str, Any], target: str | None, inputs: list[str], table: Table
) -> None:
    try:
        model = fit(algorithm, learned(table), target, inputs, **options)
        predicted = model.predict(table)
    except ModelError as error:
        assert len(str(error)) > 20
        return
    assert from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False))) == model
    for key, values in predicted.items():
        assert len(values) == table.rows
        assert values.dtype.kind == "U" or np.isfinite(values).all(), (key, values)
    shares = [values for key, values in predicted.items() if target and key.startswith(f"{target}$")]
    if shares:
        np.testing.assert_allclose(np.sum(shares, axis=0), 1.0, rtol=1e-9)


@pytest.mark.parametrize(("algorithm", "options"), CLASSIFIERS)
@settings(max_examples=25, deadline=None)
@given(
    table=tables(),
    target=st.sampled_from(["kind", "kind$u", "flag"]),
    inputs=st.sampled_from([["a"], ["a", "b"], ["b", "word"]]),
    missing=st.sampled_from(["listwise", "mean", "pairwise"]),
)
def test_a_class_is_told_or_refused(
    algorithm: str, options: dict[str, Any], table: Table, target: str, inputs: list[str], missing: str
) -> None:
    handled = options if algorithm == "bayes" else options | {"missing": missing}
    check(algorithm, handled, target, inputs, table)


@pytest.mark.parametrize(("algorithm", "options"), DETECTORS)
@settings(max_examples=25, deadline=None)
@given(table=tables(), inputs=st.sampled_from([["a"], ["a", "b"], ["a", "flag"], ["a", "word"]]))
def test_an_anomaly_is_a_number_or_a_reason(
    algorithm: str, options: dict[str, Any], table: Table, inputs: list[str]
) -> None:
    check(algorithm, options, None, inputs, table)
