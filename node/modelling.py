"""Algorithms, fitting and predicting as plain functions over plain data.

Run in a thread of the node for a request that waits, and in a worker process for a task.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from federation.statistics import AttributeType, Coded, Column, Moments, Schema, Table
from node.answers import AlgorithmInfo, Fitted, ParameterInfo
from node.errors import BadRequest, NotFound

if TYPE_CHECKING:
    from federation.models import Model


def algorithms() -> tuple[AlgorithmInfo, ...]:
    """All algorithms, in the order in which they are registered."""
    from federation.models import ALGORITHMS

    return tuple(
        AlgorithmInfo(
            item.name,
            item.summary,
            "of score" if callable(item.has_target) else "needed" if item.has_target else "none",
            tuple(ParameterInfo(p.name, p.help) for p in item.parameters),
        )
        for item in ALGORITHMS.values()
    )


def algorithm(name: str) -> AlgorithmInfo:
    """One algorithm. Raises NotFound."""
    known = {item.name: item for item in algorithms()}
    if name not in known:
        raise NotFound(f"there is no algorithm {name!r}", f"use one of {', '.join(known)}")
    return known[name]


def check(algorithm: str, target: str | None, parameters: Mapping[str, Any]) -> None:
    """Raise ModelError for an unknown algorithm, a parameter that it does not have or cannot read, and a
    target where it has none, or none where it needs one."""
    from federation.models import dispatch

    dispatch.check(algorithm, target, parameters)


def fit(
    moments: Moments, algorithm: str, target: str | None, inputs: Sequence[str], parameters: Mapping[str, Any]
) -> Fitted:
    """Raises ModelError."""
    from federation import models

    begun = time.perf_counter()
    model = models.fit(algorithm, moments, target, inputs, **parameters)
    seconds = time.perf_counter() - begun
    return described(model, inputs, moments.schema, seconds)


def described(model: Model, inputs: Sequence[str], known: Schema, seconds: float) -> Fitted:
    """A model as plain data; `known` are the attributes that it may have as inputs."""
    return Fitted(model.to_dict(), tuple(model.predict(_no_rows(inputs, known))), seconds)


def revive(record: Mapping[str, Any], inputs: Sequence[str], known: Schema) -> Fitted:
    """A model from elsewhere, once it was seen to be one: it is read, and predicts a row of nothing.

    `known` are the attributes that are known here. Raises ModelError.
    """
    from federation import models
    from federation.models.errors import ModelError
    from federation.models.record import WHOLE

    model = models.from_dict(record)
    try:
        outputs = model.predict(_no_rows(inputs, known, rows=1))
        if not all(len(values) == 1 for values in outputs.values()):
            raise ValueError("not one value a row")
    except Exception as error:  # whatever wrong numbers in it lead to
        raise ModelError(
            f"this {model.algorithm} model does not predict from {list(inputs)}: {error}", WHOLE
        ) from None
    return Fitted(model.to_dict(), tuple(outputs), 0.0)


def unfit(name: str, error: Exception) -> BadRequest:
    """The refusal of an imported model, whatever its numbers led to."""
    return BadRequest(
        f"model {name!r} was imported, and its numbers do not fit each other: {str(error)[:200]}",
        "import it again, as the node that fitted it tells it",
    )


def onnx(model: Mapping[str, Any]) -> bytes:
    """The model as an ONNX file. Raises ModelError if ONNX cannot say it."""
    from federation import models
    from federation.onnx import export

    return export(models.from_dict(model))


def predict(
    model: Mapping[str, Any], table: Table, inputs: Sequence[str] = (), imputing: Moments | None = None
) -> dict[str, NDArray[Any]]:
    """The model's columns for the rows of `table`, numbers or names of classes.

    With statistics, what is missing of the model's `inputs` is first estimated from what is there. Raises
    ModelError.
    """
    from federation import models

    return models.from_dict(model).predict(completed(table, inputs, imputing))


def completed(table: Table, inputs: Sequence[str], imputing: Moments | None) -> Table:
    """The table with the dynamic imputer's values where inputs are missing; as it is without statistics."""
    from federation.models.imputer import impute

    if imputing is None:
        return table
    known = imputing.schema
    return impute(imputing, table, list(dict.fromkeys(attribute_of(name, known) for name in inputs)))


def advance(
    model: Mapping[str, Any], table: Table, inputs: Sequence[str] = (), imputing: Moments | None = None
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """As `predict`, and the model as it is after these rows, where it is one that remembers scores."""
    from federation import models

    fitted: Any = models.from_dict(model)
    complete = completed(table, inputs, imputing)
    if not hasattr(fitted, "advance"):
        return fitted.predict(complete), dict(model)
    outputs, after = fitted.advance(complete)
    return outputs, after.to_dict()


def one_target(moments: Moments, targets: Sequence[str]) -> str:
    """The category whose levels the targets are, all of them. Raises ModelError."""
    from federation.models.errors import ModelError, listed

    schema = moments.schema
    categories = {attribute_of(name, schema) for name in targets}
    category = next(iter(categories))
    if len(categories) > 1 or category not in schema or schema[category].type is not AttributeType.CATEGORY:
        raise ModelError(
            f"{len(targets)} targets, {listed(targets)}", "give one, or all levels of a category"
        )
    lacking = {schema.indicator(category, level) for level in moments.level_counts(category)} - set(targets)
    if lacking:
        raise ModelError(
            f"the targets are not all levels of {category!r}, {listed(sorted(lacking))} lacking",
            f"give {category!r} itself, or one of its levels",
        )
    return category


def code(model: Mapping[str, Any], name: str, language: str) -> str:
    """The model as a function in SQL or Java; see `federation.models.scoring_code`. Raises ModelError."""
    from federation import models
    from federation.models.scoring_code import scoring_code

    return scoring_code(models.from_dict(model), name, language)


def attribute_of(name: str, known: Schema) -> str:
    """The attribute whose column an input needs: itself, or the category of `category$level`."""
    end = len(name)
    while name[:end] not in known and (end := name.rfind(known.separator, 0, end)) > 0:
        pass
    return name[:end] if end > 0 else name


def _no_rows(inputs: Sequence[str], known: Schema, rows: int = 0) -> Table:
    """A table of a model's inputs whose every cell is missing."""
    columns: dict[str, Column] = {}
    for name in inputs:
        attribute = attribute_of(name, known)
        is_text = attribute in known and not known[attribute].numeric
        columns[attribute] = (
            Coded(np.full(rows, -1, dtype=np.int32), ()) if is_text else np.full(rows, np.nan)
        )
    return Table(columns)
