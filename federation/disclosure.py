"""What may leave a node: the charter's disclosure policy, checked before a contribution is released.

The statistics of a handful of rows, with as many attributes, *are* those rows; so is the difference between
two releases that are a handful of rows apart. Hence the rule after SymetryML: at least attributes + margin
rows, and at least as many between a release and the one before it. Forgetting is a change like learning. Two
different statistics of equally many rows are a change of unknown size, and held back too. Where statistics
are split by a category's levels, each level is a release of its own and the rule holds for each.

Not covered: several releases taken together (100 rows, 120, then 101).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from federation.statistics import Moments, Schema

DEFAULT_MARGIN = 5


Part = tuple[int, bytes]
"""Rows, and a digest that is equal for equal statistics."""

_NOTHING: Part = (0, b"")


@dataclass(frozen=True, slots=True)
class Release:
    """What this node last released of a project: all of it, and each level's part if it is split."""

    version: int
    rows: int
    moments_digest: bytes
    parts: Mapping[str, Part]


def parts_of(moments: Moments) -> dict[str, Part]:
    """The parts of split statistics by level, with the rows that have no level under "" ; else none."""
    if moments.schema.split is None:
        return {}
    levels = {level: part for level, part in moments.parts().items() if part.rows}
    parts = {level: (part.rows, bytes.fromhex(part.digest())) for level, part in levels.items()}
    others = moments.rows - sum(rows for rows, _ in parts.values())
    return parts | ({"": (others, b"")} if others else {})


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Why a release is held back: the rule, the rows at hand and the rows it takes."""

    rule: str
    rows: int
    needed: int


def shortfall(schema: Schema, offered: Release, last: Release | None, margin: int | None) -> Shortfall | None:
    """What keeps `offered` from being released after `last`; None if nothing does or the policy is off.

    An empty contribution (0 rows) says nothing about any row, unless it takes back a few.
    """
    if margin is None:
        return None
    needed = sum(attribute.counted for attribute in schema.attributes) + margin
    former = None if last is None else (last.rows, last.moments_digest)
    short = _shortfall((offered.rows, offered.moments_digest), former, needed)
    if short is not None:
        return short
    before = {} if last is None else last.parts
    for level in sorted({*offered.parts, *before}):
        former = None if last is None else before.get(level, _NOTHING)
        short = _shortfall(offered.parts.get(level, _NOTHING), former, needed)
        if short is not None:
            where = f"with {schema.split!r} {level!r}" if level else f"without {schema.split!r}"
            return Shortfall(f"{short.rule}, of those {where}", short.rows, short.needed)
    return None


def _shortfall(offered: Part, last: Part | None, needed: int) -> Shortfall | None:
    rows, digest = offered
    if 0 < rows < needed:
        return Shortfall("rows of a release", rows, needed)
    if last is None or last[1] == digest:
        return None
    changed = abs(rows - last[0])
    if changed < needed and rows + last[0] > 0:
        return Shortfall("rows changed since the last release", changed, needed)
    return None
