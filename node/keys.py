"""Access keys: who may speak to the node, and as what. One credential serves every dialect.

A key's role is at most its user's. What changes a user's role, or ends a user, is here, because his keys
follow, and because the node must not lose its last admin key.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from hmac import compare_digest
from typing import Any, Final

import sqlalchemy as sa

from node.errors import BadRequest, NotFound
from node.store import Store
from node.store.schema import access_keys, users
from node.users import Role, User, Users, add_user, check_login

__all__ = ["AccessKey", "Keys", "Role"]

USE_SECONDS: Final = 600.0
"""How old the store's note of a key's last use may become before it is written anew."""
_LONGEST_LABEL: Final = 200


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key pair. access_key is the user name of every dialect; secret_key is 16 random bytes in base64.

    last_used is a time, last_used_from an address, both None until the first use.
    """

    access_key: str
    secret_key: str = field(repr=False)
    user: str
    role: Role
    created: float
    label: str = ""
    last_used: float | None = None
    last_used_from: str | None = None


class Keys:
    """The node's access keys, held in memory so that a request is checked without the store."""

    def __init__(self, store: Store, users: Users) -> None:
        self._store = store
        self._users = users
        self._keys: dict[str, AccessKey] = {}
        self._noted: dict[str, float] = {}

    async def load(self) -> None:
        rows = await self._store.read(lambda c: c.execute(sa.select(access_keys)).mappings().all())
        self._keys = {row["access_key"]: AccessKey(**{**row, "role": Role(row["role"])}) for row in rows}

    def find(self, access_key: str) -> AccessKey | None:
        return self._keys.get(access_key)

    def check(self, access_key: str, secret_key: str, address: str | None) -> AccessKey | None:
        """The key if the two belong together; `address` is where they came from, and noted."""
        key = self._keys.get(access_key)
        # Compared even where there is no such key, so that the time does not tell which access keys exist.
        expected = key.secret_key if key is not None else "no such key"
        if not compare_digest(secret_key.encode(), expected.encode()) or key is None:
            return None
        self.used(key, address)
        return key

    def used(self, key: AccessKey, address: str | None) -> None:
        """Note that a key was used now; the store learns of it every `USE_SECONDS`."""
        now = time.time()
        self._keys[key.access_key] = replace(key, last_used=now, last_used_from=address)
        if now - self._noted.get(key.access_key, 0.0) < USE_SECONDS:
            return
        self._noted[key.access_key] = now
        note = (
            access_keys.update()
            .where(access_keys.c.access_key == key.access_key)
            .values(last_used=now, last_used_from=address)
        )
        # Nobody waits for it, nor needs to hear that it failed: the next use is noted again.
        self._store.submit(lambda c: c.execute(note)).add_done_callback(_seen)

    def of(self, user: User) -> list[AccessKey]:
        """A user's keys, oldest first."""
        mine = [key for key in self._keys.values() if key.user == user.login]
        return sorted(mine, key=lambda key: key.created)

    async def list(self) -> list[AccessKey]:
        """All keys, oldest first."""
        return sorted(self._keys.values(), key=lambda key: key.created)

    async def create(self, user: str, role: Role | str, label: str = "") -> AccessKey:
        """Make a key pair; the user too if there is none of this name, and give him the role if his is lower.

        Raises BadRequest for an unknown role, an unusable name or too long a label.
        """
        check_login(user)
        role = Role.named(role)
        key = AccessKey(
            access_key=secrets.token_hex(10),
            secret_key=base64.b64encode(os.urandom(16)).decode(),
            user=user,
            role=role,
            created=time.time(),
            label=_label(label),
        )
        async with self._users.turn:
            await self._add(key)
        return key

    async def _add(self, key: AccessKey) -> None:
        user, role = key.user, key.role
        found = self._users.find(user)
        owner = found or User(secrets.token_hex(16), user, user, role, key.created)
        if owner.role.rank < role.rank:
            owner = replace(owner, role=role)

        def work(connection: sa.Connection) -> None:
            if found is None:
                add_user(connection, owner)
            elif owner is not found:
                connection.execute(users.update().where(users.c.id == owner.id).values(role=owner.role.value))
            connection.execute(access_keys.insert().values(asdict(key) | {"role": role.value}))

        await self._store.write(work)
        self._users.keep(owner)
        self._keys[key.access_key] = key

    async def set_label(self, access_key: str, label: str) -> None:
        """Raises NotFound, and BadRequest for too long a label."""
        self._need(access_key)
        row = access_keys.update().where(access_keys.c.access_key == access_key).values(label=_label(label))
        await self._store.write(lambda c: c.execute(row))
        if (key := self._keys.get(access_key)) is not None:  # else it was revoked meanwhile
            self._keys[access_key] = replace(key, label=label)

    async def revoke(self, access_key: str) -> None:
        """Forget a key. Raises NotFound, and BadRequest for the last admin key."""
        key = self._need(access_key)
        self._leave_an_admin(lambda other: other is key, f"{access_key!r} is")
        del self._keys[access_key]  # refused from this moment on, whatever the disk says
        await self._store.write(
            lambda c: c.execute(access_keys.delete().where(access_keys.c.access_key == access_key))
        )

    async def set_role(self, user_id: str, role: Role | str) -> User:
        """Change a user's role. His keys of the old role follow, those of a lower one stay where the new
        one lets them. Raises UnknownUser, and BadRequest for an unknown role or if no admin key were left.
        """
        async with self._users.turn:
            return await self._set_role(self._users.need(user_id), Role.named(role))

    async def _set_role(self, user: User, role: Role) -> User:
        moved = {
            key.access_key for key in self.of(user) if key.role is user.role or key.role.rank > role.rank
        }
        if role is not Role.ADMIN:
            self._leave_an_admin(lambda key: key.access_key in moved, f"{user.login!r} has")
        changed = replace(user, role=role)

        def work(connection: sa.Connection) -> None:
            connection.execute(users.update().where(users.c.id == user.id).values(role=role.value))
            for access_key in moved:
                where = access_keys.c.access_key == access_key
                connection.execute(access_keys.update().where(where).values(role=role.value))

        await self._store.write(work)
        self._users.keep(changed)
        for access_key in moved & self._keys.keys():
            self._keys[access_key] = replace(self._keys[access_key], role=role)
        return changed

    async def delete_user(self, user_id: str) -> None:
        """End a user and all his keys; what he made stays. Raises UnknownUser, and BadRequest for the user
        who has the last admin key.
        """
        async with self._users.turn:
            await self._delete(self._users.need(user_id))

    async def _delete(self, user: User) -> None:
        mine = {key.access_key for key in self.of(user)}
        self._leave_an_admin(lambda key: key.access_key in mine, f"{user.login!r} has")
        for access_key in mine:  # refused from this moment on
            del self._keys[access_key]
        self._users.drop(user)

        def work(connection: sa.Connection) -> None:
            connection.execute(access_keys.delete().where(access_keys.c.user == user.login))
            connection.execute(users.delete().where(users.c.id == user.id))

        await self._store.write(work)

    def _need(self, access_key: str) -> AccessKey:
        key = self._keys.get(access_key)
        if key is None:
            raise NotFound(f"there is no access key {access_key!r}", "list the keys to see those that exist")
        return key

    def _leave_an_admin(self, goes: Callable[[AccessKey], bool], who: str) -> None:
        admins = [key for key in self._keys.values() if key.role is Role.ADMIN]
        if admins and all(goes(key) for key in admins):
            raise BadRequest(f"{who} the last key with the role admin", "create another admin key first")


def _label(label: str) -> str:
    if len(label) > _LONGEST_LABEL or not label.isprintable():
        raise BadRequest(
            "this cannot be a key's label", f"give at most {_LONGEST_LABEL} printable characters"
        )
    return label


def _seen(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()
