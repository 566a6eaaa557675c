"""What is kept of the node's own workers while they run jobs."""

from __future__ import annotations

import os

import pytest

from node.store import Store
from node.tracking import worker_statistics
from node.tracking.errors import NoStatistics
from node.tracking.own_statistics import OwnStatistics
from node.tracking.worker_statistics import Span


async def test_a_busy_worker_is_measured(store: Store) -> None:
    statistics = OwnStatistics(store, lambda: {"here:0": os.getpid(), "here:1": 2**22 + 1})  # which is gone
    await statistics.look(1000.5)
    known = await store.read(lambda c: worker_statistics.metrics(c, ["here:0"]))
    assert known == {"memory": ["memory_used", "memory_free"]}
    await statistics.look(1030.0)
    known = await store.read(lambda c: worker_statistics.metrics(c, []))
    assert set(known) == {"cpu", "memory"}
    span = Span(960, 1080, 60)
    wanted = [("memory_used", "min")]
    (series,) = await store.read(
        lambda c: worker_statistics.series(c, span, wanted, [], by_variant=False, by_resource=False)
    )
    assert series.worker == "here:0" and 1 < series.values[0] < 100_000
    assert await store.read(lambda c: worker_statistics.activity(c, span)) == ([1, 1], [1, 1])


async def test_of_idle_workers_nothing_is_kept(store: Store) -> None:
    before = store.commits
    await OwnStatistics(store, dict).look(1000.0)
    assert store.commits == before
    with pytest.raises(NoStatistics):
        await store.read(lambda c: worker_statistics.metrics(c, []))
