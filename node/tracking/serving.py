"""Containers that serve models: what they say of themselves, and how they have done.

A container belongs to the endpoint at its url, beside others that serve the same there; one without a url is
still loading. Who is not heard of for its timeout is forgotten, what it reported is kept for a while.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from node.store import Store
from node.store.service_tables import serving_containers, serving_samples
from node.tracking.errors import BadFieldValue, UnknownContainer, UnknownEndpoint

TIMEOUT: Final = 600.0
"""Seconds after its last report for which a container counts, unless it says otherwise."""

SLOT: Final = 10.0
"""Seconds of which one report is kept of each container."""

KEPT: Final = 14 * 86_400.0
"""Seconds for which reports are kept."""

MOST_CONTAINERS: Final = 10_000

MOST_POINTS: Final = 2000
"""Intervals of a chart at most."""

SUMMED: Final = frozenset(
    {
        "requests",
        "requests_min",
        "cpu_count",
        "gpu_count",
        "memory_used",
        "memory_free",
        "gpu_memory_used",
        "gpu_memory_free",
        "network_rx",
        "network_tx",
    }
)
"""What the instances of an endpoint have together; the rest is averaged over them."""

METRICS: Final = (*sorted(SUMMED), "latency_ms", "cpu_usage", "gpu_usage")


@dataclass(frozen=True, slots=True)
class Said:
    """What a container says of itself. details: any JSON under the names it is to be shown by.

    figures: of METRICS, for a report. url: None while the model is being loaded.
    """

    container: str
    endpoint: str
    model: str
    url: str | None = None
    timeout: float = TIMEOUT
    details: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """A container that is alive; `document` has its details and last figures.

    age: seconds since it was registered; reported: when it was heard of last, unix seconds.
    """

    id: str
    endpoint: str
    model: str
    url: str | None
    age: float
    reported: float
    document: dict[str, Any]

    def figure(self, name: str) -> float:
        """Of its last report; 0 if it has not told."""
        return float(self.document.get(name) or 0.0)


@dataclass(frozen=True, slots=True)
class Chart:
    """Values at the beginnings of intervals of `interval` seconds in which there were reports."""

    interval: float
    total: dict[float, float]
    instances: dict[str, dict[float, float]]


class Serving:
    """What serves models, as it reports itself. `clock` gives unix seconds."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock

    async def register(self, said: Said) -> None:
        """A container begins, or begins anew. Raises BadFieldValue if there are too many."""
        await self._store.write(lambda c: _keep(c, said, self._clock(), anew=True))

    async def report(self, said: Said) -> None:
        """How a container does; one that was unknown is registered so."""
        await self._store.write(lambda c: _keep(c, said, self._clock(), anew=False))

    async def unregister(self, container: str) -> None:
        """A container ends. Raises UnknownContainer."""
        mine = serving_containers.c.id == container
        gone = await self._store.write(lambda c: c.execute(serving_containers.delete().where(mine)).rowcount)
        if not gone:
            raise UnknownContainer(f"there is no container {container[:200]!r}", "register it first")

    async def endpoints(self) -> dict[str, list[Container]]:
        """The containers that serve, by their urls."""
        found: dict[str, list[Container]] = {}
        for container in await self._alive(serving_containers.c.url.is_not(None)):
            found.setdefault(container.url or "", []).append(container)
        return found

    async def loading(self) -> list[Container]:
        """The containers that do not serve yet."""
        return await self._alive(serving_containers.c.url.is_(None))

    async def endpoint(self, url: str) -> list[Container]:
        """The containers that serve at a url, at least one. Raises UnknownEndpoint."""
        found = await self._alive(serving_containers.c.url == url)
        if not found:
            raise _unknown(url)
        return found

    async def history(self, url: str, metric: str, start: float, end: float, interval: float) -> Chart:
        """A metric of an endpoint from start to end (unix seconds) by intervals, which are longer than asked
        for if there would be too many. Counters are told as they stood at the end of an interval, the rest
        averaged. Raises UnknownEndpoint, BadFieldValue."""
        if metric not in METRICS:
            raise BadFieldValue(f"{metric[:100]!r} is not a metric here", f"use one of {', '.join(METRICS)}")
        if not start < end:
            raise BadFieldValue("the range of dates is empty", "send from_date before to_date")
        slots = math.ceil(max(interval, (end - start) / MOST_POINTS, SLOT) / SLOT)
        first = int(start // SLOT)
        c = serving_samples.c
        bucket = ((c.slot - first) // slots).label("bucket")
        value = sa.func.max(c[metric]) if metric == "requests" else sa.func.avg(c[metric])
        query = (
            sa.select(c.container, bucket, value.label("value"))
            .where(c.url == url, c.slot >= first, c.slot < math.ceil(end / SLOT), c[metric].is_not(None))
            .group_by(c.container, bucket)
            .order_by(c.container, bucket)
        )

        def read(connection: sa.Connection) -> dict[str, dict[float, float]]:
            mine = c.url == url
            if connection.execute(sa.select(c.slot).where(mine).limit(1)).first() is None:
                serving = sa.select(serving_containers.c.id).where(serving_containers.c.url == url)
                if connection.execute(serving.limit(1)).first() is None:
                    raise _unknown(url)
            found: dict[str, dict[float, float]] = {}
            for row in connection.execute(query):
                at = (first + int(row.bucket) * slots) * SLOT
                found.setdefault(row.container, {})[at] = float(row.value)
            return found

        instances = await self._store.read(read)
        return Chart(slots * SLOT, _total(metric, instances), instances)

    async def _alive(self, wanted: sa.ColumnElement[bool]) -> list[Container]:
        table = serving_containers
        now = self._clock()
        query = sa.select(table).where(wanted, table.c.expires > now).order_by(table.c.id)
        rows = await self._store.read(lambda c: c.execute(query).all())
        return [
            Container(r.id, r.endpoint, r.model, r.url, now - r.registered, r.reported, r.document)
            for r in rows
        ]


def _unknown(url: str) -> UnknownEndpoint:
    return UnknownEndpoint(f"nothing serves at {url[:200]!r}", "list the endpoints to see what does")


def _total(metric: str, instances: Mapping[str, Mapping[float, float]]) -> dict[float, float]:
    values: dict[float, list[float]] = {}
    for series in instances.values():
        for at, value in series.items():
            values.setdefault(at, []).append(value)
    divided = metric not in SUMMED
    return {at: sum(found) / (len(found) if divided else 1) for at, found in sorted(values.items())}


def _keep(connection: sa.Connection, said: Said, now: float, *, anew: bool) -> None:
    table = serving_containers
    connection.execute(table.delete().where(table.c.expires <= now))
    connection.execute(serving_samples.delete().where(serving_samples.c.slot < (now - KEPT) // SLOT))
    before = connection.execute(sa.select(table).where(table.c.id == said.container)).one_or_none()
    count = connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
    if before is None and count >= MOST_CONTAINERS:
        raise BadFieldValue(f"there are {MOST_CONTAINERS} containers already", "unregister some")
    kept = {} if anew or before is None else before.document
    values = {
        "endpoint": said.endpoint,
        "model": said.model,
        "url": said.url,
        "registered": now if anew or before is None else before.registered,
        "reported": now,
        "expires": now + said.timeout,
        "document": {**kept, **said.details, **(said.figures or {})},
    }
    if before is None:
        connection.execute(table.insert().values(id=said.container, **values))
    else:
        connection.execute(table.update().where(table.c.id == said.container).values(values))
    if said.figures is not None and said.url is not None:
        _sample(connection, said.container, said.url, said.figures, now)


def _sample(
    connection: sa.Connection, container: str, url: str, figures: Mapping[str, float], now: float
) -> None:
    slot = int(now // SLOT)
    c = serving_samples.c
    connection.execute(serving_samples.delete().where(c.container == container, c.slot == slot))
    known = {name: figures[name] for name in METRICS if name in figures}
    connection.execute(serving_samples.insert().values(container=container, slot=slot, url=url, **known))
