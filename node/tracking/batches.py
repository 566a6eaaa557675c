"""The same done to many, each for itself: what succeeds is kept, what fails is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from node.errors import NodeError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """By id, in the order asked: what was answered, and why it was refused."""

    succeeded: dict[str, T]
    failed: dict[str, NodeError]


async def for_each(keys: Iterable[str], call: Callable[[str], Awaitable[T]]) -> Batch[T]:
    """Call for every id, once each; they share commits. Errors of our own are raised."""
    wanted = list(dict.fromkeys(keys))
    answers = await asyncio.gather(*(call(key) for key in wanted), return_exceptions=True)
    succeeded: dict[str, T] = {}
    failed: dict[str, NodeError] = {}
    for key, answer in zip(wanted, answers, strict=True):
        if isinstance(answer, NodeError):
            failed[key] = answer
        elif isinstance(answer, BaseException):
            raise answer
        else:
            succeeded[key] = answer
    return Batch(succeeded, failed)
