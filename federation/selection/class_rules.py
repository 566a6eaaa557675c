"""Many classifiers from what was gathered once: the scores of the classes for any subset of the inputs.

A discriminant of many classes solves a submatrix; naive Bayes adds up what each input says for itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from federation.models.bayes import fit_bayes
from federation.models.classes import class_sums
from federation.selection.gram import blocks_of, expanded, solver
from federation.selection.strategies import Subset
from federation.statistics import Missing, Moments, Table

FloatArray = NDArray[np.float64]

MOST_EVIDENCE: Final = 2**26
"""Numbers, a class, input and row each, that are kept at once: 512 MB."""

Scores: TypeAlias = Callable[[Subset], FloatArray | None]
"""Scores of the classes (classes, rows), log-posteriors up to a term of each row; None where float64 does
not suffice."""


@dataclass(frozen=True, slots=True)
class ClassRule:
    """The classes in order, and their scores for any subset."""

    classes: tuple[str, ...]
    scores: Scores


def discriminants(
    moments: Moments, target: str, inputs: Sequence[str], parameters: Mapping[str, Any], table: Table
) -> ClassRule:
    """Linear discriminants of all classes; see `models.mlda`. Raises `ModelError` as its fit does."""
    missing: Missing = parameters.get("missing", "listwise")
    sums = class_sums(moments, target, inputs, missing)
    columns, blocks = expanded(sums, table), blocks_of(sums.columns, inputs)
    shifts, classes = sums.shifts.hi, len(sums.counts)
    priors = np.log(sums.counts / sums.counts.sum())
    solve = solver(sums.within.hi)

    def scores(subset: Subset) -> FloatArray | None:
        at = np.concatenate([blocks[i] for i in subset])
        solved = solve(at, shifts[:, at].T) if at.size <= sums.rows - classes else None
        if solved is None:
            return None
        weights = (sums.rows - classes) * solved.T
        constants = priors - 0.5 * (weights * shifts[:, at]).sum(axis=1)
        found: FloatArray = weights @ columns[at] + constants[:, None]
        return found

    return ClassRule(sums.target.classes, scores)


def naive_bayes(
    moments: Moments, target: str, inputs: Sequence[str], parameters: Mapping[str, Any], table: Table
) -> ClassRule | None:
    """Naive Bayes; see `models.bayes`. None if what the inputs say would take too much memory.

    Variances are smoothed by the largest one of all inputs, not only of those in the subset.
    """
    model = fit_bayes(moments, target, inputs, **parameters)
    if table.rows * len(inputs) * len(model.classes) > MOST_EVIDENCE:
        return None
    said = {name: np.ascontiguousarray(terms.T) for name, terms in model.evidence(table)}
    terms = [said[name] for name in inputs]
    priors = np.array([math.log(prior) if prior > 0.0 else -math.inf for prior in model.priors])[:, None]

    def scores(subset: Subset) -> FloatArray:
        total = priors + terms[subset[0]]
        for i in subset[1:]:
            total += terms[i]
        return total

    return ClassRule(model.classes, scores)


CLASS_RULES: Final[Mapping[str, tuple[Callable[..., ClassRule | None], frozenset[str]]]] = {
    "mlda": (discriminants, frozenset({"missing"})),
    "bayes": (naive_bayes, frozenset({"laplace_factor", "var_smoothing"})),
}
"""The classifiers that have a rule here, and the parameters for which it holds."""
