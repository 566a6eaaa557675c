"""The charter: a federation's constitution, one per epoch, signed by the admin.

Any change of the roster or of a rule is a new charter with a new epoch number and a new epoch key, sealed to
each member. Each names the hash of the one before it.

How much of the chain a member verifies: the newest charter alone, if it is signed by the admin whose key came
with the invitation and its number is greater than the one held. The admin is the only author of charters, so
a chain that it signed proves nothing more to somebody who trusts its key, and a member that was away need not
read two hundred charters. What the chain is for is to catch an admin (or a stolen key) that tells two members
different stories: two charters of one number with different hashes, or a charter whose predecessor is not the
one held, are refused as a fork (see `member`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import Any

from federation.errors import RefusalReason, RemoteProtocolError
from federation.identity import Identity, PublicIdentity, open_statement, sign_statement
from federation.sealed_box import BoxSealer, Entropy, open_box
from federation.slot import MAX_EPOCH
from federation.statistics import Schema, StatisticsError
from federation.wire import (
    NUMBER,
    OPTIONAL_INT,
    Fields,
    broken,
    decode,
    display_name_problem,
    encode,
    fields_of,
)

MAX_CHARTER_BYTES = 16 * 2**20
MAX_MEMBERS = 2_000
MAX_PROJECTS = 1_000
MAX_PROJECT_NAME = 200
MAX_BUS_KEY = 200
EPOCH_KEY_BYTES = 32
HASH_BYTES = 32
FIRST = 1

_CONTEXT = b"suffice charter 1"
_KEY_CONTEXT = b"suffice epoch key 1"


class Approval(StrEnum):
    """Who decides about a join request whose proof is good."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class Role(StrEnum):
    ADMIN = "admin"
    PEER = "peer"


@dataclass(frozen=True)
class MemberRecord:
    """One line of the roster. `since` is the epoch in which the member joined: it tells a member that came
    back from the one that left. `bus_key` is the bus's business (a NATS NKEY public key), here only
    carried."""

    public: PublicIdentity
    name: str
    role: Role
    bus_key: str
    since: int

    @property
    def node_id(self) -> str:
        return self.public.node_id


@dataclass(frozen=True)
class Charter:
    """One epoch of a federation.

    `quorum`: how many members' contributions an answer needs, None = all. `min_rows_margin`: a release needs
    at least attributes + margin rows, None = no such rule (see `disclosure`). `projects`: name to the agreed
    schema, or None where the union of what the members have is taken. `sealed_keys`: node id to the epoch key
    in a box under `ephemeral`. `previous`: hash of the charter before, zeros for the first.
    """

    federation: str
    name: str
    number: int
    previous: bytes
    issued: float
    approval: Approval
    quorum: int | None
    min_rows_margin: int | None
    projects: Mapping[str, Schema | None]
    roster: tuple[MemberRecord, ...]
    ephemeral: bytes = b""
    sealed_keys: Mapping[str, bytes] = field(default_factory=dict)

    @cached_property
    def members(self) -> dict[str, MemberRecord]:
        """The roster by node id, in the canonical order: sorted by node id."""
        return {record.node_id: record for record in sorted(self.roster, key=lambda record: record.node_id)}

    @property
    def admin(self) -> MemberRecord:
        return next(record for record in self.roster if record.role is Role.ADMIN)

    @cached_property
    def needed(self) -> int:
        """How many contributions an answer needs."""
        return len(self.roster) if self.quorum is None else self.quorum


def seal_charter(
    charter: Charter, admin: Identity, epoch_key: bytes, entropy: Entropy
) -> tuple[Charter, bytes]:
    """The charter with `epoch_key` sealed to each member and the roster in canonical order, and its signed
    bytes."""
    sealer = BoxSealer(entropy)
    context = _key_context(charter.federation, charter.number)
    sealed = replace(
        charter,
        roster=tuple(sorted(charter.roster, key=lambda record: record.node_id)),
        ephemeral=sealer.ephemeral,
        sealed_keys={
            record.node_id: sealer.seal(record.public.agreement, context, epoch_key)
            for record in charter.roster
        },
    )
    return sealed, sign_statement(admin, _CONTEXT, _encode(sealed))


def open_charter(data: bytes, admin: PublicIdentity) -> Charter:
    """The charter in `data`, signed by `admin` and well formed, else a `RemoteProtocolError`."""
    body = open_statement(admin, _CONTEXT, data, MAX_CHARTER_BYTES, "charter")
    charter = _decode(body)
    if charter.admin.public != admin:
        raise broken("charter", "the roster's admin is not the one who signed")
    return charter


def charter_hash(data: bytes) -> bytes:
    """The hash by which the next charter names this one: SHA-256 of the signed bytes.

    The signature is included; Ed25519 as we use it is deterministic, so equal charters have equal bytes.
    """
    return sha256(data).digest()


