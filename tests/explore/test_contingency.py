"""Chi-square and information gain: the documented tables, and SciPy's and scikit-learn's on real ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import mutual_info_score

from federation.explore import explore
from federation.models import ModelError
from federation.statistics import Moments

Learned = Callable[..., Moments]

DICE = {
    "d1": (182, 161, 156, 174, 178, 149),
    "d2": (145, 162, 180, 194, 141, 178),
    "d3": (175, 179, 149, 168, 174, 155),
    "d4": (158, 155, 179, 196, 166, 146),
    "d5": (169, 172, 164, 177, 156, 162),
}


def test_documented_dice(learned: Learned) -> None:
    rolls = {
        die: [f"{face}" for face, count in enumerate(counts, 1) for _ in range(count)]
        for die, counts in DICE.items()
    }
    answer = explore("chi2", learned(rolls), list(DICE))
    assert answer["chiStat"] == pytest.approx(24.9148, abs=5e-5)
    assert answer["df"] == 20.0
    assert answer["pval"] == pytest.approx(0.2047, abs=5e-5)
    assert answer["coef"] == pytest.approx(0.0334, abs=5e-5)
    observed = {key: value for key, value in answer.items() if key.startswith("obs$")}
    assert observed == {
        f"obs${die}:{face}": count for die, counts in DICE.items() for face, count in enumerate(counts, 1)
    }
    expected = stats.chi2_contingency(list(DICE.values()))
    assert (answer["chiStat"], answer["pval"]) == pytest.approx(
        (expected.statistic, expected.pvalue), rel=1e-12
    )


def test_documented_perfect_association(iris_of_the_reference: dict[str, Any], learned: Learned) -> None:
    species = iris_of_the_reference["species"]
    setosa = np.array([float(name == "setosa") for name in species])
    moments = learned({"setosa": setosa, "other": 1 - setosa, "species": species})
    levels = [f"species${name}" for name in ("setosa", "versicolor", "virginica")]
    answer = explore("chi2", moments, ["setosa", "other"], levels)
    assert answer["chiStat"] == pytest.approx(150.0, rel=1e-14)
    assert (answer["df"], round(answer["coef"], 4)) == (2.0, 0.8409)
    assert answer["obs$setosa:species$setosa"] == 50.0
    assert answer["obs$setosa:species$virginica"] == 0.0
    assert explore("chi2", moments, ["setosa"], ["species"])["chiStat"] == answer["chiStat"]


def test_two_categories_are_crossed_exactly(fair: Any, learned: Learned) -> None:
    moments = learned(fair)
    answer = explore("chi2", moments, ["rating"], ["religious"])
    table = stats.contingency.crosstab(fair["rating"], fair["religious"]).count
    expected = stats.chi2_contingency(table)
    assert answer["chiStat"] == pytest.approx(expected.statistic, rel=1e-10)
    assert (answer["df"], answer["pval"]) == (expected.dof, pytest.approx(expected.pvalue, rel=1e-8))
    assert answer["coef"] == pytest.approx(stats.contingency.association(table, "tschuprow"), rel=1e-10)
    assert answer["obs$r3:g2"] == table[2, 1]


@pytest.mark.parametrize(
    ("inputs", "targets"),
    [
        (["rating"], ["had_affair"]),
        (["had_affair"], ["rating"]),
        (["had_affair"], ["has_children"]),
        (["rating$r5"], ["had_affair"]),
        (["rating"], ["religious$g1"]),
    ],
)
def test_a_single_binary_attribute_stands_with_its_complement(
    inputs: list[str], targets: list[str], fair: Any, learned: Learned
) -> None:
    def values(name: str) -> Any:
        category, _, level = name.partition("$")
        return np.array(fair[category]) == level if level else fair[category]

    answer = explore("chi2", learned(fair), inputs, targets)
    table = stats.contingency.crosstab(values(inputs[0]), values(targets[0])).count
    expected = stats.chi2_contingency(table, correction=False)
    assert (answer["chiStat"], answer["df"]) == pytest.approx((expected.statistic, expected.dof), rel=1e-9)
    found = explore("gain", learned(fair), inputs, targets)[inputs[0]]
    information = mutual_info_score(values(inputs[0]), values(targets[0])) / np.log(2)
    assert found["gain"] == pytest.approx(information, rel=1e-8)


def test_gain_of_every_attribute_about_a_target(fair: Any, learned: Learned) -> None:
    answer = explore("gain", learned(fair), [], ["had_affair"])
    assert set(answer) == {"rating", "religious", "has_children"}
    for name, found in answer.items():
        information = mutual_info_score(fair[name], fair["had_affair"]) / np.log(2)
        _, counts = np.unique(fair[name], return_counts=True)
        assert found["gain"] == pytest.approx(information, rel=1e-8)
        assert found["entropy"] == pytest.approx(stats.entropy([2053, 4313], base=2), rel=1e-9)
        assert found["condEntropy"] == pytest.approx(found["entropy"] - information, rel=1e-9)
        assert found["gainRatio"] == pytest.approx(information / stats.entropy(counts, base=2), rel=1e-8)


def test_the_cells_of_a_large_table_stay_where_they_are(learned: Learned) -> None:
    rng = np.random.default_rng(4)
    many = [f"{value:03d}" for value in rng.integers(0, 150, 5000)]
    moments = learned({"a": many, "b": list(reversed(many)), "flag": rng.integers(0, 2, 5000).astype(float)})
    answer = explore("chi2", moments, ["a"], ["b"])
    expected = stats.chi2_contingency(stats.contingency.crosstab(many, many[::-1]).count)
    assert set(answer) == {"chiStat", "df", "pval", "coef"}
    assert (answer["chiStat"], answer["pval"]) == pytest.approx(
        (expected.statistic, expected.pvalue), rel=1e-8
    )
    with pytest.raises(ModelError, match="150 groups by 151 are more than 10,000 cells"):
        explore("chi2", moments, ["a"], ["b", "flag"])


def test_missing_values_are_in_no_cell(learned: Learned) -> None:
    moments = learned({"a": ["u", None, "v", "v", "u"], "b": ["p", "p", "q", None, "q"]})
    answer = explore("chi2", moments, ["a"], ["b"])
    assert sum(value for key, value in answer.items() if key.startswith("obs$")) == 3


@pytest.mark.parametrize(
    ("metric", "inputs", "targets", "message"),
    [
        ("chi2", ["age"], ["rating"], "'age' is continuous: a group is a category"),
        ("chi2", ["rating"], [], "the table has 1 rows and 5 columns"),
        ("chi2", ["had_affair", "rating"], [], "'had_affair' is not a category"),
        ("chi2", ["rating"], ["rating"], "'rating' is crossed with itself"),
        ("gain", ["rating"], [], "gain takes 1 or more attributes and 1 target to compare by, not 1 and 0"),
        ("gain", ["rating"], ["age"], "'age' is continuous"),
        ("gain", ["rating"], ["nothing"], "'nothing' is unknown"),
    ],
)
def test_what_is_no_question_is_refused(
    metric: str, inputs: list[str], targets: list[str], message: str, fair: Any, learned: Learned
) -> None:
    with pytest.raises(ModelError, match=message):
        explore(metric, learned(fair), inputs, targets)
