"""Analysis of variance agrees with SciPy's F and statsmodels' sums of squares on the pooled rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from federation.explore import explore
from federation.models import ModelError
from federation.statistics import Moments

Learned = Callable[..., Moments]
KEYS = {"SSb", "SSw", "Dfb", "Dfw", "MSb", "MSw", "F", "P", "Ssgamma", "Dfgamma"}


@pytest.mark.parametrize("table", ["iris", "wine", "breast_cancer"])
def test_a_column_by_a_category(table: str, real_tables: Any, learned: Learned) -> None:
    columns = real_tables[table]
    moments = learned(columns)
    for name in [name for name in columns if name != "kind"]:
        answer = explore("anova", moments, [name], ["kind"])
        expected = anova_lm(ols(f"{name} ~ C(kind)", pd.DataFrame(columns)).fit())
        between, within = expected.loc["C(kind)"], expected.loc["Residual"]
        assert set(answer) == KEYS
        assert (answer["SSb"], answer["SSw"]) == pytest.approx((between.sum_sq, within.sum_sq), rel=1e-8)
        assert (answer["Dfb"], answer["Dfw"]) == (between.df, within.df)
        assert (answer["MSb"], answer["MSw"]) == pytest.approx((between.mean_sq, within.mean_sq), rel=1e-8)
        assert (answer["F"], answer["P"]) == pytest.approx((between.F, between["PR(>F)"]), rel=1e-7)
        assert answer["Ssgamma"] == pytest.approx(len(columns["kind"]) * columns[name].var(), rel=1e-9)
        assert answer["Dfgamma"] == len(columns["kind"]) - 1
        levels = [f"kind${kind}" for kind in sorted(set(columns["kind"]))]
        assert explore("anova", moments, [name], levels) == answer


def test_columns_are_samples(real_tables: Any, learned: Learned) -> None:
    columns = real_tables["iris"]
    answer = explore("anova", learned(columns), ["x0", "x1", "x2"])
    expected = stats.f_oneway(*(columns[name] for name in ("x0", "x1", "x2")))
    assert (answer["F"], answer["P"]) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-8)


def test_a_rate_by_a_category(fair: Any, learned: Learned) -> None:
    rating = np.array(fair["rating"])
    groups = [fair["had_affair"][rating == level] for level in sorted(set(rating))]
    expected = stats.f_oneway(*groups)
    answer = explore("anova", learned(fair), ["had_affair"], ["rating"])
    assert (answer["F"], answer["P"]) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-8)


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        (["x"], [], "anova compares two samples or more"),
        (["x"], ["one"], "anova compares two samples or more"),
        (["x", "y"], ["kind"], "one attribute by groups, or several attributes without groups"),
        (["still"], ["kind"], "nothing varies within the samples"),
        (["x"], ["row"], "nothing varies within the samples"),
    ],
)
def test_what_is_no_question_is_refused(
    inputs: list[str], targets: list[str], message: str, learned: Learned
) -> None:
    moments = learned(
        {
            "x": [1.5, 2.0, 4.0],
            "y": [2.5, 2.0, 1.0],
            "still": [0.5, 0.5, 0.5],
            "kind": ["u", "u", "v"],
            "one": ["a", "a", "a"],
            "row": ["1st", "2nd", "3rd"],
        }
    )
    with pytest.raises(ModelError, match=message):
        explore("anova", moments, inputs, targets)
