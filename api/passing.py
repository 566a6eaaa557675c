"""What is noted about a request on its way through: for the access log, and to give back what it held."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final


@dataclass(slots=True)
class Passing:
    """What became known of a request.

    `user` once it is authenticated; `held`: bytes of its body; `route` where the path's is too general;
    `limit`: when its time is up.
    """

    user: str = "-"
    held: int = 0
    route: str = ""
    limit: asyncio.Timeout | None = None

    def unhurried(self) -> None:
        """From here on it takes as long as it takes: its answer is sent as it comes."""
        if self.limit is not None:
            self.limit.reschedule(None)


PASSING: Final[ContextVar[Passing]] = ContextVar("passing")
