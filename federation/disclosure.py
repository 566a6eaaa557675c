"""What may leave a node: the charter's disclosure policy, checked before a contribution is released.

The statistics of a handful of rows, with as many attributes, *are* those rows; so is the difference between
two releases that are a handful of rows apart. Hence the rule after SymetryML: at least attributes + margin
rows, and at least as many between a release and the one before it. Forgetting is a change like learning. Two
different statistics of equally many rows are a change of unknown size, and held back too.

Not covered: several releases taken together (100 rows, 120, then 101).
"""

from dataclasses import dataclass

from federation.statistics import Schema

DEFAULT_MARGIN = 5


@dataclass(frozen=True, slots=True)
class Release:
    """What this node last released of a project."""

    version: int
    rows: int
    moments_digest: bytes


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
    if 0 < offered.rows < needed:
        return Shortfall("rows of a release", offered.rows, needed)
    if last is None or last.moments_digest == offered.moments_digest:
        return None
    changed = abs(offered.rows - last.rows)
    if changed < needed and offered.rows + last.rows > 0:
        return Shortfall("rows changed since the last release", changed, needed)
    return None
