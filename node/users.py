"""Who uses the node: one user for every dialect. Keys, and what else ends with a user, are in `node.keys`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Final
from uuid import uuid4

import sqlalchemy as sa
from pydantic_core import to_json

from node.errors import AlreadyExists, BadRequest, NotFound
from node.store import Store
from node.store.schema import users

COMPANY_NAME: Final = "suffice"

MOST_PREFERENCES: Final = 2**20
"""Bytes of JSON that one user's preferences may take."""
DEEPEST_PREFERENCES: Final = 32
_LONGEST: Final = 2000


class Role(StrEnum):
    """What a user may do; admin and superuser may also name files that the node shall read."""

    ADMIN = "admin"
    SUPERUSER = "superuser"
    USER = "user"
    ANNOTATOR = "annotator"

    @property
    def may_read_files(self) -> bool:
        return self in (Role.ADMIN, Role.SUPERUSER)

    @property
    def rank(self) -> int:
        """Grows with what the role may do."""
        return _ORDER.index(self)

    @classmethod
    def named(cls, name: str) -> Role:
        """Raises BadRequest for a role that there is not."""
        try:
            return cls(name)
        except ValueError:
            raise BadRequest(f"there is no role {name!r}", f"use one of {', '.join(cls)}") from None


_ORDER: Final = (Role.ANNOTATOR, Role.USER, Role.SUPERUSER, Role.ADMIN)


@dataclass(frozen=True, slots=True)
class User:
    """`id`: 32 hex digits. `login` is the name in keys and of owners; `name` is what people read.

    `password` is a hash (see `node.passwords`), or None if the user has keys only.
    """

    id: str
    login: str
    name: str
    role: Role
    created: float
    email: str = ""
    given_name: str = ""
    family_name: str = ""
    avatar: str = ""
    password: str | None = field(default=None, repr=False)


PROFILE: Final = ("name", "email", "given_name", "family_name", "avatar")
"""What of a user may be changed by himself."""


class Users:
    """The node's users, held in memory so that a request's caller is known without the store.

    `turn` is held by whoever changes which users there are or what they are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_id: dict[str, User] = {}
        self._by_login: dict[str, User] = {}
        self.turn = asyncio.Lock()

    async def load(self) -> None:
        columns = [column for column in users.c if column is not users.c.preferences]
        rows = await self._store.read(lambda c: c.execute(sa.select(*columns)).mappings().all())
        for row in rows:
            self.keep(User(**{**row, "role": Role(row["role"])}))

    def get(self, user_id: str) -> User | None:
        return self._by_id.get(user_id)

    def find(self, login: str) -> User | None:
        return self._by_login.get(login)

    def need(self, user_id: str) -> User:
        """The user with an id. Raises UnknownUser."""
        user = self._by_id.get(user_id)
        if user is None:
            raise UnknownUser(user_id)
        return user

    def list(self) -> list[User]:
        """All users, oldest first."""
        return sorted(self._by_id.values(), key=lambda user: (user.created, user.login))

    async def create(
        self, login: str, role: Role | str, *, user_id: str = "", password: str | None = None, **profile: str
    ) -> User:
        """Add a user. Raises BadRequest for an unusable name or unknown role, AlreadyExists for a taken one.

        `password`: its hash. `profile`: any of `PROFILE`; the name is the login if it is not given.
        """
        check_login(login)
        user = User(user_id or uuid4().hex, login, login, Role.named(role), time.time(), password=password)
        user = replace(user, **_checked(profile))
        async with self.turn:
            if login in self._by_login or user.id in self._by_id:
                raise AlreadyExists(f"there is a user {login!r} already", "choose another name")
            await self._store.write(lambda c: add_user(c, user))
            self.keep(user)
        return user

    async def update(self, user_id: str, profile: Mapping[str, str]) -> User:
        """Change any of `PROFILE`. Raises UnknownUser, and BadRequest for a value that is too long."""
        return await self._change(user_id, **_checked(profile))

    async def set_password(self, user_id: str, hashed: str | None) -> User:
        """Give a user another password (its hash), or none: what was signed in by the old one is no more."""
        return await self._change(user_id, password=hashed)

    async def _change(self, user_id: str, **values: Any) -> User:
        async with self.turn:
            user = replace(self.need(user_id), **values)
            if values:
                row = users.update().where(users.c.id == user_id).values(values)
                await self._store.write(lambda c: c.execute(row))
                self.keep(user)
        return user

    async def preferences(self, user_id: str) -> dict[str, Any]:
        """What the user's clients remember for him."""
        self.need(user_id)
        found = await self._store.read(
            lambda c: c.scalar(sa.select(users.c.preferences).where(users.c.id == user_id))
        )
        return dict(found or {})

    async def set_preferences(self, user_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Merge changes into the preferences: objects key by key, a dotted key is a path, null is a value.

        Returns what they are then. Raises UnknownUser, and BadPreferences if they cannot be kept.
        """
        self.need(user_id)

        def work(connection: sa.Connection) -> dict[str, Any]:
            row = sa.select(users.c.preferences).where(users.c.id == user_id)
            merged = dict(connection.scalar(row) or {})
            _merge(merged, changes, DEEPEST_PREFERENCES)
            if len(to_json(merged)) > MOST_PREFERENCES:
                raise BadPreferences(f"the preferences take more than {MOST_PREFERENCES:,} bytes")
            connection.execute(users.update().where(users.c.id == user_id).values(preferences=merged))
            return merged

        return await self._store.write(work)

    def keep(self, user: User) -> None:
        """Hold a user that is in the store."""
        self._by_id[user.id] = self._by_login[user.login] = user

    def drop(self, user: User) -> None:
        """Hold no longer a user that is leaving the store."""
        del self._by_id[user.id], self._by_login[user.login]


class UnknownUser(NotFound):
    """There is no user with this id."""

    def __init__(self, user_id: str) -> None:
        super().__init__(f"there is no user {user_id!r}", "list the users to see those that exist")


class BadPreferences(BadRequest):
    """The preferences cannot be kept."""


def add_user(connection: sa.Connection, user: User) -> None:
    """Write a new user's row."""
    connection.execute(users.insert().values(asdict(user) | {"role": user.role.value, "preferences": {}}))


def check_login(login: str) -> None:
    """Raise BadRequest unless a user may be called so."""
    if not login or len(login) > 200 or not login.isprintable():
        raise BadRequest(f"{login!r} cannot be a user's name", "give 1 to 200 printable characters")


def _checked(profile: Mapping[str, str]) -> dict[str, Any]:
    if "name" in profile:
        check_login(profile["name"])
    for name, value in profile.items():
        if len(value) > _LONGEST or not value.isprintable():
            raise BadRequest(
                f"this cannot be a user's {name}", f"give at most {_LONGEST} printable characters"
            )
    return {name: profile[name] for name in PROFILE if name in profile}


def _merge(kept: dict[str, Any], changes: Mapping[str, Any], deepest: int) -> None:
    for path, value in changes.items():
        *parents, last = path.split(".")
        if len(parents) >= deepest:
            raise BadPreferences(f"preferences are at most {DEEPEST_PREFERENCES} levels deep")
        place = kept
        for parent in parents:
            if not isinstance(place.get(parent), dict):
                place[parent] = {}
            place = place[parent]
        if isinstance(value, dict):
            if not isinstance(place.get(last), dict):
                place[last] = {}
            _merge(place[last], value, deepest - len(parents) - 1)
        else:
            place[last] = value
