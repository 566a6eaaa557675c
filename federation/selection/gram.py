"""Many linear models from one Gram matrix: what a subset of the columns needs is a submatrix.

The statistics become numbers once, for all inputs together. A candidate then costs a Cholesky factorisation
in float64 and its weights are applied to the validation rows, which were expanded once as well. This is for
choosing only: the model that is chosen is fitted from the statistics, in double-double.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from federation.assessment.outcome import MIDDLE
from federation.models.active_set import Quadratic, minimise
from federation.models.design import Design, InputColumn, design
from federation.models.prediction import design_matrix
from federation.models.standardised import standardised
from federation.models.unknown_levels import known_only
from federation.selection.strategies import Subset
from federation.statistics import Missing, Moments, Table

FloatArray = NDArray[np.float64]
Places = NDArray[np.intp]

# A column of which less than this part is not explained by the others is left to the exact arithmetic of
# the model's own fit: float64 would keep fewer than six digits of its weight.
NEARLY_DEPENDENT: Final = 1e-9
PERFECT: Final = 1e-26
MAXITER: Final = 1000
TOLERANCE: Final = 1e-10  # both as a model has them that is fitted without saying
_PENALISED: Final = frozenset({"missing", "lambda", "eta", "standardize"})


@dataclass(frozen=True, slots=True, eq=False)
class Gram:
    """The sums of p columns in float64, as `design` has them; blocks[i] are the places of input i's."""

    target: str
    design: Design
    rows: int
    scatter: FloatArray
    cross: FloatArray
    target_mean: float
    target_scatter: float
    blocks: tuple[Places, ...]

    def places(self, subset: Subset) -> Places:
        """The columns of a subset of the inputs."""
        return np.concatenate([self.blocks[i] for i in subset])


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """weights (m,) of the columns less their means, plus a constant; class 1 begins at `middle`."""

    weights: FloatArray
    constant: float
    middle: float


class Columns(Protocol):
    """What has a model's columns."""

    @property
    def columns(self) -> tuple[InputColumn, ...]:
        """In the order of the sums."""

    @property
    def reference_levels(self) -> dict[str, str]:
        """The levels without a column."""


Rule: TypeAlias = Callable[[Places], Line | None]
"""The line of some columns; None where float64 does not suffice or there are too few rows."""


def gram(moments: Moments, target: str, inputs: Sequence[str], missing: Missing) -> Gram:
    """The sums of all inputs; raises `ModelError` as `design.design` does."""
    sums = design(moments, target, inputs, missing)
    return Gram(
        target,
        sums,
        sums.rows,
        sums.scatter.hi,
        sums.cross.hi,
        float(sums.target_mean.hi),
        float(sums.target_scatter.hi),
        blocks_of(sums.columns, inputs),
    )


def blocks_of(columns: Sequence[InputColumn], inputs: Sequence[str]) -> tuple[Places, ...]:
    """The places of each input's columns."""
    return tuple(
        np.array([i for i, column in enumerate(columns) if name in (column.term, column.attribute)])
        for name in inputs
    )


def expanded(sums: Columns, table: Table) -> FloatArray:
    """The columns of a table's rows less their means, shape (p, rows); unknown levels are missing."""
    matrix = design_matrix(sums.columns, known_only(sums, table)[0], sums.reference_levels)
    matrix -= np.array([column.mean for column in sums.columns])
    return np.ascontiguousarray(matrix.T)


def least_squares(sums: Gram, _parameters: Mapping[str, Any]) -> Rule:
    """Linear regression; see `models.linear`."""
    solve = solver(sums.scatter)

    def fit(at: Places) -> Line | None:
        slopes = solve(at, sums.cross[at]) if at.size + 1 < sums.rows else None
        return None if slopes is None else Line(slopes, sums.target_mean, MIDDLE)

    return fit


def ridge(sums: Gram, parameters: Mapping[str, Any]) -> Rule:
    """Ridge regression; see `models.linear`."""
    spread = np.diagonal(sums.scatter) / sums.rows if parameters.get("standardize") else 1.0
    penalty = parameters.get("lambda", parameters.get("alpha", 1.0))
    solve = solver(sums.scatter + np.diag(penalty * spread * np.ones(len(sums.cross))))

    def fit(at: Places) -> Line | None:
        slopes = solve(at, sums.cross[at])
        return None if slopes is None else Line(slopes, sums.target_mean, MIDDLE)

    return fit


def elastic_net(sums: Gram, parameters: Mapping[str, Any]) -> Rule:
    """Elastic net, and lasso without an eta of its own; see `models.penalised`."""
    standardize = parameters.get("standardize", False)
    problem = standardised(sums.design, sums.target, standardize=standardize, intercept=True)
    absolute, squared = problem.penalties(parameters.get("lambda", 1.0), parameters["eta"])
    whole = problem.quadratic

    def fit(at: Places) -> Line | None:
        part = Quadratic(whole.gram[at[:, None], at], whole.cross[at])
        start = np.zeros(at.size)
        found = minimise(part, absolute[at], squared[at], start, maxiter=MAXITER, tolerance=TOLERANCE)
        return Line(found.coef * problem.unit[at], sums.target_mean, MIDDLE) if found.converged else None

    return fit


