"""Sessions: signed tokens that stand for a user for a while, whichever dialect or listener they are shown to.

A token ends with the key or the password that it was given for, and with its user; nothing is stored.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import jwt

from node.errors import BadRequest
from node.files import HomeError, write_private
from node.keys import AccessKey, Keys
from node.passwords import Passwords
from node.store.schema import COMPANY
from node.users import COMPANY_NAME, Role, User, Users

DEFAULT_SECONDS: Final = 30 * 86400
MOST_SECONDS: Final = 366 * 86400
_ALGORITHM: Final = "HS256"
_SECRET_BYTES: Final = 32
_LONGEST_TOKEN: Final = 8192


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request: a user, the role he has in it, and what he showed (key or mark of a password)."""

    user: User
    role: Role
    shown: str


class Sessions:
    """Tells callers by what they show, and gives them tokens."""

    def __init__(self, users: Users, keys: Keys, secret: bytes) -> None:
        self._users = users
        self._keys = keys
        self._secret = secret
        self.passwords = Passwords()

    def by_key(self, access_key: str, secret_key: str, address: str | None) -> Caller | None:
        """The caller with a key pair; None if they do not belong together."""
        key = self._keys.check(access_key, secret_key, address)
        return None if key is None else self._of_key(key)

    async def by_password(self, login: str, password: str) -> Caller | None:
        """The user with a name and password; None, after the same time, for either wrong half."""
        user = self._users.find(login)
        if not await self.passwords.matches(password, user.password if user else None) or user is None:
            return None
        return Caller(user, user.role, _mark(user))

    def by_token(self, token: str) -> Caller | None:
        """The caller of a token; None if it is broken, expired, or what it was given for is no more."""
        if len(token) > _LONGEST_TOKEN:
            return None
        try:
            claims = jwt.decode(token, self._secret, [_ALGORITHM], options={"require": ["exp"]})
            user = self._users.get(claims["identity"]["user"])
            role, shown = Role(claims["identity"]["role"]), str(claims["shown"])
        except (jwt.InvalidTokenError, LookupError, TypeError, ValueError):
            return None
        if user is None:
            return None
        if not compare_digest(shown.encode(), _mark(user).encode()):
            key = self._keys.find(shown)
            if key is None:
                return None
            role = min(role, key.role, key=lambda role: role.rank)
        return Caller(user, min(role, user.role, key=lambda role: role.rank), shown)

    def token(self, caller: Caller, seconds: int | None, claims: Mapping[str, Any]) -> str:
        """A token for a caller, good for `seconds` (1 to 366 days; 30 days by default), with further claims.

        Raises BadRequest for another time.
        """
        seconds = DEFAULT_SECONDS if seconds is None else seconds
        if not 1 <= seconds <= MOST_SECONDS:
            raise BadRequest(f"a token is good for 1 to {MOST_SECONDS} s, not {seconds}", "ask for less")
        now = int(time.time())
        payload = {
            "session_id": uuid4().hex,
            "iat": now,
            "exp": now + seconds,
            "identity": {
                "user": caller.user.id,
                "company": COMPANY,
                "role": caller.role.value,
                "user_name": caller.user.name,
                "company_name": COMPANY_NAME,
            },
            "shown": caller.shown,
            **claims,
        }
        return jwt.encode(payload, self._secret, _ALGORITHM)

    def _of_key(self, key: AccessKey) -> Caller | None:
        user = self._users.find(key.user)
        return None if user is None else Caller(user, key.role, key.access_key)


def load_or_create_secret(path: Path) -> bytes:
    """The secret that signs tokens; made of the system's entropy, 0600, if there is no such file.

    Raises HomeError if the file is damaged or readable by others.
    """
    try:
        secret = path.read_bytes()
    except FileNotFoundError:
        secret = os.urandom(_SECRET_BYTES)
        write_private(path, secret)
    if len(secret) != _SECRET_BYTES:
        raise HomeError(
            f"{path} has {len(secret)} bytes instead of {_SECRET_BYTES}: delete it to make another"
        )
    if path.stat().st_mode & 0o077:
        raise HomeError(f"{path} can be read by others than its owner: delete it to make another")
    return secret


def _mark(user: User) -> str:
    """What stands in a token for the password that it was given for: it changes with the password."""
    return "password:" + sha256(f"{user.id}:{user.password}".encode()).hexdigest()[:32]
