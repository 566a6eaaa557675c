"""The blobs of the Morpheo surface: workflows of problems, algorithms, models, data and predictions.

Their bytes are files of the file store in the node's own folder, which its file host does not show; a blob
and what is known of it come and go in one transaction. Data and predictions are private: see `may_read`.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final
from uuid import uuid4

import sqlalchemy as sa

from node.errors import AlreadyExists, BadRequest, Forbidden, NotFound
from node.file_store import FileStore, OwnPath, Reading, Upload
from node.keys import AccessKey, Role
from node.store import Store
from node.store.storage_tables import storage_objects
from node.uplets import access

MAX_TEXT: Final = 255
"""Bytes of a name or a description in UTF-8."""
PAGE: Final = 30
"""Objects of one page of a list."""
MAX_PAGE: Final = 2**31

_UUID = re.compile(r"[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}", re.IGNORECASE)


class Kind(StrEnum):
    """What a blob is."""

    PROBLEM = "problem"
    ALGO = "algo"
    MODEL = "model"
    DATA = "data"
    PREDICTION = "prediction"


PRIVATE: Final = frozenset({Kind.DATA, Kind.PREDICTION})
"""What is not for everybody who may enter."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A blob without its bytes. uploaded: unix seconds; size: bytes; algo: the one that made a model."""

    kind: Kind
    uuid: str
    owner: str
    uploaded: float
    size: int
    name: str | None = None
    description: str | None = None
    algo: str | None = None

    @property
    def path(self) -> OwnPath:
        """Where its bytes are in the file store."""
        return OwnPath("morpheo", self.kind, self.uuid)


class Arriving:
    """A blob on its way in: `write`, ..., `commit`; without it nothing has happened.

    `keep` makes the object's row of what it is and of its size.
    """

    def __init__(
        self, upload: Upload, expected: int | None, keep: Callable[[sa.Connection, int], StoredObject]
    ) -> None:
        self._upload = upload
        self._expected = expected
        self._keep = keep
        self._size = 0

    async def write(self, data: bytes | bytearray) -> None:
        """More of it. Raises QuotaExceeded, and BadRequest as soon as it is more than was announced."""
        self._size += len(data)
        if self._expected is not None and self._size > self._expected:
            raise BadRequest(
                f"the blob has more than the {self._expected:,} bytes that its size says",
                "send its size in bytes",
            )
        await self._upload.write(data)

    async def commit(self) -> StoredObject:
        """Keep it. Raises BadRequest if it is not what was announced, AlreadyExists."""
        if self._size == 0:
            raise BadRequest("the blob is empty", "send its bytes")
        if self._expected is not None and self._size != self._expected:
            raise BadRequest(
                f"the blob has {self._size:,} bytes and its size says {self._expected:,}",
                "send its size in bytes",
            )
        kept: list[StoredObject] = []
        await self._upload.commit(lambda connection: kept.append(self._keep(connection, self._size)))
        return kept[0]


