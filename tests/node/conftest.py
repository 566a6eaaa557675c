"""A node in a temporary folder, or several that federate; tables to learn."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from federation.statistics import Coded, Moments, Schema, Table
from node.answers import FederationInfo
from node.config import NodeConfig
from node.node import Node

FEDERATING_SECONDS = 60

SCHEMA = {
    "attributes": [
        {"name": "delay", "type": "C", "quantum": "0.1"},
        {"name": "distance", "type": "C", "quantum": "1"},
        {"name": "night", "type": "B"},
        {"name": "carrier", "type": "T"},
    ],
    "extras": ["profiles"],
}


@pytest.fixture
def schema() -> Schema:
    return Schema.from_dict(SCHEMA)


def make_table(rows: int, seed: int = 0) -> Table:
    rng = np.random.default_rng(seed)
    delay = np.round(rng.normal(10, 30, rows), 1)
    delay[rng.random(rows) < 0.05] = np.nan
    return Table(
        {
            "delay": delay,
            "distance": rng.integers(80, 5000, rows).astype(float),
            "night": (rng.random(rows) < 0.2).astype(float),
            "carrier": Coded(rng.integers(-1, 4, rows).astype(np.int32), ("AA", "B6", "UA", "WN")),
        }
    )


def rows_of(table: Table) -> list[list[object]]:
    """The table's cells as a JSON client would send them."""
    columns = [
        column.decode()
        if isinstance(column, Coded)
        else [None if value != value else value for value in column.tolist()]
        for column in table.columns.values()
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def write_csv(table: Table, path: Path) -> Path:
    lines = [",".join(table.names)]
    lines += [",".join("" if cell is None else str(cell) for cell in row) for row in rows_of(table)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def table() -> Callable[..., Table]:
    return make_table


@pytest.fixture
def cells() -> Callable[[Table], list[list[object]]]:
    return rows_of


@pytest.fixture
def csv_file(tmp_path: Path) -> Callable[..., Path]:
    return lambda table, name="flights.csv": write_csv(table, tmp_path / name)


@pytest.fixture
def direct(schema: Schema) -> Callable[..., Moments]:
    """The statistics of tables, learned without a node."""

    def learn(*tables: Table) -> Moments:
        total = Moments(schema)
        for table in tables:
            total = total + Moments(schema).learn(table)
        return total

    return learn


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with Node(NodeConfig(home=tmp_path / "home", workers=1)) as node:
        yield node


@pytest.fixture
async def launch(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Node]]]:
    """Start a node by name; the same name again after `stop` is the same node."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(name: str, role: str = "peer") -> Node:
            node = Node(NodeConfig(home=tmp_path / name, name=name, role=role, workers=1))
            await node.start()
            stack.push_async_callback(node.stop)
            return node

        yield start


@pytest.fixture
def until() -> Callable[..., Awaitable[FederationInfo]]:
    """Wait until a federation is, on a node, as wished; its status then."""

    async def wait(node: Node, name: str, condition: Callable[[FederationInfo], bool]) -> FederationInfo:
        driver = node.federations._drivers[name]
        async with asyncio.timeout(FEDERATING_SECONDS):
            while not condition(info := await node.federations.status(name)):
                with contextlib.suppress(TimeoutError):  # some conditions no change tells of
                    async with asyncio.timeout(0.2):
                        await driver.changed()
        return info

    return wait


@pytest.fixture
def join() -> Callable[..., Awaitable[FederationInfo]]:
    """Let a node join a federation of another's."""

    async def join(admin: Node, peer: Node, name: str = "air") -> FederationInfo:
        issued = await admin.federations.invite(name)
        return await peer.federations.join(issued.invitation, owner="admin", wait=FEDERATING_SECONDS)

    return join
