"""What lists of tasks cost among 100,000 of them, and `tasks.get_all` beside a bare aiohttp handler.

    python benchmarks/lists.py [--tasks 100000] [--points 20] [--calls 11] [--only PART] [--no-rates]

A node in a process of its own is filled directly: tasks in 200 projects with hyperparameters, last metrics,
tags and script, a fifth as many models, 5 series of `--points` scalars for each task. Then the calls that the
web pages make go over HTTP, each in a project or for a word of its own. The figure is the processor time of
the node for one call, answer included, which other work on the machine changes little; the wall clock is
shown beside it. The first call is told apart: a node may recall its answer until something is committed.
Goal: 50 ms. With `wrk` on the path, it makes the requests that are counted by the second.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import http.client
import json
import multiprocessing
import random
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from aiohttp import web
from rich.console import Console
from rich.table import Table

from api.server import Server
from node.config import NodeConfig
from node.node import Node
from node.store.event_tables import event_scalars, event_series
from node.store.schema import COMPANY, tasks
from node.tracking import documents
from node.tracking.collection import MODELS, PROJECTS, TASKS

GOAL_MS = 50.0
PROJECTS_MADE = 200
VERSION = "/v2.34"
DAY = 86_400.0
NOW = 1.7e9
AT_ONCE = 1000
CONNECTIONS = 8

USERS = ("admin", "ada", "ben", "cleo", "dora")
STATUSES = ("completed", "completed", "completed", "failed", "in_progress", "stopped", "created", "published")
TYPES = ("training", "training", "training", "testing", "data_processing", "optimizer")
SERIES = (("loss", "train"), ("loss", "val"), ("accuracy", "train"), ("accuracy", "val"), ("lr", "lr"))
WORDS = ("resnet", "unet", "bert", "baseline", "sweep", "nightly", "ablation", "warmup", "distil", "large")

COLUMNS = [
    "id", "name", "type", "status", "tags", "system_tags", "user.name", "project.name", "last_update",
    "started", "completed", "status_changed", "status_message", "status_reason", "last_iteration", "comment",
    "active_duration", "parent.name", "company", "hyperparams.Args.lr", "execution.queue.name",
]  # fmt: skip
"""What the page of tasks asks of each."""


def key_of(kind: str, number: int) -> str:
    return f"{ord(kind[0]):x}{number:030x}"


# --- what the node holds ----------------------------------------------------------------------------------


def metric(name: str, variant: str, rng: random.Random, points: int) -> tuple[str, str, dict[str, Any]]:
    value = rng.random()
    keys = (hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() for text in (name, variant))
    told = {
        "metric": name,
        "variant": variant,
        "value": value,
        "min_value": value / 2,
        "max_value": value * 2,
    }
    return *keys, told | {"min_value_iteration": 1, "max_value_iteration": points}


def task(number: int, points: int) -> dict[str, Any]:
    """A task as a client would have left it."""
    rng = random.Random(number)
    at = NOW - rng.random() * 300 * DAY
    status = rng.choice(STATUSES)
    args = {f"arg_{i}": str(rng.randrange(100)) for i in range(18)} | {"lr": f"{rng.random():.4f}"}
    metrics: dict[str, dict[str, Any]] = {}
    for name, variant in SERIES:
        first, second, told = metric(name, variant, rng, points)
        metrics.setdefault(first, {})[second] = told
    tags = rng.sample(("common", "vision", "text", "nightly"), rng.randrange(3))
    return {
        "id": key_of("task", number),
        "name": f"{rng.choice(WORDS)} {rng.choice(WORDS)} run {number}",
        "user": rng.choice(USERS),
        "company": COMPANY,
        "type": rng.choice(TYPES),
        "status": status,
        "project": key_of("project", number % PROJECTS_MADE),
        **({"parent": key_of("task", number - number % 50)} if number % 50 and number % 3 == 0 else {}),
        "comment": f"trained on {rng.choice(WORDS)} data" if number % 4 else "",
        "created": at,
        "started": at + 5,
        **({"completed": at + 3600} if status not in ("created", "in_progress") else {}),
        "active_duration": rng.randrange(10_000),
        "status_changed": at + 3600,
        "last_update": at + 3600,
        "last_change": at + 3600,
        "last_iteration": points,
        "tags": [*tags, *(["rare"] if number % 5000 == 7 else [])],
        "system_tags": ["archived"] if number % 10 == 3 else ["development"] if number % 10 == 5 else [],
        "hyperparams": {
            "Args": {k: {"section": "Args", "name": k, "value": v, "type": "str"} for k, v in args.items()}
        },
        "last_metrics": metrics,
        "script": {
            "repository": "https://git.example.org/research/vision.git",
            "branch": "main",
            "version_num": f"{number:040x}",
            "entry_point": "train.py",
            "working_dir": ".",
            "requirements": {"pip": "\n".join(f"package_{i} == 1.{i}.0" for i in range(30))},
            "diff": "",
        },
        "execution": {"artifacts": []},
        "runtime": {"_python": "3.11", "hostname": f"gpu-{number % 17}"},
        "container": {"image": "research/train:1"},
    }


def model(number: int) -> dict[str, Any]:
    rng = random.Random(-number)
    at = NOW - rng.random() * 300 * DAY
    return {
        "id": key_of("model", number),
        "name": f"{rng.choice(WORDS)} model {number}",
        "user": rng.choice(USERS),
        "company": COMPANY,
        "project": key_of("project", number % PROJECTS_MADE),
        "task": key_of("task", number),
        "framework": rng.choice(("PyTorch", "ONNX")),
        "uri": f"https://files.example.org/{number}.pt",
        "ready": bool(number % 2),
        "created": at,
        "last_update": at + 60,
        "last_iteration": 20,
        "tags": ["best"] if number % 7 == 0 else [],
        "system_tags": [],
        "metadata": {"precision": {"key": "precision", "value": f"{rng.random():.3f}", "type": "float"}},
        "labels": {"cat": 1, "dog": 2},
    }


def project(number: int) -> dict[str, Any]:
    """Every tenth is at the top, and holds the nine behind it."""
    top = number - number % 10
    below = {"parent": key_of("project", top), "path": [key_of("project", top)]} if number != top else {}
    name = f"team {top}" + (f"/study {number}" if below else "")
    times = {"created": NOW, "last_update": NOW - number}
    named = {"name": name, "basename": name.rpartition("/")[2], "user": "admin", "company": COMPANY}
    return {"id": key_of("project", number), **named, **below, **times, "tags": [], "system_tags": []}


async def fill(node: Node, count: int, points: int) -> None:
    def some(first: int) -> None:
        numbers = range(first, min(first + AT_ONCE, count))
        filled = [task(number, points) for number in numbers]

        def work(connection: sa.Connection) -> None:
            zeros = dict.fromkeys(("priority", "attempts", "current", "maximum"), 0)
            for document in filled:
                documents.insert(connection, TASKS, document, kind="external", parameters={}, **zeros)
            rows = [
                {
                    "task": document["id"],
                    "kind": "scalar",
                    "metric": name,
                    "variant": variant,
                    "count": points,
                }
                for document in filled
                for name, variant in SERIES
            ]
            connection.execute(event_series.insert(), rows)

        pieces.append(work)

    pieces: list[Any] = []
    await node.store.write(
        lambda c: [documents.insert(c, PROJECTS, project(number)) for number in range(PROJECTS_MADE)]
    )
    for first in range(0, count, AT_ONCE):
        some(first)
        await node.store.write(pieces.pop())
    await node.store.write(
        lambda c: [documents.insert(c, MODELS, model(number)) for number in range(count // 5)]
    )
    for iteration in range(points):
        point = sa.select(event_series.c.id, sa.literal(iteration), sa.literal(0.5), sa.literal(iteration))
        await node.store.write(
            lambda c, point=point: c.execute(event_scalars.insert().from_select(list(event_scalars.c), point))
        )  # type: ignore[misc]


# --- the servers ------------------------------------------------------------------------------------------


async def serve_node(pipe: Connection, home: Path, count: int, points: int) -> None:
    """A node, which tells its processor time whenever it is asked."""
    async with Node(NodeConfig(home=home)) as node, Server(node, "127.0.0.1", 0) as server:
        if not await node.store.read(lambda c: c.scalar(sa.select(sa.func.count()).select_from(tasks))):
            await fill(node, count, points)
        place, key = urlsplit(server.url), node.first_key
        pipe.send((place.hostname, place.port, key.access_key, key.secret_key))
        while await asyncio.to_thread(pipe.recv) == "time":
            pipe.send(time.process_time())


async def serve_bare(pipe: Connection) -> None:
    """A handler that answers whatever it was given first."""
    body = pipe.recv_bytes()

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    pipe.send(runner.addresses[0][:2])
    await asyncio.to_thread(pipe.recv)
    await runner.cleanup()


def run_node(pipe: Connection, home: Path, count: int, points: int) -> None:
    asyncio.run(serve_node(pipe, home, count, points))


def run_bare(pipe: Connection) -> None:
    asyncio.run(serve_bare(pipe))


@contextmanager
def served(target: Any, *args: Any) -> Iterator[Connection]:
    """A server in a process of its own, and the pipe to it."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=target, args=(theirs, *args))
    process.start()
    try:
        yield ours
    finally:
        ours.send("end")
        process.join()


