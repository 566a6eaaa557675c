"""How many threads learning may use, and keeping BLAS from using them a second time.

Blocks are learned side by side, one thread each: that also spreads the filling and splitting of blocks,
which BLAS threads would leave to one core. While this goes on BLAS itself is held to one thread in the
whole process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

_busy: list[object] = []
_limits: list[Any] = []


@contextmanager
def threads(wanted: int) -> Iterator[int]:
    """The number of threads to use, at most `wanted`, with BLAS held to one thread each meanwhile.

    Learning in several threads at once shares the hold: the last one out releases it. No lock guards this:
    what a race can cost is speed, never a result.
    """
    count = min(wanted, _cores())
    if count < 2:
        yield 1
        return
    token = object()
    _busy.append(token)
    if not _limits:
        _limits.append(_controller().limit(limits=1, user_api="blas"))
    try:
        yield count
    finally:
        _busy.remove(token)
        if not _busy:
            while _limits:
                _limits.pop().restore_original_limits()


@cache
def _controller() -> Any:
    return ThreadpoolController()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
