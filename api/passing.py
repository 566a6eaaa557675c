"""What is noted about a request on its way through: for the access log, and to give back what it held."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final


@dataclass(slots=True)
class Passing:
    """`user` once it is authenticated; `held`: bytes of its body; `route` where the path's is too general;
    `limit`: when it has to be answered."""

    user: str = "-"
    held: int = 0
    route: str = ""
    limit: asyncio.Timeout | None = None


PASSING: Final[ContextVar[Passing]] = ContextVar("passing")
