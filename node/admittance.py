"""Who may enter the embedded server: members of the federations that this node leads, and guests."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping

from node.broker import Access, Broker, Guest
from node.federation_driver import FederationDriver
from transport.tasks import end

LEAVERS_SECONDS = 5.0
"""How long somebody who is no longer a member may still read on the server that it is not."""


class Admittance:
    """Keeps the users of the embedded server in step with the rosters of `drivers`."""

    def __init__(self, broker: Broker, node_id: str, drivers: Mapping[str, FederationDriver]) -> None:
        self._broker, self._node_id, self._drivers = broker, node_id, drivers
        self._lock = asyncio.Lock()
        self._members: dict[str, set[tuple[str, str]]] = {}
        # (federation, node id, bus key) of who left, and until when it may read on.
        self._leavers: dict[tuple[str, str, str], float] = {}
        self._later: set[asyncio.Task[None]] = set()

    async def update(self) -> None:
        """Return when exactly who may enter can. Raises BusError, ServerError."""
        if not self._broker.embedded:
            return
        async with self._lock:
            now = time.time()
            accesses = [
                await self._access(driver, now)
                for driver in list(self._drivers.values())
                if driver.machine.is_admin and not driver.row.broker["terms"] and not driver.ended
            ]
            self._leavers = {leaver: until for leaver, until in self._leavers.items() if until > now}
            await self._broker.admit(accesses)
        if self._leavers and not self._later:
            task = asyncio.create_task(self._update_later())
            self._later.add(task)
            task.add_done_callback(self._later.discard)

    async def close(self) -> None:
        await end(self._later)

    async def _access(self, driver: FederationDriver, now: float) -> Access:
        status = await driver.look(lambda machine: machine.status())
        name = status.federation
        members = {(m.node_id, m.bus_key) for m in status.members if m.node_id != self._node_id}
        for node_id, key in self._members.get(name, set()) - members:
            self._leavers[name, node_id, key] = now + LEAVERS_SECONDS
        self._members[name] = members
        leaving = {
            (node_id, key)
            for (where, node_id, key), until in self._leavers.items()
            if where == name and until > now
        }
        guests = tuple(Guest(*guest) for guest in driver.row.broker["guests"])
        return Access(name, tuple(sorted(members | leaving)), guests)

    async def _update_later(self) -> None:
        while self._leavers:
            await asyncio.sleep(LEAVERS_SECONDS / 2)
            with contextlib.suppress(Exception):  # tried again with the next change
                await self.update()
