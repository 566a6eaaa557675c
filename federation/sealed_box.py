"""Sealing a secret to one holder of an X25519 key: ephemeral agreement, HKDF-SHA256, AES-256-GCM.

The construction of RFC 9180 (HPKE, base mode) in its plain parts. Used for join requests (to the admin) and
for epoch keys (to each member). A `BoxSealer` uses one ephemeral key for many recipients: each still gets a
key of its own, because the agreement and the derivation include the recipient, and an admin of 200 members
saves half of the curve operations.
"""

from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from federation.errors import RefusalReason, RemoteProtocolError
from federation.identity import KEY_BYTES, Identity
from federation.wire import broken

Entropy = Callable[[int], bytes]

# A fixed nonce is sound here: every (ephemeral key, recipient, context) gives a key that seals one message
# only.
_NONCE = bytes(12)


def derive(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """A 32-byte key by HKDF-SHA256 (RFC 5869)."""
    return HKDF(SHA256(), KEY_BYTES, salt, info).derive(secret)


class BoxSealer:
    """Seals to any number of recipients under one fresh ephemeral key; seal once per recipient and
    context."""

    def __init__(self, entropy: Entropy) -> None:
        self._private = X25519PrivateKey.from_private_bytes(entropy(KEY_BYTES))
        self.ephemeral = self._private.public_key().public_bytes_raw()

    def seal(self, recipient: bytes, context: bytes, plaintext: bytes) -> bytes:
        """`plaintext` sealed to the holder of the agreement key `recipient` (32 bytes)."""
        try:
            secret = self._private.exchange(X25519PublicKey.from_public_bytes(recipient))
        except ValueError:
            raise broken("agreement key", "not a usable X25519 key") from None
        key = derive(secret, self.ephemeral + recipient, context)
        return AESGCM(key).encrypt(_NONCE, plaintext, None)


def open_box(identity: Identity, ephemeral: bytes, context: bytes, box: bytes) -> bytes:
    """What was sealed to `identity` in this context, else a `RemoteProtocolError` (unreadable)."""
    if len(ephemeral) != KEY_BYTES:
        raise broken("sealed box", f"an ephemeral key has {KEY_BYTES} bytes")
    key = derive(identity.agree(ephemeral), ephemeral + identity.public.agreement, context)
    try:
        return AESGCM(key).decrypt(_NONCE, box, None)
    except InvalidTag:
        raise RemoteProtocolError(
            RefusalReason.UNREADABLE, f"a box was not sealed to {identity.node_id}"
        ) from None
