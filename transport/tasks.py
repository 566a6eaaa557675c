"""Ending tasks that may not hear of it the first time."""

import asyncio
from collections.abc import Collection
from typing import Any

_AGAIN = 0.5  # seconds until a task that goes on is cancelled once more


async def end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel these tasks and return when all have ended; how they ended is theirs to tell.

    A cancellation can be lost: nats-py drops one that comes while it writes, and before Python 3.12
    `asyncio.wait_for` drops one that comes together with what it waits for. So it is repeated.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN)
    await asyncio.gather(*tasks, return_exceptions=True)  # so that none is reported as never retrieved
