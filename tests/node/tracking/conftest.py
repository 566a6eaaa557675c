"""An empty store to keep documents in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from node.events import Events
from node.store import Store
from node.tracking.queues import Queues
from node.tracking.tasks import Tasks
from node.uplets.kinds import Ready


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    store = Store(store_url)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def connection(store: Store) -> Iterator[sa.Connection]:
    """What a write is handed, for tests that need no commits."""
    assert store._write_engine is not None
    with store._write_engine.connect() as connection:
        yield connection
        connection.rollback()


class NoJobs:
    """A job manager of a node without jobs."""

    async def kill(self, key: str) -> None:
        raise AssertionError(f"{key} is no job")

    async def resume(self, key: str) -> None:
        raise AssertionError(f"{key} is no job")

    async def check(self, kind: str, project: str | None, parameters: Mapping[str, Any]) -> None:
        raise AssertionError(f"{kind} is no kind of job here")


class NoUplets:
    """The listeners of a node without uplets."""

    def became_ready(self, ready: Sequence[Ready]) -> None:
        raise AssertionError(f"{ready} are no uplets")


class NoFiles:
    """A file store of a node without files."""

    async def release(self, digests: Iterable[str]) -> None:
        raise AssertionError(f"{digests} are of no files")


@pytest.fixture
def tasks(store: Store) -> Tasks:
    return Tasks(store, Events(store), NoJobs(), NoUplets(), NoFiles())


@pytest.fixture
def queues(store: Store) -> Queues:
    return Queues(store, Events(store))
