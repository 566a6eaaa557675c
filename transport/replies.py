"""Requests and their replies over one NATS connection: many under way, each answered once or in a batch.

nats-py has `request`, but with it a request that the server refuses, or that was under way when the
connection broke, is only ever a timeout. Here it fails at once and says why.
"""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg

from transport.bus import PermissionDenied


class NoReply(Exception):  # noqa: N818
    """Nothing answered: in time, at all, or before the connection broke. The request may have been done."""


class NoResponder(NoReply):
    """The server knows of nobody who would answer: no stream, or no JetStream."""


@dataclass(slots=True)
class _Waiting:
    subject: str
    done: asyncio.Future[Any]
    batch: list[Msg] | None = None  # None: a single reply


@dataclass(slots=True)
class Replies:
    """The replies to one client's requests, on subjects below its inbox that nobody else can guess."""

    client: Client
    inbox: str
    _waiting: dict[str, _Waiting] = field(default_factory=dict)
    _prefix: str = ""
    _count: int = 0

    @property
    def started(self) -> bool:
        return bool(self._prefix)

    async def start(self) -> None:
        self._prefix = f"{self.inbox}.{secrets.token_hex(12)}."
        await self.client.subscribe(f"{self._prefix}*", cb=self._on_reply)

    async def one(
        self, subject: str, payload: bytes, within: float, headers: Mapping[str, str] | None = None
    ) -> Msg:
        """Send a request; its reply, or after `within` seconds `NoReply`. `PermissionDenied` if refused."""
        return await self._send(subject, payload, within, headers, None)  # type: ignore[no-any-return]

    async def many(self, subject: str, payload: bytes, within: float) -> list[Msg]:
        """As `one`, for a request that is answered by several messages up to the end-of-batch status."""
        return await self._send(subject, payload, within, None, [])  # type: ignore[no-any-return]

    def refuse(self, subject: str) -> None:
        """The server refused a request to this subject (in lower case, as nats-py reports it)."""
        for waiting in list(self._waiting.values()):
            if waiting.subject.lower() == subject and not waiting.done.done():
                waiting.done.set_exception(
                    PermissionDenied(f"the server does not let this user publish to {waiting.subject}")
                )

    def interrupt(self) -> None:
        """The connection broke: what was under way will not be answered."""
        for waiting in list(self._waiting.values()):
            if not waiting.done.done():
                waiting.done.set_exception(NoReply("the connection broke"))

    async def _send(
        self,
        subject: str,
        payload: bytes,
        within: float,
        headers: Mapping[str, str] | None,
        batch: list[Msg] | None,
    ) -> Any:
        self._count += 1
        token = f"{self._count:x}"
        loop = asyncio.get_running_loop()
        waiting = _Waiting(subject, loop.create_future(), batch)
        self._waiting[token] = waiting
        timer = loop.call_later(within, _expire, waiting, within)
        try:
            await self.client.publish(
                subject, payload, reply=self._prefix + token, headers=dict(headers) if headers else None
            )
            return await waiting.done
        finally:
            timer.cancel()
            del self._waiting[token]

    async def _on_reply(self, message: Msg) -> None:
        waiting = self._waiting.get(message.subject[len(self._prefix) :])
        if waiting is None or waiting.done.done():
            return
        status = (message.headers or {}).get("Status") if not message.data else None
        if status == "503":
            waiting.done.set_exception(NoResponder("nobody answers"))
        elif waiting.batch is None:
            waiting.done.set_result(message)
        else:
            waiting.batch.append(message)
            if status is not None:  # the end of the batch, or what went wrong
                waiting.done.set_result(waiting.batch)


def _expire(waiting: _Waiting, within: float) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(NoReply(f"no answer within {within:g} s"))
