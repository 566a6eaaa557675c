"""What each kind of model computes from its columns, in ONNX's operators and in double precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from federation.models.algorithm import Model
from federation.models.ecod import EcodModel
from federation.models.errors import ModelError, listed
from federation.models.hba import HbaModel
from federation.models.power import PowerModel, power_name
from federation.onnx.anomalies import ecod, hba, mahalanobis
from federation.onnx.powers import powered, unpowered

if TYPE_CHECKING:
    from federation.models.design import InputColumn
    from federation.onnx.graph import Graph


def export(model: Model) -> bytes:
    """The model as the bytes of an ONNX file; see the package for its inputs and outputs.

    Raises `ModelError` for a model that ONNX's operators cannot say, and if the package onnx is not there.
    """
    write = EXPORTERS.get(model.algorithm)
    if model.algorithm in UNSAID:
        raise ModelError(
            f"{model.algorithm} cannot be exported to ONNX, as {UNSAID[model.algorithm]}",
            "let the node predict, or export another model",
        )
    if write is None:
        raise ModelError(
            f"{model.algorithm} cannot be exported to ONNX", f"export one of {listed(tuple(EXPORTERS), 99)}"
        )
    try:
        from federation.onnx.graph import Graph
    except ModuleNotFoundError:
        raise ModelError("exporting needs the package onnx", "pip install 'suffice[onnx]'") from None
    record: Any = model
    numbers, texts = _attributes(record)
    graph = Graph(numbers, sorted(texts))
    write(graph, record)
    properties = {"algorithm": model.algorithm, "rows": str(getattr(record, "rows", None) or record.size)}
    return graph.model(model.algorithm, properties | _target(record))


def _attributes(model: Any) -> tuple[list[str], set[str]]:
    """The inputs, in order, and which of them are categories."""
    if isinstance(model, HbaModel):
        return [*model.bins, *model.levels], set(model.levels)
    if isinstance(model, EcodModel):
        return [part.name for part in model.marginals], set()
    columns = model.columns if hasattr(model, "columns") else model.pca.columns
    texts = {column.attribute for column in columns if column.level is not None}
    names = [column.attribute for column in columns]
    if isinstance(model, PowerModel):
        power = power_name(model.power_column, model.power)
        names = [model.power_column if name == power else name for name in names]
    return names, texts | set(getattr(model, "categories", ()))


def _target(model: Any) -> dict[str, str]:
    return {"target": model.target} if hasattr(model, "target") else {}


def _linear(graph: Graph, model: Any) -> None:
    """res = intercept + coef·x."""
    start = len(model.terms) - len(model.columns)
    score = _weighted(graph, model, [model.coef[start:]], model.reference_levels)
    shift = graph.constant(float(model.coef[0]) if start else 0.0)
    graph.output("res", graph.node("Add", graph.column(score, 0), shift))


def _power(graph: Graph, model: Any) -> None:
    """The same with one column, or the answer, in a power."""
    powered(graph, model)
    sums = graph.column(_weighted(graph, model, [model.coef[1:]], model.reference_levels), 0)
    score = graph.node("Add", sums, graph.constant(float(model.coef[0])))
    graph.output("res", unpowered(graph, model, score))


def _by_components(graph: Graph, model: Any) -> None:
    """res, and one answer for each number of components that predict tells."""
    if not model.path:
        _linear(graph, model)
        return
    most = len(model.path)
    sizes = [most] if getattr(model, "oneq", False) else list(range(1, most + 1))
    path = np.array([model.path[size - 1] for size in sizes])
    sums = _weighted(graph, model, path[:, 1:], model.reference_levels)
    shifted = graph.node("Add", sums, graph.constant(path[:, 0]))
    graph.output("res", graph.column(shifted, len(sizes) - 1))
    for at, size in enumerate(sizes):
        graph.output(str(size), graph.column(shifted, at))


def _machine(graph: Graph, model: Any) -> None:
    """resZ = ω·x - γ, and whether it is 0 or more."""
    sums = graph.column(_weighted(graph, model, [model.coef[1:]], model.reference_levels), 0)
    score = graph.node("Add", sums, graph.constant(float(model.coef[0])))
    graph.output("res", _passes(graph, score, 0.0))
    graph.output("resZ", score)


def _distance(graph: Graph, model: Any) -> None:
    """res = (x - x̄)ᵀ Θ (x - x̄)."""
    means = graph.constant(np.array([column.mean for column in model.columns]))
    centred = graph.node("Sub", graph.design(model.columns, model.reference_levels), means)
    turned = graph.node("MatMul", centred, graph.constant(np.array(model.theta)))
    graph.output("res", _row_sums(graph, graph.node("Mul", centred, turned)))


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


def _mlda(graph: Graph, model: Any) -> None:
    """δ = weights·(x - means) + intercepts."""
    means = np.array([column.mean for column in model.columns])
    shifts = np.array(model.intercepts) - np.array(model.weights) @ means
    scores = _weighted(graph, model, model.weights, model.reference_levels)
    scores = graph.node("Add", scores, graph.constant(shifts))
    _probabilities(graph, model, scores, _outcome(graph, model, scores))


def _mqda(graph: Graph, model: Any) -> None:
    """ln π - ½ (ln |C| + (x - m)·C⁻¹(x - m)) of each class."""
    matrix = graph.design(model.columns, model.reference_levels)
    each = []
    parts = zip(model.class_means, model.factors, model.log_determinants, model.priors, strict=True)
    for mean, factor, determinant, prior in parts:
        centred = graph.node("Sub", matrix, graph.constant(mean))
        whitened = graph.node("MatMul", centred, graph.constant(factor))
        distances = _row_sums(graph, graph.node("Mul", whitened, whitened), keep=True)
        halves = graph.node("Mul", distances, graph.constant(-0.5))
        each.append(graph.node("Add", halves, graph.constant(np.log(prior) - 0.5 * determinant)))
    scores = graph.node("Concat", *each, axis=1)
    _probabilities(graph, model, scores, _outcome(graph, model, scores))


def _reconstruction(graph: Graph, model: Any) -> None:
    """The squares of what the components leave of the centred and scaled columns."""
    pca = model.pca
    means = graph.constant([column.mean for column in pca.columns])
    scales = graph.constant([pca.scales[term] for term in pca.terms])
    matrix = graph.design(pca.columns, dict.fromkeys(pca.categories))
    rows = graph.node("Div", graph.node("Sub", matrix, means), scales)
    components = np.array(pca.components)
    scores = graph.node("MatMul", rows, graph.constant(np.ascontiguousarray(components.T)))
    rest = graph.node("Sub", rows, graph.node("MatMul", scores, graph.constant(components)))
    graph.output("res", _row_sums(graph, graph.node("Mul", rest, rest)))


def _row_sums(graph: Graph, matrix: str, *, keep: bool = False) -> str:
    """(rows,), or to keep the axis (rows, 1)."""
    return graph.node("ReduceSum", matrix, graph.constant(np.array([1])), keepdims=int(keep))


def _bayes(graph: Graph, model: Any) -> None:
    """Sums of the logarithms of each attribute's probability in each class."""
    parts = [
        _normal(graph, column.attribute, *model.normal[column.term])
        if column.term in model.normal
        else _binary(graph, column, model.binary[column.term])
        for column in model.columns
    ]
    silent = np.zeros(len(model.classes))
    for category, probabilities in model.categories.items():
        lines = {level: np.log(of) for level, of in probabilities.items()}
        parts.append(graph.by_level(category, lines, silent, np.full_like(silent, np.nan)))
    scores = graph.constant(np.log(model.priors))
    for part in parts:
        scores = graph.node("Add", part, scores)
    posterior = _outcome(graph, model, scores)
    graph.output("Prob", graph.node("ReduceMax", posterior, graph.constant(np.array([1])), keepdims=0))
    _probabilities(graph, model, scores, posterior)


