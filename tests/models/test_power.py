"""Power regression: the transform is SciPy's, and the power that of a search over transformed rows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import datasets

from federation.models import ModelError, PowerModel, expand, fit, fit_power, from_dict, powers_between
from federation.models.power import inverse_yeo_johnson, power_name, yeo_johnson
from federation.statistics import Moments, Schema, Table

Learned = Callable[..., Moments]
Tabulated = Callable[[dict[str, Any]], Table]

POWERS = powers_between(-2.0, 2.0, 9)


def learn(columns: dict[str, Any], column: str, powers: tuple[float, ...] = POWERS) -> Moments:
    table = expand(Table({name: np.asarray(v, dtype=float) for name, v in columns.items()}), column, powers)
    return Moments(Schema.infer(table, 60)).learn(table)


@given(
    values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
    power=st.one_of(st.floats(-4.0, 4.0), st.sampled_from([0.0, 1.0, 2.0, 5e-324])),
)
def test_the_transform_is_that_of_scipy_and_has_an_inverse(values: list[float], power: float) -> None:
    x = np.array(values)
    transformed = yeo_johnson(x, power)
    if power == 0.0 or abs(power) > 1e-6:  # nearer to 0, SciPy's cancels
        np.testing.assert_allclose(transformed, stats.yeojohnson(x, power), rtol=1e-8, atol=1e-300)
    # Where powers flatten, digits are lost: the derivative tells how many.
    flat = np.exp(-(np.where(x < 0.0, 1.0 - power, power - 1.0)) * np.log1p(np.abs(x)))
    back = inverse_yeo_johnson(transformed, power)
    unclear = ~(flat * np.abs(transformed) < 1e9 * (1.0 + np.abs(x)))
    error = np.abs(back - x) / (1.0 + np.abs(x) + flat * np.abs(transformed))
    assert np.all((error < 1e-11) | unclear)


def test_the_transform_of_missing_values_and_outside_its_range() -> None:
    assert np.isnan(yeo_johnson(np.array([np.nan]), 0.5)[0])
    # Powers below 0 are bounded: with λ = -1 nothing is taken to 1 or more.
    np.testing.assert_array_equal(inverse_yeo_johnson(np.array([0.5, 1.0, 3.0]), -1.0), [1.0, np.nan, np.nan])


def test_powers_become_attributes() -> None:
    table = expand(Table({"x": np.array([0.0, 3.0, np.nan, -1.0])}), "x", (0.0, 0.5, 1.0))
    assert table.names == ("x", "pt_x^0", "pt_x^0.5", "pt_x^1", "pt_x^ln")
    np.testing.assert_allclose(table.columns["pt_x^0.5"][:2], [0.0, 2.0])
    np.testing.assert_array_equal(table.columns["pt_x^1"], table.columns["x"])
    np.testing.assert_allclose(table.columns["pt_x^ln"], [0.0, math.log(4.0), np.nan, -math.log(2.0)])
    assert powers_between(-1.0, 1.0, 5) == (-1.0, -0.5, 0.0, 0.5, 1.0)
    assert power_name("x", -0.0) == "pt_x^0"


def diabetes() -> tuple[dict[str, Any], list[str]]:
    bunch = datasets.load_diabetes(scaled=False)
    columns = {str(k): bunch.data[:, i].astype(float) for i, k in enumerate(bunch.feature_names)}
    return columns | {"y": bunch.target.astype(float)}, list(columns)


def on_the_rows(columns: dict[str, Any], inputs: list[str], column: str, power: float) -> Any:
    changed = columns | {column: stats.yeojohnson(columns[column], power)}
    return sm.OLS(changed["y"], sm.add_constant(np.column_stack([changed[k] for k in inputs]))).fit()


@pytest.mark.parametrize("column", ["bmi", "bp", "s5"])
def test_the_power_of_an_input_fits_best(column: str, tabulated: Tabulated) -> None:
    columns, inputs = diabetes()
    model = fit_power(learn(columns, column), "y", inputs)
    fits = {power: on_the_rows(columns, inputs, column, power) for power in POWERS}
    best = max(fits, key=lambda power: fits[power].rsquared)
    assert (model.power_column, model.power, model.powers) == (column, best, POWERS)
    np.testing.assert_allclose(model.coef, fits[best].params, rtol=1e-7)
    np.testing.assert_allclose(model.std_error, fits[best].bse, rtol=1e-7)
    assert model.r2 == pytest.approx(fits[best].rsquared, rel=1e-9)
    predicted = model.predict(tabulated(columns))["res"]  # of the column, not its powers
    np.testing.assert_allclose(predicted, fits[best].fittedvalues, rtol=1e-8)


def test_the_power_of_a_target_is_most_likely(tabulated: Tabulated) -> None:
    columns, inputs = diabetes()
    model = fit("powerreg", learn(columns, "y"), "y", inputs)
    n, p = len(columns["y"]), len(inputs)
    fits = {power: on_the_rows(columns, inputs, "y", power) for power in POWERS}

    def aicc(power: float) -> float:
        jacobian = (power - 1.0) * np.sum(np.sign(columns["y"]) * np.log1p(np.abs(columns["y"])))
        k = p + 2
        return float(n * math.log(fits[power].ssr / n) - 2.0 * jacobian + 2.0 * k * n / (n - k - 1))

    best = min(POWERS, key=aicc)
    assert isinstance(model, PowerModel)
    assert (model.power_column, model.power) == ("y", best)
    np.testing.assert_allclose(model.aicc_vec, [aicc(power) for power in POWERS], rtol=1e-9)
    predicted = model.predict(tabulated(columns))["res"]
    np.testing.assert_allclose(stats.yeojohnson(predicted, best), fits[best].fittedvalues, rtol=1e-8)
    assert from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False))) == model


def test_a_target_is_made_as_normal_as_scipy_makes_it() -> None:
    """With an input that says nothing, the power is the likeliest for the target alone."""
    rng = np.random.default_rng(3)
    y = np.exp(rng.normal(size=800)).round(4) - 1.0
    columns = {"x": rng.normal(size=800).round(3), "y": y}
    powers = powers_between(-1.5, 1.5, 31)
    model = fit_power(learn(columns, "y", powers), "y", ["x"])
    _, likeliest = stats.yeojohnson(y)
    assert abs(model.power - likeliest) <= 0.1


def test_missing_values_are_the_mean_of_the_power(tabulated: Tabulated) -> None:
    columns, inputs = diabetes()
    columns["bmi"][::10] = np.nan
    model = fit("powerreg", learn(columns, "bmi"), "y", inputs, missing="mean")
    row = {name: [columns[name][1]] for name in inputs}
    name = power_name("bmi", model.power)
    assert name in model.means
    without = model.predict(tabulated(row | {"bmi": [np.nan]}))["res"][0]
    weights = dict(zip(model.terms, model.coef, strict=True))
    expected = model.coef[0] + weights[name] * model.means[name]
    expected += sum(weights[k] * columns[k][1] for k in inputs if k != "bmi")
    assert without == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("target", "inputs", "message"),
    [
        ("y", ["age"], r"no input, nor the target, has powers, .* \(powers were learned of 'bmi'\)"),
        ("y", ["age", "pt_bmi^0"], r"'pt_bmi\^0' hold powers: name 'bmi' itself"),
        ("y", ["bmi", "nothing"], "attribute 'nothing' is unknown"),
        (None, ["bmi"], "powerreg needs a target"),
    ],
)
def test_names_that_make_no_sense(target: str | None, inputs: list[str], message: str) -> None:
    columns, _ = diabetes()
    with pytest.raises(ModelError, match=message):
        fit("powerreg", learn(columns, "bmi", (0.0, 1.0)), target, inputs)


def test_without_powers_there_is_no_power_regression(learned: Learned, tabulated: Tabulated) -> None:
    columns, inputs = diabetes()
    with pytest.raises(ModelError, match=r"none were learned\).*powers of one"):
        fit("powerreg", learned(columns), "y", inputs)
    few = {name: values[:4] for name, values in columns.items()}
    with pytest.raises(ModelError, match="4 rows are too few to choose a power with 1 inputs"):
        fit("powerreg", learn(few, "bmi"), "y", ["bmi"])
    with pytest.raises(ModelError, match="the table lacks 'x'"):
        expand(tabulated(columns), "x", (1.0,))
    with pytest.raises(ModelError, match="'x' holds text"):
        expand(tabulated({"x": ["a", "b"]}), "x", (1.0,))
    with pytest.raises(ModelError, match=r"'pt_x\^9' exceeds the range of float64"):
        expand(tabulated({"x": [1e60]}), "x", (9.0,))
    with pytest.raises(ModelError, match=r"two powers make 'pt_x\^0.333333'"):
        expand(tabulated({"x": [1.0]}), "x", (0.3333331, 0.3333332))
    with pytest.raises(ModelError, match="0 powers from 1 to 2"):
        powers_between(1.0, 2.0, 0)
