"""Who may hear on this node's broker that uplets are ready: public NKEYs of workers, for a day at a time.

A worker that only hears needs no rights beyond that: to take an uplet it calls the node with its access key,
and with that key it is let in here. An existing broker lets in whom its operator decides.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import sqlalchemy as sa

from node.broker import Broker
from node.errors import AlreadyExists, BadRequest, NotFound, Unavailable
from node.keys import AccessKey, Keys, Role
from node.store import Store
from node.store.hearer_tables import hearers
from transport import subjects
from transport.bus import BusError
from transport.credentials import CredentialError, public_nkey
from transport.server_process import ServerError
from transport.tasks import end

LIFETIME: Final = 24 * 3600.0
"""Seconds that a key is let in for; asking again prolongs it."""
CHECK_SECONDS: Final = 30.0
"""How long after its time, or the end of its access key, a key may still hear."""
MOST: Final = 1000
"""Keys that one access key lets in at a time: one more takes the place of the one not renewed for longest."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hearer:
    """A worker's key that is let in: its public NKEY, whose it is, until when (unix seconds)."""

    key: str
    access_key: str
    expires: float


@dataclass(frozen=True, slots=True)
class Hearing:
    """Where to hear of ready uplets: servers, their certificate's SHA-256 where it is known, subjects.

    No servers: this node has no broker. expires: when the key is let in no longer, None where the broker's
    operator decides that.
    """

    servers: list[str]
    fingerprint: str | None
    subjects: list[str]
    expires: float | None


class Hearers:
    """The keys that are let in."""

    def __init__(self, store: Store, keys: Keys, broker: Broker, node_id: str) -> None:
        self._store, self._keys, self._broker, self._node_id = store, keys, broker, node_id
        self._let_in: dict[str, Hearer] = {}
        self._turn = asyncio.Lock()
        self._checking: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Know those of last time; they come in together with the federations' members."""
        rows = await self._store.read(lambda c: c.execute(sa.select(hearers)).all())
        self._let_in = {row.key: Hearer(*row) for row in rows}
        await self._admit(self._entitled())
        self._checking.append(asyncio.create_task(self._check()))

    async def close(self) -> None:
        await end(self._checking)

    async def let_in(self, key: str, actor: AccessKey) -> Hearing:
        """Let a public NKEY hear for LIFETIME from now. Raises BadRequest, AlreadyExists, Unavailable."""
        try:
            key = public_nkey(key)
        except CredentialError as error:
            raise BadRequest(str(error), "make a key pair of a user and send its public half") from None
        entrance = self._broker.entrance()
        expires = None
        if self._broker.embedded:
            expires = time.time() + LIFETIME
            await self._add(Hearer(key, actor.access_key, expires))
        servers, fingerprint = entrance.get("servers", []), entrance.get("fingerprint")
        heard = [subjects.uplets_pattern(self._node_id)] if servers else []
        return Hearing(list(servers), None if fingerprint is None else str(fingerprint), heard, expires)

    async def list(self, actor: AccessKey) -> Sequence[Hearer]:
        """Those that this access key let in; an admin's sees all. The longest there first."""
        return sorted(
            (one for one in self._let_in.values() if _may_end(actor, one)), key=lambda one: one.expires
        )

    async def end(self, key: str, actor: AccessKey) -> None:
        """Let a key hear no more. Raises NotFound, Unavailable."""
        async with self._turn:
            found = self._let_in.get(key)
            if found is None or not _may_end(actor, found):
                raise NotFound("there is no such key that hears of uplets", "list those that there are")
            await self._keep({name: one for name, one in self._let_in.items() if name != key})

    async def _add(self, new: Hearer) -> None:
        async with self._turn:
            before = self._let_in.get(new.key)
            if before is not None and before.access_key != new.access_key:
                raise AlreadyExists("another access key let this NKEY in", "make a new key pair")
            wanted = {**self._let_in, new.key: new}
            mine = [one for one in wanted.values() if one.access_key == new.access_key]
            for one in sorted(mine, key=lambda one: one.expires)[: max(0, len(mine) - MOST)]:
                del wanted[one.key]
            await self._keep(wanted)

    async def _keep(self, wanted: dict[str, Hearer]) -> None:
        """Let exactly these in, from now on and after a restart. Raises Unavailable."""

        def write(connection: sa.Connection) -> None:
            connection.execute(hearers.delete())
            if wanted:
                connection.execute(hearers.insert(), [asdict(one) for one in wanted.values()])

        await self._store.write(write)
        self._let_in = wanted
        try:
            await self._admit(wanted)
        except (BusError, ServerError) as error:
            raise Unavailable(
                f"the broker's users cannot be changed now: {error}", "try again later"
            ) from None

    async def _admit(self, wanted: dict[str, Hearer]) -> None:
        allowed = {key: subjects.hearer_permissions(self._node_id, key) for key in wanted}
        await self._broker.admit_hearers(allowed)

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                await self.check()
            except Unavailable as error:
                log.warning("workers that may hear no more still can: %s", error)

    async def check(self) -> None:
        """Let nobody in whose time is over or whose access key is gone. Raises Unavailable."""
        async with self._turn:
            if (entitled := self._entitled()) != self._let_in:
                await self._keep(entitled)

    def _entitled(self) -> dict[str, Hearer]:
        now = time.time()
        return {
            name: one
            for name, one in self._let_in.items()
            if one.expires > now
            and (key := self._keys.find(one.access_key)) is not None
            and key.role.rank >= Role.USER.rank
        }


def _may_end(actor: AccessKey, one: Hearer) -> bool:
    return one.access_key == actor.access_key or actor.role is Role.ADMIN
