"""From statistics to answers: exploring, fitting and predicting as plain functions over plain data.

Run in a thread of the node for a request that waits, and in a worker process for a task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from federation.statistics import Moments, Table
from node.errors import BadRequest

METRICS = ("uni", "bi")


def explore(moments: Moments, metric: str, attributes: Sequence[str]) -> dict[str, Any]:
    """uni: {attribute: {key: value}} (all numeric ones if none are named); bi: {key: value} of a pair."""
    from federation.explore import bivariate, univariate

    if metric == "uni":
        names = attributes or [attribute.name for attribute in moments.schema.numeric]
        return {name: univariate(moments, name) for name in names}
    if metric == "bi":
        if len(attributes) != 2:
            raise BadRequest(f"the metric bi takes two attributes, not {len(attributes)}", "name a pair")
        return bivariate(moments, attributes[0], attributes[1])
    raise BadRequest(f"there is no metric {metric!r}", f"use one of {', '.join(METRICS)}")


def fit(
    moments: Moments, algorithm: str, target: str | None, inputs: Sequence[str], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """The fitted model as its `to_dict()`."""
    from federation import models

    return models.fit(algorithm, moments, target, inputs, **parameters).to_dict()


def predict(model: Mapping[str, Any], table: Table) -> dict[str, NDArray[Any]]:
    """The model's columns for the rows of `table`."""
    from federation import models

    return models.from_dict(model).predict(table)
