"""What somebody sees who is on the broker but not in the federation: every message, and nothing in it.

The listener has the broker's own credentials, more than any outsider would ever have; what it lacks is the
keys of the federation.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Self

from suffice.demo.stage import Actor
from transport.bus import BusError, Subscription
from transport.credentials import NKey
from transport.nats_bus import NatsBus
from transport.server_config import ServerFiles
from transport.tls import fingerprint_of

FIRST_BYTES = 32
CONNECT_SECONDS = 10.0

Connect = Callable[[], Coroutine[Any, Any, NatsBus]]


@dataclass(slots=True)
class Overheard:
    """What passed by: messages, their bytes, the largest one and its first bytes, and the words found."""

    messages: int = 0
    size: int = 0
    largest_subject: str = ""
    largest_size: int = 0
    first_bytes: bytes = b""
    words: set[str] = field(default_factory=set)


class WireTap:
    """Listens on the broker in a thread of its own, between :meth:`start` and :meth:`stop`."""

    def __init__(self, connect: Connect, words: Iterable[str]) -> None:
        self._connect = connect
        self._words = {word: word.encode() for word in words}
        self._heard = Overheard()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="wire tap", daemon=True)
        self._listening: Future[None] = Future()

    def start(self) -> Self:
        """Returns once it listens; raises :class:`BusError` if the broker does not let it."""
        self._thread.start()
        self._listening.result(CONNECT_SECONDS + 5)
        return self

    def stop(self) -> Overheard:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(CONNECT_SECONDS)
        return self._heard

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._listen())
            except BusError as error:
                self._listening.set_exception(error)

    async def _listen(self) -> None:
        bus = await self._connect()
        try:
            subscription = await bus.subscribe("suffice.>")
            self._listening.set_result(None)
            taking = asyncio.create_task(self._take(subscription))
            await self._stop.wait()
            await subscription.close()
            await taking
        finally:
            await bus.close()

    async def _take(self, subscription: Subscription) -> None:
        async for message in subscription:
            heard = self._heard
            heard.messages += 1
            heard.size += len(message.payload)
            heard.words |= {word for word, encoded in self._words.items() if encoded in message.payload}
            if len(message.payload) > heard.largest_size:
                heard.largest_size = len(message.payload)
                heard.largest_subject = message.subject
                heard.first_bytes = message.payload[:FIRST_BYTES]


def knock(admin: Actor) -> str:
    """What the broker says to somebody without credentials for it."""

    async def try_to_enter() -> str:
        try:
            bus = await _connect(admin, None)
        except BusError as error:
            return f"is turned away at the broker ({type(error).__name__})"
        await bus.close()
        return "was let in by the broker"

    return asyncio.run(try_to_enter())


def tap_of(admin: Actor, words: Iterable[str]) -> WireTap:
    """A listener with the admin's own credentials for the broker, taken from its folder."""
    return WireTap(lambda: _connect(admin, _bus_key(admin)), words)


async def _connect(admin: Actor, key: NKey | None) -> NatsBus:
    certificate = ServerFiles(admin.home / "nats").certificate.read_text()
    fingerprint = fingerprint_of(ssl.PEM_cert_to_DER_cert(certificate))
    return await NatsBus.connect(
        [admin.ready["nats"]], key, tls_fingerprint=fingerprint, timeout=CONNECT_SECONDS
    )


def _bus_key(admin: Actor) -> NKey:
    return NKey.from_seed((admin.home / "bus.nkey").read_text())