class UpletStorage:
    """All blobs of a node."""

    def __init__(self, store: Store, files: FileStore) -> None:
        self._store = store
        self._files = files

    async def list(self, kind: Kind, page: int) -> list[StoredObject]:
        """A page (from 0) of PAGE objects, newest first."""
        of = storage_objects.c
        chosen = (
            sa.select(storage_objects)
            .where(of.kind == kind)
            .order_by(of.uploaded.desc(), of.uuid)
            .offset(page * PAGE)
            .limit(PAGE)
        )
        rows = await self._store.read(lambda c: c.execute(chosen).mappings().all())
        return [_object(row) for row in rows]

    async def get(self, kind: Kind, uuid: str) -> StoredObject:
        """Raises BadRequest for what is no UUID, NotFound."""
        known = object_id(uuid)
        row = await self._store.recall(("storage", kind, known), lambda c: _find(c, kind, known))
        if row is None:
            raise NotFound(f"there is no {kind} {known}", "upload it, or check its uuid")
        return row

    async def read(self, kind: Kind, uuid: str, actor: AccessKey, uplet: str | None = None) -> Reading:
        """Its bytes, to be closed. uplet: the one that data are wanted for; see `may_read`. Raises
        BadRequest, NotFound, Forbidden, Unavailable."""
        found = await self.get(kind, uuid)
        if not await self.may_read(found, actor, uplet):
            raise Forbidden(
                f"{kind} {found.uuid} belongs to {found.owner!r}, and no uplet of yours opens it",
                "take an uplet for which its owner has given it, or ask its owner",
            )
        return await self._files.read(found.path)

    async def may_read(self, found: StoredObject, actor: AccessKey, uplet: str | None = None) -> bool:
        """Whether somebody may read the bytes: of private ones its owner, superusers and admins, and as
        `node.uplets.access` says whoever works on it or has asked for it.

        Data that are wanted for an uplet are opened by that alone, whatever its worker may read besides: what
        it feeds to a program is seen by who made up the uplet.
        """
        if found.kind is Kind.DATA and uplet is not None:
            return await self._store.read(
                lambda c: access.opens_data(c, found.uuid, found.owner, actor.user, uplet)
            )
        if found.kind not in PRIVATE or _owns(actor, found):
            return True
        opens = access.opens_data if found.kind is Kind.DATA else access.opens_prediction
        return await self._store.read(lambda c: opens(c, found.uuid, found.owner, actor.user))

    @asynccontextmanager
    async def receive(
        self,
        kind: Kind,
        actor: AccessKey,
        *,
        uuid: str | None,
        size: int | None,
        name: str | None = None,
        description: str | None = None,
        algo: str | None = None,
    ) -> AsyncIterator[Arriving]:
        """A new blob, of `size` bytes if that is known; a random uuid if none is given.

        A model of a learnuplet is uploaded by who has that; once more where an earlier worker did not come
        to its end. Raises BadRequest, AlreadyExists, QuotaExceeded, Forbidden; NotFound where there is no
        such algorithm.
        """
        known = str(uuid4()) if uuid is None else object_id(uuid)

        def check(connection: sa.Connection) -> None:
            again = kind is Kind.MODEL and access.makes_model(connection, known, actor)
            if not again and _find(connection, kind, known) is not None:
                raise _taken(kind, known)

        await self._store.read(check)
        maker = None if algo is None else (await self.get(Kind.ALGO, algo)).uuid
        new = StoredObject(kind, known, actor.user, time.time(), 0, _text(name), _text(description), maker)

        def keep(connection: sa.Connection, arrived: int) -> StoredObject:
            check(connection)
            made = replace(new, size=arrived)
            connection.execute(storage_objects.delete().where(_named(kind, known)))
            connection.execute(storage_objects.insert().values(asdict(made)))
            return made

        async with self._arriving(new, size, keep) as arriving:
            yield arriving

    @asynccontextmanager
    async def receive_again(
        self, found: StoredObject, actor: AccessKey, size: int | None, changes: dict[str, str]
    ) -> AsyncIterator[Arriving]:
        """Another blob for an object that there is, with other texts. Raises Forbidden, NotFound, ..."""
        _check_owns(actor, found)

        def keep(connection: sa.Connection, arrived: int) -> StoredObject:
            return _update(connection, found, {"size": arrived} | _texts(changes))

        async with self._arriving(found, size, keep) as arriving:
            yield arriving

    async def change(self, found: StoredObject, actor: AccessKey, changes: dict[str, str]) -> StoredObject:
        """Change its name or description. Raises Forbidden, BadRequest, NotFound if it is gone meanwhile."""
        _check_owns(actor, found)
        values = _texts(changes)
        return await self._store.write(lambda c: _update(c, found, values))

    async def delete(self, found: StoredObject, actor: AccessKey) -> None:
        """Remove it and its bytes. Raises Forbidden, NotFound if it is gone meanwhile."""
        _check_owns(actor, found)

        def remove(connection: sa.Connection) -> None:
            if connection.execute(storage_objects.delete().where(_is(found))).rowcount == 0:
                raise _gone(found)

        await self._files.delete([found.path], remove)

    @asynccontextmanager
    async def _arriving(
        self, what: StoredObject, size: int | None, keep: Callable[[sa.Connection, int], StoredObject]
    ) -> AsyncIterator[Arriving]:
        async with self._files.upload(what.owner) as upload:
            upload.expect(size or 0)
            await upload.begin(what.path)
            yield Arriving(upload, size, keep)


def object_id(text: str) -> str:
    """A UUID as it is kept, with dashes; raises BadRequest for what is none."""
    if _UUID.fullmatch(text) is None:
        raise BadRequest("the uuid is no UUID", "send 32 hexadecimal digits, with or without dashes")
    digits = text.replace("-", "").lower()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _find(connection: sa.Connection, kind: Kind, uuid: str) -> StoredObject | None:
    found = connection.execute(sa.select(storage_objects).where(_named(kind, uuid))).mappings().one_or_none()
    return None if found is None else _object(found)


def _update(connection: sa.Connection, found: StoredObject, values: dict[str, Any]) -> StoredObject:
    if values:
        connection.execute(storage_objects.update().where(_is(found)).values(values))
    now = _find(connection, found.kind, found.uuid)
    if now is None:
        raise _gone(found)
    return now


def _object(row: Any) -> StoredObject:
    return StoredObject(**{**row, "kind": Kind(row["kind"])})


def _is(found: StoredObject) -> sa.ColumnElement[bool]:
    """This very object, not a later one of the same id."""
    return _named(found.kind, found.uuid) & (storage_objects.c.uploaded == found.uploaded)


def _named(kind: Kind, uuid: str) -> sa.ColumnElement[bool]:
    return (storage_objects.c.kind == kind) & (storage_objects.c.uuid == uuid)


def _owns(actor: AccessKey, found: StoredObject) -> bool:
    return found.owner == actor.user or actor.role in (Role.SUPERUSER, Role.ADMIN)


def _check_owns(actor: AccessKey, found: StoredObject) -> None:
    if not _owns(actor, found):
        raise Forbidden(
            f"{found.kind} {found.uuid} belongs to {found.owner!r}",
            "its owner, a superuser or an admin may change it",
        )


def _texts(changes: dict[str, str]) -> dict[str, str | None]:
    return {name: _text(value) for name, value in changes.items()}


def _text(value: str | None) -> str | None:
    if value is not None and ("\0" in value or len(value.encode()) > MAX_TEXT):
        raise BadRequest(f"a text is longer than {MAX_TEXT} bytes or holds a NUL", "shorten it")
    return value


def _taken(kind: Kind, uuid: str) -> AlreadyExists:
    return AlreadyExists(f"there is a {kind} {uuid} already", "choose another uuid, or none")


def _gone(found: StoredObject) -> NotFound:
    return NotFound(f"there is no {found.kind} {found.uuid} any more", "upload it again")