@dataclass(frozen=True)
class Peer:
    host: str
    port: int
    headers: dict[str, str]

    def ask(self, action: str, body: dict[str, Any]) -> bytes:
        """The answer's bytes; a connection lasts for one request, as with the real client."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=120)
        connection.request("POST", f"{VERSION}/{action}", json.dumps(body), self.headers)
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        if response.status != 200:
            raise RuntimeError(f"{action}: {response.status} {answer[:500]!r}")
        return answer


# --- the calls --------------------------------------------------------------------------------------------


def lists(turn: int) -> dict[str, tuple[str, dict[str, Any]]]:
    """{what is asked: (action, body)}; every turn asks for something else where it can."""
    own = {"project": [key_of("project", (turn * 7) % PROJECTS_MADE)]}
    loss = metric("loss", "val", random.Random(0), 1)[:2]
    shown = {"only_fields": COLUMNS, "page_size": 15}
    newest = {"order_by": ["-last_update"], "system_tags": ["-archived"]}
    word = WORDS[turn % len(WORDS)]
    everywhere: dict[str, dict[str, Any]] = {
        "newest": newest,
        "newest, 500": newest | {"page_size": 500},
        "one status": newest | {"status": ["failed"]},
        "one type": newest | {"type": ["testing"]},
        "common tag": newest | {"tags": ["common"]},
        "rare tag": newest | {"tags": ["rare"]},
        "without a common tag": newest | {"tags": ["-common"]},
        "archived": newest | {"system_tags": ["archived"]},
        "one user's": newest | {"user": [USERS[1 + turn % 4]]},
        "search_text": newest | {"search_text": f"{word} {turn}1"},
        "search_text, nothing found": newest | {"search_text": f"absent{turn}"},
        "a name's pattern": newest | {"name": f"^{word} .* run {turn}[0-9]+$"},
        "part of a name": newest | {"name": f"run {turn}77"},
        "by created": newest | {"order_by": ["-created"]},
        "by name": newest | {"order_by": ["name"]},
        "by type": newest | {"order_by": ["type"]},
        "by a hyperparameter": newest | {"order_by": ["-hyperparams.Args.lr.value"]},
        "by a last metric": newest | {"order_by": [f"last_metrics.{'.'.join(loss)}.value"]},
        "with a hyperparameter of a value": newest | {"hyperparams.Args.arg_1.value": ["7"]},
        "deep page": newest | {"page": 5000},
        "of the last week": newest | {"created": [time.strftime("%FT%T", time.gmtime(NOW - 7 * DAY)), None]},
    }
    inside = ("newest", "newest, 500", "common tag", "search_text", "by a hyperparameter", "by a last metric")
    calls = {f"tasks: {name}": ("tasks.get_all_ex", shown | body) for name, body in everywhere.items()}
    for name in (*inside, "by name", "with a hyperparameter of a value"):
        calls[f"tasks of a project: {name}"] = ("tasks.get_all_ex", shown | everywhere[name] | own)
    tree = own | {"include_subprojects": True}
    calls["tasks below a project: newest"] = ("tasks.get_all_ex", shown | newest | tree)
    statistics_ = {"include_stats": True, "order_by": ["-last_update"]}
    calls |= {
        "projects, with statistics": ("projects.get_all_ex", statistics_ | {"page_size": 15}),
        "projects at the top, with statistics": (
            "projects.get_all_ex",
            statistics_ | {"shallow_search": True, "check_own_contents": True, "page_size": 20},
        ),
        "models: newest": ("models.get_all_ex", {"order_by": ["-last_update"], "page_size": 15}),
        "models: by name": ("models.get_all_ex", {"order_by": ["name"], "page_size": 15}),
        "models: search_text": ("models.get_all_ex", {"search_text": f"{word} 1{turn}", "page_size": 15}),
    }
    one = {"projects": own["project"]}
    hyper = {"section": "Args", "name": "lr"}
    for where, scope in (("everywhere", {}), ("in a project", one)):
        calls |= {
            f"tags {where}": ("projects.get_task_tags", {"include_system": True} | scope),
            f"metrics {where}": ("projects.get_unique_metric_variants", scope),
            f"hyperparameters {where}": ("projects.get_hyper_parameters", scope),
            f"a hyperparameter's values {where}": ("projects.get_hyperparam_values", hyper | scope),
            f"parents {where}": ("projects.get_task_parents", {"tasks_state": "active"} | scope),
            f"metadata keys {where}": ("projects.get_model_metadata_keys", scope),
            f"users {where}": ("projects.get_user_names", scope),
            f"types {where}": ("tasks.get_types", scope),
        }
    return calls


def measure(peer: Peer, pipe: Connection, calls: int, only: str) -> list[dict[str, Any]]:
    def clock() -> float:
        pipe.send("time")
        found: float = pipe.recv()
        return found

    first: dict[str, float] = {}
    took: dict[str, list[tuple[float, float]]] = {}
    for turn in range(calls + 1):
        for name, (action, body) in lists(turn).items():
            if only in name:
                cpu, wall = clock(), time.perf_counter()
                peer.ask(action, body)
                spent = (clock() - cpu) * 1e3, (time.perf_counter() - wall) * 1e3
                first.setdefault(name, spent[0])
                if turn:
                    took.setdefault(name, []).append(spent)
    found = []
    for name, spent in took.items():
        cpus, walls = (sorted(kind) for kind in zip(*spent, strict=True))
        late = min(len(cpus) - 1, round(0.95 * (len(cpus) - 1)))
        figures = {"first_cpu_ms": first[name], "cpu_ms": statistics.median(cpus), "cpu_95_ms": cpus[late]}
        figures |= {"wall_ms": statistics.median(walls), "wall_95_ms": walls[late]}
        found.append({"call": name} | {key: round(value, 1) for key, value in figures.items()})
    return found


# --- requests per second ----------------------------------------------------------------------------------

PAGE = {"page_size": 10, "only_fields": ["id", "name", "status"]}


async def loop_rate(peer: Peer, seconds: float) -> float:
    """Requests answered per second, a few clients at once, each connection for one request."""
    body = json.dumps(PAGE).encode()
    lines = [f"POST {VERSION}/tasks.get_all HTTP/1.1", f"Host: {peer.host}", "Connection: close"]
    lines += [f"{key}: {value}" for key, value in peer.headers.items()]
    data = "\r\n".join([*lines, f"Content-Length: {len(body)}"]).encode() + b"\r\n\r\n" + body
    answered, until = 0, time.perf_counter() + seconds

    async def client() -> None:
        nonlocal answered
        while time.perf_counter() < until:
            reader, writer = await asyncio.open_connection(peer.host, peer.port)
            writer.write(data)
            if not (await reader.read()).startswith(b"HTTP/1.1 200"):
                raise RuntimeError("refused")
            writer.close()
            answered += 1

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    return answered / (time.perf_counter() - began)


def wrk_rate(peer: Peer, seconds: float) -> float:
    headers = peer.headers | {"Connection": "close"}
    told = "".join(
        f"wrk.headers[{json.dumps(key)}] = {json.dumps(value)}\n" for key, value in headers.items()
    )
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f'wrk.method = "POST"\nwrk.body = {json.dumps(json.dumps(PAGE))}\n{told}')
        script.flush()
        url = f"http://{peer.host}:{peer.port}{VERSION}/tasks.get_all"
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "-s", script.name, url]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"Requests/sec:\s*([\d.]+)", said)
    if found is None or "Non-2xx" in said:
        raise RuntimeError(said)
    return float(found[1])


def rates(peer: Peer, seconds: float, rounds: int) -> dict[str, Any]:
    """The node and the bare handler, in turn."""
    tool = "wrk" if shutil.which("wrk") else "loop"
    answer = peer.ask("tasks.get_all", PAGE)
    found: dict[str, list[float]] = {"node": [], "bare": []}
    with served(run_bare) as pipe:
        pipe.send_bytes(answer)
        bare = Peer(*pipe.recv(), peer.headers)
        for _ in range(rounds):
            for name, where in (("bare", bare), ("node", peer)):
                one = wrk_rate(where, seconds) if tool == "wrk" else asyncio.run(loop_rate(where, seconds))
                found[name].append(one)
    node, base = (statistics.median(found[name]) for name in ("node", "bare"))
    return {"tool": tool, "node": round(node), "bare": round(base), "ratio": round(node / base, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description="What lists cost among very many tasks.")
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--points", type=int, default=20, help="scalars in each of a task's 5 series")
    parser.add_argument("--calls", type=int, default=11, help="of each kind")
    parser.add_argument("--only", default="", help="measure the calls whose names have this in them")
    parser.add_argument("--home", type=Path, help="a node that was filled before, or is to be kept")
    parser.add_argument("--no-rates", action="store_true", help="leave out the requests per second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = options.home or Path(name) / "node"
        with served(run_node, home, options.tasks, options.points) as pipe:
            host, port, key, secret = pipe.recv()
            token = b64encode(f"{key}:{secret}".encode()).decode()
            peer = Peer(host, port, {"Authorization": f"Basic {token}", "Content-Type": "application/json"})
            found = measure(peer, pipe, options.calls, options.only)
            rate = None if options.no_rates else rates(peer, 2.0, 3)
    table = Table(
        f"among {options.tasks:,} tasks",
        "first CPU ms",
        "CPU ms",
        "95 %",
        "wall ms",
        "95 %",
        f"goal {GOAL_MS:g} ms",
    )
    for item in found:
        figures = [
            f"{item[key]:.1f}" for key in ("first_cpu_ms", "cpu_ms", "cpu_95_ms", "wall_ms", "wall_95_ms")
        ]
        table.add_row(item["call"], *figures, "yes" if item["cpu_ms"] <= GOAL_MS else "no")
    Console().print(table)
    if rate is not None:
        print(
            f"tasks.get_all, 10 a page, a connection each, by {rate['tool']}: {rate['node']:,}/s; "
            f"a bare handler {rate['bare']:,}/s: {rate['ratio']}"
        )
    print(json.dumps({"benchmark": "lists", "goal_ms": GOAL_MS, "calls": found, "rate": rate}))


if __name__ == "__main__":
    main()
