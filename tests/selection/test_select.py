"""What is selected is what scikit-learn and statsmodels would select; what is fast is what is exact."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score, root_mean_squared_error
from statsmodels.api import OLS, add_constant
from statsmodels.tools.eval_measures import aicc as statsmodels_aicc

from federation.assessment import assess
from federation.models import ModelError, fit
from federation.selection import Candidate, Progress, auto_select, select, settings_of
from federation.selection.class_rules import CLASS_RULES
from federation.selection.gram import RULES, expanded, gram
from federation.selection.judge import judge
from federation.selection.scorers import ClassScorer, LinearScorer, RefittingScorer
from federation.selection.settings import Setting
from federation.statistics import Coded, Moments, Schema, Table

Split = Any


@pytest.mark.parametrize(
    ("algorithm", "parameters", "metrics"),
    [
        ("mlr", {}, ["rmse", "r2", "mae", "rmslogp1e"]),
        ("mlr", {"missing": "mean"}, ["rmse"]),
        ("ridge", {"lambda": 0.7}, ["rmse"]),
        ("ridge", {"alpha": 3.0, "standardize": True}, ["rmse"]),
        ("lasso", {"lambda": 0.5}, ["rmse", "r2"]),
        ("elasticnet", {"lambda": 0.01, "eta": 0.3}, ["rmse"]),
        ("elasticnet", {"lambda": 2.0, "standardize": True}, ["rmse"]),
        ("lda", {}, ["auc", "recall", "precision", "mcc", "f1", "accuracy"]),
        ("mlr", {}, ["auc", "mcc"]),
        ("lsvm", {"sml_model_svm_nu": 0.5}, ["auc", "mcc"]),
        ("lsvr", {}, ["rmse"]),
    ],
)
def test_subsets_from_the_gram_matrix_score_as_their_own_models(
    algorithm: str, parameters: dict[str, Any], metrics: list[str], diabetes: Split, cancer: Split
) -> None:
    data = cancer if "mcc" in metrics else diabetes
    sums = gram(data.moments, "y", data.names, parameters.get("missing", "listwise"))
    rng = np.random.default_rng(0)
    count = len(data.names)
    subsets = [tuple(sorted(rng.permutation(count)[: 1 + i % count].tolist())) for i in range(25)]
    rule, holds_for = RULES[algorithm]
    assert set(parameters) <= holds_for
    for metric in metrics:
        chosen = judge(data.validation, "y", metric, None)
        exact = RefittingScorer(data.moments, data.names, Setting(algorithm, parameters), chosen)
        fast = LinearScorer(sums, rule(sums, parameters), expanded(sums.design, chosen.table), chosen, exact)
        # In double-double, a penalised model is solved once more.
        assert fast.gains(subsets) == pytest.approx(exact.gains(subsets), rel=1e-7), metric


@pytest.mark.parametrize(
    ("algorithm", "parameters", "metrics"),
    [
        ("mlda", {}, ["mf1_w", "mf1", "mkappa", "accuracy"]),
        ("mlda", {"missing": "mean"}, ["mkappa"]),
        ("bayes", {"var_smoothing": 0.0}, ["mf1_w", "mkappa"]),
        ("bayes", {"laplace_factor": 3.0}, ["auc", "mcc"]),
        ("mlda", {}, ["auc", "f1"]),
        ("mqda", {}, ["mkappa", "mf1"]),
        ("mqda", {"missing": "mean"}, ["auc", "mcc"]),
    ],
)
def test_classifiers_from_what_was_gathered_once_score_as_their_own_models(
    algorithm: str,
    parameters: dict[str, Any],
    metrics: list[str],
    wine: Split,
    wine_apart: Split,
    cancer: Split,
) -> None:
    data = cancer if "f1" in metrics else wine_apart if algorithm == "mqda" else wine
    target = "y$class_1" if "mcc" in metrics else "y"
    rng = np.random.default_rng(0)
    count = len(data.names)
    subsets = [tuple(sorted(rng.permutation(count)[: 1 + i % count].tolist())) for i in range(25)]
    make, holds_for = CLASS_RULES[algorithm]
    assert set(parameters) <= holds_for
    for metric in metrics:
        chosen = judge(data.validation, target, metric, None)
        exact = RefittingScorer(data.moments, data.names, Setting(algorithm, parameters), chosen)
        rule = make(data.moments, target, data.names, parameters, chosen.table)
        assert rule is not None
        fast = ClassScorer(rule, chosen, exact)
        assert fast.gains(subsets) == pytest.approx(exact.gains(subsets), abs=1e-9), metric


def test_naive_bayes_is_ranked_alike_by_its_selection_and_its_assessment(cancer_named: Split) -> None:
    """By log-odds: of most rows the probability is 1 to float64, and would be a tie."""
    data, target = cancer_named, "y$benign"
    found = select("bayes", data.moments, target, data.names, data.validation)
    assert assess(found.model, target, data.validation).scores["auc"] == found.score
    assert found.score == max(candidate.score for candidate in found.candidates)
    every = judge(data.validation, target, "auc", None)
    exact = RefittingScorer(data.moments, data.names, Setting("bayes", {}), every)
    rule = CLASS_RULES["bayes"][0](data.moments, target, data.names, {}, every.table)
    assert rule is not None
    subsets = [tuple(range(size)) for size in range(1, 31)]
    assert ClassScorer(rule, every, exact).gains(subsets) == exact.gains(subsets)
    predicted = fit("bayes", data.moments, target, data.names).predict(data.validation)
    odds, certain = predicted["resZ"], predicted[f"{target}$1"] == 1.0
    assert certain.sum() > np.unique(predicted[f"{target}$1"][certain]).size
    assert np.unique(odds[certain]).size == certain.sum()


def test_brute_force_finds_what_scikit_learn_finds_among_all_subsets(diabetes: Split) -> None:
    def error(columns: tuple[int, ...]) -> float:
        X, y, X_new, y_new = diabetes.matrices(list(columns))
        return root_mean_squared_error(y_new, LinearRegression().fit(X, y).predict(X_new))

    subsets = [subset for size in range(1, 8) for subset in combinations(range(7), size)]
    errors = sorted((error(subset), subset) for subset in subsets)
    found = select(
        "mlr", diabetes.moments, "y", diabetes.names[:7], diabetes.validation, selector_type="brute"
    )
    assert found.tried == len(subsets)
    assert [tuple(int(name[1:]) for name in item.inputs) for item in found.candidates[:5]] == [
        subset for _, subset in errors[:5]
    ]
    assert found.score == pytest.approx(errors[0][0], rel=1e-9)
    assert found.chosen == found.candidates[0]
    assert found.model == fit("mlr", diabetes.moments, "y", found.chosen.inputs)


def test_forward_and_backward_goes_scikit_learn_s_way(cancer: Split) -> None:
    """The same greedy search, each model fitted and scored by scikit-learn."""

    def area(columns: list[int]) -> float:
        X, y, X_new, y_new = cancer.matrices(columns)
        model = LinearDiscriminantAnalysis().fit(X, y)
        return float(roc_auc_score(y_new, model.decision_function(X_new)))

    chosen: list[int] = []
    best = 0.0
    while True:
        step = max(([*chosen, i] for i in range(12) if i not in chosen), key=area)
        if area(step) <= best:
            break
        chosen, best = step, area(step)
    found = select("lda", cancer.moments, "y", cancer.names, cancer.validation)
    assert found.metric == "auc"
    assert found.score >= best - 1e-12
    forward = [item for item in found.candidates if set(item.inputs) == {f"x{i}" for i in chosen}]
    assert forward
    assert forward[0].score == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("selector", ["fw_bw", "simple", "iteration"])
def test_selection_does_no_worse_than_all_inputs_or_the_best_alone(selector: str, diabetes: Split) -> None:
    found = select("mlr", diabetes.moments, "y", diabetes.names, diabetes.validation, selector_type=selector)
    chosen = judge(diabetes.validation, "y", None, None)
    alone = min(chosen.of_model(fit("mlr", diabetes.moments, "y", [name])) for name in diabetes.names)
    assert found.score <= alone
    assert found.score == pytest.approx(chosen.of_model(found.model), rel=1e-12)


def test_the_grid_is_tried_with_penalised_models(diabetes: Split) -> None:
    settings = settings_of("elasticnet", {}, "tiny")
    assert [(s.parameters["lambda"], s.parameters["eta"]) for s in settings] == [
        (penalty, eta) for eta in (0.0, 0.5, 1.0) for penalty in (1e-3, 1e-2, 0.1)
    ]
    assert len(settings_of("ridge", {}, "normal")) == 6
    assert len(settings_of("elasticnet", {}, "normal")) == 4 * 6
    assert len(settings_of("elasticnet", {}, "large")) == 6 * 13
    assert settings_of("ridge", {"lambda": "2"}, "tiny") == (Setting("ridge", {"lambda": 2.0}),)
    found = select(
        "ridge", diabetes.moments, "y", diabetes.names[:4], diabetes.validation, selector_type="brute"
    )
    assert found.tried == 3 * 15
    assert {item.parameters["lambda"] for item in found.candidates} == {1e-3, 1e-2, 0.1}


def test_auto_select_tries_all_that_suits_the_task(diabetes: Split, cancer: Split) -> None:
    found = auto_select(
        "regression",
        diabetes.moments,
        "y",
        diabetes.names,
        diabetes.validation,
        selector_type="simple",
    )
    assert {"mlr", "ridge", "elasticnet"} >= {item.algorithm for item in found.candidates}
    alone = select("mlr", diabetes.moments, "y", diabetes.names, diabetes.validation, selector_type="simple")
    assert found.score <= alone.score
    assert found.tried > alone.tried
    named = auto_select(
        "binary_classifier", cancer.moments, "y", cancer.names[:5], cancer.validation, selector_type="simple"
    )
    assert named.task == "binary"
    assert named.score > 0.9
    with pytest.raises(ModelError, match="the task 'clustering' is unknown"):
        auto_select("clustering", cancer.moments, "y", cancer.names, cancer.validation)


def test_many_classes(wine: Split) -> None:
    found = auto_select(
        "multiclass_classifier", wine.moments, "y", wine.names, wine.validation, selector_type="simple"
    )
    assert (found.task, found.metric) == ("multiclass", "mf1_w")
    assert found.score > 0.95


def test_aicc_is_that_of_statsmodels(diabetes: Split) -> None:
    X, y, _, _ = diabetes.matrices(list(range(5)))

    def theirs(columns: tuple[int, ...]) -> float:
        fitted = OLS(y, add_constant(X[:, columns])).fit()
        # Their logarithm of the likelihood has n (ln 2π + 1) more, which all subsets share.
        return float(statsmodels_aicc(fitted.llf, len(y), len(columns) + 2)) - len(y) * (
            np.log(2 * np.pi) + 1
        )

    found = select(
        "mlr",
        diabetes.moments,
        "y",
        diabetes.names[:5],
        None,
        selector_type="brute",
        sml_model_assessment_type="aicc",
    )
    subsets = [subset for size in range(1, 6) for subset in combinations(range(5), size)]
    best = min(subsets, key=theirs)
    assert found.chosen.inputs == tuple(f"x{i}" for i in best)
    assert found.score == pytest.approx(theirs(best), rel=1e-12)
    assert found.metric == "aicc"


def test_categories_are_taken_or_left_whole() -> None:
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 4, 600)
    x, noise = rng.normal(size=600), rng.normal(size=600)
    columns = {
        "kind": Coded(kind.astype(np.int32), ("a", "b", "c", "d")),
        "useless": Coded(rng.integers(-1, 3, 600).astype(np.int32), ("p", "q", "r")),
        "x": np.where(rng.random(600) < 0.1, np.nan, x),
        "y": np.array([0.0, 3.0, -2.0, 5.0])[kind] + x + noise,
    }
    table = Table(columns)
    moments = Moments(Schema.infer(table)).learn(table.slice(0, 400))
    found = select(
        "mlr", moments, "y", ["kind", "useless", "x"], table.slice(400), selector_type="brute", missing="mean"
    )
    assert {"kind", "x"} <= set(found.chosen.inputs)
    assert found.tried == 7
    chosen = judge(table.slice(400), "y", "rmse", None)
    for item in found.candidates:
        assert item.score == pytest.approx(
            chosen.of_model(fit("mlr", moments, "y", item.inputs, missing="mean")), rel=1e-10
        )


def test_columns_that_depend_on_each_other_are_never_chosen_together() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 200))
    table = Table({"a": a, "b": b, "twice": 2 * a, "still": np.ones(200), "y": a + b + rng.normal(size=200)})
    moments = Moments(Schema.infer(table)).learn(table.slice(0, 100))
    found = select("mlr", moments, "y", ["a", "b", "twice", "still"], table.slice(100))
    assert "b" in found.chosen.inputs
    assert len(found.chosen.inputs) == 2
    assert found.remarks == ("'still' is constant in the 100 rows used: leave out what does not vary",)


def test_time_and_the_listener_end_a_search_with_the_best_so_far(diabetes: Split) -> None:
    ticks = iter(range(1000))
    found = select(
        "mlr",
        diabetes.moments,
        "y",
        diabetes.names,
        diabetes.validation,
        clock=lambda: float(next(ticks)),
        selector_type="iteration",
        selector_max_seconds=3,
    )
    assert found.stopped == "3 seconds were over"
    assert 16 < found.tried <= 3 * 16
    heard: list[Progress] = []

    def tell(progress: Progress) -> bool:
        heard.append(progress)
        return progress.tried < 30

    stopped = select("mlr", diabetes.moments, "y", diabetes.names, diabetes.validation, tell=tell)
    assert stopped.stopped == "it was asked to stop"
    assert 30 <= stopped.tried < 60
    assert [progress.tried for progress in heard] == sorted(progress.tried for progress in heard)
    assert all(progress.tried <= progress.expected for progress in heard)
    assert isinstance(heard[-1].best, Candidate)
    assert heard[-1].best == stopped.chosen


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"validation": None}, "there is no validation table"),
        ({"inputs": ["x0", "nothing"]}, "'nothing' is unknown"),
        ({"inputs": ["x0", "y"]}, "'y' is among the inputs"),
        ({"inputs": []}, "no inputs"),
        ({"algorithm": "oracle"}, "'oracle' is unknown"),
        ({"depth": 3}, "mlr has no parameter 'depth'"),
        ({"sml_model_assessment_type": "auc"}, "'auc' is not a score of regression"),
        ({"sml_model_assessment_type": "luck"}, "'luck' is not a score: use one of auc, .*, rmse"),
        ({"algorithm": "pca"}, "pca has no target, by which"),
        ({"validation": Table({"x0": np.ones(3)})}, "validation: the table has no column 'y'"),
        ({"validation": Table({"y": np.arange(3.0)})}, "the table lacks"),
        ({"selector_max_seconds": 1}, "needs a clock"),
        ({"sml_model_assessment_type": "aicc", "algorithm": "ridge", "lambda": 1}, "aicc judges mlr and lda"),
        ({"sml_model_assessment_type": "aicc", "intercept": False}, "aicc judges mlr and lda"),
    ],
)
def test_what_cannot_be_selected_is_refused(change: dict[str, Any], message: str, diabetes: Split) -> None:
    given = {
        "algorithm": "mlr",
        "moments": diabetes.moments,
        "target": "y",
        "inputs": diabetes.names,
        "validation": diabetes.validation,
    } | change
    algorithm = given.pop("algorithm")
    with pytest.raises(ModelError, match=message):
        select(algorithm, **given)


def test_rows_of_one_class_cannot_choose_a_classifier(cancer: Split) -> None:
    ones = cancer.validation.take(np.flatnonzero(cancer.validation.columns["y"] == 1.0))
    with pytest.raises(ModelError, match="validation: the target is 1 in all"):
        select("lda", cancer.moments, "y", cancer.names, ones)
