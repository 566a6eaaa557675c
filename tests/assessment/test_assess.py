"""Models judged on rows they have not seen, as scikit-learn judges them; and as figures that plotly takes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from plotly import graph_objects, io
from sklearn import datasets, metrics
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression

from federation.assessment import AssessmentError, assess, figures
from federation.models import fit
from federation.statistics import Coded, Moments, Schema, Table


def split(bunch: Any, inputs: int) -> tuple[Table, Table, NDArray[Any], NDArray[Any]]:
    """Even rows to learn, odd rows to judge by, and the same as matrices."""
    X, y = np.asarray(bunch.data)[:, :inputs], np.asarray(bunch.target, dtype=float)
    columns = {f"x{i}": X[:, i] for i in range(inputs)} | {"y": y}
    table = Table(columns)
    return table.take(np.arange(0, y.size, 2)), table.take(np.arange(1, y.size, 2)), X, y


class Oracle:
    """A model that says what it was told to."""

    algorithm = "oracle"

    def __init__(self, **columns: Any) -> None:
        self.columns = {name: np.asarray(values) for name, values in columns.items()}

    def predict(self, table: Table) -> dict[str, NDArray[Any]]:
        return self.columns

    def to_dict(self) -> dict[str, Any]:
        return {}


def test_two_classes() -> None:
    learning, judging, X, y = split(datasets.load_breast_cancer(), 8)
    moments = Moments(Schema.infer(learning, 60)).learn(learning)
    names = [f"x{i}" for i in range(8)]
    found = assess(fit("lda", moments, "y", names), "y", judging)
    # SymetryML's threshold takes no account of the classes' shares.
    theirs = LinearDiscriminantAnalysis(priors=[0.5, 0.5]).fit(X[::2], y[::2])
    predicted, score = theirs.predict(X[1::2]), theirs.decision_function(X[1::2])
    assert (found.task, found.rows, found.left_out) == ("binary", y[1::2].size, 0)
    assert found.scores == pytest.approx(
        {
            "auc": metrics.roc_auc_score(y[1::2], score),
            "recall": metrics.recall_score(y[1::2], predicted),
            "precision": metrics.precision_score(y[1::2], predicted),
            "mcc": metrics.matthews_corrcoef(y[1::2], predicted),
            "f1": metrics.f1_score(y[1::2], predicted),
            "accuracy": metrics.accuracy_score(y[1::2], predicted),
        }
    )
    assert found.confusion is not None
    np.testing.assert_array_equal(found.confusion.counts, metrics.confusion_matrix(y[1::2], predicted))
    assert set(figures(found.to_dict())) == {"confusion", "roc", "gain", "lift"}


def test_a_regression() -> None:
    learning, judging, X, y = split(datasets.load_diabetes(), 10)
    moments = Moments(Schema.infer(learning, 60)).learn(learning)
    found = assess(fit("mlr", moments, "y", [f"x{i}" for i in range(10)]), "y", judging)
    predicted = LinearRegression().fit(X[::2], y[::2]).predict(X[1::2])
    assert found.task == "regression"
    assert found.scores == pytest.approx(
        {
            "rmse": metrics.root_mean_squared_error(y[1::2], predicted),
            "r2": metrics.r2_score(y[1::2], predicted),
            "rmslogp1e": metrics.root_mean_squared_log_error(y[1::2], predicted),
            "mae": metrics.mean_absolute_error(y[1::2], predicted),
        },
        rel=1e-7,
    )
    assert found.residuals is not None
    assert found.residuals.mean == pytest.approx((predicted - y[1::2]).mean(), rel=1e-6)
    assert set(figures(found.to_dict())) == {"errors"}


def test_a_regression_of_a_binary_target_takes_the_nearer_class() -> None:
    found = assess(Oracle(res=[0.9, 0.2, 0.6, -1.0]), "t", Table({"t": np.array([1.0, 0, 0, 0])}))
    assert found.confusion is not None
    assert found.confusion.counts.tolist() == [[2, 1], [0, 1]]
    assert found.scores["auc"] == 1.0


def test_many_classes_are_told_by_name() -> None:
    truth = Coded.of(["ant", "bee", "bee", None, "cat"])
    found = assess(Oracle(res=["ant", "bee", "cat", "cat"]), "kind", Table({"kind": truth}))
    assert (found.task, found.rows, found.left_out) == ("multiclass", 4, 1)
    assert found.confusion is not None
    assert found.confusion.classes == ("ant", "bee", "cat")
    assert found.confusion.counts.tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 1]]
    assert found.scores["accuracy"] == 0.75


def test_one_level_of_a_category_is_a_binary_target() -> None:
    table = Table({"kind": Coded.of(["ant", "bee", None, "ant"])})
    found = assess(Oracle(res=[1.0, 0, 1], resZ=[3.0, 1, 2]), "kind$ant", table)
    assert (found.task, found.rows, found.scores["f1"]) == ("binary", 3, 1.0)


def test_the_probability_of_class_one_ranks_where_there_is_no_score() -> None:
    table = Table({"t": np.array([0.0, 0, 1, 1])})
    found = assess(Oracle(res=[0.0, 0, 0, 1], **{"t$1": [0.1, 0.3, 0.4, 0.8]}), "t", table)
    assert found.scores["auc"] == 1.0


def test_rows_of_one_class_have_a_confusion_matrix_and_the_reason_for_no_more() -> None:
    found = assess(Oracle(res=[1.0, 0.0]), "t", Table({"t": np.array([1.0, 1.0])}))
    assert found.scores["auc"] is None
    assert found.remarks == ("the target is 1 in all 2 rows: give rows of both classes",)
    assert found.roc is None
    assert found.confusion is not None
    assert set(figures(found.to_dict())) == {"confusion"}


@pytest.mark.parametrize(
    ("answers", "column", "message"),
    [
        ({"res": [1.0]}, np.array([np.nan]), "missing in all 1 rows"),
        ({"res": [1.0]}, np.array([np.inf]), "row 1: the value is infinite"),
        ({"res": [np.inf]}, np.array([2.0]), "prediction of row 1 of 1 is inf"),
        ({"PC1": [1.0]}, np.array([2.0]), "does not predict 't'"),
        ({"res": [1.0]}, Coded.of(["ant"]), None),
    ],
)
def test_what_cannot_be_judged_is_refused(answers: Any, column: Any, message: str | None) -> None:
    if message is None:
        with pytest.raises(AssessmentError, match=r"t\$LEVEL"):
            assess(Oracle(**answers), "t", Table({"t": column}), "binary")
        return
    with pytest.raises(AssessmentError, match=message):
        assess(Oracle(**answers), "t", Table({"t": column}))
    with pytest.raises(AssessmentError, match="no column 'u'"):
        assess(Oracle(**answers), "u", Table({"t": column}))


def test_plotly_takes_the_figures_and_json_the_data() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random(500) < 0.4).astype(float)
    table = Table({"t": truth})
    binary = assess(Oracle(res=truth, resZ=rng.normal(size=500)), "t", table).to_dict()
    errors = assess(Oracle(res=rng.normal(size=500)), "t", table, "regression").to_dict()
    for assessment in (binary, errors):
        stored = json.loads(json.dumps(assessment, allow_nan=False))
        assert stored == assessment
        for figure in figures(stored).values():
            drawn = graph_objects.Figure(figure)  # refuses what plotly does not know
            assert len(drawn.data) == len(figure["data"])
            assert io.from_json(json.dumps(figure)).layout.title.text
