"""Refusals on their way to a client, before a dialect has given them its own form.

A handler raises a `Problem` (or lets a `NodeError` through); the dialect of the request writes it down.
"""

from __future__ import annotations

from pydantic import ValidationError

from node.errors import AlreadyExists, BadRequest, Forbidden, InUse, NodeError, NotFound, Unavailable
from node.file_store import QuotaExceeded

MOST_DETAILS = 5
"""How many of a body's mistakes an answer names."""


class Problem(Exception):  # noqa: N818 - it is on its way to become an answer
    """A request that is refused: HTTP status, a stable code, what is wrong, what to do about it."""

    def __init__(self, status: int, code: str, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.remedy = remedy


_STATUS: dict[type[NodeError], int] = {
    BadRequest: 400,
    Forbidden: 403,
    NotFound: 404,
    AlreadyExists: 409,
    InUse: 409,
    Unavailable: 503,
    QuotaExceeded: 507,  # a status that no client tries again
}


def of_node(error: NodeError) -> Problem:
    """A node's refusal with its HTTP status: 400, 403, 404, 409, 503 or 507."""
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)
    return Problem(status, error.code, error.message, error.remedy)


def bad_request(message: str, remedy: str = "") -> Problem:
    return Problem(400, "bad_request", message, remedy)


def too_large(limit: int) -> Problem:
    return Problem(
        413,
        "too_large",
        f"The request body is larger than the {limit:,} bytes that this call takes.",
        "Send fewer rows at a time, or learn a file by its path as a job.",
    )


def internal(incident: str) -> Problem:
    """Something unforeseen; the log has it under `incident`, the client learns no more."""
    return Problem(
        500,
        "internal",
        f"The node met an unforeseen error. It is in the node's log as incident {incident}.",
        "Give the incident's id to the node's operator.",
    )


def of_validation(error: ValidationError, where: str) -> Problem:
    """The first few mistakes of a body or query, each named by its place. Never repeats what was sent."""
    mistakes = error.errors(include_url=False, include_context=False, include_input=False)
    told = [f"{'.'.join(map(str, item['loc'])) or where}: {item['msg']}" for item in mistakes[:MOST_DETAILS]]
    more = f" (and {len(mistakes) - MOST_DETAILS} more)" if len(mistakes) > MOST_DETAILS else ""
    return bad_request(
        f"The {where} is not as it should be: {'; '.join(told)}{more}.", "See /docs for this call."
    )
