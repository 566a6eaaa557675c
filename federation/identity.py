"""Who a node is: an Ed25519 key to sign and an X25519 key to agree, and statements signed with them.

The node's id is a hash of both public keys. The private keys are made by the node from 64 bytes of entropy,
kept in its folder, and never shown: not in a repr, not in an error.
"""

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from federation.errors import LocalProtocolError, RefusalReason, RemoteProtocolError
from federation.wire import broken, check_size

SEED_BYTES = 64
KEY_BYTES = 32
SIGNATURE_BYTES = 64
NODE_ID_CHARACTERS = 32


@dataclass(frozen=True, repr=False)
class PublicIdentity:
    """The two public keys of a node, 32 bytes each. (No slots: the parsed keys are cached, parsing costs.)"""

    signing: bytes
    agreement: bytes

    def __post_init__(self) -> None:
        if len(self.signing) != KEY_BYTES or len(self.agreement) != KEY_BYTES:
            raise broken("public identity", f"keys must have {KEY_BYTES} bytes each")

    @cached_property
    def node_id(self) -> str:
        return sha256(self.signing + self.agreement).hexdigest()[:NODE_ID_CHARACTERS]

    @cached_property
    def _verifier(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(self.signing)

    def __repr__(self) -> str:
        return f"PublicIdentity({self.node_id})"

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether `signature` is this identity's, over `message`."""
        try:
            self._verifier.verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True)
class Identity:
    """A node's private keys. Equal and shown by the public half only."""

    public: PublicIdentity
    _signer: Ed25519PrivateKey = field(repr=False, compare=False)
    _agreement: X25519PrivateKey = field(repr=False, compare=False)

    @classmethod
    def from_seed(cls, seed: bytes) -> "Identity":
        """The identity made of 64 secret bytes, always the same for the same bytes."""
        if len(seed) != SEED_BYTES:
            raise LocalProtocolError(f"an identity's seed has {SEED_BYTES} bytes, not {len(seed)}")
        signer = Ed25519PrivateKey.from_private_bytes(seed[:KEY_BYTES])
        agreement = X25519PrivateKey.from_private_bytes(seed[KEY_BYTES:])
        public = PublicIdentity(
            signer.public_key().public_bytes_raw(), agreement.public_key().public_bytes_raw()
        )
        return cls(public, signer, agreement)

    @property
    def node_id(self) -> str:
        return self.public.node_id

    def sign(self, message: bytes) -> bytes:
        return self._signer.sign(message)

    def agree(self, public: bytes) -> bytes:
        """The X25519 secret shared with the holder of `public` (32 bytes)."""
        try:
            return self._agreement.exchange(X25519PublicKey.from_public_bytes(public))
        except ValueError:  # a point of small order gives a secret that everybody knows
            raise broken("agreement key", "not a usable X25519 key") from None


def sign_statement(identity: Identity, context: bytes, body: bytes) -> bytes:
    """`signature + body`. The context keeps a statement of one kind from passing as another."""
    return identity.sign(context + b"\0" + body) + body


def open_statement(signer: PublicIdentity, context: bytes, data: bytes, limit: int, what: str) -> bytes:
    """The body of a statement that `signer` made in this context, else a `RemoteProtocolError`."""
    check_size(data, limit, what)
    if len(data) <= SIGNATURE_BYTES:
        raise broken(what, "shorter than its signature")
    signature, body = data[:SIGNATURE_BYTES], data[SIGNATURE_BYTES:]
    if not signer.verify(signature, context + b"\0" + body):
        raise RemoteProtocolError(
            RefusalReason.BAD_SIGNATURE, f"{what}: not signed by {signer.node_id}", signer.node_id
        )
    return body
