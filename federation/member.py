"""One node's view of one federation: the state machine that takes messages and returns messages and facts.

    outputs = federation.receive(slot, data, now)

It does no IO and never waits. What the caller (the node's driver) owes it:

1. One call at a time. After each call, in one transaction: store `snapshot()` in place of the last one, the
   `record`s of contributions under (project, node id), and each `Put` in an outbox. Only then send. If the
   process dies before the transaction, the call has not happened: nothing was sent, and the slot will be read
   again. If it dies after, the outbox sends; a `Put` sent twice does no harm. (Without that order a restarted
   node could seal two different messages under one sequence number.) A call that raises has changed nothing.
2. After `restore` and after a reconnect, read every slot; after `Reread`, those it names; and give the values
   to `receive`. Any value, any number of times, in any order: the outcome depends only on the latest of each
   slot.
3. A message from an epoch that this node has not reached is not kept: its slot is noted (at most
   `MAX_WAITING`) and asked for again (`Reread`) when the charter is there.

This file holds the beginning and the end of a membership and its snapshot. What every member does in between
is in `membership`, what the admin does beside that in `admin`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from federation.admin import Administration
from federation.admission import Admission
from federation.chain import CharterChain
from federation.charter import MAX_BUS_KEY, Approval, Charter, MemberRecord, Role
from federation.disclosure import DEFAULT_MARGIN, Release
from federation.errors import LocalProtocolError, RefusalReason, RemoteProtocolError
from federation.holdings import Holdings
from federation.identity import Identity
from federation.invitation import Invitation
from federation.joining import open_answer, request_id, write_join, write_leave
from federation.lifecycle import Event, State, after, listens
from federation.outputs import Output, Put, Rejected, Reread
from federation.sealed_box import Entropy
from federation.slot import (
    CHARTER,
    JOIN,
    LEAVE,
    STATISTICS,
    WELCOME,
    Slot,
    charter_slot,
    is_slot,
    join_slot,
    leave_slot,
    project_token,
)
from federation.status import ContributionStatus, FederationStatus, MemberStatus, RequestStatus
from federation.wire import Fields, decode, display_name_problem, encode, fields_of

FEDERATION_ID_BYTES = 16
SNAPSHOT_VERSION = 1
MAX_SNAPSHOT_BYTES = 2**30
RESTORE_GAP = 2**32
"""Messages that a node may have sealed since a backup that it is restored from."""


class Federation(Administration):
    """The whole machine. Made by `create`, `join` or `restore`; the module says how to drive it."""

    def __init__(self, identity: Identity, entropy: Entropy, chain: CharterChain, name: str) -> None:
        super().__init__(identity, entropy, chain, name)
        self._invitation_id = ""
        self._join_frame = b""  # our request, while we are JOINING
        self._leave_frame = b""  # our wish, while we are LEAVING

    def __repr__(self) -> str:
        return f"Federation({self.name!r}, {self.state.value}, epoch {self._chain.number})"

    # -- the beginning ---------------------------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        identity: Identity,
        name: str,
        member_name: str,
        *,
        approval: Approval = Approval.AUTOMATIC,
        quorum: int | None = None,
        min_rows_margin: int | None = DEFAULT_MARGIN,
        bus_key: str,
        now: float,
        entropy: Entropy,
    ) -> tuple["Federation", list[Output]]:
        """A new federation with this node as its admin and only member. Raises `LocalProtocolError`."""
        _check_name(name, "federation")
        _check_name(member_name, "member")
        _check_bus_key(bus_key)
        if quorum is not None and quorum < 1:
            raise LocalProtocolError(
                f"a quorum of {quorum} is no quorum; give at least 1, or None for all members"
            )
        if min_rows_margin is not None and min_rows_margin < 0:
            raise LocalProtocolError(
                f"min_rows_margin is {min_rows_margin}; give at least 0, or None for no rule"
            )
        federation = cls(
            identity, entropy, CharterChain(entropy(FEDERATION_ID_BYTES).hex(), identity.public, 0), name
        )
        first = Charter(
            federation=federation.id,
            name=name,
            number=0,  # `issue` counts
            previous=b"",
            issued=now,
            approval=approval,
            quorum=quorum,
            min_rows_margin=min_rows_margin,
            projects={},
            roster=(MemberRecord(identity.public, member_name, Role.ADMIN, bus_key, 1),),
        )
        return federation, federation._enact(first, now)

    @classmethod
    def join(
        cls,
        identity: Identity,
        invitation: Invitation,
        member_name: str,
        *,
        bus_key: str,
        now: float,
        entropy: Entropy,
    ) -> tuple["Federation", list[Output]]:
        """Asks to be admitted. Raises `InvitationError` (expired) or `LocalProtocolError` (names, own
        invitation)."""
        _check_name(member_name, "member")
        _check_bus_key(bus_key)
        invitation.check_expiry(now)
        if invitation.admin == identity.public:
            raise LocalProtocolError(f"this node is the admin of {invitation.name!r}; invite another node")
        chain = CharterChain(invitation.federation, invitation.admin, invitation.epoch)
        federation = cls(identity, entropy, chain, invitation.name)
        federation._invitation_id = invitation.id
        federation._join_frame = write_join(invitation, identity, member_name, bus_key, entropy)
        return federation, [Put(join_slot(invitation.id), federation._join_frame)]

    # -- messages --------------------------------------------------------------------------------------------

    def receive(self, slot: Slot, data: bytes, now: float) -> list[Output]:
        """Takes the value of a slot. Never raises for what a peer did: that is a `Refused` fact, and
        counted."""
        if not is_slot(slot):
            return [
                self._refuse(slot or ("",), None, RefusalReason.UNKNOWN_SLOT, f"{slot!r:.200} is not a slot")
            ]
        if not listens(self.state, self.is_admin, slot[0]):
            return []
        handlers = {
            CHARTER: self._on_charter,
            WELCOME: self._on_welcome,
            JOIN: self._on_join,
            LEAVE: self._on_leave,
            STATISTICS: self._on_statistics,
        }
        try:
            return handlers[slot[0]](slot, data, now)
        except RemoteProtocolError as error:
            return [self._refuse(slot, error.sender, error.reason, error.detail)]

    def _on_welcome(self, slot: Slot, data: bytes, now: float) -> list[Output]:
        if slot[1] != self._invitation_id:
            return []
        request = request_id(self._join_frame)
        answer = open_answer(self._chain.admin, self.id, self._invitation_id, request, data)
        if answer is None:
            return []
        if answer.accepted:
            return [Reread((charter_slot(answer.epoch),))]
        self.state = after(self.state, Event.REJECTED)
        self._join_frame = b""
        return [Rejected(answer.reason, answer.detail)]

    # -- the end ---------------------------------------------------------------------------------------------

    def leave(self, *, now: float) -> list[Output]:
        """Wishes to leave: the admin will make an epoch without this node. Wishing again changes nothing.

        Raises `LocalProtocolError` for the admin while others remain: nobody could admit or remove them any
        more.
        """
        if self.state is State.LEAVING:
            return []
        if self.is_admin and self.state is State.MEMBER:
            others = sorted(member.name for member in self.charter.roster if member.role is not Role.ADMIN)
            if others:
                raise LocalProtocolError(
                    f"the admin cannot leave {self.name!r} while others remain: expel {', '.join(others)}"
                )
            return self._end()
        self.state = after(self.state, Event.WISHED)
        me = self.identity.node_id
        self._leave_frame = write_leave(self.identity, self.id, self.charter.members[me].since)
        return [Put(leave_slot(me), self._leave_frame)]

    def republish(self, now: float) -> list[Output]:
        """All that this node has to say, again: for a bus that lost its memory, or a sync on request."""
        outputs: list[Output] = []
        if self.state is State.JOINING:
            outputs.append(Put(join_slot(self._invitation_id), self._join_frame))
        if self.state is State.LEAVING:
            outputs.append(Put(leave_slot(self.identity.node_id), self._leave_frame))
        if self.state in (State.MEMBER, State.LEAVING):
            if self.is_admin:
                outputs.append(Put(charter_slot(self._chain.number), self._chain.frame))
                outputs += [
                    self._put_answers(key) for key, entry in self._admission.entries.items() if entry.answers
                ]
            outputs += self._reseal(now)
        return outputs

    def come_back(self, now: float) -> list[Output]:
        """Go on from a snapshot that is older than what this node has sent since: a restored backup.

        What was sealed meanwhile is not known here, so the sequence jumps past it; else the others would take
        what we say for a replay. All is said again: what they know of us becomes what the snapshot knows.
        """
        self._sequence += RESTORE_GAP
        return self.republish(now)

    # -- what survives a restart -----------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """All that `restore` needs but the contributions' records. Holds the epoch key and, at the admin, the
        secrets of open invitations: keep it 0600. The identity is not in it."""
        return encode(
            {
                "version": SNAPSHOT_VERSION,
                "name": self.name,
                "state": self.state.value,
                "chain": self._chain.to_dict(),
                "holdings": self._holdings.to_list(),
                "released": {project: asdict(release) for project, release in self._released.items()},
                "sequence": self._sequence,
                "invitation": self._invitation_id,
                "join": self._join_frame,
                "leave": self._leave_frame,
                "admission": self._admission.to_dict(),
                "refusals": {reason.name: count for reason, count in self.refusals.items()},
            }
        )

    @classmethod
    def restore(
        cls, identity: Identity, data: bytes, records: Iterable[bytes] = (), *, entropy: Entropy
    ) -> "Federation":
        """The machine of a snapshot. `records`: those stored from `ContributionReceived` and
        `ContributionReleased`, in any order; what is missing among them is read again from its slot (a
        peer's) or must be contributed again (our own). Raises `LocalProtocolError` if the snapshot is damaged
        or another identity's."""
        try:
            record = decode(data, MAX_SNAPSHOT_BYTES, "snapshot", _SNAPSHOT_FIELDS)
            if record["version"] != SNAPSHOT_VERSION:
                raise LocalProtocolError(
                    f"a snapshot of version {record['version']} cannot be read by this version"
                )
            chain = CharterChain.from_dict(record["chain"])
            federation = cls(identity, entropy, chain, record["name"])
            federation.state = State(record["state"])
            federation._holdings = Holdings.from_list(record["holdings"], records)
            federation._released = {
                project: _release(fields_of(release, "snapshot", _RELEASE_FIELDS))
                for project, release in record["released"].items()
            }
            federation._sequence = record["sequence"]
            federation._invitation_id = record["invitation"]
            federation._join_frame = record["join"]
            federation._leave_frame = record["leave"]
            federation._admission = Admission.from_dict(record["admission"], identity, chain.federation)
            federation.refusals.update(
                {RefusalReason[key]: count for key, count in record["refusals"].items()}
            )
        except (RemoteProtocolError, KeyError, TypeError) as error:
            raise LocalProtocolError(
                f"the snapshot is damaged or another identity's ({error}); restore the folder, or join again"
            ) from None
        return federation

    def status(self) -> FederationStatus:
        """What there is to say about the federation now."""
        charter = self._chain.charter
        return FederationStatus(
            federation=self.id,
            name=self.name,
            state=self.state,
            node_id=self.identity.node_id,
            is_admin=self.is_admin,
            epoch=0 if charter is None else charter.number,
            approval=None if charter is None else charter.approval,
            quorum=None if charter is None else charter.quorum,
            min_rows_margin=None if charter is None else charter.min_rows_margin,
            projects=() if charter is None else tuple(sorted(charter.projects)),
            members=tuple(self._member_status(member) for member in self.members),
            requests=tuple(
                RequestStatus(key, each.node_id, each.name) for key, each in self.requests.items()
            ),
            refusals={reason.value: count for reason, count in self.refusals.items()},
            waiting=len(self._waiting),
        )

    def _member_status(self, member: MemberRecord) -> MemberStatus:
        contributions = {}
        for project in self.charter.projects:
            held = self._holdings.get(project_token(project), member.node_id)
            if held is not None and held.contribution is not None:
                part = held.contribution
                contributions[project] = ContributionStatus(part.version, part.rows, held.received)
        return MemberStatus(
            member.node_id, member.name, member.role.value, member.bus_key, member.since, contributions
        )


_SNAPSHOT_FIELDS: Fields = {
    "version": int,
    "name": str,
    "state": str,
    "chain": dict,
    "holdings": list,
    "released": dict,
    "sequence": int,
    "invitation": str,
    "join": bytes,
    "leave": bytes,
    "admission": dict,
    "refusals": dict,
}
_RELEASE_FIELDS: Fields = {"version": int, "rows": int, "moments_digest": bytes, "parts": dict}


def _release(record: Mapping[str, Any]) -> Release:
    parts = {level: (rows, digest) for level, (rows, digest) in record["parts"].items()}
    return Release(**{**record, "parts": parts})


def _check_name(name: str, whose: str) -> None:
    problem = display_name_problem(name)
    if problem is not None:
        raise LocalProtocolError(f"the {whose}'s name cannot be used: {problem}")


def _check_bus_key(bus_key: str) -> None:
    if len(bus_key) > MAX_BUS_KEY:
        raise LocalProtocolError(f"a bus_key has at most {MAX_BUS_KEY} characters, not {len(bus_key)}")