def _normal(graph: Graph, attribute: str, means: Any, variances: Any) -> str:
    """ln of the normal density in each class; 0 where the value is missing."""
    values = graph.number(attribute)
    distance = graph.node("Sub", values, graph.constant(np.array(means)))
    squares = graph.node("Div", graph.node("Mul", distance, distance), graph.constant(np.array(variances)))
    sums = graph.node("Add", squares, graph.constant(np.log(2.0 * np.pi * np.array(variances))))
    terms = graph.node("Mul", sums, graph.constant(-0.5))
    return graph.unless_infinite(values, graph.unless_missing(values, graph.constant(0.0), terms))


def _binary(graph: Graph, column: InputColumn, probabilities: Any) -> str:
    """ln of the probability of a 0/1 value in each class; 0 where it is missing."""
    ones = np.array(probabilities)
    yes, no = np.log(ones), np.log(1.0 - ones)
    if column.level is not None:
        return graph.by_level(column.attribute, {column.level: yes}, np.zeros_like(yes), no)
    values = graph.number(column.attribute)
    terms = graph.constant(np.nan)
    for value, line in ((0.0, no), (1.0, yes)):
        same = graph.node("Equal", values, graph.constant(value))
        terms = graph.node("Where", same, graph.constant(line), terms)
    return graph.unless_missing(values, graph.constant(0.0), terms)


