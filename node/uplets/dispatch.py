"""The push of ready uplets to a compute service: each at least once, whatever dies in between.

What is ready and was not accepted yet is read from the store, so that neither a restart nor a service that
is away loses anything. An uplet that the service refuses is not sent again; one that it cannot take now is,
after a pause that grows. A worker that polls may take an uplet at any time: the push is no promise.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import aiohttp
from pydantic_core import to_json
from yarl import URL

from node.errors import BadRequest, NodeError
from node.events import Events
from node.uplets.documents import Learnuplet, Preduplet
from node.uplets.kinds import UpletKind, task_of
from node.uplets.uplets import Uplets
from transport.tasks import end

PATHS: Final = {UpletKind.LEARN: "learn", UpletKind.PREDICT: "pred"}

ANSWER_SECONDS: Final = 10.0
"""How long the service may take to answer."""
PAUSES: Final = (1.0, 60.0)
"""Seconds until what failed is tried again: at first, and at most."""
AT_ONCE: Final = 100
"""Uplets that are read at a time."""
MOST_SHOWN: Final = 200
"""Characters of the service's answer that are shown."""

_LATER: Final = frozenset({408, 425, 429})
"""Refusals that are none: the service asks to be asked again."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Delay:
    """What is tried again at a time (of the monotonic clock), and why it has to be."""

    pause: float
    until: float
    why: str


class _Away(Exception):  # noqa: N818 - it is the service that is
    """The service could not be asked, or gave no answer."""


class Dispatch:
    """Pushes to the compute service at `url` between start and stop. Raises BadRequest for what is no URL."""

    def __init__(self, uplets: Uplets, events: Events, url: str) -> None:
        self._uplets, self._events = uplets, events
        self._url = service_url(url)
        self._woken = asyncio.Event()
        self._delays: dict[str, _Delay] = {}
        self._away: _Delay | None = None
        self._running: list[asyncio.Task[None]] = []
        self._listening = ExitStack()
        self._broken: str | None = None

    def start(self) -> None:
        self._listening.enter_context(self._uplets.listening(lambda _: self._woken.set()))
        self._running.append(asyncio.create_task(self._run()))

    async def stop(self) -> None:
        self._listening.close()
        await end(self._running)

    @property
    def problem(self) -> str | None:
        """Why uplets wait to be pushed; None if none does."""
        if self._broken is not None:
            return self._broken
        waits = [self._away] if self._away is not None else list(self._delays.values())
        return f"{waits[0].why}; it is tried again" if waits else None

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                self._woken.clear()
                try:
                    more = await self._push_ready(session)
                    self._broken = None
                except _Away as error:
                    self._away = self._later(self._away, f"{self._url} takes no uplets: {error}")
                    log.warning("compute service: %s", self._away.why)
                    await asyncio.sleep(self._away.pause)
                except NodeError as error:  # of the store: what is ready stays so
                    log.exception("uplets could not be pushed")
                    self._broken = f"uplets could not be pushed: {error}"
                    await asyncio.sleep(PAUSES[1])
                else:
                    if not more:
                        await self._until_something_is_due()

    async def _push_ready(self, session: aiohttp.ClientSession) -> bool:
        """Push what may be pushed now; whether there was any. Raises _Away."""
        found = 0
        delayed = set()
        for kind in UpletKind:
            for uplet, since in await self._uplets.ready(kind, AT_ONCE + len(self._delays)):
                assert isinstance(uplet, (Learnuplet, Preduplet))  # noqa: S101
                delay = self._delays.get(uplet.uuid)
                if delay is not None and delay.until > time.monotonic():
                    delayed.add(uplet.uuid)
                    continue
                found += 1
                if not await self._push(session, kind, uplet, since):
                    delayed.add(uplet.uuid)
        self._delays = {uuid: delay for uuid, delay in self._delays.items() if uuid in delayed}
        return found > 0

    async def _push(
        self,
        session: aiohttp.ClientSession,
        kind: UpletKind,
        uplet: Learnuplet | Preduplet,
        since: float,
    ) -> bool:
        """Whether this uplet needs no push any more. Raises _Away."""
        status, said = await self._post(session, kind, to_json(uplet))
        self._away = None
        if 200 <= status < 300:
            await self._uplets.pushed(kind, uplet.uuid, since)
            return True
        answer = f"{self._url / PATHS[kind]} answered {status} to {kind} {uplet.uuid}: {said}"
        if 400 <= status < 500 and status not in _LATER:
            log.warning("compute service: %s", answer)
            self._events.log(str(task_of(uplet.uuid)), f"not sent to compute again: {answer}", "error")
            await self._uplets.pushed(kind, uplet.uuid, since)
            return True
        if len(self._delays) >= AT_ONCE:
            raise _Away(answer)
        self._delays[uplet.uuid] = self._later(self._delays.get(uplet.uuid), answer)
        return False

    async def _post(self, session: aiohttp.ClientSession, kind: UpletKind, body: bytes) -> tuple[int, str]:
        headers = {"Content-Type": "application/json"}
        try:
            async with session.post(
                self._url / PATHS[kind], data=body, headers=headers, allow_redirects=False
            ) as response:
                said = await response.content.read(4 * MOST_SHOWN)
                return response.status, said.decode(errors="replace").strip()[:MOST_SHOWN]
        except TimeoutError:
            raise _Away(f"no answer within {ANSWER_SECONDS:g} s") from None
        except aiohttp.ClientError as error:
            raise _Away(str(error) or type(error).__name__) from None

    def _later(self, before: _Delay | None, why: str) -> _Delay:
        shortest, longest = PAUSES
        pause = shortest if before is None else min(2 * before.pause, longest)
        return _Delay(pause, time.monotonic() + pause, why)

    async def _until_something_is_due(self) -> None:
        """Until an uplet becomes ready, or a pause is over."""
        due = min((delay.until for delay in self._delays.values()), default=None)
        try:
            async with asyncio.timeout(None if due is None else max(0.0, due - time.monotonic())):
                await self._woken.wait()
        except TimeoutError:
            pass


def service_url(text: str) -> URL:
    """The URL of a compute service. Raises BadRequest for what is none, or holds a password."""
    try:
        url = URL(text)
        usable = url.scheme in ("http", "https") and bool(url.host) and not url.query_string
    except ValueError:
        usable = False
    if not usable or url.user is not None or url.password is not None or url.fragment:
        raise BadRequest(
            "the compute service's address is not http://HOST:PORT without user and password",
            "write it as in --compute http://compute.example.org:8081",
        )
    return url
