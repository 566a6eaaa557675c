"""What the admin does beside what every member does: invites, admits, removes, and writes charters.

Every change is a new epoch: a charter that `_enact` signs, puts in force on this node and sends.
"""

from collections.abc import Mapping
from dataclasses import replace

from federation.admission import Admission, Entry, objection
from federation.chain import CharterChain
from federation.charter import (
    MAX_MEMBERS,
    MAX_PROJECT_NAME,
    MAX_PROJECTS,
    Approval,
    Charter,
    MemberRecord,
    Role,
)
from federation.errors import LocalProtocolError, RefusalReason, RemoteProtocolError
from federation.identity import Identity
from federation.invitation import (
    DEFAULT_LIFETIME,
    ID_BYTES,
    MAX_TEXT,
    SECRET_BYTES,
    Broker,
    Invitation,
    write_invitation,
)
from federation.joining import MAX_JOIN_BYTES, Answer, JoinRequest, open_join, open_leave, request_id
from federation.lifecycle import State
from federation.membership import Membership
from federation.outputs import JoinRequested, Output, Put
from federation.sealed_box import Entropy
from federation.slot import Slot, charter_slot, welcome_slot
from federation.statistics import Schema
from federation.wire import check_size


class Administration(Membership):
    """The admin's part of the machine. A node that is not the admin gets `LocalProtocolError`."""

    def __init__(self, identity: Identity, entropy: Entropy, chain: CharterChain, name: str) -> None:
        super().__init__(identity, entropy, chain, name)
        self._admission = Admission()

    def invite(
        self, broker: Broker, *, now: float, password: str | None = None, lifetime: float = DEFAULT_LIFETIME
    ) -> Invitation:
        """A new one-time invitation; its `text` is the string to paste. Store the snapshot before handing it
        out."""
        self._require_admin("invite")
        if lifetime <= 0:
            raise LocalProtocolError(f"an invitation with a lifetime of {lifetime} s would be over at once")
        unwritten = Invitation(
            federation=self.id,
            name=self.name,
            id=self._entropy(ID_BYTES).hex(),
            expires=now + lifetime,
            epoch=self._chain.number,
            admin=self.identity.public,
            secret=self._entropy(SECRET_BYTES),
            broker=broker,
        )
        invitation = replace(
            unwritten, text=write_invitation(unwritten, self.identity, password, self._entropy)
        )
        if len(invitation.text) > MAX_TEXT:
            raise LocalProtocolError(f"the invitation would exceed {MAX_TEXT} characters; shorten `broker`")
        self._admission.issue(invitation, now)
        return invitation

    @property
    def requests(self) -> Mapping[str, JoinRequest]:
        """The join requests that wait for a person, by request id."""
        return self._admission.pending()

    def approve(self, *request_ids: str, now: float) -> list[Output]:
        """Admits who waits, all in one new epoch."""
        self._require_admin("approve requests")
        requests = [self._pending(request) for request in dict.fromkeys(request_ids)]
        epoch = self._chain.number + 1
        roster = dict(self.charter.members)
        for request in requests:
            roster[request.node_id] = MemberRecord(
                request.public, request.name, Role.PEER, request.bus_key, epoch
            )
        if len(roster) > MAX_MEMBERS:
            raise LocalProtocolError(f"a federation has at most {MAX_MEMBERS} members; approve fewer")
        names = [member.name for member in roster.values()]
        for request in requests:
            if names.count(request.name) > 1:
                raise LocalProtocolError(
                    f"two members would be called {request.name!r}; refuse one of the requests"
                )
        if not requests:
            return []
        outputs = self._enact(replace(self.charter, roster=tuple(roster.values())), now)
        for request in requests:
            self._admission.decide(request, Answer(True, "", "", epoch))
            outputs.append(self._put_answers(request.invitation))
        return outputs

    def refuse(
        self, request_id: str, *, now: float, detail: str = "the admin declined the request"
    ) -> list[Output]:
        """Turns away who waits; the invitation is used up."""
        self._require_admin("refuse requests")
        request = self._pending(request_id)
        self._admission.decide(request, Answer(False, RefusalReason.DECLINED.value, detail[:500], 0))
        return [self._put_answers(request.invitation)]

    def expel(self, node_id: str, *, now: float) -> list[Output]:
        """A new epoch without this member: its contributions leave the sums and it cannot read on."""
        self._require_admin("expel members")
        if node_id not in self.charter.members:
            raise LocalProtocolError(f"{node_id} is not a member of {self.name!r}")
        if node_id == self.identity.node_id:
            raise LocalProtocolError("the admin cannot expel itself; `leave` when no other member remains")
        return self._remove(node_id, now)

    def set_project(self, project: str, schema: Schema | None, *, now: float) -> list[Output]:
        """Adds a project to the charter, or changes its schema (None: open). Unchanged, it returns []."""
        self._require_admin("change projects")
        projects = dict(self.charter.projects)
        if project in projects and projects[project] == schema:
            return []
        if not 0 < len(project) <= MAX_PROJECT_NAME or not project.isprintable():
            raise LocalProtocolError(f"a project's name has 1 to {MAX_PROJECT_NAME} printable characters")
        if project not in projects and len(projects) >= MAX_PROJECTS:
            raise LocalProtocolError(f"a federation has at most {MAX_PROJECTS} projects")
        projects[project] = schema
        return self._enact(replace(self.charter, projects=projects), now)

    def _remove(self, node_id: str, now: float) -> list[Output]:
        roster = tuple(member for member in self.charter.roster if member.node_id != node_id)
        return self._enact(replace(self.charter, roster=roster), now)

    def _enact(self, draft: Charter, now: float) -> list[Output]:
        """A new epoch: signs the charter, puts it in force here and sends it."""
        charter, frame, key = self._chain.issue(draft, self.identity, now, self._entropy)
        return [Put(charter_slot(charter.number), frame), *self._adopt(charter, frame, key, now)]

    def _pending(self, request_id: str) -> JoinRequest:
        request = self._admission.pending().get(request_id)
        if request is None:
            raise LocalProtocolError(f"no join request {request_id} waits; `requests` lists those that do")
        return request

    def _require_admin(self, what: str) -> None:
        if not self.is_admin or self.state is not State.MEMBER:
            raise LocalProtocolError(f"only the admin of {self.name!r} can {what}")

    # -- requests and wishes of others -----------------------------------------------------------------------

    def _on_leave(self, slot: Slot, data: bytes, now: float) -> list[Output]:
        member = self.charter.members.get(slot[1])
        if member is None or member.role is Role.ADMIN:
            return []  # gone already; or a stranger, whose wish is granted
        if open_leave(member.public, self.id, data) != member.since:
            return []  # the wish to leave an earlier membership
        return self._remove(member.node_id, now)

    def _on_join(self, slot: Slot, data: bytes, now: float) -> list[Output]:
        check_size(data, MAX_JOIN_BYTES, "join request")
        entry = self._admission.entries.get(slot[1])
        if entry is None:
            raise RemoteProtocolError(
                RefusalReason.UNKNOWN_INVITATION, f"no invitation {slot[1]} was made here"
            )
        known = request_id(data)
        if known in entry.answers or (entry.pending is not None and entry.pending.id == known):
            return []
        request = open_join(self.identity, self.id, slot[1], data)
        if not request.proves(self.id, entry.secret):
            raise RemoteProtocolError(RefusalReason.BAD_PROOF, f"{request.node_id} does not know the secret")
        objected = objection(entry, request, self.charter, now)
        if objected is not None:
            return self._object(slot, entry, request, *objected)
        self._admission.wait(request, data)
        if self.charter.approval is Approval.AUTOMATIC:
            try:
                return self.approve(request.id, now=now)
            except LocalProtocolError:
                pass  # the charter has no room for it: let a person decide
        return [JoinRequested(request.id, request.node_id, request.name, request.bus_key)]

    def _object(
        self, slot: Slot, entry: Entry, request: JoinRequest, reason: RefusalReason, detail: str
    ) -> list[Output]:
        refused = self._refuse(slot, request.node_id, reason, detail)
        if not entry.answer(request.id, Answer(False, reason.value, detail, 0)):
            return [refused]
        return [refused, self._put_answers(request.invitation)]

    def _put_answers(self, invitation: str) -> Put:
        return Put(welcome_slot(invitation), self._admission.answers_of(self.identity, self.id, invitation))
