"""The bus over NATS: one connection that finds its server again, and latest-value payloads over JetStream.

What was subscribed stays subscribed through a reconnect; requests under way are repeated (they are all
idempotent); watches list anew, so that nothing that was committed in the meantime is missed.
"""

import asyncio
import logging
import re
import secrets
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from transport import jetstream, slots, subjects
from transport.bus import (
    BusError,
    BusUnavailable,
    Message,
    PayloadTooLarge,
    PermissionDenied,
    Subscription,
    Watch,
)
from transport.connection import Connection
from transport.credentials import Credentials, NKey, connect_options
from transport.replies import NoReply, NoResponder, Replies
from transport.tasks import end
from transport.tls import pinned_context

PATIENCE = 30.0  # seconds that a request is repeated for before it fails
_ATTEMPT = 5.0  # seconds that one attempt waits for its reply
_NOBODY = 3.0  # seconds that "no responders" is taken for a server that is still starting
_TURNED_AWAY = 3  # times; once may be a server in the middle of a change
_RECONNECT_WAIT: Any = 0.25  # seconds between attempts at one server

T = TypeVar("T")
_log = logging.getLogger(__name__)
_REFUSED = re.compile(r"permissions violation for (publish|subscription) to \"([^\"]*)\"", re.IGNORECASE)
_NOT_AUTHORISED = re.compile(
    r"authorization (violation|failed)|authentication (expired|revoked)", re.IGNORECASE
)


