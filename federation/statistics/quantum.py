"""The unit in which a numeric column is counted: 2**-twos · 5**-fives, and how values become multiples of it.

Every decimal and every binary fraction is such a unit, and any two have a common refinement, so a statistic
counted in one unit turns exactly into the other by an integer factor.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federation.statistics.errors import SchemaError

FloatArray = NDArray[np.float64]

MAX_FIVES: Final = 22  # 5**22 is the largest power of five that a float64 holds exactly
MAX_TWOS: Final = 1200  # below the smallest subnormal, 2**-1074, with room for precision
MIN_TWOS: Final = -1024
MAX_PRECISION: Final = 200
_LARGEST_DECIMAL: Final = 2.0**53  # beyond it a float64 cannot tell a decimal from its neighbours
_SAMPLE: Final = 1024
_TERM = re.compile(r"([25])(?:\^(-?\d{1,5}))?")
_DECIMAL = re.compile(r"(\d{1,30})(?:\.(\d{1,30}))?")


@dataclass(frozen=True, slots=True, order=True)
class Quantum:
    """The unit 2**-twos · 5**-fives; raises `SchemaError` outside -1024 <= twos <= 1200, 0 <= fives <= 22."""

    twos: int
    fives: int = 0

    def __post_init__(self) -> None:
        if not (MIN_TWOS <= self.twos <= MAX_TWOS and 0 <= self.fives <= MAX_FIVES):
            raise SchemaError(
                f"quantum 2^-({self.twos})·5^-({self.fives}) is out of range: "
                f"{MIN_TWOS} <= twos <= {MAX_TWOS} and 0 <= fives <= {MAX_FIVES}"
            )

    @classmethod
    def decimal(cls, places: int) -> Quantum:
        """10**-places, 0 <= places <= 22."""
        return cls(places, places)

    @classmethod
    def parse(cls, text: str) -> Quantum:
        """Read "0.1", "1", "2^-20" or "2^-3*5^-1"; raises `SchemaError` for anything else."""
        stripped = text.replace(" ", "")
        decimal = _DECIMAL.fullmatch(stripped)
        if decimal:
            return cls._of_fraction(Fraction(stripped), text)
        twos = fives = 0
        for part in stripped.split("*"):
            term = _TERM.fullmatch(part)
            if term is None:
                raise SchemaError(f"quantum {text!r} is neither a decimal nor of the form 2^-20 or 2^-3*5^-1")
            power = int(term[2]) if term[2] is not None else 1
            if term[1] == "2":
                twos -= power
            else:
                fives -= power
        return cls(twos, fives)

    @classmethod
    def _of_fraction(cls, value: Fraction, text: str) -> Quantum:
        if value <= 0:
            raise SchemaError(f"quantum {text!r} must be greater than zero")
        exponents = []
        numerator, denominator = value.numerator, value.denominator
        for base in (2, 5):
            exponent = 0
            while denominator % base == 0:
                denominator //= base
                exponent += 1
            while numerator % base == 0:
                numerator //= base
                exponent -= 1
            exponents.append(exponent)
        if numerator != 1 or denominator != 1:
            raise SchemaError(
                f"quantum {text!r} is not a product of powers of two and five, such as 0.1 or 2^-20"
            )
        return cls(*exponents)

    @classmethod
    def infer(cls, values: FloatArray, precision: int = 40) -> Quantum:
        """The unit for a column: 10**-k where every finite value is a whole number of them, else a power of
        two.

        The power of two keeps `precision` significant bits below the largest magnitude. Values that are
        not finite are passed over; a column without finite values counts in ones.
        """
        if not 1 <= precision <= MAX_PRECISION:
            raise SchemaError(f"precision {precision} is out of range: 1 to {MAX_PRECISION} bits")
        finite = values[np.isfinite(values)]
        if finite.size == 0:
            return cls(0, 0)
        magnitude = float(np.abs(finite).max())
        if magnitude == 0.0:
            return cls(0, 0)
        for places in range(MAX_FIVES + 1):
            if magnitude * 10.0**places > _LARGEST_DECIMAL:
                break
            if _is_decimal(finite[:_SAMPLE], places) and _is_decimal(finite, places):
                return cls.decimal(places)
        exponent = int(np.frexp(magnitude)[1])
        return cls(min(max(precision - exponent, MIN_TWOS), MAX_TWOS), 0)

    @property
    def value(self) -> Fraction:
        """The unit as an exact rational."""
        return Fraction(1 << max(-self.twos, 0), (1 << max(self.twos, 0)) * 5**self.fives)

    def common(self, other: Quantum) -> Quantum:
        """The coarsest unit that both are whole multiples of."""
        return Quantum(max(self.twos, other.twos), max(self.fives, other.fives))

    def factor_to(self, finer: Quantum) -> int:
        """How many `finer` units make one of this; raises `SchemaError` if that is not a whole number."""
        if finer.twos < self.twos or finer.fives < self.fives:
            raise SchemaError(
                f"quantum {self} is not a whole multiple of {finer}; use their common refinement"
            )
        return int(2 ** (finer.twos - self.twos) * 5 ** (finer.fives - self.fives))

    @property
    def multiplier(self) -> float | None:
        """2**twos · 5**fives where a float64 holds it, else None: then `to_integers` takes two steps."""
        if -1000 <= self.twos <= 960:  # 5**22 < 2**52: the product stays a normal number
            return float(np.ldexp(5.0**self.fives, self.twos))
        return None

    def to_integers(self, values: FloatArray) -> FloatArray:
        """values / quantum, rounded half to even: one correctly rounded multiplication, then rint.

        The result has the shape of `values`; a missing value (NaN) stays NaN and what exceeds a float64
        becomes infinite.
        """
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            multiplier = self.multiplier
            if multiplier is not None:
                scaled = values * multiplier
            else:
                # The significand alone is multiplied, so that neither step can round twice.
                significand, exponent = np.frexp(values)
                scaled = np.ldexp(significand * 5.0**self.fives, exponent + self.twos)
            return np.rint(scaled)

    def __str__(self) -> str:
        if self.twos == self.fives:
            return f"0.{'0' * (self.twos - 1)}1" if self.twos else "1"
        return f"2^{-self.twos}" + (f"*5^{-self.fives}" if self.fives else "")


def common(a: Quantum, b: Quantum) -> Quantum:
    """The coarsest unit that both `a` and `b` are whole multiples of."""
    return a.common(b)


def _is_decimal(finite: FloatArray, places: int) -> bool:
    """Whether each value is the float64 nearest to a whole number of 10**-places."""
    power = 10.0**places
    return bool(np.array_equal(np.rint(finite * power) / power, finite))
