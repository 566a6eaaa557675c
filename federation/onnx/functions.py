"""Functions that ONNX has no operator for, or none in double precision, out of those that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.polynomial import chebyshev
from scipy import special

if TYPE_CHECKING:
    from federation.onnx.graph import Graph

_TERMS: Final = 32  # of Chebyshev's series, whose last ones are below float64's precision


def log1p(graph: Graph, values: str) -> str:
    """ln(1 + x) by Kahan's x·ln(u)/(u - 1), u = 1 + x rounded, which loses nothing for small x."""
    one = graph.constant(1.0)
    near = graph.node("Add", values, one)
    rest = graph.node("Sub", near, one)
    quotient = graph.node("Div", graph.node("Mul", values, graph.node("Log", near)), rest)
    large = graph.node("Greater", values, graph.constant(2.0**60))  # nor has infinity a quotient
    found = graph.node("Where", large, graph.node("Log", near), quotient)
    return graph.node("Where", graph.node("Equal", near, one), values, found)


def expm1(graph: Graph, values: str) -> str:
    """eˣ - 1 by Kahan's (u - 1)·x/ln(u), u = eˣ rounded."""
    one = graph.constant(1.0)
    near = graph.node("Exp", values)
    rest = graph.node("Sub", near, one)
    quotient = graph.node("Div", graph.node("Mul", rest, values), graph.node("Log", near))
    far = graph.node("Greater", graph.node("Abs", values), graph.constant(40.0))
    found = graph.node("Where", far, rest, quotient)
    return graph.node("Where", graph.node("Equal", near, one), values, found)


def chi_square_tail(graph: Graph, values: str, degrees: int) -> str:
    """The share of a chi-square distribution above x >= 0 (rows,): sums that end, as degrees are whole.

    Abramowitz and Stegun, "Handbook of mathematical functions" (1964), 26.4.4 and 26.4.5.
    """
    half = graph.node("Mul", values, graph.constant(0.5))
    odd = degrees % 2 == 1
    powers = np.arange(degrees // 2) + (0.5 if odd else 0.0)
    logarithm = graph.node("Log", graph.node("Max", half, graph.constant(1e-300)))
    column = graph.constant(np.array([1]))
    high, low = (graph.node("Unsqueeze", part, column) for part in (logarithm, half))
    parts = [_erfc_of_root(graph, half)] if odd else []
    if powers.size:
        exponents = graph.node("Sub", graph.node("Mul", high, graph.constant(powers)), low)
        terms = graph.node("Exp", graph.node("Sub", exponents, graph.constant(special.gammaln(powers + 1.0))))
        parts.append(graph.node("ReduceSum", terms, column, keepdims=0))
    return parts[0] if len(parts) == 1 else graph.node("Add", *parts)


def count_up_to(graph: Graph, values: str, ascending: Any) -> str:
    """How many of some ascending numbers are not above each value (rows,), by bisection; 0 of NaN.

    The values are finite, or NaN.
    """
    count = len(ascending)
    padded = graph.constant(np.append(np.asarray(ascending, dtype=np.float64), np.full(count + 1, np.inf)))
    nowhere = graph.node("Greater", values, graph.constant(np.inf))  # false of every value
    place = graph.node("Cast", nowhere, to=graph.INT64)
    for step in (2**power for power in reversed(range(count.bit_length()))):
        further = graph.node("Add", place, graph.constant(np.array(step)))
        last = graph.node("Gather", padded, graph.node("Sub", further, graph.constant(np.array(1))))
        passed = graph.node("GreaterOrEqual", values, last)
        place = graph.node("Where", passed, further, place)
    return place


def _erfc_of_root(graph: Graph, half: str) -> str:
    """erfc(√h) = t·exp(-h + g(t)), t = 2/(2 + √h), with Chebyshev's series for the smooth g.

    Press et al., "Numerical recipes" (2007), 6.2.2; summed by Clenshaw's recurrence.
    """
    series = chebyshev.chebinterpolate(_smooth, _TERMS)
    two = graph.constant(2.0)
    t = graph.node("Div", two, graph.node("Add", graph.node("Sqrt", half), two))
    argument = graph.node("Sub", graph.node("Mul", t, two), graph.constant(1.0))
    doubled = graph.node("Mul", argument, two)
    later = before = graph.node("Mul", t, graph.constant(0.0))
    for weight in series[:0:-1].tolist():
        found = graph.node("Sub", graph.node("Mul", doubled, later), before)
        later, before = graph.node("Add", found, graph.constant(weight)), later
    smooth = graph.node("Sub", graph.node("Mul", argument, later), before)
    smooth = graph.node("Add", smooth, graph.constant(float(series[0])))
    return graph.node("Mul", t, graph.node("Exp", graph.node("Sub", smooth, half)))


def _smooth(argument: Any) -> Any:
    """ln(erfc(x)·exp(x²)/t) for t = (1 + argument)/2 and x = 2/t - 2."""
    t = np.maximum((1.0 + argument) / 2.0, 1e-12)
    return np.log(special.erfcx(2.0 / t - 2.0) / t)
