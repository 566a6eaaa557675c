"""Regression on a power of one column, chosen from powers that were learned beside it.

The transform is Yeo and Johnson's ("A new family of power transformations to improve normality or symmetry",
2000): ((x + 1)^λ - 1)/λ for x ≥ 0, or ln(x + 1) if λ = 0; -((1 - x)^(2-λ) - 1)/(2 - λ) for x < 0, or
-ln(1 - x) if λ = 2. It is monotone, and the identity for λ = 1. As sums of x do not tell those of its powers,
rows are learned with further attributes `pt_<column>^<λ>`, which `expand` makes, and `pt_<column>^ln`, the
sum of whose values sign(x) ln(1 + |x|) makes the likelihoods of powers of a target comparable.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.models.algorithm import MISSING, Algorithm
from federation.models.design import Design, InputColumn, check_names, design
from federation.models.errors import ModelError, listed
from federation.models.linear import regress
from federation.models.linear_algebra import DEPENDENT, solver
from federation.models.penalty_grid import aicc
from federation.models.prediction import linear_prediction, numbers, require_columns
from federation.models.record import to_record
from federation.models.wide_arithmetic import add, negate, pick, product, slice_rows
from federation.statistics import DoubleDouble, Missing, Moments, Schema, Table

FloatArray = NDArray[np.float64]

PREFIX: Final = "pt_"
SIGN: Final = "^"
LOGARITHM: Final = "ln"


@dataclass(frozen=True, slots=True)
class PowerModel:
    """A least squares regression in which `power_column`, an input or the target, stands in the power λ.

    powers are those that were compared and aicc_vec their AICc, of which `power` has the lowest. What else is
    told (see `linear.LinearModel`) is that of the chosen regression, on the scale of a powered target, and as
    if the power had been known.
    """

    algorithm: str
    target: str
    power_column: str
    power: float
    powers: tuple[float, ...]
    aicc_vec: tuple[float, ...]
    terms: tuple[str, ...]
    coef: tuple[float, ...]
    std_error: tuple[float, ...] | None
    t: tuple[float, ...] | None
    p: tuple[float, ...] | None
    r2: float
    sigma: float | None
    rows: int
    df: int | None
    missing: str
    reference_levels: Mapping[str, str]
    means: Mapping[str, float]
    columns: tuple[InputColumn, ...]

    def predict(self, table: Table) -> dict[str, FloatArray]:
        """{"res": predicted target of each row}, from the column itself, not its powers.

        A powered target's prediction is the median of the target given the inputs, NaN where no value has the
        power that the regression predicts. Missing values and errors: `prediction.weighted_sum`.
        """
        if self.power_column == self.target:
            return {"res": inverse_yeo_johnson(linear_prediction(self, table), self.power)}
        require_columns([self.power_column], table)
        powered = yeo_johnson(numbers(self.power_column, table), self.power)
        name = power_name(self.power_column, self.power)
        return {"res": linear_prediction(self, Table({**table.columns, name: powered}))}

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `models.from_dict`."""
        return to_record(self)


def yeo_johnson(values: FloatArray, power: float) -> FloatArray:
    """The transform with λ = `power`, elementwise; NaN stays NaN, what exceeds float64 is infinite."""
    size = np.log1p(np.abs(values))
    exponent = exponents(values, power)
    divisor = np.where(exponent == 0.0, 1.0, exponent)
    with np.errstate(over="ignore"):  # infinite, as is said
        grown = np.where(exponent == 0.0, size, np.expm1(exponent * size) / divisor)
    return np.copysign(grown, values)


def exponents(values: FloatArray, power: float) -> FloatArray:
    """The power of each value, 0 for what float64 cannot tell from it: the digits of 1e-320 are few."""
    found = np.where(values < 0.0, 2.0 - power, power)
    return np.where(np.abs(found) < 1e-200, 0.0, found)


