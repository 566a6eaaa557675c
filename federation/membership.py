"""What every member does: take charters and contributions, release its own, and answer with the sum.

`Federation` (in `member`) is this with a beginning, an end, the admin's powers and a snapshot. The rules of
use are written there.
"""

from collections import Counter
from dataclasses import replace

from federation.chain import CharterChain
from federation.charter import Charter, MemberRecord
from federation.contribution import KIND, Contribution, schema_problem
from federation.disclosure import Release, parts_of, shortfall
from federation.envelope import EpochKey, Header, open_envelope, parse_envelope, seal
from federation.errors import LocalProtocolError, QuorumError, RefusalReason, RemoteProtocolError
from federation.fusion import Fused, Included, RunningSum
from federation.holdings import Held, Holdings
from federation.identity import Identity
from federation.lifecycle import Event, State, after
from federation.outputs import (
    Admitted,
    CharterAdopted,
    ContributionDropped,
    ContributionReceived,
    ContributionReleased,
    MemberJoined,
    MemberLeft,
    Output,
    Put,
    Refused,
    Reread,
    Withheld,
)
from federation.sealed_box import Entropy
from federation.slot import LEAVE, STATISTICS, Slot, charter_slot, project_token, statistics_slot
from federation.statistics import Moments, Schema

MAX_WAITING = 16_384  # slots whose message came before its charter


