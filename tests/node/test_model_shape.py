"""Which parts of a model are tables, and of what; where lengths agree by chance, conventions decide."""

from __future__ import annotations

from node.model_shape import Sheet, shape


def test_lists_and_mappings_along_an_axis_are_its_columns() -> None:
    model = {"terms": ["x", "y"], "coef": [1.0, 2.0], "means": {"y": 4.0, "x": 3.0}, "rows": 5, "a": None}
    found = shape(model)
    assert found.sheets == (Sheet("terms", "terms", ("x", "y"), {"coef": [1.0, 2.0], "means": [3.0, 4.0]}),)
    assert found.values == {"rows": 5}


def test_a_matrix_of_classes_by_terms_stands_with_the_terms_along_its_lines() -> None:
    found = shape({"classes": ["a", "b", "c"], "terms": ["x", "y"], "means": [[1, 2], [3, 4], [5, 6]]})
    assert found.sheets == (
        Sheet("means", "terms", ("x", "y"), {"a": [1, 2], "b": [3, 4], "c": [5, 6]}),
    )  # fmt: skip
    assert found.values == {"classes": ["a", "b", "c"]}


def test_as_many_classes_as_terms_are_not_confused() -> None:
    found = shape(
        {"classes": ["a", "b"], "terms": ["x", "y"]}
        | {"priors": [0.2, 0.8], "coef": [7, 8], "means": [[1, 2], [3, 4]]}
    )
    by_name = {sheet.name: sheet for sheet in found.sheets}
    assert by_name["classes"].columns == {"priors": [0.2, 0.8]}
    assert by_name["terms"].columns == {"coef": [7, 8]}
    assert by_name["means"].columns == {"a": [1, 2], "b": [3, 4]}
    assert by_name["means"].lines == ("x", "y")


def test_a_covariance_has_its_terms_on_both_sides() -> None:
    (sheet,) = shape({"terms": ["x", "y"], "covariance": [[1, 2], [2, 5]]}).sheets
    assert (sheet.lines, sheet.columns) == (("x", "y"), {"x": [1, 2], "y": [2, 5]})


def test_a_matrix_without_an_axis_is_numbered_and_what_has_no_shape_is_a_value() -> None:
    odd = {"nested": {"a": {"b": [1, 2]}}, "ragged": [[1], [2, 3]]}
    found = shape({"states": [[1, 2]], "terms": list("xyz")} | odd)
    assert found.sheets == (Sheet("states", "line", ("1",), {"1": [1], "2": [2]}),)
    assert found.values == odd


def test_records_by_name_are_a_sheet_and_a_model_within_a_model_shows_its_own() -> None:
    found = shape(
        {
            "marginals": [
                {"name": "x", "mean": 1.0, "lower": [1, 2]},
                {"name": "y", "mean": 2.0, "lower": []},
            ],
            "bins": {"x": {"low": 0.0, "counts": [1]}, "y": {"low": 5.0, "counts": [2]}},
            "pca": {"algorithm": "pca", "terms": ["x", "y"], "components": [[0.6, 0.8]], "rows": 9},
            "levels": {"k": {"a": {}}, "l": {"b": 2}},
        }
    )
    assert [(sheet.name, sheet.lines, sheet.columns) for sheet in found.sheets] == [
        ("marginals", ("x", "y"), {"mean": [1.0, 2.0]}),
        ("bins", ("x", "y"), {"low": [0.0, 5.0]}),
        ("weights", ("x", "y"), {"pc1": [0.6, 0.8]}),
    ]
    assert found.values == {"levels": {"k": {"a": {}}, "l": {"b": 2}}, "pca_rows": 9}


def test_a_matrix_without_the_intercept_has_the_other_terms() -> None:
    found = shape({"terms": ["(intercept)", "x", "y"], "rotations": [[1.0, 2.0], [3.0, 4.0]]})
    assert found.sheets == (Sheet("rotations", "terms", ("x", "y"), {"1": [1.0, 2.0], "2": [3.0, 4.0]}),)
