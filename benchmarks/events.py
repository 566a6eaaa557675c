"""Scalars per second through `events.add_batch`, beside MLflow's tracking server doing the same work in the
same run; and how long reading takes among ten million scalars.

    python benchmarks/events.py [--scalars 100000] [--points 10000000] [--mlflow COMMAND]

The same scalars (10 metrics of one run) go over HTTP in the same batches, 1,000 at a time, which is the most
that MLflow takes, from as many clients, and come back whole. Both servers store in SQLite with their own
defaults. Requests are made ready before the clock starts. `--mlflow` is the `mlflow` command of an
environment that has it; without, one is made for the run by pip. Goal: ten times MLflow's rate, and every
read of a bounded answer under 50 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import multiprocessing
import random
import socket
import statistics
import subprocess
import tempfile
import time
import venv
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from rich.console import Console
from rich.table import Table

from api.server import Server
from node.config import NodeConfig
from node.node import Node
from node.store.schema import tasks

GOAL = 10.0
GOAL_MS = 50.0
METRICS = 10
BATCH = 1000
LARGE_BATCH = 10_000
LOG_LINES = 20_000
SERIES = 20
LENGTH = 5000
CALLS = 15

Body = tuple[str, bytes]
"""A path and what is sent there."""


@dataclass(frozen=True)
class Peer:
    """A server: where it is, and what every request shows."""

    host: str
    port: int
    headers: dict[str, str]


def send(peer: Peer, bodies: list[Body]) -> list[bytes]:
    """One client: each request when the last is answered, on one connection as long as it is kept."""
    connection = http.client.HTTPConnection(peer.host, peer.port, timeout=120)
    answers = []
    for path, body in bodies:
        connection.request("POST" if body else "GET", path, body or None, peer.headers)
        response = connection.getresponse()
        answers.append(response.read())
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status} {answers[-1][:500]!r}")
    connection.close()
    return answers


def rate(peer: Peer, bodies: list[Body], clients: int, scalars: int) -> float:
    """Scalars per second."""
    shares = [bodies[client::clients] for client in range(clients)]
    with ThreadPoolExecutor(clients) as pool:
        began = time.perf_counter()
        list(pool.map(lambda share: send(peer, share), shares))
        return scalars / (time.perf_counter() - began)


# --- the two servers --------------------------------------------------------------------------------------


def task_id(number: int) -> str:
    return f"{number:032x}"


async def serve(pipe: Connection, home: Path, points: int) -> None:
    """A node, told through the pipe to fill itself with `points` scalars of its tasks."""
    async with Node(NodeConfig(home=home)) as node, Server(node, "127.0.0.1", 0) as server:
        counts = dict.fromkeys(("priority", "attempts", "current", "maximum"), 0)
        names = [task_id(number) for number in range(max(20, points // (SERIES * LENGTH)))]
        row: dict[str, Any] = {"kind": "external", "name": "bench", "owner": "admin", "parameters": {}}
        row |= {"status": "in_progress", "created": 1.0} | counts
        await node.store.write(lambda c: c.execute(tasks.insert(), [row | {"id": name} for name in names]))
        place, key = urlsplit(server.url), node.first_key
        pipe.send((place.hostname, place.port, key.access_key, key.secret_key))
        while await asyncio.to_thread(pipe.recv) == "fill":
            for name in names:
                await node.events.add(events_of(name))
            pipe.send("filled")


def events_of(task: str) -> list[dict[str, Any]]:
    """What a training of some length reports."""
    value = random.Random(task).random
    named = {"type": "training_stats_scalar", "task": task}
    return [
        named | {"metric": f"m{s // 4}", "variant": f"v{s % 4}", "iter": i, "value": value(), "timestamp": i}
        for s in range(SERIES)
        for i in range(LENGTH)
    ]


def run_node(pipe: Connection, home: Path, points: int) -> None:
    asyncio.run(serve(pipe, home, points))


@contextmanager
def served(home: Path, points: int) -> Iterator[tuple[Peer, Connection]]:
    """A node in a process of its own, and the pipe to it."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=run_node, args=(theirs, home, points))
    process.start()
    try:
        host, port, key, secret = ours.recv()
        token = b64encode(f"{key}:{secret}".encode()).decode()
        headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json-lines"}
        yield Peer(host, port, headers), ours
    finally:
        ours.send("end")
        process.join()


@contextmanager
def mlflow_served(command: str, folder: Path) -> Iterator[Peer]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = f"sqlite:///{folder / 'mlflow.db'}"
    arguments = ["server", "--backend-store-uri", store, "--host", "127.0.0.1", "--port", str(port)]
    log = (folder / "mlflow.log").open("wb")
    process = subprocess.Popen(
        [command, *arguments, "--artifacts-destination", str(folder / "artifacts")],
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd=folder,
    )
    peer = Peer("127.0.0.1", port, {"Content-Type": "application/json"})
    try:
        until = time.monotonic() + 120
        while True:
            try:
                for _ in range(10):  # it has several processes, which are ready one by one
                    new_run(peer)
                break
            except (OSError, http.client.HTTPException):
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError((folder / "mlflow.log").read_text()[-2000:]) from None
                time.sleep(0.2)
        yield peer
    finally:
        process.terminate()
        process.wait()
        log.close()


