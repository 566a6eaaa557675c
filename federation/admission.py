"""The admin's book of invitations: which were made, who used them, who waits, and what each was answered.

Only the book is here; the roster and its epochs are `member`'s.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from federation.charter import MAX_MEMBERS, Charter
from federation.errors import LocalProtocolError, RefusalReason
from federation.identity import Identity
from federation.invitation import Invitation
from federation.joining import ANSWER_FIELDS, MAX_ANSWERS, Answer, JoinRequest, open_join, write_answers
from federation.wire import NUMBER, OPTIONAL_STR, Fields, fields_of

MAX_ENTRIES = 10_000
REMEMBERED = 30 * 86_400.0  # seconds after its expiry for which an invitation is answered by name


class Stage(StrEnum):
    """What became of an invitation."""

    OPEN = "open"
    PENDING = "pending"
    ADMITTED = "admitted"
    DECLINED = "declined"


_FIELDS: Fields = {
    "secret": bytes,
    "expires": NUMBER,
    "stage": str,
    "node_id": OPTIONAL_STR,
    "request": bytes,
    "answers": dict,
}


@dataclass(slots=True)
class Entry:
    """One invitation. The secret is kept to the end: only who proves it is told why it was refused."""

    secret: bytes = field(repr=False)
    expires: float
    stage: Stage = Stage.OPEN
    node_id: str | None = None
    pending: JoinRequest | None = None
    request: bytes = b""  # the pending request as it came, for the snapshot
    answers: dict[str, Answer] = field(default_factory=dict)

    def answer(self, request_id: str, answer: Answer) -> bool:
        """Notes an answer; False if this invitation has had its share of them."""
        if request_id not in self.answers and len(self.answers) >= MAX_ANSWERS:
            return False
        self.answers[request_id] = answer
        return True


class Admission:
    """Entries by invitation id."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}

    def issue(self, invitation: Invitation, now: float) -> None:
        """Writes a new invitation into the book. Raises `LocalProtocolError` if too many are remembered."""
        over = [key for key, entry in self.entries.items() if now > entry.expires + REMEMBERED]
        for key in over:
            del self.entries[key]
        if len(self.entries) >= MAX_ENTRIES:
            raise LocalProtocolError(
                f"{MAX_ENTRIES} invitations are remembered already; wait until some expire"
            )
        self.entries[invitation.id] = Entry(invitation.secret, invitation.expires)

    def pending(self) -> dict[str, JoinRequest]:
        """The requests that wait for a person, by request id."""
        return {
            entry.pending.id: entry.pending for entry in self.entries.values() if entry.pending is not None
        }

    def wait(self, request: JoinRequest, data: bytes) -> None:
        """Notes a request of the node to which the invitation belongs. One that it made before is void: a
        late copy of it must not undo the newer."""
        entry = self.entries[request.invitation]
        if entry.pending is not None:
            detail = "a newer request replaced this one"
            entry.answer(entry.pending.id, Answer(False, RefusalReason.ALREADY_USED.value, detail, 0))
        entry.stage, entry.node_id = Stage.PENDING, request.node_id
        entry.pending, entry.request = request, data

    def decide(self, request: JoinRequest, answer: Answer) -> None:
        entry = self.entries[request.invitation]
        entry.stage = Stage.ADMITTED if answer.accepted else Stage.DECLINED
        entry.node_id, entry.pending, entry.request = request.node_id, None, b""
        entry.answer(request.id, answer)

    def answers_of(self, admin: Identity, federation: str, invitation: str) -> bytes:
        return write_answers(admin, federation, invitation, self.entries[invitation].answers)

    def to_dict(self) -> dict[str, Any]:
        return {
            key: {
                "secret": entry.secret,
                "expires": entry.expires,
                "stage": entry.stage.value,
                "node_id": entry.node_id,
                "request": entry.request,
                "answers": {request: asdict(answer) for request, answer in entry.answers.items()},
            }
            for key, entry in self.entries.items()
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], admin: Identity, federation: str) -> "Admission":
        book = cls()
        for key, value in data.items():
            record = fields_of(value, "snapshot", _FIELDS)
            request = record["request"]
            book.entries[key] = Entry(
                record["secret"],
                record["expires"],
                Stage(record["stage"]),
                record["node_id"],
                open_join(admin, federation, key, request) if request else None,
                request,
                {
                    request_id: Answer(**fields_of(answer, "snapshot", ANSWER_FIELDS))
                    for request_id, answer in record["answers"].items()
                },
            )
        return book


def objection(
    entry: Entry, request: JoinRequest, charter: Charter, now: float
) -> tuple[RefusalReason, str] | None:
    """Why a proved request cannot be granted, or None. An invitation belongs to the first node that used
    it."""
    if entry.node_id is not None and entry.node_id != request.node_id:
        return RefusalReason.ALREADY_USED, "another node used this invitation; ask for a new one"
    if entry.stage is Stage.DECLINED:
        return RefusalReason.DECLINED, "the admin declined this request; ask for a new invitation"
    if entry.stage is Stage.ADMITTED and request.node_id not in charter.members:
        return RefusalReason.ALREADY_USED, "you joined with this invitation and left; ask for a new one"
    # A member that asks again has lost its state and is admitted anew (a new epoch: its sequence starts
    # again).
    if entry.stage is not Stage.PENDING and now >= entry.expires:
        return (
            RefusalReason.EXPIRED,
            f"the invitation expired {now - entry.expires:.0f} s ago; ask for a new one",
        )
    if request.node_id == charter.admin.node_id:
        return RefusalReason.ALREADY_USED, "this node is the federation's admin"
    if any(member.name == request.name and member.node_id != request.node_id for member in charter.roster):
        return (
            RefusalReason.NAME_TAKEN,
            f"a member is called {request.name!r} already; join with another name",
        )
    if request.node_id not in charter.members and len(charter.roster) >= MAX_MEMBERS:
        return RefusalReason.FULL, f"the federation has {MAX_MEMBERS} members"
    return None