def open_epoch_key(charter: Charter, identity: Identity) -> bytes:
    """The epoch's key (32 bytes), if the charter has it sealed to `identity`."""
    box = charter.sealed_keys.get(identity.node_id)
    if box is None:
        raise RemoteProtocolError(
            RefusalReason.UNREADABLE, f"charter {charter.number} holds no key for this node"
        )
    key = open_box(identity, charter.ephemeral, _key_context(charter.federation, charter.number), box)
    if len(key) != EPOCH_KEY_BYTES:
        raise broken("charter", f"an epoch key has {EPOCH_KEY_BYTES} bytes")
    return key


def _key_context(federation: str, number: int) -> bytes:
    return b"\0".join((_KEY_CONTEXT, federation.encode(), str(number).encode()))


_FIELDS: Fields = {
    "federation": str,
    "name": str,
    "number": int,
    "previous": bytes,
    "issued": NUMBER,
    "approval": str,
    "quorum": OPTIONAL_INT,
    "min_rows_margin": OPTIONAL_INT,
    "projects": dict,
    "roster": list,
    "ephemeral": bytes,
    "sealed_keys": dict,
}

_MEMBER_FIELDS: Fields = {
    "name": str,
    "role": str,
    "signing": bytes,
    "agreement": bytes,
    "bus_key": str,
    "since": int,
}


def _encode(charter: Charter) -> bytes:
    return encode(
        {
            "federation": charter.federation,
            "name": charter.name,
            "number": charter.number,
            "previous": charter.previous,
            "issued": charter.issued,
            "approval": charter.approval.value,
            "quorum": charter.quorum,
            "min_rows_margin": charter.min_rows_margin,
            "projects": {
                name: None if schema is None else schema.to_dict()
                for name, schema in charter.projects.items()
            },
            "roster": [_encode_member(record) for record in charter.roster],
            "ephemeral": charter.ephemeral,
            "sealed_keys": dict(charter.sealed_keys),
        }
    )


def _encode_member(record: MemberRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "role": record.role.value,
        "signing": record.public.signing,
        "agreement": record.public.agreement,
        "bus_key": record.bus_key,
        "since": record.since,
    }


def _decode(body: bytes) -> Charter:
    record = decode(body, MAX_CHARTER_BYTES, "charter", _FIELDS)
    if not FIRST <= record["number"] <= MAX_EPOCH:
        raise broken("charter", f"epoch number {record['number']} is out of range")
    if len(record["previous"]) != HASH_BYTES:
        raise broken("charter", f"the previous charter's hash has {HASH_BYTES} bytes")
    if len(record["roster"]) > MAX_MEMBERS or len(record["projects"]) > MAX_PROJECTS:
        raise broken("charter", f"more than {MAX_MEMBERS} members or {MAX_PROJECTS} projects")
    for rule, least in (("quorum", 1), ("min_rows_margin", 0)):
        if record[rule] is not None and record[rule] < least:
            raise broken("charter", f"{rule} is less than {least}")
    try:
        record["approval"] = Approval(record["approval"])
    except ValueError:
        raise broken("charter", f"approval {record['approval']!r} is not known") from None
    record["projects"] = {name: _decode_schema(name, schema) for name, schema in record["projects"].items()}
    record["roster"] = tuple(_decode_member(value) for value in record["roster"])
    charter = Charter(**record)
    if len(charter.members) != len(charter.roster):
        raise broken("charter", "a member stands in the roster twice")
    if sum(member.role is Role.ADMIN for member in charter.roster) != 1:
        raise broken("charter", "the roster needs exactly one admin")
    if any(type(box) is not bytes for box in charter.sealed_keys.values()):
        raise broken("charter", "a sealed key is not bytes")
    return charter


def _decode_schema(name: object, value: object) -> Schema | None:
    if not isinstance(name, str) or not 0 < len(name) <= MAX_PROJECT_NAME:
        raise broken("charter", f"a project's name has 1 to {MAX_PROJECT_NAME} characters")
    if value is None:
        return None
    if not isinstance(value, dict):
        raise broken("charter", f"the schema of project {name!r} is not a map")
    try:
        return Schema.from_dict(value)
    except (StatisticsError, KeyError, TypeError) as error:
        raise broken("charter", f"the schema of project {name!r} cannot be read ({error})") from None


def _decode_member(value: object) -> MemberRecord:
    record = fields_of(value, "member", _MEMBER_FIELDS)
    problem = display_name_problem(record["name"])
    if problem is not None:
        raise broken("member", f"its name cannot be used: {problem}")
    if len(record["bus_key"]) > MAX_BUS_KEY:
        raise broken("member", f"bus_key has more than {MAX_BUS_KEY} characters")
    try:
        role = Role(record["role"])
    except ValueError:
        raise broken("member", f"role {record['role']!r} is not known") from None
    public = PublicIdentity(record["signing"], record["agreement"])
    return MemberRecord(public, record["name"], role, record["bus_key"], record["since"])
