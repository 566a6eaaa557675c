"""Where this node meets others: the server it brings along, or the one it was told of, and how it gets in.

`Terms` are what an invitation says about the broker. An invitation to an embedded server carries a one-time
NKEY, which may ask to join and read the answer and nothing else; a member enters with its own key. An
existing server lets in whom its operator decides.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from node.config import NatsAccess, NodeConfig
from node.errors import BadRequest, Unavailable
from transport import subjects
from transport.credentials import (
    CredentialError,
    Credentials,
    CredentialsFile,
    NKey,
    Token,
    UserPassword,
    split_url,
)
from transport.subjects import Permissions

if TYPE_CHECKING:
    from transport.bus import Bus
    from transport.server import EmbeddedServer

Terms = dict[str, str | list[str]]

CONNECT_SECONDS = 3.0
"""How long one attempt to connect may take; the driver makes the next."""


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who was invited: a one-time key, good until `expires` (unix seconds)."""

    key: str
    invitation: str
    expires: float


@dataclass(frozen=True, slots=True)
class Access:
    """Who may enter one federation's part of our server: members as (node id, bus key), and guests."""

    federation: str
    members: tuple[tuple[str, str], ...]
    guests: tuple[Guest, ...] = field(default=())


class Broker:
    """This node's way to a broker."""

    def __init__(self, config: NodeConfig) -> None:
        self._config = config
        self._server: EmbeddedServer | None = None
        self._members: dict[str, Permissions] | None = None
        self._hearers: dict[str, Permissions] = {}
        self.key = NKey.load_or_create(config.home / "bus.nkey")

    async def start(self) -> None:
        """Start the embedded server if this node is an admin without an existing one."""
        if self._config.role == "admin" and self._config.nats is None:
            from transport.server import EmbeddedServer

            self._server = EmbeddedServer(
                self._config.nats_folder,
                self.key.public,
                host=self._config.nats_host,
                port=self._config.nats_port,
            )
            await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop()

    def held_still(self) -> AbstractContextManager[None]:
        """Meanwhile our own server, if there is one, writes nothing; blocks."""
        return nullcontext() if self._server is None else self._server.held_still()

    @property
    def url(self) -> str | None:
        """Of the embedded server or the existing one, without credentials."""
        if self._server is not None:
            return self._server.url
        access = self._config.nats
        return None if access is None else ",".join(split_url(",".join(access.servers))[0])

    @property
    def embedded(self) -> bool:
        return self._server is not None

    @property
    def problem(self) -> str | None:
        if self._server is not None and self._server.pid is None:
            return "the embedded nats-server is down and being started again"
        return None

    def require(self) -> None:
        """Raise BadRequest if this node has no broker on which a federation could be made."""
        if self._server is None and self._config.nats is None:
            raise BadRequest(
                "this node has no broker for a federation of its own",
                "start it with --role admin, or with --nats URL",
            )

    def terms(self, guest: NKey) -> Terms:
        """What an invitation says: where to go, and with an embedded server the guest's key."""
        terms = self.entrance()
        return terms | {"nkey": guest.seed} if self.embedded else terms

    def entrance(self) -> Terms:
        """Where somebody with a key of his own finds this node's broker; nothing if there is none."""
        if self._server is not None:
            return {"servers": self._server.urls, "fingerprint": self._server.fingerprint}
        access = self._config.nats
        if access is None:
            return {}
        terms: Terms = {"servers": split_url(",".join(access.servers))[0]}
        return terms | ({"fingerprint": access.tls_fingerprint} if access.tls_fingerprint else {})

    async def admit(self, accesses: Iterable[Access]) -> None:
        """Let exactly these in, and who hears of work. Raises BusError, ServerError."""
        users: dict[str, Permissions] = {}
        nobody = Permissions((), ())
        for access in accesses:
            for node_id, key in access.members:
                allowed = subjects.member_permissions(access.federation, node_id, key)
                users[key] = users.get(key, nobody) | allowed
            for guest in access.guests:
                if guest.expires > time.time():
                    users[guest.key] = subjects.invitee_permissions(
                        access.federation, guest.invitation, guest.key
                    )
        self._members = users
        await self._let_in()

    async def admit_hearers(self, hearers: Mapping[str, Permissions]) -> None:
        """Let exactly these hear of work, by their keys; at the start, with the members as soon as those are
        known. Raises BusError, ServerError."""
        self._hearers = dict(hearers)
        if self._members is not None:
            await self._let_in()

    async def _let_in(self) -> None:
        users = dict(self._members or {})
        for key, allowed in self._hearers.items():
            users[key] = users[key] | allowed if key in users else allowed
        if self._server is not None and users != self._server.users:
            await self._server.set_users(users)

    async def connect(self, terms: Terms, *, as_guest: bool) -> Bus:
        """A bus by an invitation's terms, or (empty) to our own broker. Raises BusError, CredentialError."""
        from transport.nats_bus import NatsBus

        if not terms and self._server is not None:
            servers, key, fingerprint = [self._server.url], self.key, self._server.fingerprint
            return await NatsBus.connect(servers, key, tls_fingerprint=fingerprint, timeout=CONNECT_SECONDS)
        credentials: Credentials | None = None
        pinned = terms.get("fingerprint")
        if "nkey" in terms:
            servers = _texts(terms["servers"])
            credentials = NKey.from_seed(str(terms["nkey"])) if as_guest else self.key
        elif self._config.nats is not None:
            servers, credentials = _entry(self._config.nats)
            pinned = self._config.nats.tls_fingerprint or pinned
        elif "servers" in terms:
            servers = _texts(terms["servers"])
        else:
            raise Unavailable("this node has no broker any more", "start it with --nats URL, as before")
        return await NatsBus.connect(
            servers, credentials, tls_fingerprint=_text(pinned), timeout=CONNECT_SECONDS
        )


def _entry(access: NatsAccess) -> tuple[list[str], Credentials | None]:
    """The servers, and the one credential that was given, perhaps within the URL."""
    servers, within = split_url(",".join(access.servers))
    given: list[Credentials] = [within] if within is not None else []
    if access.nkey_seed is not None:
        given.append(NKey.from_seed(access.nkey_seed))
    if access.creds_file is not None:
        given.append(CredentialsFile(access.creds_file))
    if access.token is not None:
        given.append(Token(access.token))
    if access.user is not None:
        given.append(UserPassword(access.user, access.password or ""))
    if len(given) > 1:
        raise CredentialError("give one kind of credentials for the NATS server")
    return servers, given[0] if given else None


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def entropy(count: int) -> bytes:
    """Secret random bytes, for the federation's state machines, which have none of their own."""
    return os.urandom(count)
