"""Double-double products and solutions, against rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.models import ModelError
from federation.models import linear_algebra as la
from federation.models import wide_arithmetic as wa
from federation.statistics import DoubleDouble

SEEDS = st.integers(0, 2**32 - 1)


def exact(a: DoubleDouble) -> Any:
    """The rational values as an object array."""
    return np.vectorize(Fraction, otypes=[object])(a.hi) + np.vectorize(Fraction, otypes=[object])(a.lo)


def near(a: Any) -> DoubleDouble:
    """Rational values to the nearest double-double."""
    hi = a.astype(np.float64)
    return DoubleDouble(hi, (a - np.vectorize(Fraction, otypes=[object])(hi)).astype(np.float64))


def random_wide(rng: np.random.Generator, *shape: int) -> DoubleDouble:
    """Values of widely different magnitudes with all of their 106 bits in use."""
    hi = rng.normal(size=shape) * 2.0 ** rng.integers(-40, 40, shape)
    return DoubleDouble(hi, hi * rng.uniform(-1, 1, shape) * 2.0**-54)


@settings(max_examples=50, deadline=None)
@given(SEEDS)
def test_elementwise_arithmetic_keeps_a_hundred_bits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = random_wide(rng, 20), random_wide(rng, 20)
    for ours, theirs in ((wa.add(a, b), exact(a) + exact(b)), (wa.times(a, b), exact(a) * exact(b))):
        assert all(abs(exact(ours) - theirs) <= abs(theirs) * Fraction(1, 2**100))


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 40))
def test_dot_cancels_to_the_bits_of_its_largest_term(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = random_wide(rng, n), random_wide(rng, n)
    terms = exact(a) * exact(b)
    error = abs(exact(wa.dot(a, b)) - terms.sum())
    assert error <= sum(abs(terms)) * Fraction(1, 2**96)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 30), st.integers(1, 5))
def test_matrix_products_keep_a_hundred_bits(seed: int, n: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = random_wide(rng, 6, n), random_wide(rng, n, k)
    ours, theirs = exact(wa.product(wa.slice_rows(a), b)), exact(a) @ exact(b)
    bound = np.outer(abs(a.hi).max(axis=1), abs(b.hi).max(axis=0)) * n * 2.0**-99
    assert (abs(ours - theirs).astype(np.float64) <= bound).all()


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 30), st.integers(1, 5))
def test_products_with_floats_keep_seventy_bits(seed: int, n: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = random_wide(rng, 6, n), random_wide(rng, n, k).hi
    ours, theirs = exact(wa.product_with_float(a, b)), exact(a) @ exact(wa.wide(b))
    bound = np.outer(abs(a.hi).max(axis=1), abs(b).max(axis=0)) * n * 2.0**-70
    assert (abs(ours - theirs).astype(np.float64) <= bound).all()


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 12), st.floats(0.0, 16.0))
def test_solutions_are_right_to_the_last_bit(seed: int, p: int, hardness: float) -> None:
    """Condition numbers up to 1e16 and columns of any scale; the second path takes over on the way."""
    rng = np.random.default_rng(seed)
    orthogonal, _ = np.linalg.qr(rng.normal(size=(p, p)))
    matrix = orthogonal * np.logspace(0, -hardness / 2, p)
    scales = 2.0 ** rng.integers(-30, 30, p).astype(float)
    rows = np.vectorize(Fraction, otypes=[object])((matrix * scales[:, None]).T)
    gram = rows.T @ rows
    b = np.vectorize(Fraction, otypes=[object])(rng.normal(size=(p, 1)) / scales[:, None])
    solver = la.solver(near(gram), [f"x{i}" for i in range(p)])
    x = solver.solve(near(gram @ b))
    np.testing.assert_allclose(x.hi, b.astype(np.float64), rtol=1e-12)
    inverse = np.linalg.inv((matrix * scales[:, None]).T)
    if hardness < 8:
        np.testing.assert_allclose(solver.diagonal(), np.sum(inverse**2, axis=1), rtol=1e-9)


def test_both_paths_find_the_same_inverse() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(60, 20))
    matrix = wa.wide(x.T @ x)
    names = [f"x{i}" for i in range(20)]
    quick = la._newton_inverse(matrix)
    assert quick is not None
    thorough = la._swept_inverse(matrix, names)
    np.testing.assert_allclose(quick.hi, thorough.hi, rtol=1e-13, atol=1e-16)


def test_a_singular_matrix_never_passes_the_quick_path() -> None:
    x = np.random.default_rng(5).integers(-9, 9, (30, 6)).astype(float)
    x[:, 5] = x[:, 0] - 2 * x[:, 3]
    matrix = x.T @ x
    assert la._newton_inverse(wa.wide(matrix)) is None
    with pytest.raises(ModelError, match="'f' is a linear combination of 'a', 'd'"):
        la.solver(wa.wide(matrix), list("abcdef"))
