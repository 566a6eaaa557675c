"""Exported models, run by onnxruntime: the answers of `predict`, on real tables with gaps and categories."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime
import pytest
import statsmodels.api as sm
from sklearn import datasets

from federation import onnx
from federation.models import ModelError, expand, fit
from federation.models.power import yeo_johnson
from federation.statistics import Coded, Extra, Moments, Schema, Table

AGREEMENT = 1e-12  # of the largest answer, or of 1


def run(model: bytes, table: Table) -> dict[str, np.ndarray]:
    """What onnxruntime answers."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    feeds = {
        tensor.name: np.array([text or "" for text in column.decode()], dtype=object)
        if isinstance(column := table.columns[tensor.name], Coded)
        else column
        for tensor in session.get_inputs()
    }
    names = [tensor.name for tensor in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds), strict=True))


def with_gaps(columns: Mapping[str, Any], every: int = 7) -> Table:
    """A table in which every seventh value or so is missing."""
    table = {}
    for shift, (name, values) in enumerate(columns.items()):
        if isinstance(values, list):
            table[name] = Coded.of(
                [None if (row + shift) % every == 0 else value for row, value in enumerate(values)]
            )
        else:
            column = np.array(values, dtype=np.float64)
            column[(np.arange(len(column)) + shift) % every == 0] = np.nan
            table[name] = column
    return Table(table)


def iris() -> Table:
    bunch = datasets.load_iris()
    names = ("sepal_length", "sepal_width", "petal_length", "petal_width")
    text = [str(bunch.target_names[i]) for i in bunch.target]
    return with_gaps(dict(zip(names, bunch.data.T, strict=True)) | {"species": text}, every=23)


def diabetes() -> Table:
    bunch = datasets.load_diabetes()
    columns = dict(zip(bunch.feature_names, bunch.data.T, strict=True))
    columns["sex"] = ["one" if value < 0 else "other" for value in columns["sex"]]
    return with_gaps(columns | {"progression": bunch.target}, every=29)


def fair() -> Table:
    """Answers of 6,366 women in 1974; two of the codes are taken for categories."""
    data = sm.datasets.fair.load_pandas().data
    columns: dict[str, Any] = {name: data[name].to_numpy() for name in data}
    for name in ("occupation", "rate_marriage"):
        columns[name] = [f"code {value:g}" for value in columns[name]]
    return with_gaps(columns, every=101)


TABLES = {"iris": iris(), "diabetes": diabetes(), "fair": fair()}
INPUTS = {
    "iris": ["petal_width", "species", "sepal_width"],
    "diabetes": ["age", "sex", "bmi", "bp", "s5"],
    "fair": ["occupation", "age", "rate_marriage", "religious", "yrs_married"],
}
NUMBERS = {"iris": "sepal_length", "diabetes": "progression", "fair": "affairs"}
CLASSES = {
    "iris": ("species$virginica", ["sepal_length", "petal_width"]),
    "diabetes": ("sex$one", ["age", "bmi", "bp"]),
    "fair": ("occupation$code 5", ["age", "rate_marriage", "educ"]),
}
POWERED = {"iris": "petal_width", "diabetes": "bmi", "fair": "age"}
CATEGORIES = {"iris": "species", "diabetes": "sex", "fair": "occupation"}
MANY = ("mlda", "mqda", "bayes")


def fitted(algorithm: str, name: str) -> tuple[Any, Table]:
    table = TABLES[name]
    if algorithm == "powerreg":
        moved = expand(table, POWERED[name], (-0.5, 0.0, 0.5, 2.0))
        moments = Moments(Schema.infer(moved, 60)).learn(moved)
        return fit(algorithm, moments, NUMBERS[name], INPUTS[name]), table
    schema = Schema.infer(table, 60)
    if algorithm in ("hba", "ecod"):
        moments = Moments(Schema(schema.attributes, frozenset({Extra.PROFILES}))).learn(table)
        numeric = [each for each in INPUTS[name] if table.columns[each].__class__ is not Coded]
        return fit(algorithm, moments, None, INPUTS[name] if algorithm == "hba" else numeric), table
    if algorithm == "mqda":
        schema = Schema(schema.attributes, split=CATEGORIES[name])
    moments = Moments(schema).learn(table)
    target: str | None = None
    inputs = INPUTS[name]
    if algorithm in ("lda", "lsvm"):
        target, inputs = CLASSES[name]
    elif algorithm in MANY:
        target = CATEGORIES[name]
        inputs = [*(other for other in inputs if other != target), NUMBERS[name]]
        if algorithm == "mqda":  # within some occupations, marriages are not rated by every code
            inputs = [other for other in inputs if other != "rate_marriage"]
    elif algorithm not in ("pca", "covest", "oospca", "repca", "mahalanobis"):
        target = NUMBERS[name]
    weak = {"lambda": 0.01} if algorithm in ("lasso", "elasticnet") else {}
    return fit(algorithm, moments, target, inputs, **weak), table