def inverse_yeo_johnson(values: FloatArray, power: float) -> FloatArray:
    """What `yeo_johnson` with λ = `power` takes to these values; NaN where nothing is."""
    size = np.abs(values)
    exponent = exponents(values, power)
    divisor = np.where(exponent == 0.0, 1.0, exponent)
    taken = np.where(exponent * size > -1.0, exponent * size, np.nan)
    with np.errstate(over="ignore"):
        found = np.expm1(np.where(exponent == 0.0, size, np.log1p(taken) / divisor))
    return np.where(np.isfinite(found), np.copysign(found, values), np.nan)


def powers_between(minimum: float, maximum: float, steps: int) -> tuple[float, ...]:
    """`steps` powers from `minimum` to `maximum`, evenly; raises `ModelError` if there are none such."""
    if not (-10.0 <= minimum <= maximum <= 10.0 and 1 <= steps <= 1000):
        raise ModelError(
            f"{steps} powers from {minimum:g} to {maximum:g}",
            "they must ascend between -10 and 10, in 1 to 1000 steps",
        )
    return tuple(np.round(np.linspace(minimum, maximum, steps), 12).tolist())


def power_name(column: str, power: float) -> str:
    """The attribute that holds a power of a column."""
    return f"{PREFIX}{column}{SIGN}{power + 0.0:g}"


def expand(table: Table, column: str, powers: Sequence[float]) -> Table:
    """The table with the powers of a column, and its signed logarithm, as further columns, to be learned.

    Raises `ModelError` if the table lacks the column, if it holds text or infinite values, if two powers have
    one name (they agree in six digits), and if a power exceeds the range of float64.
    """
    require_columns([column], table)
    values = numbers(column, table)
    names = [power_name(column, power) for power in powers]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ModelError(f"two powers make {listed(twice)}", "they must differ in their first six digits")
    further = {}
    for name, power in zip(names, powers, strict=True):
        further[name] = yeo_johnson(values, float(f"{power:g}"))
        if np.any(np.isinf(further[name])):
            raise ModelError(
                f"{name!r} exceeds the range of float64",
                f"use a larger unit for {column!r}, or smaller powers",
            )
    further[_logarithm_name(column)] = np.copysign(np.log1p(np.abs(values)), values)
    return Table({**table.columns, **further})


def powers_learned(schema: Schema) -> dict[str, dict[float, str]]:
    """The columns that have powers in a schema: for each, the powers and the attributes that hold them."""
    by_column: dict[str, dict[float, str]] = {}
    for name in schema.names:
        column, power = _parts(name)
        if power is not None:
            by_column.setdefault(column, {})[power] = name
    return by_column


def fit_power(
    moments: Moments, target: str, inputs: Sequence[str], *, missing: Missing = "listwise"
) -> PowerModel:
    """Regress `target` on `inputs` (as in `design.design`), one of which, or the target, has learned powers.

    The power has the lowest AICc; powers of a target are compared as densities of the target itself. Raises
    `ModelError` if none or several of the columns have powers, if a power is named in their place, and what
    `linear.fit_linear` refuses.
    """
    column, learned = _powered(moments.schema, target, inputs)
    check_names(moments.schema, target, inputs)
    others = [name for name in inputs if name != column]
    last = _logarithm_name(target) if column == target else target
    sums = design(moments, None, [*others, *learned.values(), last], missing)
    start = len(sums.columns) - len(learned) - 1
    scores = _scores(sums, start, list(learned), of_target=column == target)
    best = min(scores, key=scores.__getitem__, default=min(learned))
    chosen = start + list(learned).index(best)
    left_out = moments.rows - sums.rows if missing == "listwise" else 0
    if column == target:
        sums = sums.regrouped(range(start), chosen)
    else:
        earlier = set(inputs[: inputs.index(column)])
        place = sum(1 for one in sums.columns[:start] if earlier & {one.term, one.attribute})
        sums = sums.regrouped([*range(place), chosen, *range(place, start)], -1)
    model = regress(sums, learned[best] if column == target else target, missing=missing, others=left_out)
    if not scores:
        raise ModelError(
            f"{model.rows} rows are too few to choose a power with {len(model.columns)} inputs",
            "learn more rows, or leave inputs out",
        )
    return PowerModel(
        algorithm="powerreg",
        target=target,
        power_column=column,
        power=best,
        powers=tuple(scores),
        aicc_vec=tuple(scores.values()),
        terms=model.terms,
        coef=model.coef,
        std_error=model.std_error,
        t=model.t,
        p=model.p,
        r2=model.r2,
        sigma=model.sigma,
        rows=model.rows,
        df=model.df,
        missing=missing,
        reference_levels=model.reference_levels,
        means=model.means,
        columns=model.columns,
    )


