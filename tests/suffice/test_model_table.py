"""Models of every shape are shown within 100 columns, with what matters in them."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from suffice.model_table import model


def shown(fitted: dict[str, Any], **record: Any) -> str:
    page = io.StringIO()
    base = {"name": "m", "algorithm": "some", "inputs": ["x", "y"], "model": fitted, "contributions": []}
    Console(file=page, width=100).print(model(base | record))
    text = page.getvalue()
    assert max(map(len, text.splitlines())) <= 100
    return text


def test_lists_as_long_as_the_terms_stand_beside_them() -> None:
    text = shown({"terms": ["x", "y$high"], "weights": [1.5, -2.0], "z0": 0.25, "rows": 7})
    lines = [line.split() for line in text.splitlines()]
    assert ["x", "1.5000"] in lines
    assert ["y", "=", "high", "-2.0000"] in lines
    assert ["z0", "0.25"] in lines


def test_each_class_has_its_line_and_a_matrix_its_headings() -> None:
    fitted = {
        "classes": ["a", "b", "c"],
        "terms": ["x", "y"],
        "priors": [0.5, 0.25, 0.25],
        "offsets": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
    }
    lines = [line.split() for line in shown(fitted).splitlines()]
    assert ["a", "0.5000"] in lines
    assert ["term", "a", "b", "c"] in lines
    assert ["x", "1.0000", "3.0000", "5.0000"] in lines


def test_components_are_numbered() -> None:
    fitted = {
        "terms": ["x", "y"],
        "components": [[0.6, 0.8], [0.8, -0.6]],
        "explained_variance": [3.0, 1.0],
        "explained_ratio": [0.75, 0.25],
    }
    lines = [line.split() for line in shown(fitted).splitlines()]
    assert ["pc1", "3.0000", "0.7500"] in lines
    assert ["y", "0.8000", "-0.6000"] in lines


def test_mappings_by_term_are_columns_and_others_are_facts() -> None:
    fitted = {"terms": ["x", "y"], "centre": {"x": 1.0, "y": 2.0}, "tails": {"low": 0.5, "high": 3.5}}
    text = shown(fitted)
    assert ["y", "2.0000"] in [line.split() for line in text.splitlines()]
    assert "low 0.5, high 3.5" in text


@pytest.mark.parametrize("size", [1, 7, 300])
def test_what_is_too_wide_or_long_is_shortened_and_said(size: int) -> None:
    names = [f"attribute{at}" for at in range(size)]
    text = shown(
        {"terms": names, "precision": [[1.0 / (i + j + 1) for i in range(size)] for j in range(size)]}
    )
    assert ("more columns" in text) == (size > 6)
    assert ("more lines" in text) == (size > 100)


def test_an_empty_model_and_one_of_odd_parts_are_shown_too() -> None:
    assert "some m" in shown({})
    odd = {
        "terms": [],
        "a": [],
        "b": {},
        "c": None,
        "d": [[1, 2], [3]],
        "e": {"f": {"g": 1}},
        "h": "word",
        "i": [{}],
    }
    assert "word" in shown(odd)


def test_an_imported_model_says_so() -> None:
    assert "imported" in shown({}, imported=True, outputs=["res", "resZ"])


def test_a_figure_of_zero_is_shown_and_what_is_off_is_not() -> None:
    text = shown({"alpha": 0.0, "f": 85661.25, "f_p": 0.0, "standardize": False})
    lines = [line.split() for line in text.splitlines()]
    assert ["alpha", "0"] in lines
    assert "85,661.25 (p < 1e-16)" in text
    assert "standardize" not in text


def test_attributes_keep_their_names_as_headings() -> None:
    text = shown({"terms": ["petal_width", "kind$a"], "precision": [[2.0, 0.5], [0.5, 3.0]]})
    assert ["term", "petal_width", "kind", "=", "a"] in [line.split() for line in text.splitlines()]


def test_the_normal_laws_of_naive_bayes_are_tables_of_its_classes() -> None:
    fitted = {
        "classes": ["no", "yes"],
        "counts": [70.0, 30.0],
        "normal": {"x": [[1.0, 2.0], [0.25, 0.5]], "y": [[3.0, 4.0], [0.75, 1.25]]},
    }
    lines = [line.split() for line in shown(fitted).splitlines()]
    assert ["term", "no", "yes"] in lines
    assert ["y", "3.0000", "4.0000"] in lines
    assert ["y", "0.7500", "1.2500"] in lines
    assert ["no", "70"] in lines


def test_criteria_are_told_apart_however_large_they_are() -> None:
    text = shown(
        {"aicc": 3140562.314, "aicc_vec": [3140562.314, 3140559.87], "powers": [0.0, 0.5], "rows": 7}
    )
    assert "3,140,562.31" in text and "3,140,562.31, 3,140,559.87" in text
