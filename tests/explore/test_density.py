"""Densities: the documented rule for equal bins, on the documented data and on NumPy's of real columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from federation.explore import explore
from federation.models import ModelError
from federation.statistics import Extra, Moments

Learned = Callable[..., Moments]


@pytest.mark.parametrize("name", ["sepal_length", "sepal_width", "petal_length", "petal_width"])
def test_twenty_bins_of_iris_by_the_documented_rule(
    name: str, iris_of_the_reference: dict[str, Any], learned: Learned
) -> None:
    moments = learned(iris_of_the_reference, extras=[Extra.PROFILES])
    answer = explore("density", moments, [name], (), {"bins": 20})[name]
    x = iris_of_the_reference[name]
    width = (x.max() - x.min()) / 20
    places = np.minimum(np.floor((x - x.min()) / width).astype(int), 19)
    assert (answer["min"], answer["max"], answer["width"]) == (x.min(), x.max(), width)
    assert answer["histogram"] == np.bincount(places, minlength=20).tolist()


@pytest.mark.parametrize("table", ["wine", "breast_cancer"])
def test_real_columns_agree_with_numpy(table: str, real_tables: Any, learned: Learned) -> None:
    columns = real_tables[table]
    answer = explore("density", learned(columns, extras=[Extra.PROFILES]), [], (), {"bins": 12})
    assert set(answer) == {name for name in columns if name != "kind"}
    for name, found in answer.items():
        counts, _ = np.histogram(columns[name], bins=12)
        assert sum(found["histogram"]) == len(columns[name])
        # Cumulated counts differ by the few values that lie within 1/256 of an edge.
        apart = np.abs(np.cumsum(found["histogram"]) - np.cumsum(counts)).max()
        assert apart <= 0.04 * len(columns[name])


def test_bins_go_where_they_are_asked_to(iris_of_the_reference: dict[str, Any], learned: Learned) -> None:
    moments = learned(iris_of_the_reference, extras=[Extra.PROFILES])
    answer = explore("density", moments, ["petal_width"], (), {"bins": "3", "low": "0", "high": "1.5"})
    assert answer["petal_width"] == {"min": 0.0, "max": 1.5, "width": 0.5, "histogram": [48, 2, 48]}
    x = iris_of_the_reference["petal_width"]
    expected, _ = np.histogram(x, bins=[0, 0.5, 1.0, 1.5])
    assert answer["petal_width"]["histogram"] == expected.tolist()
    still = explore("density", learned({"x": [2.5] * 4}, extras=[Extra.PROFILES]), ["x"], (), {"bins": 2})
    assert still["x"]["histogram"] == [4, 0]


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("x", {}, "the parameter 'bins' is needed"),
        ("x", {"bins": 0}, "bins is 0: choose from 1 to"),
        ("x", {"bins": 1.5}, "bins is 1.5: it must be a whole number"),
        ("x", {"bins": 3, "low": 9}, "the bins of 'x' go from 9.0 to 2.5"),
        ("kind", {"bins": 3}, "'kind' is a category"),
        ("kind$u", {"bins": 3}, "'kind\\$u' is a level"),
        ("none", {"bins": 3}, "attribute 'none' has no value"),
    ],
)
def test_what_is_no_question_is_refused(
    name: str, parameters: dict[str, Any], message: str, learned: Learned
) -> None:
    moments = learned(
        {"x": [1.5, 2.5], "kind": ["u", "v"], "none": [np.nan, np.nan]}, extras=[Extra.PROFILES]
    )
    with pytest.raises(ModelError, match=message):
        explore("density", moments, [name], (), parameters)


@pytest.mark.parametrize("table", ["iris", "wine", "breast_cancer"])
def test_conditional_densities_are_those_of_each_levels_rows(
    table: str, real_tables: Any, learned: Learned
) -> None:
    columns = real_tables[table]
    moments = learned(columns, extras=[Extra.PROFILES], split="kind")
    kinds = np.array(columns["kind"])
    answer = explore("conditional_density", moments, ["x0", "x1"], ["kind"], {"bins": 10})
    whole = explore("density", moments, ["x0", "x1"], (), {"bins": 10})
    for name in ("x0", "x1"):
        assert list(answer[name]) == [f"kind${kind}" for kind in sorted(set(kinds))]
        together = np.sum([found["histogram"] for found in answer[name].values()], axis=0)
        assert together.tolist() == whole[name]["histogram"]
        for kind in set(kinds):
            found = answer[name][f"kind${kind}"]
            alone = moments.part(kind).histogram(name).fixed(10, found["min"], found["max"])
            counts, _ = np.histogram(columns[name][kinds == kind], 10, (found["min"], found["max"]))
            assert found["histogram"] == alone.tolist()
            apart = np.abs(np.cumsum(found["histogram"]) - np.cumsum(counts)).max()
            assert apart <= 0.1 * counts.sum()
    one = explore("conditional_density", moments, ["x1"], [f"kind${kinds[0]}"], {"bins": 10})["x1"]
    assert one == {f"kind${kinds[0]}": answer["x1"][f"kind${kinds[0]}"]}


def test_quantiles_where_a_level_is_present(real_tables: Any, learned: Learned) -> None:
    columns = real_tables["iris"]
    moments = learned(columns, extras=[Extra.PROFILES], split="kind")
    answer = explore("bi", moments, ["x0"], ["kind$virginica"], {"quantiles": "true", "limits": "false"})
    x = columns["x0"][np.array(columns["kind"]) == "virginica"]
    assert [answer[key] for key in ("condMin", "condMedian", "condMax")] == [x.min(), np.median(x), x.max()]
    assert "biCi95Up" not in answer
    few = explore("bi", moments, ["x0"], ["x1"], {"conditional": "false"})
    assert set(few) == {"covar", "linCorr", "biCi95Down", "biCi95Up"}


def test_a_condition_that_no_histogram_was_kept_for_is_refused(real_tables: Any, learned: Learned) -> None:
    profiled = learned(real_tables["iris"], extras=[Extra.PROFILES])
    with pytest.raises(ModelError, match=r"each level of 'kind': condition on .*\(this one is not split\)"):
        explore("conditional_density", profiled, ["x0"], ["kind"], {"bins": 5})
    split = learned(real_tables["iris"], extras=[Extra.PROFILES], split="kind")
    with pytest.raises(ModelError, match=r"each level of 'x1': condition on .* 'kind'"):
        explore("conditional_density", split, ["x0"], ["x1"], {"bins": 5})
    with pytest.raises(ModelError, match="no histogram of 'x0' where 'x1' is 1"):
        explore("bi", split, ["x0"], ["x1"], {"quantiles": True})


def test_without_profiles_the_remedy_is_told(learned: Learned) -> None:
    with pytest.raises(ModelError, match='learn them with a schema whose extras include "profiles"'):
        explore("density", learned({"x": [1.5, 2.5]}), ["x"], (), {"bins": 3})
