"""What a node's services refuse, and why. Each HTTP dialect translates these into its own form."""

# ruff: noqa: N818 (the names say what happened; "Error" would add nothing)

from __future__ import annotations


class NodeError(Exception):
    """A request that was refused. `message` names the thing and the place, `remedy` what to do about it."""

    code = "error"

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class BadRequest(NodeError):
    """The request cannot be carried out as it stands (a wrong column, a model that cannot be fitted)."""

    code = "bad_request"


class Forbidden(NodeError):
    """The caller's role does not allow this."""

    code = "forbidden"


class NotFound(NodeError):
    """There is no such thing."""

    code = "not_found"


class AlreadyExists(NodeError):
    """The name is taken."""

    code = "already_exists"


class InUse(NodeError):
    """Something else needs it."""

    code = "in_use"


class Unavailable(NodeError):
    """It would be possible at another time: a quorum is missing, the broker is away, the node is stopping."""

    code = "unavailable"
