"""What each kind of model computes from its columns, in ONNX's operators and in double precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from federation.models.algorithm import Model
from federation.models.errors import ModelError, listed

if TYPE_CHECKING:
    from federation.onnx.graph import Graph


def export(model: Model) -> bytes:
    """The model as the bytes of an ONNX file; see the package for its inputs and outputs.

    Raises `ModelError` for a model that ONNX's operators cannot say, and if the package onnx is not there.
    """
    write = EXPORTERS.get(model.algorithm)
    if write is None:
        raise ModelError(
            f"{model.algorithm} cannot be exported to ONNX; these can: {listed(tuple(EXPORTERS))}"
        )
    try:
        from federation.onnx.graph import Graph
    except ModuleNotFoundError:
        raise ModelError("exporting needs the package onnx: pip install 'suffice[onnx]'") from None
    record: Any = model
    categories = {column.attribute for column in record.columns if column.level is not None}
    graph = Graph([column.attribute for column in record.columns], sorted(categories))
    write(graph, record)
    properties = {"algorithm": model.algorithm, "rows": str(record.rows)}
    return graph.model(model.algorithm, properties | _target(record))


def _target(model: Any) -> dict[str, str]:
    return {"target": model.target} if hasattr(model, "target") else {}


def _linear(graph: Graph, model: Any) -> None:
    """res = intercept + coef·x."""
    start = len(model.terms) - len(model.columns)
    score = _weighted(graph, model, [model.coef[start:]], model.reference_levels)
    shift = graph.constant(float(model.coef[0]) if start else 0.0)
    graph.output("res", graph.node("Add", graph.column(score, 0), shift))


def _lda(graph: Graph, model: Any) -> None:
    """resZ = β·x, and on which side of the thresholds it is."""
    score = graph.column(_weighted(graph, model, [model.weights], model.reference_levels), 0)
    graph.output("resZ", score)
    graph.output("res", _passes(graph, score, model.z0))
    threshold = graph.constant(model.z0)
    graph.output("z0", graph.node("Expand", threshold, graph.node("Shape", score)))
    if model.z0_prior is not None:
        graph.output("resU", _passes(graph, score, model.z0_prior))
    if model.z0 != 0.0:
        one = graph.constant(1.0)
        power = graph.node("Exp", graph.node("Sub", one, graph.node("Div", score, threshold)))
        graph.output("normZ", graph.node("Div", one, graph.node("Add", one, power)))


def _passes(graph: Graph, score: str, threshold: float) -> str:
    """1 where the score reaches the threshold, else 0; NaN where it is NaN."""
    reached = graph.node("GreaterOrEqual", score, graph.constant(threshold))
    side = graph.node("Where", reached, graph.constant(1.0), graph.constant(0.0))
    return graph.unless_missing(score, score, side)


def _pca(graph: Graph, model: Any) -> None:
    """pc1, pc2, …: the columns less their means, divided by their scales, on each component."""
    scales = np.array([model.scales[term] for term in model.terms])
    weights = np.array(model.components) / scales
    means = np.array([column.mean for column in model.columns])
    scores = _weighted(graph, model, weights, dict.fromkeys(model.categories))
    centred = graph.node("Sub", scores, graph.constant((weights * means).sum(axis=1)))
    for at in range(len(model.components)):
        graph.output(f"pc{at + 1}", graph.column(centred, at))


def _weighted(graph: Graph, model: Any, weights: Any, expanded: Mapping[str, str | None]) -> str:
    """The columns times weights (k, columns): (rows, k)."""
    matrix = graph.design(model.columns, expanded)
    return graph.node("MatMul", matrix, graph.constant(np.ascontiguousarray(np.array(weights).T)))


EXPORTERS: Final[Mapping[str, Callable[[Graph, Any], None]]] = {
    "mlr": _linear,
    "ridge": _linear,
    "lasso": _linear,
    "elasticnet": _linear,
    "lda": _lda,
    "pca": _pca,
}
"""The algorithms whose models can be exported, each with what writes its graph."""
