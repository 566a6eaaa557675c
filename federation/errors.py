"""The errors of the federation protocol, and the reasons for which a message is refused.

Two kinds, as in h11: *we* misused the protocol (`LocalProtocolError`, raised to the caller), or *a peer* did
(`RemoteProtocolError`, which never leaves `Federation.receive`: there it becomes a `Refused` fact).
"""

from collections.abc import Sequence
from enum import StrEnum


class RefusalReason(StrEnum):
    """Why a message, a join request or an invitation was refused."""

    BROKEN_FRAME = "broken frame"
    OVERSIZE = "oversize"
    UNKNOWN_SLOT = "unknown slot"
    WRONG_SLOT = "wrong slot"
    WRONG_FEDERATION = "wrong federation"
    UNKNOWN_SENDER = "unknown sender"
    STALE_EPOCH = "stale epoch"
    REPLAYED = "replayed sequence"
    BAD_SIGNATURE = "bad signature"
    UNREADABLE = "not sealed for this epoch and sender"
    WRONG_SCHEMA = "wrong schema"
    UNKNOWN_PROJECT = "unknown project"
    CHARTER_FORK = "fork of the charter"
    TOO_MANY_WAITING = "too many messages wait for a charter"
    ALTERED = "altered invitation"
    PASSWORD_NEEDED = "password needed"  # noqa: S105 - a reason, not a secret
    WRONG_PASSWORD = "wrong password"  # noqa: S105 - a reason, not a secret
    EXPIRED = "expired invitation"
    UNKNOWN_INVITATION = "unknown invitation"
    ALREADY_USED = "invitation already used"
    BAD_PROOF = "bad proof of the invitation's secret"
    NAME_TAKEN = "member name taken"
    FULL = "federation full"
    DECLINED = "declined by the admin"
    NOT_A_MEMBER = "not a member"


class ProtocolError(ValueError):
    """Anything that goes wrong in the federation protocol."""


class LocalProtocolError(ProtocolError):
    """This node asked for something that the protocol does not allow; nothing was changed."""


class InvitationError(LocalProtocolError):
    """The pasted invitation cannot be used; `reason` says why."""

    def __init__(self, reason: RefusalReason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason


class FusionError(ProtocolError):
    """The contributions of a project do not add up to an answer."""


class QuorumError(FusionError):
    """Fewer contributions than the charter's quorum; `missing` holds the names of the members without one."""

    def __init__(self, project: str, needed: int, present: int, missing: Sequence[str]) -> None:
        super().__init__(
            f"project {project!r}: {present} contribution(s), the quorum is {needed}; "
            f"missing: {', '.join(missing)}. Wait for them, expel them, or ask for a smaller quorum"
        )
        self.project = project
        self.needed = needed
        self.present = present
        self.missing = tuple(missing)


class RemoteProtocolError(ProtocolError):
    """A peer sent something that the protocol does not allow. `Federation.receive` reports it as
    `Refused`."""

    def __init__(self, reason: RefusalReason, detail: str, sender: str | None = None) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
        self.sender = sender