def _outcome(graph: Graph, model: Any, scores: str) -> str:
    """Answers with the likeliest class under res; returns the probabilities of all (rows, k)."""
    best = graph.node("ArgMax", scores, axis=1, keepdims=0)
    lost = graph.node("IsNaN", graph.node("ReduceSum", scores, graph.constant(np.array([1])), keepdims=0))
    labels, none = (
        (np.array([0.0, 1.0]), np.array(np.nan)) if model.numeric else (np.array(model.classes), np.array(""))
    )
    label = graph.node("Gather", graph.constant(labels), best)
    res = graph.node("Where", lost, graph.constant(none), label)
    graph.output("res", res, text=not model.numeric)
    return graph.node("Softmax", scores, axis=1)


def _probabilities(graph: Graph, model: Any, scores: str, posterior: str) -> None:
    for at, label in enumerate(model.classes):
        graph.output(f"{model.target}{model.separator}{label}", graph.column(posterior, at))
    if model.numeric:
        graph.output("resZ", graph.node("Sub", graph.column(scores, 1), graph.column(scores, 0)))


def _weighted(graph: Graph, model: Any, weights: Any, expanded: Mapping[str, str | None]) -> str:
    """The columns times weights (k, columns): (rows, k)."""
    matrix = graph.design(model.columns, expanded)
    return graph.node("MatMul", matrix, graph.constant(np.ascontiguousarray(np.array(weights).T)))


EXPORTERS: Final[Mapping[str, Callable[[Graph, Any], None]]] = {
    "mlr": _linear,
    "ridge": _linear,
    "lasso": _linear,
    "elasticnet": _linear,
    "pcr": _by_components,
    "plsq": _by_components,
    "lsvr": _linear,
    "lsvm": _machine,
    "covest": _distance,
    "lda": _lda,
    "mlda": _mlda,
    "mqda": _mqda,
    "bayes": _bayes,
    "pca": _pca,
    "oospca": _reconstruction,
    "repca": _reconstruction,
    "powerreg": _power,
    "mahalanobis": mahalanobis,
    "hba": hba,
    "ecod": ecod,
}
"""The algorithms whose models can be exported, each with what writes its graph."""

UNSAID: Final[Mapping[str, str]] = {
    "evt": "its limits follow the scores that it has seen, and a file of ONNX remembers nothing",
    "mc": "it goes by the tokens before a row, and ONNX sees each row alone",
}
"""The algorithms whose models cannot be, and why."""
