"""VIF, principal components and singular values agree with statsmodels, scikit-learn and NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from statsmodels.stats.outliers_influence import variance_inflation_factor

from federation.explore import explore
from federation.models import ModelError
from federation.statistics import Moments

Learned = Callable[..., Moments]
TABLES = ("iris", "wine", "breast_cancer")


def numbers(columns: dict[str, Any]) -> tuple[list[str], np.ndarray]:
    names = [name for name in columns if name != "kind"]
    return names, np.column_stack([columns[name] for name in names])


@pytest.mark.parametrize("table", TABLES)
def test_variance_inflation(table: str, real_tables: Any, learned: Learned) -> None:
    names, x = numbers(real_tables[table])
    answer = explore("vif", learned(real_tables[table]), [])
    design = np.column_stack([np.ones(len(x)), x])
    expected = [variance_inflation_factor(design, at + 1) for at in range(len(names))]
    assert list(answer) == names
    assert list(answer.values()) == pytest.approx(expected, rel=1e-7)


def test_a_category_takes_part_with_its_levels_but_one(real_tables: Any, learned: Learned) -> None:
    columns = real_tables["wine"]
    answer = explore("vif", learned(columns), ["x0", "kind"])
    flags = [np.array(columns["kind"]) == kind for kind in sorted(set(columns["kind"]))[1:]]
    design = np.column_stack([np.ones(len(columns["x0"])), columns["x0"], *flags]).astype(float)
    assert list(answer) == ["x0", "kind$class_1", "kind$class_2"]
    assert list(answer.values()) == pytest.approx(
        [variance_inflation_factor(design, at) for at in (1, 2, 3)], rel=1e-9
    )


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("correlation", [False, True])
def test_principal_components(table: str, correlation: bool, real_tables: Any, learned: Learned) -> None:
    names, x = numbers(real_tables[table])
    answer = explore("pca", learned(real_tables[table]), [], (), {"correlation": correlation})
    reference = PCA().fit((x - x.mean(0)) / x.std(0, ddof=1) if correlation else x)
    values = reference.explained_variance_
    assert answer["pcaValues"] == pytest.approx(values, rel=1e-9, abs=1e-12 * values[0])
    assert answer["pcaSumValues"] == pytest.approx(values.sum(), rel=1e-12)
    assert answer["pcaExplained"] == pytest.approx(reference.explained_variance_ratio_, abs=1e-12)
    vectors = np.array([answer["pcaVectors"][name] for name in names]).T
    agreement = np.abs(np.sum(vectors * reference.components_, axis=1))
    assert agreement == pytest.approx(np.ones(len(names)), abs=1e-8)


def test_components_stop_at_the_share_or_number_asked_for(real_tables: Any, learned: Learned) -> None:
    moments = learned(real_tables["iris"])

    def kept(**parameters: Any) -> int:
        return len(explore("pca", moments, [], (), parameters)["pcaValues"])

    assert (kept(), kept(explained=1), kept(dimensions=2), kept(dimensions=9)) == (4, 4, 2, 4)
    assert [kept(explained=share) for share in ("0.9", "0.95", "0.98", "0.999")] == [1, 2, 3, 4]


@pytest.mark.parametrize("table", TABLES)
def test_singular_values(table: str, real_tables: Any, learned: Learned) -> None:
    names, x = numbers(real_tables[table])
    moments = learned(real_tables[table])
    for correlation, centred in ((False, x - x.mean(0)), (True, (x - x.mean(0)) / x.std(0))):
        answer = explore("svd", moments, [], (), {"correlation": correlation})
        expected = np.linalg.svd(centred, compute_uv=False)
        assert answer["singularValues"] == pytest.approx(expected, rel=1e-6, abs=1e-6 * expected[0])
        assert sorted(answer["attributes"]) == sorted(names)


def test_feature_selection_leaves_out_what_depends_on_the_rest(real_tables: Any, learned: Learned) -> None:
    _, x = numbers(real_tables["iris"])
    columns = {f"x{at}": x[:, at] for at in range(4)}
    columns |= {"sum": x[:, 0] + x[:, 1], "double": 2 * x[:, 2]}
    answer = explore("svdfs", learned(columns), [])
    chosen, left = answer["attributes"], answer["dependent"]
    assert (answer["rank"], len(answer["singularValues"])) == (4, 4)
    assert sorted(chosen + left) == sorted(columns)
    assert np.linalg.matrix_rank(np.column_stack([columns[name] for name in chosen])) == 4
    assert explore("svdfs", learned(columns), ["x0", "x1"])["dependent"] == []


@pytest.mark.parametrize(
    ("metric", "inputs", "parameters", "message"),
    [
        ("vif", ["x", "twice"], {}, "'twice' is a linear combination of 'x'"),
        ("vif", ["x", "still"], {}, "'still' is constant"),
        ("vif", ["x", "x"], {}, "'x' twice among the inputs"),
        ("vif", ["x", "nothing"], {}, "'nothing' is unknown"),
        ("vif", ["x"], {"missing": "guess"}, "missing is 'guess'"),
        ("pca", ["still"], {}, "every input is constant"),
        ("pca", ["x"], {"explained": 0}, "explained is 0.0: choose a share"),
        ("pca", ["x"], {"dimensions": 0}, "dimensions is 0: keep at least 1"),
        ("svd", ["still"], {}, "every attribute is constant"),
        ("svdfs", ["x", "still"], {}, "'still' is constant"),
        ("svdfs", ["x"], {"tolerance": 2}, "tolerance is 2.0"),
    ],
)
def test_what_is_no_question_is_refused(
    metric: str, inputs: list[str], parameters: dict[str, Any], message: str, learned: Learned
) -> None:
    moments = learned({"x": [1.5, 2.0, 4.0], "twice": [3.0, 4.0, 8.0], "still": [2.5, 2.5, 2.5]})
    with pytest.raises(ModelError, match=message):
        explore(metric, moments, inputs, (), parameters)


def test_pairwise_sums_that_are_of_no_table_are_refused(learned: Learned) -> None:
    gap = np.nan
    moments = learned(
        {
            "x": [1.5, -1.5, gap, gap, 1.5, -1.5],
            "y": [1.5, -1.5, 1.5, -1.5, gap, gap],
            "z": [gap, gap, 1.5, -1.5, -1.5, 1.5],
        }
    )
    for metric in ("pca", "svd"):
        with pytest.raises(ModelError, match="use missing='listwise' or 'mean'"):
            explore(metric, moments, [])
        assert explore(metric, moments, [], (), {"missing": "mean"})
