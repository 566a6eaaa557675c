"""How the node's own workers fare while they run jobs, beside what agents tell of their machines.

Of a worker that has nothing to do nothing is kept: an idle node writes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import psutil
import sqlalchemy as sa

from node.errors import NodeError
from node.store import Store
from node.tasks import now
from node.tracking import worker_statistics

INTERVAL: Final = 30.0
"""Seconds between two measurements: about as often as agents report."""

_MEGABYTE: Final = 2**20

_log = logging.getLogger(__name__)


class OwnStatistics:
    """busy: the process ids of the workers that run jobs now, by the workers' names."""

    def __init__(self, store: Store, busy: Callable[[], Mapping[str, int]]) -> None:
        self._store, self._busy = store, busy
        self._known: dict[int, psutil.Process] = {}

    async def watch(self) -> None:
        """Measure every `INTERVAL` seconds, until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self.look(now())
            except NodeError as error:
                _log.warning("could not keep how the workers fare: %s", error)

    async def look(self, at: float) -> None:
        """Keep what is measured, as of `at` in unix seconds: percent of a core since the last look (from the
        second one on), MB of memory used by the process and free on the machine."""
        found = await asyncio.to_thread(self._measure, dict(self._busy()))

        def write(connection: sa.Connection) -> None:
            for worker, figures in found.items():
                worker_statistics.keep(connection, worker, int(at), figures, working=True)

        if found:
            await self._store.write(write)

    def _measure(self, pids: Mapping[str, int]) -> dict[str, dict[str, Any]]:
        self._known = {pid: process for pid, process in self._known.items() if pid in pids.values()}
        free = psutil.virtual_memory().available / _MEGABYTE
        found = {}
        for worker, pid in pids.items():
            try:
                new = pid not in self._known
                process = self._known.setdefault(pid, psutil.Process(pid))
                used, percent = process.memory_info().rss / _MEGABYTE, process.cpu_percent()
            except psutil.Error:  # it has ended since
                continue
            figures = {"memory_used": used, "memory_free": free}
            found[worker] = figures if new else {**figures, "cpu_usage": percent}
        return found
