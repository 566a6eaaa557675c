"""How long a bucket of a histogram is, so that a series has no more points than were asked for.

A series with fewer points than `samples` keeps them all; another is averaged over buckets of
ceil((max - min + 1) / samples), which begin at whole multiples of that length. Series whose lengths are
within a tenth of each other share the longer one, so that curves drawn together have the same points. Pure.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import TypeVar

K = TypeVar("K", bound=Hashable)

ALIKE = 1.1


@dataclass(frozen=True, slots=True)
class Extent:
    """A series along an axis: how many points, and from where to where (iterations or unix ms)."""

    count: int
    low: int
    high: int


def interval(extent: Extent, samples: int) -> int:
    """The length of a series' buckets, 1 if it keeps all its points; `samples` 0 asks for all of them."""
    if samples <= 0 or extent.count < samples:
        return 1
    return max(1, -(-(extent.high - extent.low + 1) // samples))


def intervals(extents: Iterable[tuple[K, Extent]], samples: int) -> dict[K, int]:
    """The length of every series' buckets, shared by those that are alike."""
    lengths = sorted(((interval(extent, samples), key) for key, extent in extents), key=lambda item: item[0])
    shared: dict[K, int] = {}
    group: list[K] = []
    shortest = longest = 0
    for length, key in lengths:
        if group and (shortest == 1 or length > ALIKE * shortest):
            shared |= dict.fromkeys(group, longest)
            group = []
        if not group:
            shortest = length
        group.append(key)
        longest = length
    return shared | dict.fromkeys(group, longest)
