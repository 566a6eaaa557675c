"""A quantum finds the decimals in a column, reads and writes itself, and rounds the same everywhere."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.statistics import Quantum, SchemaError, common

QUANTA = st.builds(Quantum, st.integers(-1024, 1200), st.integers(0, 22))
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([88.5, 88.2, 90.4], "0.1"),
        ([234289.0, 259426.0], "1"),
        ([0.001, 12.0], "0.001"),
        ([0.1 + 0.2], "2^-41"),  # not the float nearest to a short decimal
        ([], "1"),
        ([np.nan, np.inf], "1"),
        ([0.0, -0.0], "1"),
        ([2.0**53 - 1], "1"),
        ([1e308], "2^984"),
        ([1e-308, 5e-324], "2^-1063"),
    ],
)
def test_the_unit_of_a_column_is_decimal_where_its_values_are(values: list[float], expected: str) -> None:
    assert str(Quantum.infer(np.array(values))) == expected


@given(st.lists(st.decimals(-(10**6), 10**6, places=3), min_size=1))
def test_decimals_are_counted_exactly(values: list[object]) -> None:
    floats = np.array([float(value) for value in values])  # type: ignore[arg-type]
    quantum = Quantum.infer(floats)
    integers = quantum.to_integers(floats)
    assert [float(int(i) * quantum.value) for i in integers] == floats.tolist()


@given(st.lists(FINITE, min_size=1), st.integers(10, 80))
def test_a_power_of_two_keeps_the_precision_asked_for(values: list[float], precision: int) -> None:
    quantum = Quantum.infer(np.array(values), precision)
    if quantum.fives == 0 and quantum.twos not in (0, 1200):
        largest = max(abs(value) for value in values)
        assert Fraction(2) ** (precision - 1) <= Fraction(largest) / quantum.value < Fraction(2) ** precision


@given(QUANTA, FINITE)
def test_rounding_is_one_multiplication_then_half_to_even(quantum: Quantum, value: float) -> None:
    exact = Fraction(value) / quantum.value
    try:
        expected = float(round(Fraction(float(exact))))
    except OverflowError:
        expected = float("inf") if value > 0 else float("-inf")
    assert float(quantum.to_integers(np.array([value]))[0]) == expected


def test_missing_values_stay_missing() -> None:
    assert np.isnan(Quantum.decimal(1).to_integers(np.array([np.nan])))[0]


@given(QUANTA)
def test_the_text_of_a_quantum_reads_back(quantum: Quantum) -> None:
    assert Quantum.parse(str(quantum)) == quantum


@pytest.mark.parametrize(
    ("text", "quantum"),
    [
        ("0.25", Quantum(2)),
        ("1", Quantum(0)),
        ("8", Quantum(-3)),
        ("2^-3*5^-1", Quantum(3, 1)),
        ("2^4", Quantum(-4)),
    ],
)
def test_a_quantum_is_read_from_text(text: str, quantum: Quantum) -> None:
    assert Quantum.parse(text) == quantum


@pytest.mark.parametrize("text", ["", "0", "-1", "0.3", "3", "2^", "2^-9999", "5^-23", "1e3", "7^-1", "10"])
def test_what_is_no_quantum_is_refused(text: str) -> None:
    with pytest.raises(SchemaError, match="quantum"):
        Quantum.parse(text)


@given(QUANTA, QUANTA)
def test_two_units_meet_at_their_common_refinement(a: Quantum, b: Quantum) -> None:
    finer = common(a, b)
    assert common(b, a) == finer
    for quantum in (a, b):
        assert quantum.factor_to(finer) * finer.value == quantum.value


def test_a_unit_does_not_turn_into_a_coarser_one() -> None:
    with pytest.raises(SchemaError, match="not a whole multiple"):
        Quantum(3).factor_to(Quantum(2))
