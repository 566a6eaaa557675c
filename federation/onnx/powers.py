"""The graph of a regression in which one column, or the target, stands in a power."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from federation.models.power import exponents, power_name
from federation.onnx.functions import expm1, log1p

if TYPE_CHECKING:
    from federation.onnx.graph import Graph


def powered(graph: Graph, model: Any) -> None:
    """Make the power of an input, from the input, a column of the graph."""
    if model.power_column != model.target:
        values = graph.number(model.power_column)
        size = log1p(graph, graph.node("Abs", values))
        above, below = (_power(graph, size, exponent) for exponent in _exponents(model.power))
        found = _by_sign(graph, values, above, below)
        infinite = graph.node("Equal", graph.node("Abs", values), graph.constant(np.inf))
        found = graph.node("Where", infinite, values, found)
        graph.derive(power_name(model.power_column, model.power), found)


def unpowered(graph: Graph, model: Any, values: str) -> str:
    """The target from its power; NaN where no value has it."""
    if model.power_column != model.target:
        return values
    size = graph.node("Abs", values)
    above, below = (_root(graph, size, exponent) for exponent in _exponents(model.power))
    found = _by_sign(graph, values, above, below)
    return graph.unless_infinite(found, found)


def _exponents(power: float) -> tuple[float, float]:
    """Those of values of 0 and more, and of values below."""
    above, below = exponents(np.array([1.0, -1.0]), power).tolist()
    return above, below


def _by_sign(graph: Graph, values: str, above: str, below: str) -> str:
    negative = graph.node("Less", values, graph.constant(0.0))
    return graph.node("Where", negative, graph.node("Neg", below), above)


def _power(graph: Graph, size: str, exponent: float) -> str:
    """((1 + |x|)^exponent - 1)/exponent from ln(1 + |x|)."""
    if exponent == 0.0:
        return size
    grown = expm1(graph, graph.node("Mul", size, graph.constant(exponent)))
    return graph.node("Div", grown, graph.constant(exponent))


def _root(graph: Graph, size: str, exponent: float) -> str:
    """What `_power` takes to |y|."""
    if exponent == 0.0:
        return expm1(graph, size)
    taken = graph.node("Mul", size, graph.constant(exponent))
    reachable = graph.node("Greater", taken, graph.constant(-1.0))
    taken = graph.node("Where", reachable, taken, graph.constant(np.nan))
    return expm1(graph, graph.node("Div", log1p(graph, taken), graph.constant(exponent)))
