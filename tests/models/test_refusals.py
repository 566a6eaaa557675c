"""What models refuse: the message names the attributes and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from federation.models import ModelError, fit, fit_linear, from_dict
from federation.statistics import Attribute, AttributeType, Moments, Quantum, Schema, Table

Learned = Callable[..., Moments]
Tabulated = Callable[[dict[str, Any]], Table]


@pytest.fixture
def columns() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    a, b, y = rng.normal(size=(3, 40)).round(2)
    return {
        "a": a,
        "b": b,
        "sum": (a + b).round(2),
        "constant": np.full(40, 7.25),
        "kind": ["u", "v"] * 20,
        "same": ["only"] * 40,
        "y": y,
    }


@pytest.mark.parametrize(
    ("target", "inputs", "message"),
    [
        ("y", [], "no inputs: name at least one of 'a', 'b'"),
        ("y", ["a", "nowhere"], "attribute 'nowhere' is unknown: the statistics have 'a'"),
        ("nowhere", ["a"], "attribute 'nowhere' is unknown"),
        ("y", ["a", "y"], r"target 'y' is among the inputs \('y'\): leave it out"),
        ("kind$u", ["a", "kind"], r"target 'kind\$u' is among the inputs \('kind'\)"),
        ("y", ["a", "a"], "'a' twice among the inputs"),
        ("y", ["kind", "kind$u"], r"'kind\$u' is a level of 'kind', which is an input already"),
        ("kind", ["a"], r"target 'kind' is a category: choose one of its levels .* 'kind\$level'"),
        ("y", ["a", "constant"], "'constant' is constant in the 40 rows used"),
        ("constant", ["a"], "target 'constant' is constant"),
        ("y", ["a", "same"], "category 'same' has one level"),
        ("y", ["a", "kind$w"], r"'kind\$w' is constant"),
        (
            "y",
            ["a", "b", "sum"],
            "'sum' is a linear combination of 'a', 'b': leave one of them out, or fit ridge",
        ),
        ("y", ["sum", "a", "b"], "'b' is a linear combination of 'sum', 'a'"),
        ("y", ["kind$u", "kind$v"], r"'kind\$v' is a linear combination of 'kind\$u'"),
    ],
)
def test_names_and_columns(
    target: str, inputs: list[str], message: str, columns: dict[str, Any], learned: Learned
) -> None:
    with pytest.raises(ModelError, match=message):
        fit_linear(learned(columns), target, inputs)


def test_too_few_rows(columns: dict[str, Any], learned: Learned) -> None:
    few = {name: values[:3] for name, values in columns.items()}
    with pytest.raises(ModelError, match="3 rows for 3 coefficients: at least 4 are needed"):
        fit_linear(learned(few), "y", ["a", "b"])


def test_nothing_learned() -> None:
    schema = Schema(
        tuple(Attribute(name, AttributeType.CONTINUOUS, Quantum.decimal(1)) for name in ("a", "y"))
    )
    with pytest.raises(ModelError, match="there are no rows"):
        fit_linear(Moments(schema), "y", ["a"])


def test_a_column_missing_everywhere(learned: Learned) -> None:
    moments = learned({"a": [np.nan] * 5, "b": [1.0, 2.0, 4.0, 4.5, 3.0], "y": [1.0, 2.0, 5.0, 4.0, 3.5]})
    with pytest.raises(ModelError, match="use the others by missing='pairwise' or 'mean'"):
        fit_linear(moments, "y", ["a", "b"])
    with pytest.raises(ModelError, match="'a' is missing in every row"):
        fit_linear(moments, "y", ["a", "b"], missing="mean")
    kindless = learned({"kind": [np.nan] * 4, "y": [1.0, 2.0, 5.0, 4.0]}, types={"kind": "T"})
    with pytest.raises(ModelError, match="category 'kind' is missing in every row"):
        fit_linear(kindless, "y", ["kind"], missing="mean")


def test_an_ignored_attribute(learned: Learned) -> None:
    moments = learned({"a": [1.5, 2.0, 3.0, 5.0], "y": [1.0, 3.0, 2.0, 2.5]}, types={"a": "X"})
    with pytest.raises(ModelError, match="'a' is ignored by the schema"):
        fit_linear(moments, "y", ["a"])


def test_pairwise_sums_that_belong_to_no_table(learned: Learned) -> None:
    """Three columns, each two of which are seen together in other rows, and correlate impossibly."""
    n = np.nan
    none, up, about = [n] * 6, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 3.0, 2.0, 4.0, 5.0, 6.5]
    columns = {
        "a": [*up, *up, *none],
        "b": [*about, *none, *up],
        "c": [*none, *about, *about[::-1]],
        "y": [1.0, 3.0, 2.0, 5.0, 3.0, 3.0] * 3,
    }
    with pytest.raises(ModelError, match=r"not positive definite.*use 'listwise' or 'mean'"):
        fit_linear(learned(columns), "y", ["a", "b", "c"], missing="pairwise")


def test_pairwise_sums_that_explain_more_than_there_is(learned: Learned) -> None:
    n = np.nan
    none, up, about = [n] * 6, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 3.0, 2.0, 4.0, 5.0, 6.5]
    columns = {
        "a": [*up, *up, *none],
        "b": [*none, *about[::-1], *up],
        "y": [*about, *none, *about],
    }
    with pytest.raises(ModelError, match="explain more than there is"):
        fit_linear(learned(columns), "y", ["a", "b"], missing="pairwise")


def test_wide_dependent_columns_are_named(learned: Learned) -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(700, 320)).round(2)
    columns = {f"x{i}": X[:, i] for i in range(320)} | {"twin": (X[:, 4] * 3).round(2)}
    columns["y"] = rng.normal(size=700).round(2)
    with pytest.raises(ModelError, match="'x4', 'twin' depend on each other linearly"):
        fit_linear(learned(columns), "y", [name for name in columns if name != "y"])


@pytest.mark.parametrize("scale", [1e200, 1e153, 1e141])
def test_values_too_large_for_sums_of_squares(scale: float, learned: Learned) -> None:
    columns = {"a": np.array([1.0, 2.0, 5.0, 3.0]) * scale, "y": [1.0, 2.0, 4.0, 4.0]}
    with pytest.raises(ModelError, match="the squares of 'a' exceed the range of float64"):
        fit_linear(learned(columns), "y", ["a"])
    with pytest.raises(ModelError, match="the squares of 'a' exceed the range of float64"):
        fit_linear(learned(columns), "a", ["y"], intercept=False)


@pytest.mark.parametrize("scale", [1e138, 1e-120])
def test_values_of_any_other_size_are_fitted(scale: float, learned: Learned) -> None:
    columns = {"a": np.array([1.0, 2.0, 5.0, 3.0]) * scale, "y": [1.0, 2.0, 4.0, 4.0]}
    for intercept in (True, False):
        large = fit_linear(learned(columns), "y", ["a"], intercept=intercept)
        plain = fit_linear(
            learned({"a": [1.0, 2.0, 5.0, 3.0], "y": columns["y"]}), "y", ["a"], intercept=intercept
        )
        assert large.r2 == pytest.approx(plain.r2, rel=1e-12)
        assert large.t == pytest.approx(plain.t, rel=1e-12)


@pytest.mark.parametrize(
    ("algorithm", "parameters", "message"),
    [
        ("magic", {}, "algorithm 'magic' is unknown: there are 'mlr', 'ridge'"),
        ("mlr", {"alpha": 1}, "mlr has no parameter 'alpha': it has 'intercept', 'missing'"),
        ("mlr", {"intercept": "maybe"}, "intercept is 'maybe': it must be true or false"),
        ("mlr", {"missing": "hope"}, "missing is 'hope': it must be listwise, pairwise or mean"),
        ("mlr", {"missing": 3}, "missing is 3: it must be listwise"),
        ("ridge", {"alpha": "much"}, "alpha is 'much': it must be a finite number"),
        ("ridge", {"alpha": float("nan")}, "it must be a finite number"),
        ("ridge", {"alpha": 0}, "the ridge penalty is 0: give a positive one, or use mlr"),
        ("ridge", {"alpha": 1, "lambda": 2}, "two names of one penalty, but differ"),
        ("ridge", {"standardize": True, "intercept": False}, "standardize belongs to ridge regression with"),
        ("mlr", {"missing": "pairwise", "intercept": False}, "no common rows to take sums about zero"),
        ("pca", {}, "pca has no target: leave 'y' out"),
    ],
)
def test_algorithms_and_parameters(
    algorithm: str, parameters: dict[str, Any], message: str, columns: dict[str, Any], learned: Learned
) -> None:
    with pytest.raises(ModelError, match=message):
        fit(algorithm, learned(columns), "y", ["a", "b"], **parameters)


def test_parameters_may_be_text(columns: dict[str, Any], learned: Learned) -> None:
    moments = learned(columns)
    as_text = fit("ridge", moments, "y", ["a", "b"], **{"lambda": "0.5", "standardize": "true"})
    assert as_text == fit("ridge", moments, "y", ["a", "b"], alpha=0.5, standardize=True)


@pytest.mark.parametrize("target", [None, ""])
def test_a_target_is_needed(target: str | None, columns: dict[str, Any], learned: Learned) -> None:
    with pytest.raises(ModelError, match="mlr needs a target: name the attribute"):
        fit("mlr", learned(columns), target, ["a"])
    with pytest.raises(ModelError, match="evt needs a target"):
        fit("evt", learned(columns), target, ["a"], score="mlr")


@pytest.mark.parametrize("change", [{"algorithm": "magic"}, {"extra": 1}, {"columns": [1]}])
def test_records_that_are_no_models(
    change: dict[str, Any], columns: dict[str, Any], learned: Learned
) -> None:
    record = fit_linear(learned(columns), "y", ["a"]).to_dict()
    with pytest.raises(ModelError, match="stored"):
        from_dict(record | change)
    with pytest.raises(ModelError, match="stored"):
        from_dict([])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"a": [1.0]}, "the table lacks 'kind'"),
        ({"a": ["one"], "kind": ["u"]}, "column 'a' holds text, but the model knows it as a number"),
        ({"a": [1.0, np.inf], "kind": ["u", "u"]}, "column 'a', row 2: the value is infinite"),
        ({"a": [1.0, 2.0], "kind": ["u", "z"]}, "column 'kind', row 2: level 'z' was not there"),
    ],
)
def test_rows_that_cannot_be_predicted(
    rows: dict[str, Any], message: str, columns: dict[str, Any], learned: Learned, tabulated: Tabulated
) -> None:
    model = fit_linear(learned(columns), "y", ["a", "kind"])
    with pytest.raises(ModelError, match=message):
        model.predict(tabulated(rows))
