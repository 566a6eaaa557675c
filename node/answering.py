"""From statistics to answers: exploring, fitting and predicting as plain functions over plain data.

Run in a thread of the node for a request that waits, and in a worker process for a task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from federation.statistics import Moments, Table


def explore(
    moments: Moments,
    metric: str,
    attributes: Sequence[str],
    targets: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What `federation.explore` answers; a metric of single attributes maps each of them to its values."""
    from federation.explore import explore as ask

    return ask(metric, moments, attributes, targets, parameters)


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
