"""The node that `lists.py` asks, and the bare handler beside it, each in a process of its own.

Tasks in 200 projects with hyperparameters, last metrics, tags and script, a fifth as many models, 5 series of
scalars for each task, 20 queues: written straight into the store, as clients would have left them.
"""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from aiohttp import web

from api.server import Server
from node.config import NodeConfig
from node.node import Node
from node.store.event_tables import event_scalars, event_series
from node.store.schema import COMPANY, queue_entries, tasks
from node.tracking import documents
from node.tracking.collection import MODELS, PROJECTS, QUEUES, TASKS

PROJECTS_MADE = 200
QUEUES_MADE = 20
WAITING = 25
DAY = 86_400.0
NOW = 1.7e9
AT_ONCE = 1000

USERS = ("admin", "ada", "ben", "cleo", "dora")
STATUSES = ("completed", "completed", "completed", "failed", "in_progress", "stopped", "created", "published")
TYPES = ("training", "training", "training", "testing", "data_processing", "optimizer")
SERIES = (("loss", "train"), ("loss", "val"), ("accuracy", "train"), ("accuracy", "val"), ("lr", "lr"))
WORDS = ("resnet", "unet", "bert", "baseline", "sweep", "nightly", "ablation", "warmup", "distil", "large")


def key_of(kind: str, number: int) -> str:
    return f"{ord(kind[0]):x}{number:030x}"


# --- what the node holds ----------------------------------------------------------------------------------


def metric(name: str, variant: str, rng: random.Random) -> tuple[str, str, dict[str, Any]]:
    value = rng.random()
    keys = (hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() for text in (name, variant))
    told = {
        "metric": name,
        "variant": variant,
        "value": value,
        "min_value": value,
        "max_value": value,
    }
    return *keys, told | {"min_value_iteration": 0, "max_value_iteration": 0}


def task(number: int, points: int) -> dict[str, Any]:
    """A task as a client would have left it."""
    rng = random.Random(number)
    at = NOW - rng.random() * 300 * DAY
    status = rng.choice(STATUSES)
    args = {f"arg_{i}": str(rng.randrange(100)) for i in range(18)} | {"lr": f"{rng.random():.4f}"}
    metrics: dict[str, dict[str, Any]] = {}
    for name, variant in SERIES:
        first, second, told = metric(name, variant, rng)
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


def queue(number: int) -> dict[str, Any]:
    named = {"id": key_of("queue", number), "name": f"queue {number}", "user": "admin", "company": COMPANY}
    return {**named, "created": NOW, "last_update": NOW, "tags": [], "system_tags": []}


async def fill(node: Node, count: int, points: int) -> None:
    """Some at a time, as no commit is to be very long."""
    write = node.store.write
    await write(lambda c: [documents.insert(c, PROJECTS, project(number)) for number in range(PROJECTS_MADE)])
    for first in range(0, count, AT_ONCE):
        some = [task(number, points) for number in range(first, min(first + AT_ONCE, count))]
        await write(lambda c, some=some: _insert_tasks(c, some, points))  # type: ignore[misc]
    await write(lambda c: [documents.insert(c, MODELS, model(number)) for number in range(count // 5)])
    await write(lambda c: _insert_queues(c, min(count, QUEUES_MADE * WAITING)))


def _insert_tasks(connection: sa.Connection, some: list[dict[str, Any]], points: int) -> None:
    zeros = dict.fromkeys(("priority", "attempts", "current", "maximum"), 0)
    series = []
    for document in some:
        documents.insert(connection, TASKS, document, kind="external", parameters={}, **zeros)
        for variants in document["last_metrics"].values():
            for told in variants.values():
                named = {"task": document["id"], "metric": told["metric"], "variant": told["variant"]}
                series.append(named | _summary(told["value"], points) | {"kind": "scalar"})
    last = connection.scalar(sa.select(sa.func.max(event_series.c.id))) or 0
    connection.execute(event_series.insert(), series)
    # The same value at every iteration: what a point costs does not depend on it.
    steps = sa.select(sa.literal(0).label("step")).cte("steps", recursive=True)
    steps = steps.union_all(sa.select(steps.c.step + 1).where(steps.c.step < points - 1))
    c = event_series.c
    each = event_series.join(steps, sa.true())
    rows = sa.select(c.id, steps.c.step, c.last_value, steps.c.step).select_from(each).where(c.id > last)
    connection.execute(event_scalars.insert().from_select(list(event_scalars.c), rows.order_by(c.id)))


def _summary(value: float, points: int) -> dict[str, Any]:
    """What `event_series` tells of a series that is always this value."""
    values = dict.fromkeys(("first_value", "last_value", "min_value", "max_value"), value)
    begin = dict.fromkeys(("first_iteration", "min_iteration", "max_iteration", "earliest"), 0)
    end = dict.fromkeys(("last_iteration", "last_timestamp", "latest"), points - 1)
    return {"count": points, "total": points * value} | values | begin | end


def _insert_queues(connection: sa.Connection, waiting: int) -> None:
    for number in range(QUEUES_MADE):
        documents.insert(connection, QUEUES, queue(number))
    rows = [
        {"task": key_of("task", n), "queue": key_of("queue", n % QUEUES_MADE), "position": n, "added": NOW}
        for n in range(waiting)
    ]
    connection.execute(queue_entries.insert(), rows)


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
        response = web.Response(body=body, content_type="application/json")
        response.force_close()
        return response

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
