"""One node's view of the chain of charters: the one in force, its epoch key, and what is known of the others.

Decides which charter to believe (see `charter` for the rule and its reason) and writes the next one for the
admin. What a new charter means for members and contributions is `member`'s business.
"""

from dataclasses import replace
from typing import Any

from federation.charter import (
    EPOCH_KEY_BYTES,
    FIRST,
    HASH_BYTES,
    MAX_CHARTER_BYTES,
    Charter,
    charter_hash,
    open_charter,
    open_epoch_key,
    seal_charter,
)
from federation.envelope import EpochKey
from federation.errors import LocalProtocolError, RefusalReason, RemoteProtocolError
from federation.identity import Identity, PublicIdentity
from federation.sealed_box import Entropy
from federation.slot import MAX_EPOCH
from federation.wire import check_size

MAX_HASHES = 4096  # of the latest charters: what a fork is noticed by

Issued = tuple[Charter, bytes, bytes]
"""A charter with its signed bytes and its epoch key."""


class CharterChain:
    """`floor`: charters up to this number are history to this node (those before it was invited)."""

    def __init__(self, federation: str, admin: PublicIdentity, floor: int) -> None:
        self.federation = federation
        self.admin = admin
        self.floor = floor
        self.charter: Charter | None = None
        self.frame = b""
        self.key: EpochKey | None = None
        self._hashes: dict[int, bytes] = {}
        self.newest_seen = floor

    @property
    def number(self) -> int:
        """The epoch in force for this node; the floor while there is none."""
        return self.floor if self.charter is None else self.charter.number

    def examine(self, number: int, data: bytes) -> Charter | None:
        """The charter in slot `number` if it is news; None if it is known or history.

        Raises `RemoteProtocolError`: oversize, bad signature, broken, wrong slot or federation, fork.
        """
        check_size(data, MAX_CHARTER_BYTES, "charter")
        known = self._hashes.get(number)
        if known == charter_hash(data) or (known is None and number <= self.number):
            return None
        charter = open_charter(data, self.admin)
        if charter.number != number:
            raise RemoteProtocolError(
                RefusalReason.WRONG_SLOT, f"charter {charter.number} lies in the slot of {number}"
            )
        if charter.federation != self.federation:
            raise RemoteProtocolError(RefusalReason.WRONG_FEDERATION, "charter of another federation")
        if known is not None or self._hashes.get(number - 1, charter.previous) != charter.previous:
            raise RemoteProtocolError(
                RefusalReason.CHARTER_FORK,
                f"charter {number} does not continue the chain this node holds, yet the admin signed both: "
                "compare the members' epochs, and do not trust this admin key until it is explained",
                self.admin.node_id,
            )
        self.newest_seen = max(self.newest_seen, number)
        return charter

    def open_key(self, charter: Charter, identity: Identity) -> bytes:
        return open_epoch_key(charter, identity)

    def adopt(self, charter: Charter, frame: bytes, key: bytes) -> None:
        """Puts a charter in force."""
        self.charter, self.frame = charter, frame
        self.key = EpochKey(charter.federation, charter.number, key)
        self._hashes[charter.number] = charter_hash(frame)
        self._hashes.setdefault(charter.number - 1, charter.previous)
        self.newest_seen = max(self.newest_seen, charter.number)
        for old in sorted(self._hashes)[:-MAX_HASHES]:
            del self._hashes[old]

    def forget_key(self) -> None:
        """After the membership has ended."""
        self.key = None

    def issue(self, draft: Charter, admin: Identity, now: float, entropy: Entropy) -> Issued:
        """The admin's next charter: `draft` with its number, predecessor, time and a new epoch key."""
        number = FIRST if self.charter is None else self.charter.number + 1
        if number > MAX_EPOCH:
            raise LocalProtocolError(f"the federation has had {MAX_EPOCH} epochs; found a new one")
        previous = charter_hash(self.frame) if self.frame else bytes(HASH_BYTES)
        key = entropy(EPOCH_KEY_BYTES)
        numbered = replace(draft, number=number, previous=previous, issued=now)
        charter, frame = seal_charter(numbered, admin, key, entropy)
        if len(frame) > MAX_CHARTER_BYTES:
            raise LocalProtocolError(
                f"the charter would have {len(frame)} bytes, at most {MAX_CHARTER_BYTES} are allowed; "
                "use fewer projects or smaller schemas"
            )
        return charter, frame, key

    def to_dict(self) -> dict[str, Any]:
        return {
            "federation": self.federation,
            "signing": self.admin.signing,
            "agreement": self.admin.agreement,
            "floor": self.floor,
            "frame": self.frame,
            "key": b"" if self.key is None else self.key.secret,
            "hashes": [[number, value] for number, value in sorted(self._hashes.items())],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "CharterChain":
        chain = cls(data["federation"], PublicIdentity(data["signing"], data["agreement"]), data["floor"])
        if data["frame"]:
            chain.adopt(open_charter(data["frame"], chain.admin), data["frame"], data["key"])
            if not data["key"]:
                chain.forget_key()
        chain._hashes.update((number, value) for number, value in data["hashes"])
        return chain
