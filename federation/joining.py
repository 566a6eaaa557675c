"""What passes between a joiner, a leaver and the admin: the join request, the admin's answers, the wish to
leave.

Join request: signed by the joiner, with an HMAC that proves the invitation's secret (the secret itself never
travels), in a box sealed to the admin's agreement key, so that the broker learns neither the name nor the
proof. Answers: one signed statement per invitation, by request, because a second node that tries the same
invitation must be told so without unsaying what the first was told.
"""

import hmac
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256

from federation.charter import MAX_BUS_KEY
from federation.errors import RefusalReason, RemoteProtocolError
from federation.identity import KEY_BYTES, Identity, PublicIdentity, open_statement, sign_statement
from federation.invitation import Invitation
from federation.sealed_box import BoxSealer, Entropy, open_box
from federation.wire import Fields, broken, check_size, decode, display_name_problem, encode, fields_of

MAX_JOIN_BYTES = 8 * 2**10
MAX_ANSWERS_BYTES = 64 * 2**10
MAX_ANSWERS = 8  # per invitation; who comes later is refused without an answer
MAX_LEAVE_BYTES = 1024

_JOIN_CONTEXT = b"suffice join 1"
_ANSWER_CONTEXT = b"suffice answer 1"
_LEAVE_CONTEXT = b"suffice leave 1"

_JOIN_FIELDS: Fields = {
    "signing": bytes,
    "agreement": bytes,
    "name": str,
    "bus_key": str,
    "proof": bytes,
    "signature": bytes,
}
_ANSWERS_FIELDS: Fields = {"federation": str, "invitation": str, "answers": dict}
ANSWER_FIELDS: Fields = {"accepted": bool, "reason": str, "detail": str, "epoch": int}
_LEAVE_FIELDS: Fields = {"federation": str, "since": int}


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """Who wants to join. `id` is the hash of the request's bytes: a doubled request has the same."""

    id: str
    invitation: str
    public: PublicIdentity
    name: str
    bus_key: str
    proof: bytes = field(repr=False)

    @property
    def node_id(self) -> str:
        return self.public.node_id

    def proves(self, federation: str, secret: bytes) -> bool:
        """Whether whoever wrote the request knew the invitation's secret."""
        statement = _statement(federation, self.invitation, self.public, self.name, self.bus_key)
        return hmac.compare_digest(self.proof, _proof(secret, statement))


@dataclass(frozen=True, slots=True)
class Answer:
    """The admin's answer to one join request: `epoch` is the charter that admits it, 0 if it was refused."""

    accepted: bool
    reason: str
    detail: str
    epoch: int


def write_join(
    invitation: Invitation, identity: Identity, name: str, bus_key: str, entropy: Entropy
) -> bytes:
    statement = _statement(invitation.federation, invitation.id, identity.public, name, bus_key)
    body = encode(
        {
            "signing": identity.public.signing,
            "agreement": identity.public.agreement,
            "name": name,
            "bus_key": bus_key,
            "proof": _proof(invitation.secret, statement),
            "signature": identity.sign(statement),
        }
    )
    sealer = BoxSealer(entropy)
    context = _box_context(invitation.federation, invitation.id)
    return sealer.ephemeral + sealer.seal(invitation.admin.agreement, context, body)


def request_id(data: bytes) -> str:
    return sha256(data).hexdigest()[:32]


def open_join(admin: Identity, federation: str, invitation: str, data: bytes) -> JoinRequest:
    """The request in `data`: sealed to `admin`, signed by the joiner. The proof is not checked here."""
    check_size(data, MAX_JOIN_BYTES, "join request")
    ephemeral, box = data[:KEY_BYTES], data[KEY_BYTES:]
    body = open_box(admin, ephemeral, _box_context(federation, invitation), box)
    record = decode(body, MAX_JOIN_BYTES, "join request", _JOIN_FIELDS)
    public = PublicIdentity(record["signing"], record["agreement"])
    problem = display_name_problem(record["name"])
    if problem is not None:
        raise broken("join request", f"the member name cannot be used: {problem}")
    if len(record["bus_key"]) > MAX_BUS_KEY:
        raise broken("join request", f"bus_key has more than {MAX_BUS_KEY} characters")
    statement = _statement(federation, invitation, public, record["name"], record["bus_key"])
    if not public.verify(record["signature"], statement):
        raise RemoteProtocolError(RefusalReason.BAD_SIGNATURE, "join request: not signed by who it names")
    admin.agree(public.agreement)  # refuses a key to which no epoch key could be sealed
    return JoinRequest(
        request_id(data), invitation, public, record["name"], record["bus_key"], record["proof"]
    )


def write_answers(admin: Identity, federation: str, invitation: str, answers: Mapping[str, Answer]) -> bytes:
    body = {
        "federation": federation,
        "invitation": invitation,
        "answers": {request: asdict(answer) for request, answer in answers.items()},
    }
    return sign_statement(admin, _ANSWER_CONTEXT, encode(body))


def open_answer(
    admin: PublicIdentity, federation: str, invitation: str, request: str, data: bytes
) -> Answer | None:
    """The admin's answer to our request, None while there is none."""
    body = open_statement(admin, _ANSWER_CONTEXT, data, MAX_ANSWERS_BYTES, "answer")
    record = decode(body, MAX_ANSWERS_BYTES, "answer", _ANSWERS_FIELDS)
    if (record["federation"], record["invitation"]) != (federation, invitation):
        raise RemoteProtocolError(RefusalReason.WRONG_SLOT, "answer: it belongs to another invitation")
    value = record["answers"].get(request)
    return None if value is None else Answer(**fields_of(value, "answer", ANSWER_FIELDS))


def write_leave(identity: Identity, federation: str, since: int) -> bytes:
    """The wish to leave, of the membership that began in epoch `since` (not of a later one)."""
    return sign_statement(identity, _LEAVE_CONTEXT, encode({"federation": federation, "since": since}))


def open_leave(member: PublicIdentity, federation: str, data: bytes) -> int:
    """The epoch in which the membership began that `member` wants to end."""
    body = open_statement(member, _LEAVE_CONTEXT, data, MAX_LEAVE_BYTES, "wish to leave")
    record = decode(body, MAX_LEAVE_BYTES, "wish to leave", _LEAVE_FIELDS)
    if record["federation"] != federation:
        raise RemoteProtocolError(
            RefusalReason.WRONG_FEDERATION, "wish to leave: it names another federation"
        )
    since: int = record["since"]
    return since


def _statement(federation: str, invitation: str, public: PublicIdentity, name: str, bus_key: str) -> bytes:
    record = {
        "kind": _JOIN_CONTEXT,
        "federation": federation,
        "invitation": invitation,
        "signing": public.signing,
        "agreement": public.agreement,
        "name": name,
        "bus_key": bus_key,
    }
    return encode(record)


def _proof(secret: bytes, statement: bytes) -> bytes:
    return hmac.digest(secret, statement, "sha256")


def _box_context(federation: str, invitation: str) -> bytes:
    return b"\0".join((_JOIN_CONTEXT, federation.encode(), invitation.encode()))
