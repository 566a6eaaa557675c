"""A model as SymetryML's ModelInfo: any algorithm's by the shape of its fields, under SymetryML's keys where
these are known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from api.symetry.entities import DataFrame, ModelInfo
from api.symetry.views import milliseconds, text
from node.answers import ModelRecord, ProjectInfo
from node.model_shape import Sheet, shape

Z1_BELOW_Z0: Final = "false"
"""The first class's mean score is never below the threshold: the covariance is positive definite."""

MOST_NUMBERS: Final = 1000
"""The longest list that is written into the map of texts."""

_COEFFICIENTS: Final[Mapping[str, str]] = {
    "coef": "coefficient",
    "std_error": "std.error",
    "t": "scores(t)",
    "p": "p.values",
    "ci_low": "ci.low",
    "ci_high": "ci.high",
}
_DOCUMENTED_OUTPUTS: Final[Mapping[str, Sequence[str]]] = {"lda": ("resZ", "res", "normZ")}
_SCORES: Final[Sequence[str]] = ("normZ", "resZ", "Prob", "ecodscore", "score")
"""Outputs that order the rows, the best known first."""

_NAMES: Final[Mapping[str, str]] = {
    "overall_contribution": "OverallContribution",
    "adjusted_r2": "adjustedR2",
    "f_p": "fp",
}


def model_entity(record: ModelRecord, project: ProjectInfo) -> ModelInfo:
    """Every documented field; `info` holds single values, `extra` a table for each of the model's sheets."""
    places = {attribute.name: at for at, attribute in enumerate(project.attributes)}
    kinds = {attribute.name: attribute.type for attribute in project.attributes}
    inputs = list(record.inputs)
    targets = [] if record.target is None else [record.target]
    parts = shape(record.model)
    named = {_NAMES.get(name, _camel(name)): value for name, value in parts.values.items()}
    told = {
        "buildStatus": "OK",
        "buildTimeNanosec": record.seconds * 1e9 // 1,
        "rows": record.rows,
        "imported": record.imported or None,
        **named,
        **_OWN_KEYS.get(record.algorithm, _no_keys)(record.model),
    }
    return ModelInfo(
        model_id=record.name,
        model_type=record.algorithm,
        model_built=record.tried,
        build_time=milliseconds(record.seconds),
        attribute_names=inputs,
        attribute_indexes=[places.get(name, -1) for name in inputs],
        attribute_types=[kinds.get(name, "B") for name in inputs],  # a level of a category is a 0/1 attribute
        predict_info=list(_DOCUMENTED_OUTPUTS.get(record.algorithm, record.outputs)),
        score_info=[name for name in _SCORES if name in record.outputs][:1],
        target_names=targets,
        targetindexes=[places.get(name, -1) for name in targets],
        info={name: _written(value) for name, value in told.items() if value is not None},
        creation_date=milliseconds(record.created),
        extra=dict(_frame(sheet, record) for sheet in parts.sheets),
    )


def _frame(sheet: Sheet, record: ModelRecord) -> tuple[str, DataFrame]:
    """A sheet as a DataFrame; that of a linear model's terms is the documented coefficient table."""
    name, columns = sheet.name, dict(sheet.columns)
    if "coef" in columns:
        name = "coefficients"
        columns = {_COEFFICIENTS.get(key, key): cells for key, cells in columns.items()}
        mean = record.model.get("target_mean")
        if mean is not None:
            columns[f"mean_{record.target}"] = [mean] * len(sheet.lines)
    heading = "attribute" if sheet.axis == "terms" else sheet.axis
    texts = [[_written(cell) for cell in cells] for cells in columns.values()]
    letters = ["S" if any(isinstance(cell, str) for cell in cells) else "C" for cells in columns.values()]
    return name, DataFrame.told(
        [heading, *columns],
        ["S", *letters],
        [list(row) for row in zip(sheet.lines, *texts, strict=True)],
    )


def _written(value: Any) -> str:
    """A value in the map of texts: numbers with all their digits, lists separated by commas."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return ",".join(f"{key}={_written(item)}" for key, item in list(value.items())[:MOST_NUMBERS])
    if isinstance(value, (list, tuple)):
        return ",".join(_written(item) for item in value[:MOST_NUMBERS])
    return text(value)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _no_keys(_model: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def _lda(model: Mapping[str, Any]) -> dict[str, Any]:
    weights = ",".join(repr(weight) for weight in model["weights"])
    return {"z": f"l0 <- c({weights})", "z1LTz0": Z1_BELOW_Z0}


def _svm(model: Mapping[str, Any]) -> dict[str, Any]:
    keys = {"svmNu": "nu", "svmGamma": "gamma", "svmOmegas": "omegas"}
    return {name: model.get(key) for name, key in keys.items()}


def _ecod(model: Mapping[str, Any]) -> dict[str, Any]:
    return {key: [part[key] for part in model["marginals"]] for key in ("skewness", "mean")}


_OWN_KEYS: Final[Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "ecod": _ecod,
    "lda": _lda,
    "lsvm": _svm,
    "lsvr": _svm,
}
"""What an algorithm's info has under SymetryML's keys beside the fields of the model."""