class NatsBus:
    """A `Bus` on a NATS server or cluster; made by `connect`."""

    def __init__(self, client: Client, inbox: str, patience: float) -> None:
        self._client = client
        self._inbox = inbox
        self._patience = patience
        self._replies = Replies(client, inbox)
        self._subscriptions: dict[Subscription, str] = {}  # and their patterns
        self._watches: dict[Watch, tuple[str, asyncio.Event]] = {}  # the event: list anew
        self._refused: set[str] = set()  # patterns whose subscription the server refused, in lower case
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()
        self._up = asyncio.Event()
        self._lost: BusError | None = None  # why the connection is gone for good
        self._last_error = ""
        self._turned_away = 0  # times in a row that the server did not accept our credentials any more

    @classmethod
    async def connect(
        cls,
        servers: Sequence[str],
        credentials: Credentials | None = None,
        *,
        tls_fingerprint: str | None = None,
        tls: ssl.SSLContext | None = None,
        name: str = "suffice",
        timeout: float = 10.0,  # noqa: ASYNC109
        patience: float = PATIENCE,
    ) -> "NatsBus":
        """Connect to one of `servers` (`nats://host:port`, `tls://host:port`).

        With `tls_fingerprint` the server must show exactly that certificate; with `tls`, one that this
        context accepts; with `tls://` alone, one that the system's authorities vouch for.
        Raises `PermissionDenied` if the server does not accept the credentials, `BusUnavailable` if there is
        no connection within `timeout` seconds.
        """
        pinned = pinned_context(tls_fingerprint) if tls_fingerprint is not None else None
        encrypted = tls is not None or any(server.startswith("tls://") for server in servers)
        client = Connection(pinned, encrypted)
        inbox = subjects.inbox(credentials.public if isinstance(credentials, NKey) else secrets.token_hex(8))
        bus = cls(client, inbox if isinstance(credentials, NKey) else "_INBOX", patience)
        options: dict[str, Any] = {**connect_options(credentials), "inbox_prefix": inbox, "name": name}
        if (context := pinned or tls) is not None:
            options["tls"] = context
        await bus._connect(list(servers), options, timeout)
        return bus

    @property
    def connected(self) -> bool:
        return self._lost is None and self._up.is_set()

    @property
    def bytes_sent(self) -> int:
        return int(self._client.stats["out_bytes"])

    @property
    def bytes_received(self) -> int:
        return int(self._client.stats["in_bytes"])

    async def provision(self, federation: str) -> None:
        await jetstream.provision(self, subjects.token(federation))

    async def publish(self, subject: str, payload: bytes) -> None:
        subjects.check_subject(subject)
        if len(payload) > self._client.max_payload:
            raise PayloadTooLarge(
                f"{len(payload)} bytes to {subject}: this server passes on at most {self._client.max_payload}"
            )
        await self._until_connected(self._deadline())
        try:
            await self._client.publish(subject, payload)
        except nats.errors.Error as error:
            raise self._unavailable(subject, error) from None

    async def subscribe(self, pattern: str) -> Subscription:
        subjects.check_pattern(pattern)
        subscription: Subscription

        async def forget() -> None:
            self._subscriptions.pop(subscription, None)
            await stop()

        async def deliver(message: Msg) -> None:
            subscription.offer(Message(message.subject, message.data))

        subscription = Subscription(forget)
        stop = await self._listen(pattern, deliver)
        self._subscriptions[subscription] = pattern
        return subscription

    async def put(self, subject: str, payload: bytes) -> None:
        lock = self._locks.setdefault(subject, asyncio.Lock())
        async with lock:
            await slots.write(self, subject, payload)

    async def get(self, subject: str) -> bytes | None:
        return await slots.read(self, subject)

    async def watch(self, pattern: str) -> Watch:
        subjects.federation_of(pattern)
        stale = asyncio.Event()
        stale.set()
        watch: Watch

        async def forget() -> None:
            self._watches.pop(watch, None)
            task.cancel()
            await stop()

        async def announced(message: Msg) -> None:
            headers = message.headers or {}
            with suppress(KeyError, ValueError, BusUnavailable):
                watch.offer(headers["Nats-Subject"], jetstream.mark(message))

        watch = Watch(forget)
        heard = subjects.changed(pattern)
        stop = await self._listen(heard, announced)
        self._watches[watch] = (heard, stale)
        task = self._start(self._list_when_stale(pattern, watch, stale))
        return watch

    async def close(self) -> None:
        self._lost = self._lost or BusUnavailable("this bus is closed")
        self._replies.interrupt()
        self._up.set()  # whoever waits for the connection learns that it is gone
        for arrivals in self._arrivals():
            await arrivals.close()
        await end(self._tasks)
        await self._client.close()

    def _arrivals(self) -> list[Subscription | Watch]:
        return [*self._subscriptions, *self._watches]

    # What `transport.jetstream` asks for.

    async def request(
        self, subject: str, payload: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Msg:
        return await self._insist(subject, lambda wait: self._replies.one(subject, payload, wait, headers))

    async def request_batch(self, subject: str, payload: bytes) -> list[Msg]:
        return await self._insist(subject, lambda wait: self._replies.many(subject, payload, wait))

    async def _insist(self, subject: str, send: Callable[[float], Awaitable[T]]) -> T:
        """Repeat a request that got no reply, until `patience` is over. Every request here is idempotent."""
        loop = asyncio.get_running_loop()
        deadline = self._deadline()
        nobody_until = loop.time() + min(_NOBODY, self._patience)
        while True:
            await self._until_connected(deadline)
            try:
                return await send(max(0.01, min(_ATTEMPT, deadline - loop.time())))
            except NoResponder:
                if loop.time() > nobody_until:
                    raise BusUnavailable(
                        f"nobody on the server answers {subject}: JetStream is off there, or the "
                        "federation's store does not exist yet (its admin's node makes it)"
                    ) from None
                await asyncio.sleep(0.05)
            except (NoReply, nats.errors.Error) as error:
                if loop.time() >= deadline:
                    raise self._unavailable(subject, error) from None
                await asyncio.sleep(0.01)

    async def _until_connected(self, deadline: float) -> None:
        if not self._up.is_set():
            try:
                async with asyncio.timeout_at(deadline):
                    await self._up.wait()
            except TimeoutError:
                raise BusUnavailable(
                    f"not connected to the server: {self._last_error or 'no answer'}"
                ) from None
        if self._lost is not None:
            raise self._lost

    async def _listen(
        self, pattern: str, deliver: Callable[[Msg], Awaitable[None]]
    ) -> Callable[[], Awaitable[None]]:
        """Subscribe and make sure that the server agreed; what ends it."""
        await self._until_connected(self._deadline())
        self._refused.discard(pattern.lower())
        try:
            subscription = await self._client.subscribe(pattern, cb=deliver)
            await self._client.flush()
        except nats.errors.Error as error:
            raise self._unavailable(pattern, error) from None

        async def stop() -> None:
            with suppress(nats.errors.Error):
                await subscription.unsubscribe()

        if pattern.lower() in self._refused:
            await stop()
            raise _no_subscribing(pattern)
        return stop

    async def _list_when_stale(self, pattern: str, watch: Watch, stale: asyncio.Event) -> None:
        while True:
            await stale.wait()
            stale.clear()
            try:
                watch.offer_all(await jetstream.listing(self, pattern))
            except BusUnavailable as error:
                if self._lost is not None:
                    return
                _log.warning("cannot list %s, trying again: %s", pattern, error)
                stale.set()
                await asyncio.sleep(1)
            except BusError as error:
                watch.fail(error)
                return

    # The connection.

    async def _connect(self, servers: list[str], options: dict[str, Any], limit: float) -> None:
        refused = asyncio.get_running_loop().create_future()

        async def on_error(error: Exception) -> None:
            await self._on_error(error)
            if not refused.done() and _is_final(error):
                refused.set_exception(_named(error, servers))

        attempt = asyncio.ensure_future(
            self._client.connect(
                servers,
                error_cb=on_error,
                disconnected_cb=self._on_disconnected,
                reconnected_cb=self._on_reconnected,
                closed_cb=self._on_closed,
                max_reconnect_attempts=-1,
                reconnect_time_wait=_RECONNECT_WAIT,
                connect_timeout=5,
                **options,
            )
        )
        try:
            await asyncio.wait({attempt, refused}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if not attempt.done():
                raise _reason(refused) or self._unavailable(", ".join(servers), None)
            attempt.result()
            await self._replies.start()
            await self._client.flush()
        except BaseException as error:
            attempt.cancel()
            await asyncio.gather(attempt, return_exceptions=True)
            await self._abandon()
            if isinstance(error, (nats.errors.Error, OSError)):
                raise _named(error, servers) from None
            raise
        finally:
            refused.cancel()
        self._up.set()

    async def _abandon(self) -> None:
        self._lost = self._lost or BusUnavailable("this bus is closed")
        with suppress(nats.errors.Error, OSError, AssertionError):
            await self._client.close()

    async def _on_error(self, error: Exception) -> None:
        self._last_error = str(error) or type(error).__name__
        if refusal := _REFUSED.search(self._last_error):
            verb, subject = refusal.groups()
            if verb.lower() == "publish":
                self._replies.refuse(subject.lower())
            else:
                self._on_subscription_refused(subject.lower())
        if _NOT_AUTHORISED.search(self._last_error) and self._replies.started:
            self._turned_away += 1
            if self._turned_away == _TURNED_AWAY:
                self._give_up()
        _log.info("bus: %s", self._last_error)

    def _on_subscription_refused(self, pattern: str) -> None:
        """At once, or later because our permissions were changed."""
        self._refused.add(pattern)
        heard: list[tuple[Subscription | Watch, str]] = [*self._subscriptions.items()]
        heard += [(watch, name) for watch, (name, _) in self._watches.items()]
        for arrivals, name in heard:
            if name.lower() == pattern:
                arrivals.fail(_no_subscribing(name))

    async def _on_disconnected(self) -> None:
        self._up.clear()
        self._replies.interrupt()

    async def _on_reconnected(self) -> None:
        self._last_error = ""
        self._turned_away = 0
        self._up.set()
        for _, stale in self._watches.values():
            stale.set()

    async def _on_closed(self) -> None:
        """nats-py gave up: we closed it, or the server told us to go."""
        self._give_up()

    def _give_up(self) -> None:
        """The server does not let us in any more: say so to all who wait, and stop trying."""
        if self._lost is None:
            self._lost = PermissionDenied(
                "the server does not let this node in any more: its key is not among the users "
                f"({self._last_error or 'it closed the connection'}). Ask the admin for a new invitation"
            )
            for arrivals in self._arrivals():
                arrivals.fail(self._lost)
            self._start(self._client.close())
        self._up.set()

    def _start(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._patience

    def _unavailable(self, what: str, error: Exception | None) -> BusUnavailable:
        detail = "; ".join(dict.fromkeys(text for text in (str(error or ""), self._last_error) if text))
        return BusUnavailable(f"{what}: {detail or 'no answer from the server'}")


def _no_subscribing(pattern: str) -> PermissionDenied:
    return PermissionDenied(f"the server does not let this user subscribe to {pattern}")


def _is_final(error: Exception) -> bool:
    """Whether trying the same server with the same credentials again is of no use."""
    return isinstance(error, ssl.SSLCertVerificationError) or bool(_NOT_AUTHORISED.search(str(error)))


def _named(error: Exception, servers: list[str]) -> BusError:
    place = ", ".join(servers)
    if _NOT_AUTHORISED.search(str(error)):
        return PermissionDenied(f"{place} does not accept these credentials: {error}")
    return BusUnavailable(f"{place}: {error}")


def _reason(refused: "asyncio.Future[None]") -> BaseException | None:
    return refused.exception() if refused.done() else None
