"""Which subsets to try next, given how the ones before did: the strategies, as coroutines.

A strategy yields subsets and is sent their gains (more is better, -inf for one that cannot be fitted). It
knows nothing of models: what subsets are of, and how they are scored, is elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from itertools import combinations, islice
from typing import Final, TypeAlias

import numpy as np

from federation.models import ModelError
from federation.selection.options import DEFAULT_DRAWS, DEFAULT_ROUNDS, MOST_BRUTE, Options

Subset: TypeAlias = tuple[int, ...]
"""Positions of inputs, ascending."""

Strategy: TypeAlias = Generator[Sequence[Subset], Sequence[float], None]

_BATCH: Final = 128
_FEW_DRAWS: Final = 16


def forward_backward(inputs: int, options: Options) -> Strategy:
    """Take in the attribute that helps most until none does, leave out those without which it is no worse,
    and begin again, until a round changes nothing."""
    chosen: Subset = ()
    best = -np.inf
    for _ in range(options.max_iterations or DEFAULT_ROUNDS):
        before = chosen
        while wider := [tuple(sorted((*chosen, i))) for i in range(inputs) if i not in chosen]:
            gains = yield wider
            at = int(np.argmax(gains))
            if not gains[at] > best + options.delta:
                break
            chosen, best = wider[at], gains[at]
        while len(chosen) > 1:
            narrower = [chosen[:i] + chosen[i + 1 :] for i in range(len(chosen))]
            gains = yield narrower
            at = int(np.argmax(gains))
            if gains[at] < best:
                break
            chosen, best = narrower[at], gains[at]
        if chosen == before:
            break


def simple(inputs: int, options: Options) -> Strategy:
    """One pass: each attribute alone, then in the order of how they did, keeping those that help."""
    gains = yield [(i,) for i in range(inputs)]
    order = np.argsort(-np.asarray(gains), kind="stable").tolist()
    chosen: Subset = (order[0],)
    best = gains[order[0]]
    for i in order[1:]:
        wider = tuple(sorted((*chosen, i)))
        (gain,) = yield [wider]
        if gain > best + options.delta:
            chosen, best = wider, gain


def brute_force(inputs: int, options: Options) -> Strategy:
    """All subsets, small ones first; raises `ModelError` for more attributes than can be gone through."""
    if inputs > MOST_BRUTE:
        raise ModelError(
            f"{inputs} attributes have {2**inputs - 1:,} subsets",
            f"brute force takes at most {MOST_BRUTE}; name fewer, or use the selector fw_bw",
        )
    subsets = (subset for size in range(1, inputs + 1) for subset in combinations(range(inputs), size))
    yield from _batched(subsets)


def drawn(inputs: int, options: Options) -> Strategy:
    """Random subsets: half drawn anew, of any size, half the best one so far with some members exchanged."""
    rng = np.random.default_rng(options.seed)
    left = options.max_iterations or (DEFAULT_DRAWS if options.max_seconds is None else 2**62)
    best, best_gain = np.zeros(inputs, dtype=np.bool_), -np.inf
    while left > 0:
        batch = []
        for number in range(min(left, _FEW_DRAWS)):
            member = best.copy()
            if number % 2 or not np.isfinite(best_gain):
                member[:] = False
                member[rng.permutation(inputs)[: rng.integers(1, inputs + 1)]] = True
            else:
                flipped = rng.permutation(inputs)[: rng.integers(1, min(3, inputs) + 1)]
                member[flipped] ^= True
            batch.append(tuple(np.flatnonzero(member if member.any() else ~member).tolist()))
        left -= len(batch)
        gains = yield batch
        at = int(np.argmax(gains))
        if gains[at] > best_gain:
            best_gain = gains[at]
            best[:] = False
            best[list(batch[at])] = True


STRATEGIES: Final[Mapping[str, Callable[[int, Options], Strategy]]] = {
    "fw_bw": forward_backward,
    "simple": simple,
    "brute": brute_force,
    "iteration": drawn,
}


def expected(inputs: int, options: Options) -> int:
    """About how many subsets a search will try; for progress, not a bound."""
    match options.selector:
        case "fw_bw":
            return inputs * (inputs + 1) // 2
        case "simple":
            return 2 * inputs - 1
        case "brute":
            return int(2 ** min(inputs, MOST_BRUTE) - 1)
    return options.max_iterations or DEFAULT_DRAWS


def _batched(subsets: Iterator[Subset]) -> Iterator[list[Subset]]:
    while batch := list(islice(subsets, _BATCH)):
        yield batch
