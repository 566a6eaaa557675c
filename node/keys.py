"""Access keys: who may speak to the node, and as what. One credential serves every dialect."""

from __future__ import annotations

import base64
import os
import secrets
import time
from dataclasses import dataclass, field
from enum import StrEnum

import sqlalchemy as sa

from node.errors import BadRequest, NotFound
from node.store import Store
from node.store.schema import access_keys


class Role(StrEnum):
    """What a user may do; admin and superuser may also name files that the node shall read."""

    ADMIN = "admin"
    SUPERUSER = "superuser"
    USER = "user"
    ANNOTATOR = "annotator"

    @property
    def may_read_files(self) -> bool:
        return self in (Role.ADMIN, Role.SUPERUSER)


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key pair. access_key is the user name of every dialect; secret_key is 16 random bytes in base64."""

    access_key: str
    secret_key: str = field(repr=False)
    user: str
    role: Role
    created: float


class Keys:
    """The node's access keys, held in memory so that a request is checked without the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys: dict[str, AccessKey] = {}

    async def load(self) -> None:
        rows = await self._store.read(lambda c: c.execute(sa.select(access_keys)).all())
        self._keys = {
            row.access_key: AccessKey(row.access_key, row.secret_key, row.user, Role(row.role), row.created)
            for row in rows
        }

    def find(self, access_key: str) -> AccessKey | None:
        return self._keys.get(access_key)

    async def list(self) -> list[AccessKey]:
        """All keys, oldest first."""
        return sorted(self._keys.values(), key=lambda key: key.created)

    async def create(self, user: str, role: Role | str) -> AccessKey:
        """Make a key pair. Raises BadRequest for an unknown role or an unusable user name."""
        if not user or len(user) > 200 or not user.isprintable():
            raise BadRequest(f"{user!r} cannot be a user's name", "give 1 to 200 printable characters")
        try:
            role = Role(role)
        except ValueError:
            raise BadRequest(f"there is no role {role!r}", f"use one of {', '.join(Role)}") from None
        key = AccessKey(
            access_key=secrets.token_hex(10),
            secret_key=base64.b64encode(os.urandom(16)).decode(),
            user=user,
            role=role,
            created=time.time(),
        )
        values = {
            "access_key": key.access_key,
            "secret_key": key.secret_key,
            "user": key.user,
            "role": key.role.value,
            "created": key.created,
        }
        await self._store.write(lambda c: c.execute(access_keys.insert().values(values)))
        self._keys[key.access_key] = key
        return key

    async def revoke(self, access_key: str) -> None:
        """Forget a key. Raises NotFound, and BadRequest for the last admin key."""
        key = self._keys.get(access_key)
        if key is None:
            raise NotFound(f"there is no access key {access_key!r}", "list the keys to see those that exist")
        admins = [other for other in self._keys.values() if other.role is Role.ADMIN]
        if admins == [key]:
            raise BadRequest(
                f"{access_key!r} is the last key with the role admin", "create another admin key first"
            )
        del self._keys[access_key]  # refused from this moment on, whatever the disk says
        await self._store.write(
            lambda c: c.execute(access_keys.delete().where(access_keys.c.access_key == access_key))
        )
