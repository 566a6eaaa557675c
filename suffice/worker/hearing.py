"""Hearing on NATS that uplets become ready, so that a worker need not ask all the time.

Only a hint: what can be had is asked over HTTP, and polled for where there is no broker or it is away. The
key is made anew for each run and let in for a day; it is renewed well before.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from suffice.wire import Json, SufficeError
from suffice.worker.calls import MorpheoCalls
from transport.bus import BusError, PermissionDenied, Subscription
from transport.credentials import NKey
from transport.nats_bus import NatsBus

RENEW_SECONDS = 6 * 3600.0
RETRY_SECONDS = 60.0


class Hearing:
    """Within the context, `wake` is called in a thread of ours at every hint. `hears`: whether it can."""

    def __init__(self, calls: MorpheoCalls, wake: Callable[[], None], tell: Callable[[str], None]) -> None:
        self._calls, self._wake, self._tell = calls, wake, tell
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._life: asyncio.Task[None] | None = None
        self._ended = threading.Event()
        self.hears = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._loop is not None and self._life is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._life.cancel)
        self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._live())

    async def _live(self) -> None:
        self._loop, self._life = asyncio.get_running_loop(), asyncio.current_task()
        key = NKey.generate()
        while not self._ended.is_set():
            try:
                told = await asyncio.to_thread(self._calls.hear, key.public)
                if not told["servers"]:
                    return
                await self._hear(told, key)
            except asyncio.CancelledError:
                return
            except SufficeError:
                return  # this node lets nobody in, or is away: polling finds out
            except PermissionDenied:
                return  # an existing broker, whose operator has let in nobody without credentials
            except BusError as error:
                self._tell(f"no hints from the broker, polling instead: {error}")
                await asyncio.sleep(RETRY_SECONDS)
            finally:
                self.hears = False

    async def _hear(self, told: Json, key: NKey) -> None:
        """Until the key has to be renewed. Raises BusError."""
        credentials = key if told["expires"] is not None else None
        bus = await NatsBus.connect(
            told["servers"], credentials, tls_fingerprint=told["fingerprint"], name="suffice worker"
        )
        try:
            heard = [await bus.subscribe(subject) for subject in told["subjects"]]
            self.hears = True
            self._tell("hears on NATS what becomes ready")
            self._wake()  # what became ready before we heard
            async with asyncio.timeout(RENEW_SECONDS):
                await asyncio.gather(*map(self._follow, heard))
        except TimeoutError:
            return
        finally:
            await bus.close()

    async def _follow(self, subscription: Subscription) -> None:
        async for _ in subscription:
            self._wake()