def agree(expected: Mapping[str, np.ndarray], given: Mapping[str, np.ndarray]) -> None:
    assert list(given) == list(expected)
    for key, values in expected.items():
        if values.dtype.kind in "UO":
            assert list(given[key]) == list(values), key
        else:
            scale = max(1.0, np.abs(values).max())
            np.testing.assert_allclose(given[key], values, atol=AGREEMENT * scale, rtol=0.0, err_msg=key)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("algorithm", onnx.EXPORTERS)
def test_onnxruntime_answers_as_the_model(algorithm: str, name: str) -> None:
    model, table = fitted(algorithm, name)
    agree(model.predict(table), run(onnx.export(model), table))


@pytest.mark.parametrize(("algorithm", "options"), [("pcr", {"pcr_type": "full"}), ("plsq", {"oneq": True})])
def test_components_answer_as_often_as_predict_does(algorithm: str, options: dict[str, Any]) -> None:
    table = TABLES["diabetes"]
    moments = Moments(Schema.infer(table, 60)).learn(table)
    model = fit(algorithm, moments, "progression", ["age", "bmi", "bp"], **options)
    agree(model.predict(table), run(onnx.export(model), table))


def test_a_model_through_zero_has_no_intercept() -> None:
    table = TABLES["diabetes"]
    moments = Moments(Schema.infer(table, 60)).learn(table)
    model = fit("mlr", moments, "progression", ["age", "bmi"], intercept=False)
    agree(model.predict(table), run(onnx.export(model), table))


def test_naive_bayes_of_0_1_attributes_and_of_single_levels() -> None:
    table = TABLES["iris"]
    widths = table.columns["sepal_width"]
    wide = np.where(np.isnan(widths), np.nan, widths > 3.0)
    table = Table({**table.columns, "wide": wide})
    moments = Moments(Schema.infer(table, 60)).learn(table)
    model = fit("bayes", moments, "wide", ["species$setosa"])
    agree(model.predict(table), run(onnx.export(model), table))
    model = fit("bayes", moments, "species", ["wide", "petal_width"])
    agree(model.predict(table), run(onnx.export(model), table))
    odd = Table({"wide": np.array([0.5]), "petal_width": np.array([1.0])})
    assert run(onnx.export(model), odd)["res"].tolist() == [""]


def test_what_predict_refuses_has_no_answer() -> None:
    """An unknown level and an infinite value make NaN, in scores and in decisions alike."""
    model, _ = fitted("mlr", "iris")
    row = Table.from_rows(
        INPUTS["iris"], [[1.0, "orchid", 3.0], [np.inf, "setosa", 3.0], [1.0, "setosa", 3.0]]
    )
    assert np.isnan(run(onnx.export(model), row)["res"]).tolist() == [True, True, False]
    model, _ = fitted("lda", "iris")
    row = Table.from_rows(["sepal_length", "petal_width"], [[np.inf, 1.0], [6.0, 2.0]])
    answers = run(onnx.export(model), row)
    assert np.isnan([answers[key][0] for key in ("res", "resU", "resZ", "normZ")]).all()
    assert answers["res"][1] == 1.0


def test_an_input_may_have_the_name_of_an_answer() -> None:
    rows = Table({"res": np.arange(9.0), "t1": np.arange(9.0) ** 2, "y": np.sqrt(np.arange(9.0))})
    model = fit("mlr", Moments(Schema.infer(rows, 60)).learn(rows), "y", ["res", "t1"])
    answers = run(onnx.export(model), rows)
    assert list(answers) == ["res_Result"]
    np.testing.assert_allclose(answers["res_Result"], model.predict(rows)["res"], rtol=1e-12)


