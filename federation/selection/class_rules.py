"""Many classifiers from what was gathered once: the scores of the classes for any subset of the inputs.

Discriminants of many classes solve submatrices, one for all classes or one for each; naive Bayes adds up what
each input says for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from federation.models.bayes import SMOOTHING, BayesModel, fit_bayes, log_density
from federation.models.classes import class_sums, target_of
from federation.models.design import Design, design
from federation.models.mqda import by_class
from federation.models.prediction import numbers
from federation.models.unknown_levels import known_only
from federation.models.within_class import numeric_within, of_all_rows
from federation.selection.gram import NEARLY_DEPENDENT, Places, blocks_of, expanded, solver
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


def quadratics(
    moments: Moments, target: str, inputs: Sequence[str], parameters: Mapping[str, Any], table: Table
) -> ClassRule:
    """Quadratic discriminants; see `models.mqda`. Raises `ModelError` if no class is kept apart."""
    missing: Missing = parameters.get("missing", "listwise")
    found = target_of(moments, target, inputs)
    whole = design(moments, None, inputs, missing)
    columns, blocks = expanded(whole, table), blocks_of(whole.columns, inputs)
    classes = [_Normal.of(part, whole, missing) for part in by_class(moments, found).values()]
    total = sum(part.rows for part in classes)

    def scores(subset: Subset) -> FloatArray | None:
        at = np.concatenate([blocks[i] for i in subset])
        each = [part.log_density(at, columns) for part in classes]
        if any(density is None for density in each):
            return None
        priors = np.log([part.rows / total for part in classes])
        return np.array(each) + priors[:, None]

    return ClassRule(found.classes, scores)


@dataclass(frozen=True, slots=True, eq=False)
class _Normal:
    """One class: rows, mean (p,) less that of all, scale (p,) and correlations (p, p)."""

    rows: int
    shift: FloatArray
    scale: FloatArray
    correlation: FloatArray

    @classmethod
    def of(cls, part: Moments, whole: Design, missing: Missing) -> _Normal:
        sums = design(part, None, whole.terms, missing)
        variances = np.diagonal(sums.scatter.hi) / max(1, sums.rows - 1)
        scale = np.sqrt(np.where(variances > 0.0, variances, 1.0))
        correlation = sums.scatter.hi / max(1, sums.rows - 1) / scale[:, None] / scale
        return cls(sums.rows, sums.means.hi - whole.means.hi, scale, correlation)

    def log_density(self, at: Places, columns: FloatArray) -> FloatArray | None:
        """-½ ln |C| - ½ squared distance of each row; None if C is nearly singular or of too few rows."""
        if self.rows <= at.size + 1:
            return None
        lower, info = lapack.dpotrf(self.correlation[at[:, None], at].T, lower=1, overwrite_a=1)
        if info or lower.diagonal().min() ** 2 < NEARLY_DEPENDENT:
            return None
        centred = (columns[at] - self.shift[at, None]) / self.scale[at, None]
        whitened, _ = lapack.dtrtrs(lower, centred, lower=1)
        determinant = np.log(lower.diagonal()).sum() + np.log(self.scale[at]).sum()
        density: FloatArray = -0.5 * np.einsum("ij,ij->j", whitened, whitened) - determinant
        return density


def naive_bayes(
    moments: Moments, target: str, inputs: Sequence[str], parameters: Mapping[str, Any], table: Table
) -> ClassRule | None:
    """Naive Bayes; see `models.bayes`. None if what the inputs say would take too much memory.

    Scores are those of the subset's own model to the last bit: variances are smoothed by the largest one of
    its inputs, and what the inputs say is added up in the same order.
    """
    model = fit_bayes(moments, target, inputs, **parameters)
    if table.rows * len(inputs) * len(model.classes) > MOST_EVIDENCE:
        return None
    known = known_only(model, table)[0]
    said = {name: terms.T for name, terms in model.evidence(known) if name not in model.normal}
    normal = _Normals.of(moments, model, known, parameters.get("var_smoothing", SMOOTHING))
    order = {name: at for at, name in enumerate([*(c.term for c in model.columns), *model.categories])}
    with np.errstate(divide="ignore"):  # a level without rows
        priors = np.log(np.array(model.priors))[:, None]

    def scores(subset: Subset) -> FloatArray:
        names = sorted((inputs[i] for i in subset), key=order.__getitem__)
        added = normal.smoothing_of(names)
        total: FloatArray = priors + np.zeros((1, table.rows))
        for name in names:
            total += normal.evidence(name, added) if name in model.normal else said[name]
        return total

    return ClassRule(model.classes, scores)


@dataclass(frozen=True, slots=True, eq=False)
class _Normals:
    """The continuous inputs of naive Bayes: squared distances from the means of the classes (classes, rows),
    variances in the classes (classes, 1) and of all rows."""

    squares: Mapping[str, FloatArray]
    within: Mapping[str, FloatArray]
    whole: Mapping[str, float]
    smoothing: float

    @classmethod
    def of(cls, moments: Moments, model: BayesModel, table: Table, smoothing: float) -> _Normals:
        names = list(model.normal)
        within = numeric_within(moments, target_of(moments, model.target, names), names).variances()
        whole = of_all_rows(moments, names).variances()[0].tolist()
        squares = {
            name: (numbers(name, table) - np.array(model.normal[name][0])[:, None]) ** 2 for name in names
        }
        each = zip(names, within.T[:, :, None], strict=True)
        return cls(squares, dict(each), dict(zip(names, whole, strict=True)), smoothing)

    def smoothing_of(self, names: Sequence[str]) -> float:
        """What is added to the variances of a model of these inputs."""
        return self.smoothing * max((self.whole[name] for name in names if name in self.whole), default=0.0)

    def evidence(self, name: str, added: float) -> FloatArray:
        return log_density(self.squares[name], self.within[name] + added)


CLASS_RULES: Final[Mapping[str, tuple[Callable[..., ClassRule | None], frozenset[str]]]] = {
    "mlda": (discriminants, frozenset({"missing"})),
    "mqda": (quadratics, frozenset({"missing", "sml_det_norm_use"})),
    "bayes": (naive_bayes, frozenset({"laplace_factor", "var_smoothing"})),
}
"""The classifiers that have a rule here, and the parameters for which it holds."""
