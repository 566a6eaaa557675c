"""The one seam for the network: what a bus does, whichever carries it.

Two ways to send. `publish` passes a message on to who listens now: at most once, never kept. `put` keeps
the latest value of a subject: durable, of any size up to `MAX_PAYLOAD`, and `watch` says which values are
new. Whoever was away or slow loses messages, never values. Implementations: `transport.memory`,
`transport.nats_bus`; one suite of contract tests holds both.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, Self, TypeVar

MAX_PAYLOAD = 2**30  # bytes of one value that is put
MAX_WAITING_MESSAGES = 4096  # of one subscription
MAX_WAITING_BYTES = 32 * 2**20  # of one subscription

T = TypeVar("T")


class BusError(Exception):
    """What can go wrong on a bus; the message says what to do."""


class BusUnavailable(BusError):  # noqa: N818
    """The server cannot be reached, does not answer, or lacks what is needed. Trying later may help."""


class PermissionDenied(BusError):  # noqa: N818
    """The server does not let this user do this."""


class PayloadTooLarge(BusError):  # noqa: N818
    """More bytes than the bus carries in one piece."""


class PayloadCorrupt(BusError):  # noqa: N818
    """What is stored is not what its manifest says."""


@dataclass(frozen=True, slots=True)
class Message:
    subject: str
    payload: bytes


class _Arrivals(ABC, Generic[T]):
    """An async iterator over what arrives, until it is closed or fails."""

    def __init__(self, on_close: Callable[[], Awaitable[None]]) -> None:
        self._on_close = on_close
        self._wake = asyncio.Event()
        self._closed = False
        self._error: BusError | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while not self._waiting():
            if self._error is not None:
                raise self._error
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._take()

    async def close(self) -> None:
        """End the iteration. What has arrived and was not taken is dropped."""
        if not self._closed:
            self._closed = True
            self._clear()
            self._wake.set()
            await self._on_close()

    def fail(self, error: BusError) -> None:
        """For the bus: whoever iterates gets `error`."""
        self._error = error
        self._wake.set()

    @abstractmethod
    def _waiting(self) -> bool:
        """Whether something has arrived that was not taken."""

    @abstractmethod
    def _take(self) -> T: ...

    @abstractmethod
    def _clear(self) -> None: ...


class Subscription(_Arrivals[Message]):
    """The messages to a pattern, in order. What finds no more room is dropped and counted in `dropped`."""

    def __init__(self, on_close: Callable[[], Awaitable[None]]) -> None:
        super().__init__(on_close)
        self.dropped = 0
        self._messages: deque[Message] = deque()
        self._bytes = 0

    def offer(self, message: Message) -> None:
        """For the bus: a message has arrived."""
        size = self._bytes + len(message.payload)
        if self._closed or len(self._messages) >= MAX_WAITING_MESSAGES or size > MAX_WAITING_BYTES:
            self.dropped += 1
            return
        self._messages.append(message)
        self._bytes = size
        self._wake.set()

    def _waiting(self) -> bool:
        return bool(self._messages)

    def _take(self) -> Message:
        message = self._messages.popleft()
        self._bytes -= len(message.payload)
        return message

    def _clear(self) -> None:
        self._messages.clear()
        self._bytes = 0


class Mark(NamedTuple):
    """Which commit a value is: the store's `sequence`-th, at `time` (RFC 3339 in UTC without Z, or empty).

    A store that was restored from a copy counts once more through numbers that were known: hence the time.
    """

    sequence: int
    time: str = ""


_NOTHING = Mark(0)


class Watch(_Arrivals[str]):
    """The subjects whose latest value is new, each once however often it changed in the meantime.

    So a slow watcher needs no more room than one name per subject.
    """

    def __init__(self, on_close: Callable[[], Awaitable[None]]) -> None:
        super().__init__(on_close)
        self._new: dict[str, None] = {}
        self._seen: dict[str, Mark] = {}

    def offer(self, subject: str, mark: Mark) -> None:
        """For the bus: this is the commit of the value of `subject`."""
        seen = self._seen.get(subject, _NOTHING)
        if not self._closed and (mark.sequence > seen.sequence or mark.time > seen.time):
            self._seen[subject] = mark
            self._new[subject] = None
            self._wake.set()

    def offer_all(self, listing: dict[str, Mark]) -> None:
        """For the bus: everything there is, after something may have been missed."""
        newest = max((mark.sequence for mark in self._seen.values()), default=0)
        if max((mark.sequence for mark in listing.values()), default=0) < newest:
            self._seen.clear()  # the store began anew: its sequences say nothing about the old ones
        for subject, mark in listing.items():
            self.offer(subject, mark)

    def _waiting(self) -> bool:
        return bool(self._new)

    def _take(self) -> str:
        subject = next(iter(self._new))
        del self._new[subject]
        return subject

    def _clear(self) -> None:
        self._new.clear()


class Bus(Protocol):
    """Every method may raise `BusUnavailable` or `PermissionDenied`; a malformed subject, `SubjectError`."""

    @property
    def connected(self) -> bool: ...

    @property
    def bytes_sent(self) -> int:
        """Payload bytes handed to the network since the start, chunks and manifests included."""
        ...

    @property
    def bytes_received(self) -> int: ...

    async def provision(self, federation: str) -> None:
        """Make the place that keeps a federation's state, if it is not there. The admin's node calls this."""
        ...

    async def publish(self, subject: str, payload: bytes) -> None:
        """Hand a message to who listens now, at most once. `PayloadTooLarge` above the server's limit."""
        ...

    async def subscribe(self, pattern: str) -> Subscription: ...

    async def put(self, subject: str, payload: bytes) -> None:
        """Keep `payload` as the latest value of a state subject; returns when it is committed.

        `PayloadTooLarge` above `MAX_PAYLOAD`.
        """
        ...

    async def get(self, subject: str) -> bytes | None:
        """The latest committed value, whole, or None. `PayloadCorrupt` if it does not match its digest."""
        ...

    async def watch(self, pattern: str) -> Watch:
        """First every state subject that has a value, then each whose value is new; survives reconnects."""
        ...

    async def close(self) -> None: ...
