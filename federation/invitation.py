"""The invitation: one string to paste, good for one join.

`suffice1.` and the base64url of: a flag (open or protected), the content, and eight bytes of SHA-256 over
both. The content is signed by the admin, so that a part of it cannot be exchanged. With a password it is
sealed by AES-256-GCM under a key from scrypt (RFC 7914). The checksum tells a damaged copy from a wrong
password.

The invitation tells a joiner whom to trust (the admin's public keys), where to go (`broker`, which only the
bus understands), and the one-time secret that it proves to know. It says nothing that lets its holder read
anything.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from federation.errors import InvitationError, RefusalReason, RemoteProtocolError
from federation.identity import Identity, PublicIdentity, open_statement, sign_statement
from federation.sealed_box import Entropy
from federation.slot import is_token
from federation.wire import NUMBER, Fields, decode, encode

PREFIX = "suffice1."
DEFAULT_LIFETIME = 7200.0  # seconds
ID_BYTES = 16
SECRET_BYTES = 16
MAX_TEXT = 64 * 2**10
MAX_PASSWORD = 1024

_CONTEXT = b"suffice invitation 1"
_OPEN = b"\0"
_PROTECTED = b"\1"
_CHECKSUM_BYTES = 8
_SALT_BYTES = 16
_NONCE_BYTES = 12
# 32 MiB and about 0.1 s a guess: the parameters that RFC 7914 and OWASP give for interactive use.
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**15, 8, 1

Broker = Mapping[str, str | list[str]]

_FIELDS: Fields = {
    "federation": str,
    "name": str,
    "id": str,
    "expires": NUMBER,
    "epoch": int,
    "signing": bytes,
    "agreement": bytes,
    "secret": bytes,
    "broker": dict,
}


@dataclass(frozen=True, slots=True)
class Invitation:
    """A one-time invitation. `expires`: unix seconds. `epoch`: the charter that was in force when it was
    made; only later ones concern the joiner (it may have been a member before)."""

    federation: str
    name: str
    id: str
    expires: float
    epoch: int
    admin: PublicIdentity
    secret: bytes = field(repr=False)
    broker: Broker = field(repr=False)  # holds one-time credentials
    text: str = field(repr=False, compare=False, default="")

    @classmethod
    def parse(cls, text: str, password: str | None = None) -> "Invitation":
        """The invitation in a pasted string. Raises `InvitationError`: altered, password needed, wrong
        password."""
        flag, content = _unwrap(text.strip())
        if flag == _PROTECTED:
            if password is None:
                raise InvitationError(
                    RefusalReason.PASSWORD_NEEDED, "this invitation is protected by a password"
                )
            content = _unprotect(content, password)
        try:
            # The signer's key is inside: read it first, then believe the rest only if that key signed it.
            record = decode(content[64:], MAX_TEXT, "invitation", _FIELDS)
            admin = PublicIdentity(record["signing"], record["agreement"])
            open_statement(admin, _CONTEXT, content, MAX_TEXT, "invitation")
        except RemoteProtocolError as error:
            raise _altered(str(error)) from None
        if not (is_token(record["federation"]) and is_token(record["id"])):
            raise _altered("its ids are not ids")  # they become part of the bus's subjects
        return cls(
            federation=record["federation"],
            name=record["name"],
            id=record["id"],
            expires=record["expires"],
            epoch=record["epoch"],
            admin=admin,
            secret=record["secret"],
            broker=record["broker"],
            text=text.strip(),
        )

    def check_expiry(self, now: float) -> None:
        """Raises `InvitationError` if the invitation is over."""
        if now >= self.expires:
            raise InvitationError(
                RefusalReason.EXPIRED,
                f"the invitation to {self.name!r} expired {now - self.expires:.0f} s ago; ask for a new one",
            )


def write_invitation(invitation: Invitation, admin: Identity, password: str | None, entropy: Entropy) -> str:
    """The string to paste: signed by `admin`, and sealed under `password` if there is one."""
    body = encode(
        {
            "federation": invitation.federation,
            "name": invitation.name,
            "id": invitation.id,
            "expires": invitation.expires,
            "epoch": invitation.epoch,
            "signing": admin.public.signing,
            "agreement": admin.public.agreement,
            "secret": invitation.secret,
            "broker": dict(invitation.broker),
        }
    )
    content = sign_statement(admin, _CONTEXT, body)
    if password is None:
        return _wrap(_OPEN, content)
    salt, nonce = entropy(_SALT_BYTES), entropy(_NONCE_BYTES)
    box = AESGCM(_password_key(password, salt)).encrypt(nonce, content, _PROTECTED)
    return _wrap(_PROTECTED, salt + nonce + box)


def _wrap(flag: bytes, content: bytes) -> str:
    data = flag + content
    return PREFIX + urlsafe_b64encode(data + _checksum(data)).decode().rstrip("=")


def _unwrap(text: str) -> tuple[bytes, bytes]:
    if not text.startswith(PREFIX):
        raise _altered(f"it does not begin with {PREFIX!r}")
    if len(text) > MAX_TEXT:
        raise _altered(f"it is longer than {MAX_TEXT} characters")
    encoded = text[len(PREFIX) :]
    try:
        raw = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except (binascii.Error, ValueError):
        raise _altered("it is not base64url") from None
    data, checksum = raw[:-_CHECKSUM_BYTES], raw[-_CHECKSUM_BYTES:]
    if not compare_digest(checksum, _checksum(data)):
        raise _altered("its checksum is wrong; was a part of it lost while copying?")
    if data[:1] not in (_OPEN, _PROTECTED):
        raise _altered("its kind is not known to this version")
    return data[:1], data[1:]


def _unprotect(content: bytes, password: str) -> bytes:
    salt, rest = content[:_SALT_BYTES], content[_SALT_BYTES:]
    nonce, box = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
    if len(nonce) < _NONCE_BYTES:
        raise _altered("it is too short")
    try:
        return AESGCM(_password_key(password, salt)).decrypt(nonce, box, _PROTECTED)
    except InvalidTag:
        raise InvitationError(
            RefusalReason.WRONG_PASSWORD, "the password does not open this invitation"
        ) from None


def _password_key(password: str, salt: bytes) -> bytes:
    if not 0 < len(password) <= MAX_PASSWORD:
        raise InvitationError(RefusalReason.WRONG_PASSWORD, f"a password has 1 to {MAX_PASSWORD} characters")
    return Scrypt(salt, 32, _SCRYPT_N, _SCRYPT_R, _SCRYPT_P).derive(password.encode())


def _checksum(data: bytes) -> bytes:
    return sha256(data).digest()[:_CHECKSUM_BYTES]


def _altered(detail: str) -> InvitationError:
    return InvitationError(RefusalReason.ALTERED, f"the invitation cannot be read: {detail}")
