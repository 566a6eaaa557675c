"""A bus within one process, for tests and simulations: many `MemoryBus` share one `MemoryBroker`.

The broker can lose published messages, by a seed, as a network does. Values that are put are never lost:
that is the contract.
"""

import asyncio
import random
from collections.abc import Callable

from transport import subjects
from transport.bus import MAX_PAYLOAD, BusUnavailable, Mark, Message, PayloadTooLarge, Subscription, Watch

MAX_MESSAGE = 2**20  # bytes of a published message, as a NATS server's default


class MemoryBroker:
    """What the buses share. `loss`: the probability (0 to 1) that a subscriber misses a message."""

    def __init__(self, loss: float = 0.0, seed: int = 0) -> None:
        self._loss = loss
        self._random = random.Random(seed)
        self.federations: set[str] = set()
        self.values: dict[str, tuple[int, bytes]] = {}
        self.subscriptions: dict[Subscription, tuple[str, Callable[[int], None]]] = {}
        self.watches: dict[Watch, str] = {}
        self._sequence = 0

    def publish(self, message: Message) -> None:
        for subscription, (pattern, received) in self.subscriptions.items():
            if subjects.matches(pattern, message.subject) and self._random.random() >= self._loss:
                received(len(message.payload))
                subscription.offer(message)

    def put(self, subject: str, payload: bytes) -> None:
        federation = subjects.federation_of(subject)
        if federation not in self.federations:
            raise BusUnavailable(f"federation {federation!r} has no store: its admin's node makes it first")
        self._sequence += 1
        self.values[subject] = (self._sequence, payload)
        for watch, pattern in self.watches.items():
            if subjects.matches(pattern, subject):
                watch.offer(subject, Mark(self._sequence))


class MemoryBus:
    """One participant's `Bus` over a `MemoryBroker`."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._open: set[Subscription | Watch] = set()
        self._closed = False
        self._sent = 0
        self._received = 0

    @property
    def connected(self) -> bool:
        return not self._closed

    @property
    def bytes_sent(self) -> int:
        return self._sent

    @property
    def bytes_received(self) -> int:
        return self._received

    async def provision(self, federation: str) -> None:
        await self._pass()
        self._broker.federations.add(subjects.token(federation))

    async def publish(self, subject: str, payload: bytes) -> None:
        subjects.check_subject(subject)
        if len(payload) > MAX_MESSAGE:
            raise PayloadTooLarge(
                f"{len(payload)} bytes to {subject}: at most {MAX_MESSAGE} can be published"
            )
        await self._pass()
        self._sent += len(payload)
        self._broker.publish(Message(subject, bytes(payload)))

    async def subscribe(self, pattern: str) -> Subscription:
        subjects.check_pattern(pattern)
        await self._pass()

        async def forget() -> None:
            self._open.discard(subscription)
            self._broker.subscriptions.pop(subscription, None)

        subscription = Subscription(forget)
        self._open.add(subscription)
        self._broker.subscriptions[subscription] = (pattern, self._count)
        return subscription

    async def put(self, subject: str, payload: bytes) -> None:
        subjects.slot_of(subject)
        if len(payload) > MAX_PAYLOAD:
            raise PayloadTooLarge(f"{len(payload)} bytes to {subject}: at most {MAX_PAYLOAD} can be put")
        await self._pass()
        self._broker.put(subject, bytes(payload))
        self._sent += len(payload)

    async def get(self, subject: str) -> bytes | None:
        subjects.slot_of(subject)
        await self._pass()
        if subject not in self._broker.values:
            return None
        _, payload = self._broker.values[subject]
        self._count(len(payload))
        return payload

    async def watch(self, pattern: str) -> Watch:
        subjects.federation_of(pattern)
        await self._pass()

        async def forget() -> None:
            self._open.discard(watch)
            self._broker.watches.pop(watch, None)

        watch = Watch(forget)
        self._open.add(watch)
        self._broker.watches[watch] = pattern
        values = self._broker.values.items()
        watch.offer_all({name: Mark(at) for name, (at, _) in values if subjects.matches(pattern, name)})
        return watch

    async def close(self) -> None:
        self._closed = True
        for arrivals in list(self._open):
            await arrivals.close()

    def _count(self, size: int) -> None:
        self._received += size

    async def _pass(self) -> None:
        """Every call yields once, as it would for a network, so that tests meet other tasks in between."""
        if self._closed:
            raise BusUnavailable("this bus is closed")
        await asyncio.sleep(0)
