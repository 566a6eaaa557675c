"""Linear proximal support vector machines for two classes and for regression, from sums alone.

With E = [A | -e], A the inputs of all rows and e ones, the machine for classes minimises

    ν/2 ‖e - D(Aω - eγ)‖² + ½ (ω·ω + γ²),

D holding +1 for rows with target 1 and -1 for those with 0: the planes x·ω - γ = ±1 each lie amid their class
and as far apart as can be. So (I/ν + EᵀE)(ω, γ) = EᵀDe, whose entries are sums, and a row is of class 1 if
x·ω ≥ γ. Fung and Mangasarian, "Proximal support vector machine classifiers" (2001). For regression the target
y takes the place of De: ν/2 ‖y - (Aω - eγ)‖² + ½ (ω·ω + γ²). As γ is penalised and the inputs are not
standardised, both depend on where the inputs' zero and unit are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.models.algorithm import MISSING, Algorithm, Parameter, number
from federation.models.classes import target_of
from federation.models.design import (
    Design,
    InputColumn,
    about_zero,
    design,
    require_common_rows,
    require_varying,
)
from federation.models.errors import ModelError
from federation.models.linear import INTERCEPT
from federation.models.linear_algebra import solver
from federation.models.prediction import linear_prediction
from federation.models.record import to_record
from federation.models.standardised import require_varying_target
from federation.models.wide_arithmetic import add, negate, pick, times, wide
from federation.statistics import DoubleDouble, Missing, Moments, Table

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SvmModel:
    """A fitted machine; algorithm is "lsvm" (classes 0 and 1) or "lsvr" (regression).

    nu, gamma and omegas are ν, γ and ω in the order of columns; coef are -γ, as the intercept, and ω.
    """

    algorithm: str
    target: str
    terms: tuple[str, ...]
    coef: tuple[float, ...]
    nu: float
    gamma: float
    omegas: Mapping[str, float]
    rows: int
    missing: str
    reference_levels: Mapping[str, str]
    means: Mapping[str, float]
    columns: tuple[InputColumn, ...]

    def predict(self, table: Table) -> dict[str, FloatArray]:
        """Regression: {"res": x·ω - γ}; classes: {"res": 1 where it is 0 or more, else 0, "resZ": x·ω - γ}.

        Missing values and errors: `prediction.weighted_sum`.
        """
        score = linear_prediction(self, table)
        if self.algorithm == "lsvr":
            return {"res": score}
        return {"res": (score >= 0.0).astype(np.float64), "resZ": score}

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `models.from_dict`."""
        return to_record(self)


def fit_svm(
    moments: Moments, target: str, inputs: Sequence[str], *, nu: float = 1.0, missing: Missing = "listwise"
) -> SvmModel:
    """Tell rows with target 1 from those with 0; the target is binary, or one indicator `category$level`.

    Inputs are as in `design.design`. Raises `ModelError` for a target of another kind or of one class,
    constant columns, `nu` not above 0, "pairwise" sums, and everything that `design.design` refuses.
    """
    _check_options(nu, missing)
    if not target_of(moments, target, inputs).numeric:
        raise ModelError(
            f"target {target!r} is a category, and lsvm tells two classes apart",
            f"choose one of its levels, as in {moments.schema.indicator(target, 'level')!r}, or use mlda",
        )
    sums = design(moments, target, inputs, missing)
    n = wide(np.array(float(sums.rows)))
    ones = times(n, sums.target_mean)
    if not sums.target_scatter.hi > 0.0:
        raise ModelError(
            f"target {target!r} has one class only in the {sums.rows} rows used "
            f"({float(ones.hi):g} of them are 1)",
            "learn rows of the other class",
        )
    _, cross, _ = about_zero(sums)
    # Σ x d and Σ d with d = 2t - 1
    products = add(add(cross, cross), negate(times(n, sums.means)))
    total = add(add(ones, ones), negate(n))
    return _machine("lsvm", target, sums, products, total, nu, missing)


def fit_svr(
    moments: Moments, target: str, inputs: Sequence[str], *, nu: float = 1.0, missing: Missing = "listwise"
) -> SvmModel:
    """Regress `target` on `inputs` (as in `design.design`).

    Raises `ModelError` for constant columns, a constant target, `nu` not above 0, "pairwise" sums, and
    everything that `design.design` refuses.
    """
    _check_options(nu, missing)
    sums = design(moments, target, inputs, missing)
    require_varying_target(sums, target)
    _, cross, _ = about_zero(sums)
    total = times(wide(np.array(float(sums.rows))), sums.target_mean)
    return _machine("lsvr", target, sums, cross, total, nu, missing)


def _machine(
    algorithm: str,
    target: str,
    sums: Design,
    products: DoubleDouble,
    total: DoubleDouble,
    nu: float,
    missing: str,
) -> SvmModel:
    """Solve the system, whose right side is (products, -total)."""
    require_varying(sums)
    scatter, _, _ = about_zero(sums)
    n = wide(np.array(float(sums.rows)))
    border = negate(times(n, sums.means))
    matrix = DoubleDouble(
        *(
            np.block([[inner, edge[:, None]], [edge[None, :], corner]])
            for inner, edge, corner in zip(scatter, border, n, strict=True)
        )
    )
    matrix = add(matrix, wide(np.eye(len(matrix.hi)) / nu))
    right = DoubleDouble(
        *(np.append(inner, -last)[:, None] for inner, last in zip(products, total, strict=True))
    )
    solution = pick(solver(matrix, [*sums.terms, INTERCEPT]).solve(right), slice(None), 0).hi.tolist()
    omegas, gamma = solution[:-1], solution[-1]
    return SvmModel(
        algorithm=algorithm,
        target=target,
        terms=(INTERCEPT, *sums.terms),
        coef=(-gamma, *omegas),
        nu=nu,
        gamma=gamma,
        omegas=dict(zip(sums.terms, omegas, strict=True)),
        rows=sums.rows,
        missing=missing,
        reference_levels=sums.reference_levels,
        means={column.term: column.mean for column in sums.columns},
        columns=sums.columns,
    )


def _check_options(nu: float, missing: str) -> None:
    if not 0.0 < nu < np.inf:
        raise ModelError(f"sml_model_svm_nu is {nu!r}", "it must be a finite number above 0")
    require_common_rows(missing)


def _lsvm(moments: Moments, target: str, inputs: Sequence[str], /, **options: Any) -> SvmModel:
    return fit_svm(moments, target, inputs, **_renamed(options))


def _lsvr(moments: Moments, target: str, inputs: Sequence[str], /, **options: Any) -> SvmModel:
    return fit_svr(moments, target, inputs, **_renamed(options))


def _renamed(options: dict[str, Any]) -> dict[str, Any]:
    return {"nu" if name == "sml_model_svm_nu" else name: value for name, value in options.items()}


_PARAMETERS: Final = (
    MISSING,
    Parameter("sml_model_svm_nu", number, "the weight of the errors against the penalty, above 0 (1)"),
)

ALGORITHMS: Final = (
    Algorithm("lsvm", "linear proximal support vector machine for two classes", _lsvm, SvmModel, _PARAMETERS),
    Algorithm("lsvr", "linear proximal support vector regression", _lsvr, SvmModel, _PARAMETERS),
)
