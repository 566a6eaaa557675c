"""Passwords: hashed by scrypt, off the loop, one at a time: guessing can neither stop a node nor fill it."""

from __future__ import annotations

import asyncio
import os
from base64 import b64decode, b64encode
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from node.errors import BadRequest

# 32 MiB and three passes: one of the settings that OWASP's password storage cheat sheet holds equal.
_N: Final = 2**15
_R: Final = 8
_P: Final = 3
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32

SHORTEST: Final = 8
LONGEST: Final = 1024


class Passwords:
    """Hashes and checks, one at a time."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def hash(self, password: str) -> str:
        """`scrypt$n$r$p$salt$hash`. Raises BadRequest for a password that is too short or too long."""
        if not SHORTEST <= len(password) <= LONGEST:
            raise BadRequest(
                f"a password has {SHORTEST} to {LONGEST} characters",
                "choose another; nobody needs to type it often",
            )
        salt = os.urandom(_SALT_BYTES)
        async with self._turn:
            derived = await asyncio.to_thread(_scrypt(salt, _N, _R, _P).derive, password.encode())
        return f"scrypt${_N}${_R}${_P}${b64encode(salt).decode()}${b64encode(derived).decode()}"

    async def matches(self, password: str, hashed: str | None) -> bool:
        """Whether it is the password. Takes the time of a check even if there is none to check against."""
        async with self._turn:
            return await asyncio.to_thread(_matches, password, hashed or _NOBODYS) and hashed is not None


def _matches(password: str, hashed: str) -> bool:
    _, n, r, p, salt, expected = hashed.split("$")
    try:
        _scrypt(b64decode(salt), int(n), int(r), int(p)).verify(password.encode(), b64decode(expected))
    except InvalidKey:
        return False
    return True


def _scrypt(salt: bytes, n: int, r: int, p: int) -> Scrypt:
    return Scrypt(salt=salt, length=_HASH_BYTES, n=n, r=r, p=p)


_NOBODYS: Final = (
    f"scrypt${_N}${_R}${_P}${b64encode(bytes(_SALT_BYTES)).decode()}${b64encode(bytes(_HASH_BYTES)).decode()}"
)
