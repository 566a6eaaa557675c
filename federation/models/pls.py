"""Partial least squares regression of one target, from sums alone.

With the centred columns z (divided by their standard deviations if standardised), G = ZᵀZ and c₁ = Zᵀy, each
component k takes the direction r_k, c_k made G-orthogonal to those before it, scores t_k = z·r_k with
loadings p_k = G r_k/‖t_k‖², the coefficient γ_k = r_k·c_k/‖t_k‖², and leaves c_{k+1} = c_k - p_k γ_k ‖t_k‖².
Dayal and MacGregor, "Improved PLS algorithms" (1997), whose scores are those of NIPALS. Orthogonality is
restored twice, so that many components do not lose it to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.models.algorithm import MISSING, Algorithm, Parameter, flag, whole
from federation.models.design import InputColumn, design, require_varying
from federation.models.errors import ModelError
from federation.models.linear import INTERCEPT
from federation.models.prediction import predictions_by_size
from federation.models.record import to_record
from federation.models.standardised import require_varying_target
from federation.statistics import Missing, Moments, Table

FloatArray = NDArray[np.float64]

# Covariances with the target that are below this part of the first are rounding of float64 sums.
_VANISHING: Final = 1e-11


@dataclass(frozen=True, slots=True)
class PlsModel:
    """A fitted partial least squares regression with q components; coef are those of the last.

    rotations[k][j] is the weight of column j, centred and divided by scales[j], in component k; loadings[k]
    and component_coef[k] are p_k and γ_k. path[k - 1] are the intercept and the coefficients of the columns
    in real units with k components, path_r2 their R².
    """

    algorithm: str
    target: str
    terms: tuple[str, ...]
    coef: tuple[float, ...]
    q: int
    oneq: bool
    rotations: tuple[tuple[float, ...], ...]
    loadings: tuple[tuple[float, ...], ...]
    component_coef: tuple[float, ...]
    path: tuple[tuple[float, ...], ...]
    path_r2: tuple[float, ...]
    r2: float
    rows: int
    standardize: bool
    ddof: int
    missing: str
    scales: tuple[float, ...]
    reference_levels: Mapping[str, str]
    means: Mapping[str, float]
    target_mean: float
    columns: tuple[InputColumn, ...]

    def predict(self, table: Table) -> dict[str, FloatArray]:
        """{"res": predicted target with q components}, and {"1": …, …, "q": …} with so many; if oneq, "q".

        Missing values and errors: `prediction.weighted_sum`.
        """
        return predictions_by_size(self, [self.q] if self.oneq else range(1, self.q + 1), table)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `models.from_dict`."""
        return to_record(self)


def fit_pls(
    moments: Moments,
    target: str,
    inputs: Sequence[str],
    *,
    q: int = 2,
    oneq: bool = False,
    standardize: bool = True,
    ddof: int = 0,
    missing: Missing = "listwise",
) -> PlsModel:
    """Regress `target` on `q` components of `inputs` (as in `design.design`) that covary with it.

    Standard deviations divide by rows - `ddof`, which changes the scales told, not the predictions. `oneq`
    predicts with q components only, not also with fewer. Raises `ModelError` for constant columns, a constant
    target, more components than there are, and everything that `design.design` refuses.
    """
    sums = design(moments, target, inputs, missing)
    require_varying(sums)
    require_varying_target(sums, target)
    if not 1 <= q <= len(sums.columns):
        raise ModelError(f"q is {q}", f"choose from 1 to {len(sums.columns)}, the number of columns")
    if not 0 <= ddof < sums.rows:
        raise ModelError(
            f"ddof is {ddof}", f"it must lie between 0 and {sums.rows - 1}, one less than the rows"
        )
    diagonal = np.diagonal(sums.scatter.hi)
    scales = np.sqrt(diagonal / (sums.rows - ddof)) if standardize else np.ones(len(diagonal))
    gram = sums.scatter.hi / scales[:, None] / scales
    rotations, loadings, gamma, squares = _components(gram, sums.cross.hi / scales, q)
    path = np.cumsum(rotations * gamma[:, None], axis=0) / scales
    explained = np.cumsum(gamma**2 * squares) / float(sums.target_scatter.hi)
    coefs = tuple(sums.through_means(row) for row in path)
    return PlsModel(
        algorithm="plsq",
        target=target,
        terms=(INTERCEPT, *sums.terms),
        coef=coefs[-1],
        q=q,
        oneq=oneq,
        rotations=tuple(tuple(row) for row in rotations.tolist()),
        loadings=tuple(tuple(row) for row in loadings.tolist()),
        component_coef=tuple(gamma.tolist()),
        path=coefs,
        path_r2=tuple(explained.tolist()),
        r2=float(explained[-1]),
        rows=sums.rows,
        standardize=standardize,
        ddof=ddof,
        missing=missing,
        scales=tuple(scales.tolist()),
        reference_levels=sums.reference_levels,
        means={column.term: column.mean for column in sums.columns},
        target_mean=float(sums.target_mean.hi),
        columns=sums.columns,
    )


def _components(
    gram: FloatArray, cross: FloatArray, q: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Rotations (q, p), loadings (q, p), coefficients γ (q,) and sums of squares of the scores (q,)."""
    p = len(cross)
    rotations, loadings = np.zeros((q, p)), np.zeros((q, p))
    gamma, squares = np.zeros(q), np.zeros(q)
    first = float(np.linalg.norm(cross))
    for k in range(q):
        length = float(np.linalg.norm(cross))
        if not length > _VANISHING * first:
            if not k:
                raise ModelError(
                    "no input covaries with the target", "choose other inputs, or learn more rows"
                )
            raise ModelError(f"q is {q}, but {k} explain all that the inputs can", f"choose q from 1 to {k}")
        direction = cross / length
        for _ in range(2):
            direction = direction - (loadings[:k] @ direction) @ rotations[:k]
        square = float(direction @ gram @ direction)
        if not square > 0.0:
            raise ModelError(
                "pairwise covariances are not those of one table here", "use missing='listwise' or 'mean'"
            )
        rotations[k], squares[k] = direction, square
        loadings[k] = gram @ direction / square
        gamma[k] = direction @ cross / square
        cross = cross - loadings[k] * (gamma[k] * square)
    return rotations, loadings, gamma, squares


def _plsq(moments: Moments, target: str, inputs: Sequence[str], /, **options: Any) -> PlsModel:
    return fit_pls(moments, target, inputs, **options)


ALGORITHMS: Final = (
    Algorithm(
        "plsq",
        "partial least squares regression on components that covary with the target",
        _plsq,
        PlsModel,
        (
            MISSING,
            Parameter("q", whole, "how many components (2)"),
            Parameter("oneq", flag, "whether to predict with q components only, not also with fewer (false)"),
            Parameter("standardize", flag, "whether to divide columns by their standard deviations (true)"),
            Parameter("ddof", whole, "the scales' standard deviations divide by rows less this (0)"),
        ),
    ),
)
