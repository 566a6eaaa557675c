"""Everything that is counted of some rows of one schema: the two strata, and the extras that it asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from federation.statistics.profile import Profile
from federation.statistics.schema import Extra
from federation.statistics.squares import SquaredProducts
from federation.statistics.stratum import Index, Levelled, Stratum


@dataclass(frozen=True, slots=True)
class Counts:
    """The rows in which nothing is missing, the others, and of all of them the profile and the squared
    products; None where nothing is counted.
    """

    complete: Stratum | None = None
    partial: Stratum | None = None
    profile: Profile | None = None
    squares: SquaredProducts | None = None

    @property
    def strata(self) -> tuple[Stratum | None, Stratum | None]:
        """Complete and partial stratum."""
        return self.complete, self.partial

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(stratum.rows for stratum in self.strata if stratum is not None)

    def is_zero(self) -> bool:
        """Whether nothing is counted."""
        return all(part is None for part in self.parts)

    def canonical(self) -> Counts:
        """The same, None where nothing is counted."""
        return self._map(lambda part: part)

    def add(self, other: Counts, sign: int = 1) -> Counts:
        """The sum (or difference) with counts of the same attributes, in canonical form."""
        return Counts(
            *(_sum(mine, theirs, sign) for mine, theirs in zip(self.parts, other.parts, strict=True))
        )

    def negate(self) -> Counts:
        """The inverse under addition."""
        return self._map(lambda part: part.negate())

    def scale(self, factors: list[int]) -> Counts:
        """Every numeric attribute in units finer by its factor."""
        return self._map(lambda part: part.scale(factors))

    def reduced(self, extras: frozenset[Extra]) -> Counts:
        """The same rows with only these extras."""
        return replace(
            self,
            profile=self.profile if Extra.PROFILES in extras else None,
            squares=self.squares if Extra.CONDITIONALS in extras else None,
        )

    def select(self, numeric: Index, levelled: Levelled) -> Counts:
        """Only these numeric attributes (ascending positions), categories and texts."""
        return self._map(
            lambda part: part.select(numeric, levelled) if isinstance(part, Stratum) else part.select(numeric)
        )

    def spread(self, numeric: Index, width: int, levelled: Levelled) -> Counts:
        """The same rows among more attributes, missing there: attribute i becomes numeric[i] of `width`."""
        wide = self._map(
            lambda part: (
                part.spread(numeric, width, levelled)
                if isinstance(part, Stratum)
                else part.spread(numeric, width)
            )
        )
        return replace(wide, complete=None, partial=_sum(wide.complete, wide.partial, 1))

    @property
    def parts(self) -> tuple[Any, ...]:
        """All of it, in order of the fields."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def _map(self, change: Callable[[Any], Any]) -> Counts:
        return Counts(*(None if part is None else _canonical(change(part)) for part in self.parts))


def _sum(mine: Any, theirs: Any, sign: int) -> Any:
    if theirs is None:
        return mine
    if mine is None:
        return theirs if sign > 0 else theirs.negate()
    return _canonical(mine.add(theirs, sign))


def _canonical(part: Any) -> Any:
    return None if part.is_zero() else part