def _scores(sums: Design, start: int, powers: Sequence[float], *, of_target: bool) -> dict[float, float]:
    """AICc of the regression with each power, except for those that the other inputs leave nothing of.

    From `start` on the columns are the powers, and last the target, or the logarithm of a powered one. The
    other inputs are the same for all powers, and so is the system that takes out what they explain.
    """
    squares = np.diagonal(sums.scatter.hi)
    if not np.all(squares[:start] > 0.0):
        return {}  # which the regression itself will refuse
    total, left = squares[start:], _unexplained(sums, start)
    scores = {}
    for at, power in enumerate(powers):
        if not left[at, at] > DEPENDENT * total[at] or not total[-1] > 0.0:
            continue
        if of_target:
            score = aicc(left[at, at] / total[at], total[at], sums.rows, start, True)
            # ln of the derivative of the transform is (λ - 1) sign(y) ln(1 + |y|).
            score -= 2.0 * (power - 1.0) * sums.rows * float(sums.means.hi[-1])
        else:
            unexplained = left[-1, -1] - left[at, -1] ** 2 / left[at, at]
            score = aicc(unexplained / total[-1], total[-1], sums.rows, start + 1, True)
        if math.isfinite(score):
            scores[power] = score
    return scores


def _unexplained(sums: Design, start: int) -> FloatArray:
    """Sums of products of the columns from `start` on that regression on those before leaves."""
    rest = pick(sums.scatter, slice(start, None), slice(start, None))
    if not start:
        return rest.hi
    right = pick(sums.scatter, slice(None, start), slice(start, None))
    system = solver(pick(sums.scatter, slice(None, start), slice(None, start)), sums.terms[:start])
    turned = DoubleDouble(right.hi.T, right.lo.T)
    return add(rest, negate(product(slice_rows(turned), system.solve(right)))).hi


def _powered(schema: Schema, target: str, inputs: Sequence[str]) -> tuple[str, dict[float, str]]:
    """The column that has powers, and the names of these, ascending."""
    by_column = powers_learned(schema)
    named = [name for name in (*inputs, target) if _parts(name)[0] in by_column and name in schema]
    if named:
        raise ModelError(
            f"{listed(named)} hold powers",
            f"name {_parts(named[0])[0]!r} itself, and the best power is chosen",
        )
    found = [name for name in (*inputs, target) if name in by_column]
    if len(found) != 1:
        has = f"{listed(found)} have" if found else "no input, nor the target, has"
        learned = f"powers were learned of {listed(sorted(by_column))}" if by_column else "none were learned"
        raise ModelError(
            f"{has} powers, where one column must ({learned})",
            "choose such a column, or learn a project with powers of one",
        )
    return found[0], dict(sorted(by_column[found[0]].items()))


def _parts(name: str) -> tuple[str, float | None]:
    """The column and the power that an attribute's name says; the power is None if it says none."""
    column, sign, power = name.removeprefix(PREFIX).rpartition(SIGN)
    if not sign or not name.startswith(PREFIX):
        return "", None
    try:
        return column, float(power)
    except ValueError:
        return column, None


def _logarithm_name(column: str) -> str:
    return f"{PREFIX}{column}{SIGN}{LOGARITHM}"


def _powerreg(moments: Moments, target: str, inputs: Sequence[str], /, **options: Any) -> PowerModel:
    return fit_power(moments, target, inputs, **options)


ALGORITHMS: Final = (
    Algorithm(
        "powerreg",
        "linear regression with the best power (Yeo-Johnson) of one column, learned in several",
        _powerreg,
        PowerModel,
        (MISSING,),
    ),
)
