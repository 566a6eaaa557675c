"""Hints on this node's broker: an uplet that became ready, said once to whoever listens.

A hint may be lost, and may be old when it is heard: whether an uplet can still be had, only the node says, to
the worker that asks for it. A node without a broker says nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Final

from pydantic_core import to_json

from node.broker import Broker
from node.errors import NodeError
from node.uplets.documents import Document, Learnuplet
from node.uplets.kinds import Ready, UpletKind
from node.uplets.uplets import Uplets
from transport import subjects
from transport.bus import Bus, BusError
from transport.credentials import CredentialError
from transport.tasks import end

MOST_WAITING: Final = 10_000
"""Hints that wait to be said; beyond them the newest is dropped."""
MOST_BYTES: Final = 2**19
"""Of one hint; a learnuplet of more data is said without them."""

TOPICS: Final = {UpletKind.LEARN: "train", UpletKind.PREDICT: "prediction"}

log = logging.getLogger(__name__)


class Hints:
    """Says what becomes ready, on a connection made when there is first something to say."""

    def __init__(self, uplets: Uplets, broker: Broker, node_id: str) -> None:
        self._uplets, self._broker, self._node_id = uplets, broker, node_id
        self._waiting: deque[Ready] = deque()
        self._listening = ExitStack()
        self._saying: asyncio.Task[None] | None = None
        self._bus: Bus | None = None
        self.problem: str | None = None
        """Why the last hint was not said; None if it was."""

    def start(self) -> None:
        if self._broker.url is not None:
            self._listening.enter_context(self._uplets.listening(self._heard))

    async def stop(self) -> None:
        self._listening.close()
        if self._saying is not None:
            await end([self._saying])
        await self._disconnect()

    def _heard(self, ready: Sequence[Ready]) -> None:
        room = MOST_WAITING - len(self._waiting)
        self._waiting.extend(ready[:room])
        if self._saying is None or self._saying.done():
            self._saying = asyncio.create_task(self._say_all())

    async def _say_all(self) -> None:
        while self._waiting:
            one = self._waiting.popleft()
            try:
                document = await self._uplets.get(one.kind, one.uuid)
                if self._bus is None:
                    self._bus = await self._broker.connect({}, as_guest=False)
                await self._bus.publish(subjects.uplets(self._node_id, TOPICS[one.kind]), _written(document))
                self.problem = None
            except (BusError, CredentialError, NodeError) as error:
                self.problem = f"workers are not told what is ready: {error}"
                log.info("%d hints were not said: %s", len(self._waiting) + 1, error)
                self._waiting.clear()
                await self._disconnect()

    async def _disconnect(self) -> None:
        bus, self._bus = self._bus, None
        if bus is not None:
            await bus.close()


def _written(document: Document) -> bytes:
    data = to_json(document)
    if len(data) > MOST_BYTES and isinstance(document, Learnuplet):
        data = to_json(replace(document, train_data=[], test_data=[]))
    return data
