"""Exact arrays against Python integers, and their rounding against rationals."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.statistics import DoubleDouble, ExactArray, MomentsFormatError
from federation.statistics.double_double import divide

EDGES = [
    0,
    1,
    -1,
    2**31,
    -(2**31),
    2**32,
    2**53 + 1,
    -(2**53) - 1,
    2**63,
    2**127,
    -(2**127),
    2**127 - 1,
    2**1030,
]
INTEGERS = st.integers(-(2**70), 2**70) | st.integers(-(2**2100), 2**2100) | st.sampled_from(EDGES)
VECTORS = st.lists(INTEGERS, max_size=6)


def nearest(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


@given(st.lists(st.tuples(INTEGERS, INTEGERS), max_size=6))
def test_arithmetic_is_that_of_python_integers(pairs: list[tuple[int, int]]) -> None:
    left, right = [a for a, _ in pairs], [b for _, b in pairs]
    x, y = ExactArray.from_ints(left), ExactArray.from_ints(right)
    assert (x + y).to_ints().tolist() == [a + b for a, b in pairs]
    assert (x - y).to_ints().tolist() == [a - b for a, b in pairs]
    assert (x * y).to_ints().tolist() == [a * b for a, b in pairs]
    assert (-x).to_ints().tolist() == [-a for a in left]
    assert x.sum().item() == sum(left)
    assert x.outer(y).to_ints().tolist() == [[a * b for b in right] for a in left]
    assert (x == y) is (left == right)


@given(VECTORS)
def test_bytes_are_128_bit_limbs_and_read_back(values: list[int]) -> None:
    array = ExactArray.from_ints(values)
    data = array.to_bytes()
    width = array.width
    assert data == b"".join(value.to_bytes(16 * width, "little", signed=True) for value in values)
    assert ExactArray.from_bytes(data, (len(values),), width) == array


def test_bytes_of_another_size_are_refused_before_anything_is_allocated() -> None:
    with pytest.raises(MomentsFormatError, match="announced"):
        ExactArray.from_bytes(b"", (10**15,), 1)
    with pytest.raises(MomentsFormatError, match="128 bits"):
        ExactArray.from_bytes(b"", (0,), 1000)


@given(VECTORS)
def test_rounding_to_a_float_is_to_the_nearest(values: list[int]) -> None:
    assert ExactArray.from_ints(values).to_float().tolist() == [nearest(Fraction(value)) for value in values]


@given(st.integers(54, 3000), st.integers(0, 1), st.sampled_from([-1, 0, 1]))
def test_ties_and_what_lies_just_beside_them_round_correctly(bits: int, odd: int, beside: int) -> None:
    value = ((2**53 + 2 * 1 + odd) << bits) + (1 << (bits - 1)) + beside
    value >>= max(0, value.bit_length() - 1020)
    assert ExactArray.from_ints([value]).to_float()[0] == float(value)
    assert ExactArray.from_ints([-value]).to_float()[0] == -float(value)


@given(INTEGERS, st.integers(1000, 1300))
def test_a_double_double_leaves_out_less_than_its_106th_bit(value: int, twos: int) -> None:
    result = ExactArray.from_ints([value]).to_double_double(twos)
    exact = Fraction(value) / 2**twos
    if abs(exact) > 2**1023 or abs(exact) < Fraction(1, 2**900):
        return
    hi, lo = Fraction(float(result.hi[0])), Fraction(float(result.lo[0]))
    assert float(exact) == hi
    assert abs(exact - hi - lo) <= abs(exact) / 2**105


@given(st.integers(-(2**150), 2**150), st.integers(1, 2**150))
def test_division_keeps_a_hundred_bits(a: int, b: int) -> None:
    x, y = (ExactArray.from_ints([value]).to_double_double() for value in (a, b))
    result = divide(x, y)
    exact = Fraction(a, b)
    error = abs(exact - Fraction(float(result.hi[0])) - Fraction(float(result.lo[0])))
    assert error <= abs(exact) / 2**100


def test_dividing_by_zero_is_not_a_number() -> None:
    one, zero = (DoubleDouble(np.array([v]), np.zeros(1)) for v in (1.0, 0.0))
    assert np.isnan(divide(one, zero).hi[0])


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(0, 200)), min_size=1, max_size=8))
def test_shifted_parts_add_up(parts: list[tuple[int, int]]) -> None:
    array = ExactArray.from_shifted([(np.array([value], dtype=np.int64), shift) for value, shift in parts])
    assert array.item() == sum(value << shift for value, shift in parts)


@given(st.lists(st.tuples(INTEGERS, st.integers(0, 3)), max_size=8))
def test_groups_add_up(members: list[tuple[int, int]]) -> None:
    array = ExactArray.from_ints(value for value, _ in members)
    groups = np.array([group for _, group in members], dtype=np.intp)
    expected = [sum(value for value, group in members if group == k) for k in range(4)]
    assert array.accumulate(groups, 4).to_ints().tolist() == expected