@pytest.mark.parametrize("power", [-2.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0])
def test_the_power_of_a_target_is_undone(power: float) -> None:
    """Of targets below and above 0, and where no target has what the regression predicts."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=200)
    y = (2.0 * x + 0.1 * rng.normal(size=200)).round(4)
    table = Table({"x": x, "y": y})
    moved = expand(table, "y", (power,))
    model = fit("powerreg", Moments(Schema.infer(moved, 60)).learn(moved), "y", ["x"])
    asked = Table({"x": np.array([*np.linspace(-9.0, 9.0, 60), 1e-9, 0.0, np.nan, 1e7, -1e7])})
    expected = model.predict(asked)["res"]
    np.testing.assert_allclose(run(onnx.export(model), asked)["res"], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("power", [-2.0, 0.0, 0.3, 2.0])
def test_powers_of_tiny_and_of_large_inputs_keep_their_digits(power: float) -> None:
    x = np.array([0.0, 1e-300, -1e-17, 1e-9, -3e-5, 0.7, -4.0, 1e6, -1e9, 1e15])
    table = Table({"x": x, "y": np.arange(10.0)})
    moved = Table({**expand(table, "x", (power,)).columns})
    model = fit("powerreg", Moments(Schema.infer(moved, 60)).learn(moved), "y", ["x"])
    model = replace(model, coef=(0.0, 1.0))
    given = run(onnx.export(model), Table({"x": x}))["res"]
    np.testing.assert_allclose(given, yeo_johnson(x, power), rtol=1e-13)


@pytest.mark.parametrize("inputs", [1, 2, 3, 4, 7, 12])
def test_how_many_normal_rows_are_as_far_is_told_to_the_end_of_the_tail(inputs: int) -> None:
    rng = np.random.default_rng(5)
    names = [f"x{i}" for i in range(inputs)]
    learned = Table({name: rng.normal(size=300).round(3) for name in names})
    model = fit("mahalanobis", Moments(Schema.infer(learned, 60)).learn(learned), None, names)
    asked = Table({name: np.concatenate([[model.means[name]], rng.normal(size=200) * 6.0]) for name in names})
    expected, given = model.predict(asked), run(onnx.export(model), asked)
    np.testing.assert_allclose(given["p"], expected["p"], rtol=1e-9)
    np.testing.assert_allclose(given["res"], expected["res"], rtol=1e-12)


def test_values_at_and_beyond_the_ends_of_histograms() -> None:
    rng = np.random.default_rng(6)
    columns = {"x": np.append(rng.normal(size=500).round(2), 0.0), "still": np.full(501, 2.0)}
    table = Table(columns)
    moments = Moments(Schema(Schema.infer(table).attributes, frozenset({Extra.PROFILES}))).learn(table)
    ends = [columns["x"].min(), columns["x"].max(), 0.0, -99.0, 99.0, 0.005, np.nan]
    asked = Table({"x": np.array(ends), "still": np.array([2.0, 2.0, 1.0, 3.0, 2.0, np.nan, 2.0])})
    for algorithm, options in (("hba", {}), ("hba", {"bins": 3}), ("ecod", {"desired_prob_feats": "still"})):
        model = fit(algorithm, moments, None, ["x", "still"], **options)
        agree(model.predict(asked), run(onnx.export(model), asked))
        strange = Table({"x": np.array([np.inf]), "still": np.array([2.0])})
        assert np.isnan(run(onnx.export(model), strange)["res"]).all()


def test_what_has_a_memory_is_refused_with_the_reason() -> None:
    table = TABLES["iris"]
    model = fit("evt", Moments(Schema.infer(table, 60)).learn(table), None, ["petal_width"])
    with pytest.raises(ModelError, match="evt cannot be exported to ONNX, as its limits follow the scores"):
        onnx.export(model)


def test_what_onnx_cannot_say_is_refused() -> None:
    class Strange:
        algorithm = "strange"

    with pytest.raises(ModelError, match="strange cannot be exported to ONNX: export one of 'mlr', 'ridge'"):
        onnx.export(Strange())  # type: ignore[arg-type]


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "federation.onnx.graph", None)
    model, _ = fitted("mlr", "iris")
    with pytest.raises(ModelError, match=r"pip install 'suffice\[onnx\]'"):
        onnx.export(model)