def mlflow_command(folder: Path) -> str:
    """Of an environment that is made for this run."""
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "pip", "install", "-q", "mlflow>=3,<4"], check=True)
    return str(folder / "bin" / "mlflow")


# --- the same work ----------------------------------------------------------------------------------------


def values(scalars: int) -> list[tuple[str, int, float, int]]:
    """(metric, step, value, unix ms)"""
    rng = random.Random(0)
    start = int(time.time() * 1000)
    return [(f"m{i % METRICS}", i // METRICS, rng.random(), start + i) for i in range(scalars)]


def to_node(scalars: int, task: str, size: int) -> list[Body]:
    lines = [
        json.dumps(
            {"type": "training_stats_scalar", "task": task, "metric": metric, "variant": metric, "iter": step}
            | {"value": value, "timestamp": at, "method": "get"}
        )
        for metric, step, value, at in values(scalars)
    ]
    path = "/v2.23/events.add_batch"
    return [(path, "\n".join(lines[i : i + size]).encode()) for i in range(0, len(lines), size)]


def to_mlflow(scalars: int, run: str) -> list[Body]:
    metrics = [
        {"key": metric, "step": step, "value": value, "timestamp": at}
        for metric, step, value, at in values(scalars)
    ]
    return [
        (
            "/api/2.0/mlflow/runs/log-batch",
            json.dumps({"run_id": run, "metrics": metrics[i : i + BATCH]}).encode(),
        )
        for i in range(0, len(metrics), BATCH)
    ]


def new_run(peer: Peer) -> str:
    [answer] = send(peer, [("/api/2.0/mlflow/runs/create", b'{"experiment_id": "0"}')])
    run: str = json.loads(answer)["run"]["info"]["run_id"]
    return run


def from_node(peer: Peer, task: str, scalars: int) -> float:
    """Scalars per second of reading all of a task's back."""
    asked = json.dumps({"task": task, "samples": 0}).encode()
    json_peer = Peer(peer.host, peer.port, peer.headers | {"Content-Type": "application/json"})
    began = time.perf_counter()
    [answer] = send(json_peer, [("/v2.23/events.scalar_metrics_iter_histogram", asked)])
    data = json.loads(answer)["data"]
    took = time.perf_counter() - began
    if sum(len(drawn["y"]) for variants in data.values() for drawn in variants.values()) != scalars:
        raise RuntimeError("not all scalars came back")
    return scalars / took


def from_mlflow(peer: Peer, run: str, scalars: int) -> float:
    began, found = time.perf_counter(), 0
    for metric in range(METRICS):
        token = ""
        while True:
            query = {"run_id": run, "metric_key": f"m{metric}", "max_results": 25_000}
            query |= {"page_token": token} if token else {}
            [answer] = send(peer, [(f"/api/2.0/mlflow/metrics/get-history?{urlencode(query)}", b"")])
            page = json.loads(answer)
            found += len(page.get("metrics", []))
            token = page.get("next_page_token", "")
            if not token:
                break
    if found != scalars:
        raise RuntimeError(f"{found} of {scalars} scalars came back")
    return scalars / (time.perf_counter() - began)


def compare(node: Peer, mlflow: Peer, scalars: int) -> list[dict[str, Any]]:
    """Rounds in turn: one client, then four; writing, then reading back."""
    ours: dict[str, list[float]] = {}
    theirs: dict[str, list[float]] = {}
    number = 0

    def note(name: str, mine: float, its: float | None) -> None:
        ours.setdefault(name, []).append(mine)
        if its is not None:
            theirs.setdefault(name, []).append(its)

    for _ in range(3):
        for clients in (1, 4):
            task, run = task_id(number), new_run(mlflow)
            number += 1
            name = f"write, batches of {BATCH:,}, {clients} client{'s' * (clients > 1)}"
            mine = rate(node, to_node(scalars, task, BATCH), clients, scalars)
            note(name, mine, rate(mlflow, to_mlflow(scalars, run), clients, scalars))
        note("read back", from_node(node, task, scalars), from_mlflow(mlflow, run, scalars))
        task, number = task_id(number), number + 1
        mine = rate(node, to_node(scalars, task, LARGE_BATCH), 1, scalars)
        note(f"write, batches of {LARGE_BATCH:,}, 1 client", mine, None)
    return [
        {
            "work": name,
            "per_second": round(statistics.median(found)),
            "mlflow": round(statistics.median(theirs[name])) if name in theirs else None,
        }
        for name, found in ours.items()
    ]


# --- among many -------------------------------------------------------------------------------------------


def reads(task: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Calls with a bounded answer."""
    one = {"task": task}
    metric = {"metric": {"metric": "m1"}, "batch_size": 10_000}
    some = [{"metric": "m1", "variants": ["v1"]}]
    return {
        "histogram of a task, 2,000 samples": ("scalar_metrics_iter_histogram", one),
        "histogram of one series": ("scalar_metrics_iter_histogram", one | {"metrics": some}),
        "raw points, 10,000 a page": ("scalar_metrics_iter_raw", one | metric),
        "all events, 500 a page": ("get_task_events", one | {"batch_size": 500}),
        "latest values": ("get_task_latest_scalar_values", one),
        "single values": ("get_task_single_value_metrics", {"tasks": [task]}),
        "metrics and variants": ("get_scalar_metrics_and_variants", one),
        "metrics of the task": ("get_multi_task_metrics", {"tasks": [task]}),
        "log, 500 lines": ("get_task_log", one | {"batch_size": 500}),
        "plots": ("get_task_plots", one),
        "debug images": ("debug_images", {"metrics": [one]}),
    }


def extras(task: str) -> bytes:
    """A log, plots and images beside the scalars of a task."""
    named = {"task": task, "metric": "m", "variant": "v"}
    events: list[dict[str, Any]] = [
        {
            "task": task,
            "type": "log",
            "msg": f"step {i} of the training is done",
            "timestamp": i,
            "level": "info",
        }
        for i in range(LOG_LINES)
    ]
    plot = json.dumps({"data": [{"y": list(range(500))}]})
    events += [named | {"type": "plot", "iter": i, "plot_str": plot} for i in range(100)]
    events += [named | {"type": "training_debug_image", "iter": i, "url": f"u{i % 50}"} for i in range(5000)]
    events.append(named | {"type": "training_stats_scalar", "iter": -(2**31), "value": 1.0})
    return "\n".join(map(json.dumps, events)).encode()


def among_many(peer: Peer, points: int) -> list[dict[str, Any]]:
    json_peer = Peer(peer.host, peer.port, peer.headers | {"Content-Type": "application/json"})
    numbers = range(points // (SERIES * LENGTH))
    chosen = [task_id(number) for number in random.Random(1).sample(numbers, min(CALLS, len(numbers)))]
    for task in chosen:
        send(peer, [("/v2.34/events.add_batch", extras(task))])
    took: dict[str, list[float]] = {}

    def timed(name: str, work: Callable[[], object]) -> None:
        began = time.perf_counter()
        work()
        took.setdefault(name, []).append((time.perf_counter() - began) * 1e3)

    for task in chosen:
        for name, (action, body) in reads(task).items():
            request = [(f"/v2.34/events.{action}", json.dumps(body).encode())]
            timed(name, lambda request=request: send(json_peer, request))  # type: ignore[misc]
        more = to_node(100, task, BATCH)
        timed("report 100 scalars", lambda more=more: send(peer, more))  # type: ignore[misc]
    return [
        {"call": name, "median_ms": round(statistics.median(found), 1), "worst_ms": round(max(found), 1)}
        for name, found in took.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Events beside MLflow, and among ten million scalars.")
    parser.add_argument("--scalars", type=int, default=50_000, help="per round")
    parser.add_argument("--points", type=int, default=10_000_000, help="scalars among which is read; 0: none")
    parser.add_argument("--mlflow", help="the mlflow command of an environment that has the server")
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = options.mlflow or mlflow_command(folder / "environment")
        with served(folder / "node", 0) as (node, _), mlflow_served(command, folder) as mlflow:
            compared = compare(node, mlflow, options.scalars)
    table = Table("work", "scalars/s", "MLflow", "times", f"goal {GOAL:g}")
    for item in compared:
        times = None if item["mlflow"] is None else item["per_second"] / item["mlflow"]
        item["times"] = times and round(times, 1)
        theirs = "" if times is None else f"{item['mlflow']:,}"
        verdict = "not compared" if times is None else "yes" if times >= GOAL else "no"
        shown = "" if times is None else f"{times:.1f}"
        table.add_row(item["work"], f"{item['per_second']:,}", theirs, shown, verdict)
    console.print(table)
    found, size, filled = [], 0, 0.0
    if options.points:
        with tempfile.TemporaryDirectory() as name, served(Path(name), options.points) as (node, pipe):
            began = time.perf_counter()
            pipe.send("fill")
            pipe.recv()
            filled = time.perf_counter() - began
            size = Path(name, "node.sqlite").stat().st_size
            found = among_many(node, options.points)
        table = Table(f"among {options.points:,} scalars", "median ms", "worst ms", f"goal {GOAL_MS:g} ms")
        for item in found:
            verdict = "yes" if item["median_ms"] <= GOAL_MS else "no"
            table.add_row(item["call"], f"{item['median_ms']}", f"{item['worst_ms']}", verdict)
        console.print(table)
        console.print(f"{size / 2**20:,.0f} MB on disk; filled in {filled:.0f} s, without HTTP")
    result = {"benchmark": "events", "goal": GOAL, "compared": compared, "among": found, "bytes": size}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
