"""The graphs of models that score how unusual a row is: by distance, by histograms, by tails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from federation.models.hba import rarity
from federation.onnx.functions import chi_square_tail, count_up_to

if TYPE_CHECKING:
    from federation.onnx.graph import Graph


def mahalanobis(graph: Graph, model: Any) -> None:
    """The length of the whitened row, and how many normal rows are as long."""
    means = graph.constant(np.array([column.mean for column in model.columns]))
    centred = graph.node("Sub", graph.design(model.columns, model.reference_levels), means)
    whitened = graph.node("MatMul", centred, graph.constant(np.array(model.factor)))
    squares = graph.node("Mul", whitened, whitened)
    squared = graph.node("ReduceSum", squares, graph.constant(np.array([1])), keepdims=0)
    graph.output("res", graph.node("Sqrt", squared))
    graph.output("p", chi_square_tail(graph, squared, len(model.terms)))


def hba(graph: Graph, model: Any) -> None:
    """The rarity of each value's bin or level, added up."""
    parts = [_of_bins(graph, name, bins) for name, bins in model.bins.items()]
    for name, counts in model.levels.items():
        highest = max(counts.values())
        lines = {level: rarity(np.array([float(count)]), highest) for level, count in counts.items()}
        found = graph.by_level(name, lines, np.zeros(1), rarity(np.zeros(1), highest))
        parts.append(graph.column(found, 0))
    graph.output("res", graph.total(parts))


def _of_bins(graph: Graph, name: str, bins: Any) -> str:
    counts = np.array(bins.counts, dtype=np.float64)
    low, high, zero = graph.constant(bins.low), graph.constant(bins.high), graph.constant(0.0)
    below, above = graph.node("Less", name, low), graph.node("Greater", name, high)
    strange = graph.node("Or", graph.node("Or", below, above), graph.node("IsNaN", name))
    inside = graph.node("Where", strange, low, name)
    width = (bins.high - bins.low) / len(counts) or 1.0
    steps = graph.node("Div", graph.node("Sub", inside, low), graph.constant(width))
    place = graph.node("Cast", graph.node("Floor", steps), to=graph.INT64)
    place = graph.node("Min", place, graph.constant(np.array(len(counts) - 1)))
    found = graph.node("Gather", graph.constant(rarity(counts, counts.max())), place)
    outside = graph.constant(float(rarity(np.zeros(1), counts.max())[0]))
    scored = graph.node("Where", strange, outside, found)
    return graph.unless_infinite(name, graph.unless_missing(name, zero, scored))


def ecod(graph: Graph, model: Any) -> None:
    """The largest sum of logarithms of the tails, and whether it passes the threshold."""
    tails = {part.name: _tails(graph, part) for part in model.marginals}
    sums = [graph.total([graph.node("Log", pair[side]) for pair in tails.values()]) for side in (0, 1)]
    if model.use_skewness:
        longer = [tails[part.name][0 if part.skewness < 0.0 else 1] for part in model.marginals]
        sums.append(graph.total([graph.node("Log", tail) for tail in longer]))
    score = graph.node("Neg", graph.node("Min", *sums))
    passed = graph.node("Greater", score, graph.constant(model.threshold))
    side = graph.node("Where", passed, graph.constant(1.0), graph.constant(0.0))
    graph.output("res", graph.unless_missing(score, score, side))
    graph.output("ecodscore", score)
    for name in [name for name in tails if name in model.desired_prob_feats]:
        graph.output(f"{name}$prob", graph.node("Min", *tails[name]))


def _tails(graph: Graph, part: Any) -> tuple[str, str]:
    """As `Marginal.tails`, NaN for an infinite value."""
    lower, upper, unit = part.bounds()
    counts = np.array(part.counts, dtype=np.float64)
    n, one = counts.sum(), graph.constant(1.0)
    values = graph.unless_missing(part.name, graph.constant(part.mean), part.name)
    count = count_up_to(graph, graph.unless_infinite(values, values), lower)
    zero = graph.constant(np.array(0))
    bucket = graph.node("Max", graph.node("Sub", count, graph.constant(np.array(1))), zero)

    def of_bucket(each: Any) -> str:
        return graph.node("Gather", graph.constant(each), bucket)

    beyond = graph.node("Greater", values, of_bucket(upper))
    offset = graph.node("Sub", values, of_bucket(lower))
    breadth = of_bucket(upper - lower + unit)
    reached = graph.node("Div", graph.node("Add", offset, graph.constant(unit)), breadth)
    through = graph.node("Where", beyond, one, graph.node("Min", reached, one))
    short = graph.node("Where", beyond, one, graph.node("Div", offset, breadth))
    before, held = of_bucket(np.cumsum(counts) - counts), of_bucket(counts)
    none = graph.node("Equal", count, zero)

    def share(of: str) -> str:
        there = graph.node("Add", before, graph.node("Mul", of, held))
        known = graph.node("Where", none, graph.constant(0.0), there)
        return graph.node("Div", known, graph.constant(n))

    least = graph.constant(1.0 / (n + 1.0))
    left, right = share(through), graph.node("Sub", one, share(short))
    both = (graph.node("Max", tail, least) for tail in (left, right))
    first, second = (graph.unless_infinite(part.name, tail) for tail in both)
    return first, second
