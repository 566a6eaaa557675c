"""How data become the learnuplets of an algorithm: pure, without a store.

The learnuplets of an algorithm are a chain by rank. Each trains on one batch; the first starts from the
algorithm as it was given, each later one from the best model that there is when its turn comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Batch:
    """The data of one learnuplet, its rank, and the model that it starts from; None: it waits for one."""

    rank: int
    data: tuple[str, ...]
    model_start: str | None


def planned(data: Sequence[str], size: int, first_rank: int, start: str | None) -> list[Batch]:
    """Batches of `size` items (the last may have fewer), ranked from `first_rank`.

    start: what the first batch begins with, or None if the chain is still at work before it.
    """
    return [
        Batch(first_rank + i, tuple(data[at : at + size]), None if i else start)
        for i, at in enumerate(range(0, len(data), size))
    ]
