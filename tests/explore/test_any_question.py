"""Whatever is asked of whatever statistics, the answer is of finite numbers, or an error that says why."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from federation.explore import DRIFTS, METRICS, drift, explore
from federation.models import ModelError
from federation.statistics import Coded, Extra, Moments, Schema, Table

NUMBERS = st.one_of(
    st.sampled_from([0.0, 1.0, math.nan]),
    st.floats(-9, 9).map(lambda value: round(value, 2)),
    st.floats(allow_nan=False, allow_infinity=False),
)
LEVELS = st.sampled_from(["u", "v", "w", None])
NAMES = st.sampled_from(
    ["x", "y", "still", "none", "flag", "kind", "sort", "kind$u", "kind$w", "sort$v", "kind$", "nothing", ""]
)
VALUES = st.one_of(
    st.sampled_from(["", "nan", "1e400", "true", None, True, "mean", "listwise", "pairwise"]),
    st.integers(-1, 30),
    st.floats(allow_nan=True),
)
PARAMETERS = sorted({parameter.name for metric in METRICS.values() for parameter in metric.parameters})


@st.composite
def statistics(draw: st.DrawFn) -> Moments:
    """Of 0 to 8 rows: numbers, a constant, a column without values, 0/1, and categories, perhaps split."""
    n = draw(st.integers(0, 8))
    numbers = {name: np.array(draw(st.lists(NUMBERS, min_size=n, max_size=n))) for name in ("x", "y")}
    flags = np.array(draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=n, max_size=n)))
    texts = {name: Coded.of(draw(st.lists(LEVELS, min_size=n, max_size=n))) for name in ("kind", "sort")}
    rest = {"still": np.full(n, 2.5), "none": np.full(n, math.nan), "flag": flags}
    table = Table({**numbers, **rest, **texts})
    extras = frozenset(Extra) if draw(st.booleans()) else frozenset()
    schema = replace(Schema.infer(table), extras=extras, split=draw(st.sampled_from([None, "kind"])))
    return Moments(schema).learn(table)


def leaves(answer: Any) -> Iterator[Any]:
    if isinstance(answer, dict | list):
        for item in answer.values() if isinstance(answer, dict) else answer:
            yield from leaves(item)
    else:
        yield answer


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    moments=statistics(),
    metric=st.sampled_from(list(METRICS)),
    inputs=st.lists(NAMES, max_size=3),
    targets=st.lists(NAMES, max_size=2),
    parameters=st.dictionaries(st.sampled_from(PARAMETERS), VALUES, max_size=2),
)
def test_an_exploration(
    moments: Moments, metric: str, inputs: list[str], targets: list[str], parameters: dict[str, Any]
) -> None:
    known = {parameter.name for parameter in METRICS[metric].parameters}
    given_ = {name: value for name, value in parameters.items() if name in known}
    try:
        answer = explore(metric, moments, inputs, targets, given_)
    except ModelError as error:
        assert str(error)
        return
    assert all(isinstance(leaf, str) or math.isfinite(leaf) for leaf in leaves(answer))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(statistics(), statistics(), st.sampled_from(list(DRIFTS)), st.lists(NAMES, max_size=3))
def test_a_drift(baseline: Moments, analysis: Moments, metric: str, attributes: list[str]) -> None:
    try:
        answer = drift(metric, baseline, analysis, attributes)
    except ModelError as error:
        assert str(error)
        return
    assert all(math.isfinite(value) for value in answer.values())
