"""The 11 linear-regression problems of NIST's Statistical Reference Datasets."""

from __future__ import annotations

import math
from types import ModuleType

import pytest

NAMES = (
    *("Norris", "Pontius", "NoInt1", "NoInt2", "Filip", "Longley"),
    *("Wampler1", "Wampler2", "Wampler3", "Wampler4", "Wampler5"),
)
# What the certified values themselves allow: they have 15 significant digits, and the data of Filip are
# powers of x rounded to float64, of which even an exact fit keeps no more.
LEAST = dict.fromkeys(NAMES, 14.0) | {"Filip": 7.5}


@pytest.mark.parametrize("name", NAMES)
def test_fixtures_reproduce_the_certified_values_in_rational_arithmetic(nist: ModuleType, name: str) -> None:
    problem = nist.load(name)
    digits = nist.exact_digits(problem, rounded=False)
    assert digits.coef >= 14.0
    assert digits.std_error >= 14.0


@pytest.mark.parametrize("name", NAMES)
def test_a_gram_gives_at_least_as_many_digits_as_pooled_rows(nist: ModuleType, name: str) -> None:
    found = nist.measure(name)
    ours = found["suffice"]
    print(f"\n{name}: " + ", ".join(f"{k} {v.coef:.1f}/{v.std_error:.1f}" for k, v in found.items()))
    assert ours.coef >= min(found["lstsq"].coef, 14.0)
    assert ours.std_error >= min(found["lstsq"].std_error, 14.0)
    # Where QR passes the exact fit of the same float64 columns, its rounding errors happened to help.
    assert ours.coef >= min(found["qr"].coef, found["exact"].coef, 14.0)
    assert ours.std_error >= min(found["qr"].std_error, found["exact"].std_error, 14.0)
    assert ours.coef >= LEAST[name]
    assert ours.std_error >= LEAST[name]


@pytest.mark.parametrize("name", NAMES)
def test_residual_deviation_and_r2_are_the_certified_ones(nist: ModuleType, name: str) -> None:
    problem = nist.load(name)
    model = nist.ours(problem)
    least = 7.0 if name == "Filip" else 13.5
    assert nist.correct_digits(model.sigma, problem.sigma) >= least
    assert nist.correct_digits(model.r2, problem.r2) >= least


@pytest.mark.parametrize("name", ["Wampler1", "Wampler2"])
def test_a_perfect_fit_has_no_tests(nist: ModuleType, name: str) -> None:
    model = nist.ours(nist.load(name))
    assert model.sigma == 0.0
    assert set(model.std_error) == {0.0}
    assert model.t is None and model.p is None and model.f is None and model.f_p is None
    assert model.ci_low == model.coef == model.ci_high


def test_digits_are_counted_as_log_relative_error(nist: ModuleType) -> None:
    assert nist.correct_digits(1.0, "1.0") == 15.0
    assert math.isclose(nist.correct_digits(1.001, "1"), 3.0, rel_tol=1e-9)
    assert nist.correct_digits(5.0, "1") == 0.0
    assert math.isclose(nist.correct_digits(1e-4, "0"), 4.0, rel_tol=1e-9)
