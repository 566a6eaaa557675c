"""How a node proves itself to a NATS server: its NKEY, or what an existing server asks for.

Secrets never show in a `repr`, on a command line or in a log, and are written 0600.
"""

import binascii
import os
import secrets
import tempfile
from base64 import b32decode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import nkeys  # type: ignore[import-untyped]


class CredentialError(ValueError):
    """These credentials are malformed or incomplete; the message says which, never what they contain."""


@dataclass(frozen=True, slots=True)
class NKey:
    """An Ed25519 key in the form that NATS uses: the server knows `public`, only we know `seed`."""

    seed: str = field(repr=False)
    public: str

    @classmethod
    def generate(cls) -> "NKey":
        return cls.from_raw(secrets.token_bytes(32))

    @classmethod
    def from_raw(cls, secret: bytes) -> "NKey":
        """The NKEY of 32 secret bytes: the same bytes give the same key."""
        if len(secret) != 32:
            raise CredentialError("an NKEY is made from 32 bytes")
        return cls.from_seed(nkeys.encode_seed(secret, nkeys.PREFIX_BYTE_USER).decode())

    @classmethod
    def from_seed(cls, seed: str) -> "NKey":
        """From its printed form, `SU…`."""
        seed = seed.strip()
        try:
            pair = nkeys.from_seed(bytearray(seed.encode("ascii")))
            public = pair.public_key.decode().rstrip("=")
        except Exception:  # the library raises several kinds, and some show the seed
            raise CredentialError("this is not the seed of a user's NKEY (SU…)") from None
        if not seed.startswith("SU"):
            raise CredentialError("this NKEY is not a user's: its seed begins with SU")
        return cls(seed, public)

    @classmethod
    def load_or_create(cls, path: Path) -> "NKey":
        """The key kept in the file `path` (0600), made at the first call."""
        if path.exists():
            return cls.from_seed(path.read_text())
        key = cls.generate()
        write_secret(path, key.seed.encode() + b"\n")
        return key


def public_nkey(text: str) -> str:
    """`text` itself if it is the public NKEY of a user (U…), else `CredentialError`."""
    try:
        raw = b32decode(text + "=" * (-len(text) % 8))
    except (ValueError, binascii.Error):
        raw = b""
    whole = len(text) == 56 and len(raw) == 35 and raw[0] == nkeys.PREFIX_BYTE_USER
    if not whole or nkeys.crc16(raw[:-2]) != int.from_bytes(raw[-2:], "little"):
        raise CredentialError("this is not the public NKEY of a user (U…, 56 characters)")
    return text


@dataclass(frozen=True, slots=True)
class UserPassword:
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CredentialsFile:
    """A `.creds` file as `nsc` writes it: a user's JWT and its NKEY seed."""

    path: Path


Credentials = NKey | UserPassword | Token | CredentialsFile


def connect_options(credentials: Credentials | None) -> dict[str, Any]:
    """The keyword arguments of nats-py's `connect` that present these credentials."""
    match credentials:
        case None:
            return {}
        case NKey(seed=seed):
            return {"nkeys_seed_str": seed}
        case UserPassword(user, password):
            return {"user": user, "password": password}
        case Token(token):
            return {"token": token}
        case CredentialsFile(path):
            if not path.is_file():
                raise CredentialError(f"there is no credentials file {path}")
            return {"user_credentials": str(path)}


def split_url(url: str) -> tuple[list[str], Credentials | None]:
    """The servers of `--nats URL` (several with commas) without their user part, and what that part says.

    `nats://user:password@host:4222` and `nats://token@host:4222`, percent-encoded, as for any NATS client.
    """
    servers: list[str] = []
    credentials: Credentials | None = None
    for part in filter(None, (piece.strip() for piece in url.split(","))):
        whole = part if "://" in part else f"nats://{part}"
        try:
            address = urlsplit(whole)
            host, port = address.hostname, address.port or 4222
        except ValueError:
            raise CredentialError("a NATS URL is nats://host:port or tls://host:port") from None
        if address.scheme not in ("nats", "tls") or not host:
            raise CredentialError("a NATS URL is nats://host:port or tls://host:port")
        if address.username is not None:
            user = unquote(address.username)
            password = address.password
            credentials = Token(user) if password is None else UserPassword(user, unquote(password))
        servers.append(f"{address.scheme}://{f'[{host}]' if ':' in host else host}:{port}")
    if not servers:
        raise CredentialError("no NATS server was given")
    return servers, credentials


def write_secret(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
