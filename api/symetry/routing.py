"""How a row of SymetryML's route tables is written."""

from __future__ import annotations

from typing import Any, Final

from api.routes import Access, CallHandler, Route

_ROOT: Final = "/symetry/rest/{cid}"
PROJECT: Final = "/projects/{pid}"
JOB: Final = "Job Created: Location and sym-job-id name it."


def call(
    method: str,
    path: str,
    handler: CallHandler,
    access: Access,
    summary: str,
    answers: dict[int, Any],
    **more: Any,
) -> Route:
    """One call below a customer's root."""
    return Route(method, _ROOT + path, handler, summary, "symetry", access, answers=answers, **more)
