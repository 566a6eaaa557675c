"""The dynamic imputer is the regression of what is missing on what is there, for every pattern of missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LinearRegression

from federation.models import ModelError
from federation.models.imputer import impute
from federation.statistics import Coded, Moments, Schema, Table

LOADERS = [load_diabetes, load_wine, load_breast_cancer]


def table_of(data: np.ndarray, names: list[str]) -> Table:
    return Table({name: data[:, at] for at, name in enumerate(names)})


def learned(table: Table) -> Moments:
    return Moments(Schema.infer(table, 60)).learn(table)


@pytest.mark.parametrize("load", LOADERS, ids=lambda load: load.__name__)
def test_each_missing_value_is_what_scikit_learn_regresses_it_to(load: Callable[..., Any]) -> None:
    data = load().data[:, :8].astype(float)
    names = [f"x{at}" for at in range(data.shape[1])]
    moments = learned(table_of(data, names))
    for lacking in ([0], [2, 5], [1, 3, 4, 6, 7]):
        holes = data[:20].copy()
        holes[:, lacking] = np.nan
        filled = impute(moments, table_of(holes, names), names)
        present = [at for at in range(len(names)) if at not in lacking]
        for at in lacking:
            expected = LinearRegression().fit(data[:, present], data[:, at]).predict(data[:20, present])
            assert filled.columns[names[at]] == pytest.approx(expected, rel=1e-7, abs=1e-9)
        for at in present:
            assert np.array_equal(filled.columns[names[at]], data[:20, at])


def test_without_anything_present_it_is_the_mean() -> None:
    data = load_diabetes().data[:, :3]
    filled = impute(
        learned(table_of(data, ["a", "b", "c"])), table_of(np.full((1, 3), np.nan), list("abc")), "abc"
    )
    assert [filled.columns[name][0] for name in "abc"] == pytest.approx(data.mean(axis=0), abs=1e-12)


@pytest.fixture(scope="module")
def iris(iris_of_the_reference: dict[str, Any]) -> Table:
    columns = {name: value for name, value in iris_of_the_reference.items() if name != "species"}
    return Table(columns | {"species": Coded.of(iris_of_the_reference["species"])})


def test_a_category_is_known_by_its_most_likely_level_and_tells_of_numbers(iris: Table) -> None:
    moments = learned(iris)
    names = list(iris.names)
    blank = Table({**iris.columns, "species": Coded.of([None] * iris.rows)})
    guessed = impute(moments, blank, names).columns["species"]
    truth = iris.columns["species"].decode()
    assert np.mean([a == b for a, b in zip(guessed.decode(), truth, strict=True)]) > 0.8
    lengths = Table({**iris.columns, "petal_length": np.full(iris.rows, np.nan)})
    found = impute(moments, lengths, names).columns["petal_length"]
    dummies = np.array([[level == name for name in sorted(set(truth))] for level in truth], dtype=float)
    inputs = np.column_stack(
        [iris.columns[n] for n in ("sepal_length", "sepal_width", "petal_width")] + [dummies]
    )
    expected = LinearRegression().fit(inputs, iris.columns["petal_length"]).predict(inputs)
    assert found == pytest.approx(expected, rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_rows_do_not_know_of_each_other(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    full = rng.normal(size=(30, 4)) @ rng.normal(size=(4, 4))
    moments = learned(table_of(full, list("abcd")))
    holes = full[:8].copy()
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=32, max_size=32))).reshape(8, 4)
    holes[mask] = np.nan
    together = impute(moments, table_of(holes, list("abcd")), "abcd")
    for row in range(8):
        alone = impute(moments, table_of(holes[row : row + 1], list("abcd")), "abcd")
        for name in "abcd":
            assert together.columns[name][row] == pytest.approx(alone.columns[name][0], rel=1e-9, abs=1e-9)
    assert not any(np.isnan(together.columns[name]).any() for name in "abcd")


def test_columns_that_repeat_others_or_never_vary_are_no_trouble() -> None:
    x = np.arange(10.0)
    moments = learned(Table({"x": x, "twice": 2 * x, "one": np.ones(10), "y": 3 * x + 1}))
    hole = Table({"x": np.array([4.0]), "twice": np.array([8.0]), "one": np.ones(1), "y": np.array([np.nan])})
    assert impute(moments, hole, ["x", "twice", "one", "y"]).columns["y"][0] == pytest.approx(13.0)


def test_statistics_with_holes_serve_too() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    table = Table({"x": x, "y": np.where(rng.random(200) < 0.5, np.nan, 2 * x)})
    moments = learned(table)
    filled = impute(moments, Table({"x": np.array([1.0]), "y": np.array([np.nan])}), ["x", "y"])
    assert filled.columns["y"][0] == pytest.approx(2.0, abs=1e-9)
    never_both = Table({"x": np.array([1.0, 2.0, np.nan]), "y": np.array([np.nan, np.nan, 5.0])})
    filled = impute(learned(never_both), Table({"x": np.array([1.0]), "y": np.array([np.nan])}), ["x", "y"])
    assert filled.columns["y"][0] == 5.0


def test_a_level_that_is_not_known_is_left_for_the_model_to_refuse(iris: Table) -> None:
    row = Table({"sepal_length": np.array([np.nan]), "species": Coded.of(["rose"])})
    filled = impute(learned(iris), row, ["sepal_length", "species"])
    assert filled.columns["species"].decode() == ["rose"]
    assert filled.columns["sepal_length"][0] == pytest.approx(iris.columns["sepal_length"].mean())


def test_what_cannot_be_imputed_is_named(iris: Table) -> None:
    moments = learned(iris)
    row = Table({"petal_width": np.array([np.nan])})
    with pytest.raises(ModelError, match="'stem'"):
        impute(moments, row, ["stem"])
    with pytest.raises(ModelError, match="lacks 'sepal_width'"):
        impute(moments, row, ["sepal_width"])
    with pytest.raises(ModelError, match="holds text"):
        impute(moments, Table({"petal_width": Coded.of(["wide"])}), ["petal_width"])
    with pytest.raises(ModelError):
        impute(Moments(moments.schema), row, ["petal_width"])
