"""The envelope: how one member's message travels to the others so that the broker sees ciphertext.

    version (1 byte) · header length (2 bytes, big endian) · header · nonce (12) · signature (64) · ciphertext

Header: federation, epoch, sender, sequence, kind, schema digest; in the clear, as associated data of the
cipher. Body: AES-256-GCM under a key derived (HKDF-SHA256) from the epoch key for this sender, with a random
nonce. Signature: Ed25519 by the sender over header, nonce and ciphertext (its SHA-256, because Ed25519 reads
its message twice, which a 64 MB contribution would feel). The signature is checked before anything is
decrypted.
"""

import struct
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from federation.errors import LocalProtocolError, RefusalReason, RemoteProtocolError
from federation.identity import NODE_ID_CHARACTERS, SIGNATURE_BYTES, Identity, PublicIdentity
from federation.sealed_box import Entropy, derive
from federation.slot import MAX_EPOCH
from federation.wire import Fields, broken, check_size, decode, encode

VERSION = 1
MAX_ENVELOPE_BYTES = 2**30
MAX_HEADER_BYTES = 1024
MAX_SEQUENCE = 2**62
NONCE_BYTES = 12
TAG_BYTES = 16

_PREFIX = struct.Struct(">BH")
_CONTEXT = b"suffice envelope 1"
_FIELDS: Fields = {
    "federation": str,
    "epoch": int,
    "sender": str,
    "sequence": int,
    "kind": str,
    "schema": str,
}


@dataclass(frozen=True, slots=True)
class Header:
    """`schema`: digest (hex) of the schema of what is inside. `sequence` grows by each message of a
    sender."""

    federation: str
    epoch: int
    sender: str
    sequence: int
    kind: str
    schema: str


class EpochKey:
    """The secret of one epoch and the senders' ciphers derived from it. Shows nothing of itself."""

    def __init__(self, federation: str, epoch: int, secret: bytes) -> None:
        self.secret = secret
        self._salt = encode({"federation": federation, "epoch": epoch})
        self._ciphers: dict[str, AESGCM] = {}

    def __repr__(self) -> str:
        return "EpochKey(...)"

    def cipher(self, sender: str) -> AESGCM:
        if sender not in self._ciphers:
            self._ciphers[sender] = AESGCM(derive(self.secret, self._salt, _CONTEXT + sender.encode()))
        return self._ciphers[sender]


@dataclass(frozen=True, slots=True)
class Envelope:
    """A parsed envelope of which nothing is proved yet: `open_envelope` does that."""

    header: Header
    header_bytes: bytes
    nonce: bytes
    signature: bytes
    ciphertext: memoryview = field(repr=False)


def seal(header: Header, plaintext: bytes, identity: Identity, key: EpochKey, entropy: Entropy) -> bytes:
    """The envelope's bytes. Raises `LocalProtocolError` if it would be larger than `MAX_ENVELOPE_BYTES`."""
    if len(plaintext) > MAX_ENVELOPE_BYTES - MAX_HEADER_BYTES:
        raise LocalProtocolError(
            f"{len(plaintext)} bytes, an envelope takes {MAX_ENVELOPE_BYTES}; use fewer attributes"
        )
    header_bytes = encode(
        {
            "federation": header.federation,
            "epoch": header.epoch,
            "sender": header.sender,
            "sequence": header.sequence,
            "kind": header.kind,
            "schema": header.schema,
        }
    )
    nonce = entropy(NONCE_BYTES)
    ciphertext = key.cipher(header.sender).encrypt(nonce, plaintext, header_bytes)
    signature = identity.sign(_signed(header_bytes, nonce, ciphertext))
    return b"".join((_PREFIX.pack(VERSION, len(header_bytes)), header_bytes, nonce, signature, ciphertext))


def parse_envelope(data: bytes) -> Envelope:
    """The parts of an envelope, else a `RemoteProtocolError` (broken frame, oversize). Copies only the
    header."""
    check_size(data, MAX_ENVELOPE_BYTES, "envelope")
    if len(data) < _PREFIX.size:
        raise broken("envelope", f"{len(data)} bytes are too few")
    version, length = _PREFIX.unpack_from(data)
    if version != VERSION:
        raise broken("envelope", f"version {version} is not known")
    if length > MAX_HEADER_BYTES:
        raise broken("envelope", f"a header of {length} bytes, at most {MAX_HEADER_BYTES} are accepted")
    nonce_at = _PREFIX.size + length
    signature_at = nonce_at + NONCE_BYTES
    ciphertext_at = signature_at + SIGNATURE_BYTES
    if len(data) < ciphertext_at + TAG_BYTES:
        raise broken("envelope", "it ends before its ciphertext")
    header_bytes = data[_PREFIX.size : nonce_at]
    header = Header(**decode(header_bytes, MAX_HEADER_BYTES, "envelope header", _FIELDS))
    if not 0 < header.epoch <= MAX_EPOCH or not 0 < header.sequence <= MAX_SEQUENCE:
        raise broken("envelope header", "epoch or sequence is out of range")
    if len(header.sender) != NODE_ID_CHARACTERS:
        raise broken("envelope header", "the sender is not a node id")
    return Envelope(
        header,
        header_bytes,
        data[nonce_at:signature_at],
        data[signature_at:ciphertext_at],
        memoryview(data)[ciphertext_at:],
    )


def open_envelope(envelope: Envelope, sender: PublicIdentity, key: EpochKey) -> bytes:
    """The plaintext, if `sender` signed the envelope and it was sealed for it in this epoch."""
    name = envelope.header.sender
    signed = _signed(envelope.header_bytes, envelope.nonce, envelope.ciphertext)
    if sender.node_id != name or not sender.verify(envelope.signature, signed):
        raise RemoteProtocolError(RefusalReason.BAD_SIGNATURE, f"envelope: not signed by {name}", name)
    try:
        return key.cipher(name).decrypt(envelope.nonce, envelope.ciphertext, envelope.header_bytes)
    except InvalidTag:
        raise RemoteProtocolError(
            RefusalReason.UNREADABLE,
            f"envelope of epoch {envelope.header.epoch}: not sealed with its key",
            name,
        ) from None


def _signed(header_bytes: bytes, nonce: bytes, ciphertext: bytes | memoryview) -> bytes:
    return b"\0".join((_CONTEXT, sha256(header_bytes).digest() + nonce + sha256(ciphertext).digest()))