class Membership:
    """The state of one node in one federation and its reactions; see the module."""

    def __init__(self, identity: Identity, entropy: Entropy, chain: CharterChain, name: str) -> None:
        self.identity = identity
        self.name = name
        self.state = State.JOINING
        self.refusals: Counter[RefusalReason] = Counter()
        self._entropy = entropy
        self._chain = chain
        self._holdings = Holdings()
        self._sums: dict[str, RunningSum] = {}
        self._released: dict[
            str, Release
        ] = {}  # by project: what this node let go last, for the disclosure policy
        self._sequence = 0
        self._waiting: dict[Slot, None] = {}  # a set that keeps its order

    @property
    def id(self) -> str:
        """The federation's id."""
        return self._chain.federation

    @property
    def is_admin(self) -> bool:
        return self.identity.public == self._chain.admin

    @property
    def charter(self) -> Charter:
        """The charter in force. Raises `LocalProtocolError` before the admission."""
        if self._chain.charter is None:
            raise LocalProtocolError(f"this node is not yet a member of {self.name!r}")
        return self._chain.charter

    @property
    def members(self) -> tuple[MemberRecord, ...]:
        """The roster in force, sorted by node id; empty before the admission."""
        return () if self._chain.charter is None else tuple(self._chain.charter.members.values())

    # -- our own contributions and the sum -------------------------------------------------------------------

    def contribute(self, project: str, version: int, moments: Moments, now: float) -> list[Output]:
        """Releases `moments` as this node's contribution: `ContributionReleased` and `Put`, or `Withheld`.

        `version` must grow with every change; the same version again is nothing new and returns []. Raises
        `LocalProtocolError`: not a member, unknown project, wrong schema, a version that goes back.
        """
        schema = self._project_schema(project)
        problem = schema_problem(schema, moments.schema)
        if problem is not None:
            raise LocalProtocolError(
                f"project {project!r}: this node's table {problem}; learn it with the schema"
            )
        offered = Contribution.of(project, version, moments)
        release = Release(version, offered.rows, offered.moments_digest, parts_of(moments))
        last = self._released.get(project)
        held = self._holdings.get(project_token(project), self.identity.node_id)
        if last is not None and version <= last.version:
            if release == last and held is not None and held.contribution is not None:
                return []
            if release != last:
                raise LocalProtocolError(
                    f"project {project!r}: version {version} after version {last.version} was released; "
                    "a change needs a greater version"
                )
        short = shortfall(moments.schema, release, last, self.charter.min_rows_margin)
        if short is not None:
            return [Withheld(project, version, short.rule, short.rows, short.needed)]
        put = self._send(offered, now)
        self._released[project] = release
        fact = ContributionReleased(project, self.identity.node_id, version, offered.rows, offered.record)
        return [fact, put]

    def fused(self, project: str) -> Fused:
        """The sum of the roster's latest contributions, and who is in it.

        Raises `QuorumError` naming the members without a contribution, `FusionError` if schemas of an open
        project contradict each other, `LocalProtocolError` if there is no such project or no membership.
        """
        self._project_schema(project)
        charter = self.charter
        parts = self._holdings.of_project(project)
        if len(parts) < charter.needed:
            missing = [member.name for node_id, member in charter.members.items() if node_id not in parts]
            raise QuorumError(project, charter.needed, len(parts), missing)
        names = {node_id: charter.members[node_id].name for node_id in parts}
        moments = self._sums.setdefault(project, RunningSum()).of(parts, names)
        included = tuple(
            Included(node_id, names[node_id], part.version, part.rows) for node_id, part in parts.items()
        )
        return Fused(project, moments, included, charter.needed, charter.number)

    def of_member(self, project: str, node_id: str) -> Fused:
        """One member's latest contribution, as it was released: in a federation whose members hold each
        other's, each may see them.

        Raises `LocalProtocolError` if there is no such project, membership or member, `QuorumError` without a
        contribution.
        """
        self._project_schema(project)
        member = self.charter.members.get(node_id)
        if member is None:
            known = ", ".join(sorted(item.name for item in self.charter.members.values()))
            raise LocalProtocolError(f"federation {self.name!r} has no member {node_id!r} (it has: {known})")
        part = self._holdings.of_project(project).get(node_id)
        if part is None:
            raise QuorumError(project, 1, 0, [member.name])
        included = Included(node_id, member.name, part.version, part.rows)
        return Fused(project, part.open(), (included,), 1, self.charter.number)

    def _project_schema(self, project: str) -> Schema | None:
        if self.state not in (State.MEMBER, State.LEAVING):
            raise LocalProtocolError(f"this node is not a member of {self.name!r} (it is {self.state.value})")
        try:
            return self.charter.projects[project]
        except KeyError:
            known = ", ".join(sorted(self.charter.projects)) or "none"
            raise LocalProtocolError(
                f"federation {self.name!r} has no project {project!r} (it has: {known}); its admin can add it"
            ) from None

    def _send(self, contribution: Contribution, now: float) -> Put:
        """Seals a contribution for the epoch in force, under the next sequence number, and holds it."""
        node_id = self.identity.node_id
        header = Header(self.id, self._chain.number, node_id, self._sequence + 1, KIND, contribution.schema)
        data = seal(header, contribution.record, self.identity, self._key(), self._entropy)
        self._sequence += 1
        signature = parse_envelope(data).signature
        held = Held(header.epoch, header.sequence, signature, contribution, now)
        self._holdings.put(project_token(contribution.project), node_id, held)
        return Put(statistics_slot(contribution.project, node_id), data)

    def _reseal(self, now: float) -> list[Output]:
        """Our latest contributions again: under a new epoch's key, or because the bus may have lost them."""
        return [
            self._send(contribution, now)
            for _, contribution in self._holdings.of_member(self.identity.node_id)
        ]

    def _key(self) -> EpochKey:
        if self._chain.key is None:
            raise LocalProtocolError(f"this node holds no key of {self.name!r}")
        return self._chain.key

    # -- charters --------------------------------------------------------------------------------------------

    def _on_charter(self, slot: Slot, data: bytes, now: float) -> list[Output]:
        if not slot[1].isdecimal():
            raise RemoteProtocolError(RefusalReason.UNKNOWN_SLOT, "a charter's slot is a number")
        charter = self._chain.examine(int(slot[1]), data)
        if charter is None:
            return []
        if self.identity.node_id in charter.members:
            key = self._chain.open_key(charter, self.identity)
            return self._adopt(charter, data, key, now)
        if self.state is State.JOINING:
            return []  # others join while we wait
        return self._end()

    def _adopt(self, charter: Charter, frame: bytes, key: bytes, now: float) -> list[Output]:
        """Puts a charter in force and draws the consequences, for the admin's own charters as for received
        ones."""
        before = self._chain.charter
        self._chain.adopt(charter, frame, key)
        outputs: list[Output] = [CharterAdopted(charter.number, len(charter.roster))]
        if before is None:
            self.state = after(self.state, Event.ADMITTED)
            outputs.insert(0, Admitted(charter.number))
        else:
            outputs += _roster_changes(before, charter)
            outputs += self._drop_what_changed(before, charter)
        outputs += self._reseal(now)
        return outputs + self._ask_again()

    def _drop_what_changed(self, before: Charter, charter: Charter) -> list[Output]:
        """Drops contributions of who left (or came back since), and those that a project's new schema
        excludes."""
        schemas = {project_token(name): schema for name, schema in charter.projects.items()}
        earlier = {project_token(name): schema for name, schema in before.projects.items()}
        outputs: list[Output] = []
        for token, node_id, held in self._holdings.items():
            member = charter.members.get(node_id)
            gone = member is None or member.since > held.epoch or token not in schemas
            part = held.contribution
            if not gone and part is not None and schemas[token] != earlier.get(token):
                gone = schema_problem(schemas[token], part.open().schema) is not None
            if gone:
                outputs += self._drop(token, node_id)
        return outputs

    def _drop(self, token: str, node_id: str) -> list[Output]:
        held = self._holdings.get(token, node_id)
        self._holdings.remove(token, node_id)
        if held is None or held.contribution is None:
            return []
        return [ContributionDropped(held.contribution.project, node_id)]

    def _ask_again(self) -> list[Output]:
        """What arrived before this charter; and the newest charter, if we saw it before we were admitted."""
        slots = list(self._waiting)
        self._waiting.clear()
        if self._chain.newest_seen > self._chain.number:
            slots.insert(0, charter_slot(self._chain.newest_seen))
        return [Reread(tuple(slots))] if slots else []

    def _end(self) -> list[Output]:
        """The membership is over: nothing that it gave us is kept."""
        self.state = after(self.state, Event.REMOVED)
        me = self.charter.members[self.identity.node_id]
        outputs: list[Output] = [MemberLeft(me.node_id, me.name)]
        for token, node_id, _ in self._holdings.items():
            outputs += self._drop(token, node_id)
        self._chain.forget_key()
        self._sums.clear()
        self._waiting.clear()
        return outputs

    # -- contributions of others -----------------------------------------------------------------------------

    def _on_statistics(self, slot: Slot, data: bytes, now: float) -> list[Output]:
        if self.state is State.JOINING:
            return self._wait(slot, None)
        envelope = parse_envelope(data)
        header = envelope.header
        _, token, sender = slot
        if header.federation != self.id:
            raise RemoteProtocolError(RefusalReason.WRONG_FEDERATION, "the envelope is of another federation")
        if header.sender != sender or header.kind != KIND:
            raise RemoteProtocolError(
                RefusalReason.WRONG_SLOT,
                f"a {header.kind!r:.40} of {header.sender} lies in the slot of {sender}",
            )
        if sender == self.identity.node_id:
            return []  # our own words; we know them, and newer ones
        held = self._holdings.get(token, sender)
        if held is not None and held.signature == envelope.signature:
            return []
        if header.epoch > self._chain.number:
            return self._wait(slot, header.epoch)
        member = self.charter.members.get(sender)
        if member is None:
            raise RemoteProtocolError(RefusalReason.UNKNOWN_SENDER, f"{sender} is not in the roster", sender)
        if header.epoch < self._chain.number:
            raise RemoteProtocolError(
                RefusalReason.STALE_EPOCH,
                f"{member.name!r} sealed it in epoch {header.epoch}, now is {self._chain.number}",
                sender,
            )
        if held is not None and (header.epoch, header.sequence) <= (held.epoch, held.sequence):
            raise RemoteProtocolError(
                RefusalReason.REPLAYED,
                f"{member.name!r} sent sequence {header.sequence} after {held.sequence}",
                sender,
            )
        record = open_envelope(envelope, member.public, self._key())
        return self._take(slot, header, envelope.signature, record, now)

    def _take(self, slot: Slot, header: Header, signature: bytes, record: bytes, now: float) -> list[Output]:
        """The sender's latest word on a project, authentic. If it cannot be used, its former word goes too:
        it no longer stands by that, and members that never saw it must come to the same sum."""
        _, token, sender = slot
        before = self._holdings.get(token, sender)
        previous = None if before is None else before.contribution
        held = Held(header.epoch, header.sequence, signature, None, now)
        try:
            contribution = self._read(record, token, header, previous)
        except RemoteProtocolError as error:
            dropped = [] if previous is None else self._drop(token, sender)
            self._holdings.put(token, sender, held)
            return [*dropped, self._refuse(slot, sender, error.reason, error.detail)]
        self._holdings.put(token, sender, replace(held, contribution=contribution))
        if previous is not None and previous.digest == contribution.digest:
            return []  # the same, sealed again for a new epoch
        name = self.charter.members[sender].name
        return [
            ContributionReceived(
                contribution.project,
                sender,
                name,
                contribution.version,
                contribution.rows,
                contribution.record,
            )
        ]

    def _read(self, record: bytes, token: str, header: Header, previous: Contribution | None) -> Contribution:
        contribution = Contribution.parse(record)
        if previous is not None and previous.digest == contribution.digest:
            return previous  # checked when it first came, and by `_drop_what_changed` since
        project = contribution.project
        if project_token(project) != token:
            raise RemoteProtocolError(RefusalReason.WRONG_SLOT, f"it is about project {project!r:.80}")
        if project not in self.charter.projects:
            raise RemoteProtocolError(
                RefusalReason.UNKNOWN_PROJECT, f"the charter has no project {project!r}"
            )
        if contribution.schema != header.schema:
            raise RemoteProtocolError(RefusalReason.WRONG_SCHEMA, "the envelope announces another schema")
        problem = schema_problem(self.charter.projects[project], contribution.open().schema)
        if problem is not None:
            raise RemoteProtocolError(
                RefusalReason.WRONG_SCHEMA, f"project {project!r}: the contribution {problem}"
            )
        return contribution

    def _wait(self, slot: Slot, epoch: int | None) -> list[Output]:
        """Notes a slot to be read again when its charter is here, and asks for that charter if we know
        which."""
        if slot in self._waiting:
            return []
        if len(self._waiting) >= MAX_WAITING:
            raise RemoteProtocolError(RefusalReason.TOO_MANY_WAITING, f"{MAX_WAITING} slots wait already")
        self._waiting[slot] = None
        return [] if epoch is None else [Reread((charter_slot(epoch),))]

    # -- refusals --------------------------------------------------------------------------------------------

    def _refuse(self, slot: Slot, sender: str | None, reason: RefusalReason, detail: str) -> Refused:
        self.refusals[reason] += 1
        if sender is None and slot[0] in (STATISTICS, LEAVE):
            sender = slot[-1]  # who alone may write there
        return Refused(slot, sender, reason, detail)


def _roster_changes(before: Charter, charter: Charter) -> list[Output]:
    """Who came and who went; a member that left and came back between two charters did both."""
    left = [
        MemberLeft(member.node_id, member.name)
        for node_id, member in before.members.items()
        if node_id not in charter.members or charter.members[node_id].since != member.since
    ]
    joined = [
        MemberJoined(member.node_id, member.name, member.bus_key)
        for node_id, member in charter.members.items()
        if node_id not in before.members or before.members[node_id].since != member.since
    ]
    return [*left, *joined]
