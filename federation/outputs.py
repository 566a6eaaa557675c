"""What the state machine returns: what to send (`Put`), what to read again (`Reread`), and facts.

All are frozen. Facts are for the node's log, its store and its people; the machine itself never reads them
back.
"""

from dataclasses import dataclass, field

from federation.errors import RefusalReason
from federation.slot import Slot


@dataclass(frozen=True, slots=True)
class Put:
    """Make `payload` the latest value of `slot`, after snapshot and facts are on disk."""

    slot: Slot
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reread:
    """Read the latest value of these slots and give each to `receive` again; a slot without a value is
    skipped.

    It comes when a charter explains what arrived before it, and when a message mentions a charter not seen
    yet.
    """

    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class JoinRequested:
    """A node with a good invitation waits for `approve(request_id)` or `refuse(request_id)`."""

    request_id: str
    node_id: str
    name: str
    bus_key: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """This node is a member now."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """This node's join was refused; the machine is at its end."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class CharterAdopted:
    epoch: int
    members: int


@dataclass(frozen=True, slots=True)
class MemberJoined:
    node_id: str
    name: str
    bus_key: str


@dataclass(frozen=True, slots=True)
class MemberLeft:
    """A member (perhaps this node) is no longer in the roster: it left or was expelled."""

    node_id: str
    name: str


@dataclass(frozen=True, slots=True)
class ContributionReceived:
    """A peer's contribution is now this. Store `record` under (project, node_id): `restore` wants it back."""

    project: str
    node_id: str
    name: str
    version: int
    rows: int
    record: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ContributionReleased:
    """This node's own contribution is now this. Store `record` like a received one."""

    project: str
    node_id: str
    version: int
    rows: int
    record: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ContributionDropped:
    """The contribution stored under (project, node_id) is no longer part of anything: delete it."""

    project: str
    node_id: str


@dataclass(frozen=True, slots=True)
class Withheld:
    """This node's contribution was not released: the disclosure policy's `rule` needs more rows."""

    project: str
    version: int
    rule: str
    rows: int
    needed: int

    @property
    def detail(self) -> str:
        return (
            f"project {self.project!r} version {self.version} was not released: {self.rule}: {self.rows}, "
            f"the federation's disclosure policy needs {self.needed}"
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """A message was refused. `sender` is who it claims to be from, if it claims that."""

    slot: Slot
    sender: str | None
    reason: RefusalReason
    detail: str


Output = (
    Put
    | Reread
    | JoinRequested
    | Admitted
    | Rejected
    | CharterAdopted
    | MemberJoined
    | MemberLeft
    | ContributionReceived
    | ContributionReleased
    | ContributionDropped
    | Withheld
    | Refused
)
