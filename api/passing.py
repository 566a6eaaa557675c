"""What is noted about a request on its way through: for the access log, and to give back what it held."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final


@dataclass(slots=True)
class Passing:
    """`user` once it is authenticated; `held`: bytes of its body; `route` where the path's is too general."""

    user: str = "-"
    held: int = 0
    route: str = ""


PASSING: Final[ContextVar[Passing]] = ContextVar("passing")