def machine(sums: Gram, parameters: Mapping[str, Any], *, classes: bool) -> Rule:
    """Proximal support vector machine; see `models.svm`. The constant is one more column, the last."""
    n, nu = float(sums.rows), parameters.get("nu", parameters.get("sml_model_svm_nu", 1.0))
    means = np.array([column.mean for column in sums.design.columns])
    products = sums.cross + n * means * sums.target_mean
    total = n * sums.target_mean
    if classes:
        products, total = 2.0 * products - n * means, 2.0 * total - n
    inner = sums.scatter + n * np.outer(means, means)
    bordered = np.block([[inner, -n * means[:, None]], [-n * means[None, :], np.full((1, 1), n)]])
    solve = solver(bordered + np.eye(len(bordered)) / nu)
    last = np.array([len(means)])
    right = np.append(products, -total)

    def fit(at: Places) -> Line | None:
        places = np.append(at, last)
        solved = solve(places, right[places])
        if solved is None:
            return None
        return Line(solved[:-1], float(solved[:-1] @ means[at] - solved[-1]), 0.0)

    return fit


def discriminant(sums: Gram, _parameters: Mapping[str, Any]) -> Rule:
    """Linear discriminant of two classes; see `models.lda`."""
    n, n1 = float(sums.rows), sums.rows * sums.target_mean
    n0 = n - n1
    if min(n0, n1) < 1e-9:
        return lambda _: None
    ratio = n / (n1 * n0)
    difference = ratio * sums.cross
    solve = solver(sums.scatter - ratio * np.outer(sums.cross, sums.cross))

    def fit(at: Places) -> Line | None:
        solved = solve(at, difference[at]) if at.size <= sums.rows - 2 else None
        if solved is None:
            return None
        weights = (n - 2.0) * solved
        return Line(weights, 0.0, (n0 - n1) / (2.0 * n) * float(weights @ difference[at]))

    return fit


RULES: Final[Mapping[str, tuple[Callable[[Gram, Mapping[str, Any]], Rule], frozenset[str]]]] = {
    "mlr": (least_squares, frozenset({"missing"})),
    "ridge": (ridge, frozenset({"missing", "lambda", "alpha", "standardize"})),
    "lasso": (lambda sums, given: elastic_net(sums, {"eta": 1.0, **given}), _PENALISED - {"eta"}),
    "elasticnet": (lambda sums, given: elastic_net(sums, {"eta": 0.5, **given}), _PENALISED),
    "lsvm": (partial(machine, classes=True), frozenset({"missing", "sml_model_svm_nu"})),
    "lsvr": (partial(machine, classes=False), frozenset({"missing", "sml_model_svm_nu"})),
    "lda": (discriminant, frozenset({"missing"})),
}
"""The algorithms that have a rule here, and the parameters for which it holds."""


def aicc(sums: Gram) -> Callable[[Places], float]:
    """Akaike's criterion, corrected for few rows, of the regression of the target on some columns.

    n ln(RSS/n) + 2k + 2k(k + 1)/(n - k - 1), k counting slopes, intercept and variance: Hurvich and Tsai,
    "Regression and time series model selection in small samples" (1989). Less is better; infinite for too
    few rows and dependent columns. A discriminant of two classes has the direction of this regression, so
    it is judged by it as well.
    """
    solve, n = solver(sums.scatter), sums.rows

    def judge(at: Places) -> float:
        k = at.size + 2
        slopes = solve(at, sums.cross[at]) if n - k - 1 > 0 else None
        if slopes is None:
            return math.inf
        rss = max(sums.target_scatter - float(slopes @ sums.cross[at]), PERFECT * sums.target_scatter)
        return n * math.log(rss / n) + 2.0 * k + 2.0 * k * (k + 1.0) / (n - k - 1.0)

    return judge


def solver(matrix: FloatArray) -> Callable[[Places, FloatArray], FloatArray | None]:
    """Solves submatrix · x = right for the columns at some places; None if it is nearly singular.

    right has a row for each of these places, and may have several columns.
    """
    diagonal = np.diagonal(matrix)
    scale = np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
    scaled = matrix / scale[:, None] / scale

    def solve(at: Places, right: FloatArray) -> FloatArray | None:
        part, unit = scaled[at[:, None], at], scale[at] if right.ndim == 1 else scale[at, None]
        factor, solved, info = lapack.dposv(part.T, right / unit, lower=1, overwrite_a=1)
        if info or factor.diagonal().min() ** 2 < NEARLY_DEPENDENT:
            return None
        found: FloatArray = solved / unit
        return found

    return solve
