"""Light REST calls beside a bare aiohttp handler: requests per second, side by side in one run.

    python benchmarks/rest.py [--seconds 2] [--rounds 3] [--connections 16]

The servers are two processes: one aiohttp application with a single handler that answers a small JSON, and a
node. One client sends prepared requests over kept-alive connections, to one server after the other in every
round; the figure of a call is the median of its rounds. Goal: at least half of the bare handler's rate.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import statistics
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from rich.console import Console
from rich.table import Table

from api.server import Server
from api.symetry.signing import Signed, content_md5, sign
from node.config import NodeConfig
from node.node import Node

GOAL = 0.5
FRAME = {
    "attributeNames": ["x", "y"],
    "attributeTypes": ["C", "C"],
    "data": [["0.1", "1"], ["0.2", "3"], ["0.3", "4"], ["0.5", "4"]],
}


@dataclass(frozen=True)
class Prepared:
    """A request as bytes, and what to call it; `compared` False for those that compute or commit."""

    name: str
    address: tuple[str, int]
    data: bytes
    compared: bool = True


async def serve_bare(pipe: Connection) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "problems": []})

    app = web.Application()
    app.router.add_get("/healthz", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    pipe.send(runner.addresses[0][:2])
    await asyncio.to_thread(pipe.poll, None)
    await runner.cleanup()


async def serve_node(pipe: Connection) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with (
            Node(NodeConfig(home=Path(folder) / "home")) as node,
            Server(node, "127.0.0.1", 0) as server,
        ):
            await node.projects.create("p", owner="admin")
            place = urlsplit(server.url)
            pipe.send((place.hostname, place.port, node.first_key.access_key, node.first_key.secret_key))
            await asyncio.to_thread(pipe.poll, None)


def run_bare(pipe: Connection) -> None:
    asyncio.run(serve_bare(pipe))


def run_node(pipe: Connection) -> None:
    asyncio.run(serve_node(pipe))


@contextmanager
def served(target: Any) -> Iterator[Any]:
    """A server in a process of its own; yields what it says of itself."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=target, args=(theirs,))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("end")
        process.join()


class Client(asyncio.Protocol):
    """Sends one request again and again, each when the last is answered."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.answered = 0
        self.refused = 0
        self.buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self.buffer[:end]).lower()
        length = int(head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        if len(self.buffer) < end + 4 + length:
            return
        self.refused += not head.startswith(b"http/1.1 2")
        self.buffer.clear()
        self.answered += 1
        self.transport.write(self.request)


async def rate(prepared: Prepared, seconds: float, connections: int) -> float:
    """Requests answered per second; raises if one is refused."""
    loop = asyncio.get_running_loop()
    clients = [
        (await loop.create_connection(lambda: Client(prepared.data), *prepared.address))[1]
        for _ in range(connections)
    ]
    await asyncio.sleep(0.2)  # everything is warm
    before, began = sum(client.answered for client in clients), time.perf_counter()
    await asyncio.sleep(seconds)
    answered, took = sum(client.answered for client in clients) - before, time.perf_counter() - began
    for client in clients:
        client.transport.close()
    if any(client.refused for client in clients):
        raise RuntimeError(f"{prepared.name}: refused")
    return answered / took


def prepare(bare: tuple[str, int], node: tuple[str, int, str, str]) -> list[Prepared]:
    host, port, access_key, secret = node
    address = (host, port)

    def native(method: str, path: str, body: Any = None) -> bytes:
        token = b64encode(f"{access_key}:{secret}".encode()).decode()
        return request(method, path, body, {"Authorization": f"Basic {token}"})

    def signed(method: str, call: str, body: Any = None) -> bytes:
        target = f"/symetry/rest/{access_key}{call}"
        path, _, query = target.partition("?")
        data = b"" if body is None else json.dumps(body).encode()
        digest = content_md5(data) if data else ""
        date = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S};1"
        signature = sign(Signed(method, digest, date, access_key, query, data), secret, path)
        headers = {"Authorization": signature, "sym-date": date, "Content-MD5": digest}
        return request(method, target, body, headers)

    def request(method: str, path: str, body: Any, headers: dict[str, str]) -> bytes:
        data = b"" if body is None else json.dumps(body).encode()
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {host}:{port}",
            *(f"{k}: {v}" for k, v in headers.items()),
        ]
        if data:
            lines.append(f"Content-Length: {len(data)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + data

    return [
        Prepared("bare aiohttp handler", bare, request("GET", "/healthz", None, {})),
        Prepared("GET /healthz", address, request("GET", "/healthz", None, {})),
        Prepared("native: a federation list, with key", address, native("GET", "/api/federations")),
        Prepared("native: a project", address, native("GET", "/api/projects/p")),
        Prepared("symetry: the job list, signed", address, signed("GET", "/jobs")),
        Prepared("symetry: the project list, signed", address, signed("GET", "/projects/list")),
        Prepared(
            "symetry: learn 4 rows, signed, committed",
            address,
            signed("POST", "/projects/p/learn", FRAME),
            compared=False,
        ),
    ]


async def measure(
    prepared: list[Prepared], seconds: float, rounds: int, connections: int
) -> dict[str, float]:
    rates: dict[str, list[float]] = {item.name: [] for item in prepared}
    for _ in range(rounds):
        for item in prepared:
            rates[item.name].append(await rate(item, seconds, connections))
    return {name: statistics.median(found) for name, found in rates.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="REST requests per second beside a bare aiohttp handler.")
    parser.add_argument("--seconds", type=float, default=2.0, help="per call and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    with served(run_bare) as bare, served(run_node) as node:
        prepared = prepare(tuple(bare), node)
        found = asyncio.run(measure(prepared, options.seconds, options.rounds, options.connections))
    base = found[prepared[0].name]
    table = Table("call", "requests/s", "of the bare handler", f"goal {GOAL:g}")
    for item in prepared:
        ratio = found[item.name] / base
        verdict = ("yes" if ratio >= GOAL else "no") if item.compared else "not compared"
        table.add_row(item.name, f"{found[item.name]:,.0f}", f"{ratio:.2f}", verdict)
    Console().print(table)
    figures = [
        {"call": item.name, "per_second": round(found[item.name]), "ratio": round(found[item.name] / base, 3)}
        for item in prepared
    ]
    print(json.dumps({"benchmark": "rest", "goal": GOAL, "calls": figures}))


if __name__ == "__main__":
    main()
