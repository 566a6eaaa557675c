"""The sums of a design in standard units, in which penalised regression is computed.

Columns and target are divided by their standard deviations (by their root mean squares where there is no
intercept), so that G is the correlation matrix whatever the units of the data; the penalty, which is meant
for coefficients in real units, is rescaled instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from federation.models.active_set import Quadratic
from federation.models.design import Design, about_zero, require_varying
from federation.models.errors import ModelError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Standardised:
    """G and c in standard units; a coefficient in real units is that in standard units times `unit` (p,).

    `spread` (p,) is what the penalty of each coefficient in real units is multiplied by: the column's
    standard deviation if the penalty is on coefficients of standardised columns, else 1.
    """

    quadratic: Quadratic
    unit: FloatArray
    spread: FloatArray
    target_scale: float
    rows: int

    def penalties(self, penalty: float, eta: float) -> tuple[FloatArray, FloatArray]:
        """α and β (p,) of λ Σ(η|b_j| + ½(1 - η) b_j²), the b_j times their `spread` in real units."""
        weight = self.spread * self.unit
        absolute = penalty * eta * weight / self.target_scale**2
        squared = penalty * (1.0 - eta) * (weight / self.target_scale) ** 2
        return absolute, squared

    def residual(self, coef: FloatArray) -> float:
        """RSS / TSS of coefficients in standard units."""
        gram, cross = self.quadratic.gram, self.quadratic.cross
        return float(1.0 - 2.0 * cross @ coef + coef @ gram @ coef)


def standardised(sums: Design, target: str, *, standardize: bool, intercept: bool) -> Standardised:
    """Standard units of a design; raises `ModelError` for constant columns and a constant target."""
    require_varying(sums)
    require_varying_target(sums, target)
    scatter, cross, total = sums.scatter, sums.cross, sums.target_scatter
    if not intercept:
        scatter, cross, total = about_zero(sums)
    deviations = np.sqrt(np.diagonal(sums.scatter.hi) / sums.rows)
    spread = deviations if standardize else np.ones(len(deviations))
    return in_standard_units(scatter.hi, cross.hi, float(total.hi), spread, sums.rows)


def in_standard_units(
    scatter: FloatArray, cross: FloatArray, total: float, spread: FloatArray, rows: int
) -> Standardised:
    """Standard units of sums of products (p, p), those with the target (p,) and its sum of squares."""
    root, target_root = np.sqrt(np.diagonal(scatter)), float(np.sqrt(total))
    gram = scatter / root[:, None] / root
    np.fill_diagonal(gram, 1.0)
    return Standardised(
        Quadratic(gram, cross / root / target_root),
        unit=target_root / root,
        spread=spread,
        target_scale=target_root / float(np.sqrt(rows)),
        rows=rows,
    )


def require_varying_target(sums: Design, target: str) -> None:
    """Raise `ModelError` if the target is constant."""
    if not sums.target_scatter.hi > 0.0:
        raise ModelError(
            f"target {target!r} is constant in the {sums.rows} rows used", "choose a target that varies"
        )
