"""Requests that wait: they are answered when the node stops, not cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from aiohttp import web

from api.app_keys import STOPPING

T = TypeVar("T")


async def unless_stopping(app: web.Application, waiting: Coroutine[Any, Any, T]) -> T | None:
    """What is waited for; None if the node stops before."""
    task = asyncio.ensure_future(waiting)
    stopping = asyncio.ensure_future(app[STOPPING].wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()
        stopping.cancel()
