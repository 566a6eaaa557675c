"""What lists of tasks cost among 100,000 of them, and `tasks.get_all` beside a bare aiohttp handler.

    python benchmarks/lists.py [--tasks 100000] [--points 20] [--calls 11] [--only PART] [--no-rates]

The calls that the web pages make go over HTTP to a node that `lists_node.py` has filled, each in a project or
for a word of its own. Before each, something is committed, so that no answer is one that the node remembers.
The figure is the processor time of the node for one call, answer included, which other work on the machine
changes little; the wall clock is shown beside it. Goal: 50 ms.

Requests per second are counted by `wrk` if it is on the path, else by a loop in Python. Each has a connection
of its own, as clients of ClearML need it, and the bare handler beside the node closes its connections too and
answers the same bytes. Nothing is committed meanwhile: asked for the same page again, the node remembers its
answer; so it is also asked for another page every time. Goal: half as many.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import random
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from base64 import b64encode
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from lists_node import (
    DAY,
    NOW,
    PROJECTS_MADE,
    USERS,
    WORDS,
    key_of,
    metric,
    run_bare,
    run_node,
    served,
)
from rich.console import Console
from rich.table import Table

GOAL_MS = 50.0
GOAL_RATIO = 0.5
VERSION = "/v2.34"
CONNECTIONS = 8

COLUMNS = [
    "id", "name", "type", "status", "tags", "system_tags", "user.name", "project.name", "last_update",
    "started", "completed", "status_changed", "status_message", "status_reason", "last_iteration", "comment",
    "active_duration", "parent.name", "company", "hyperparams.Args.lr", "execution.queue.name",
]  # fmt: skip
"""What the page of tasks asks of each."""


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
    loss = metric("loss", "val", random.Random(0))[:2]
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
    calls["queues, with what waits"] = (
        "queues.get_all_ex",
        {
            "only_fields": [
                "id",
                "name",
                "workers",
                "entries.added",
                "entries.task.name",
                "entries.task.project",
            ]
        },
    )
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

    took: dict[str, list[tuple[float, float]]] = {}
    for turn in range(calls + 1):
        for name, (action, body) in lists(turn).items():
            if only in name:
                peer.ask("tasks.ping", {"task": key_of("task", turn)})
                cpu, wall = clock(), time.perf_counter()
                peer.ask(action, body)
                spent = (clock() - cpu) * 1e3, (time.perf_counter() - wall) * 1e3
                if turn:  # the first of each opens files and makes statements
                    took.setdefault(name, []).append(spent)
    found = []
    for name, spent in took.items():
        cpus, walls = (sorted(kind) for kind in zip(*spent, strict=True))
        late = round(0.95 * (len(cpus) - 1))
        figures = {"cpu_ms": statistics.median(cpus), "cpu_95_ms": cpus[late]}
        figures |= {"wall_ms": statistics.median(walls), "wall_95_ms": walls[late]}
        found.append({"call": name} | {key: round(value, 1) for key, value in figures.items()})
    return found


# --- requests per second ----------------------------------------------------------------------------------

PAGE = (
    '{"page_size": 10, "page": %d, "project": ["%s"], "order_by": ["-last_update"],'
    ' "only_fields": ["id", "name", "status"]}'
)
"""Of which page, in which project."""

PAGES = 10


def page_of(turn: int) -> bytes:
    return (PAGE % (turn // PROJECTS_MADE % PAGES, key_of("project", turn % PROJECTS_MADE))).encode()


async def loop_rate(peer: Peer, seconds: float, *, same: bool) -> float:
    """Requests answered per second, a few clients at once, each connection for one request. same: all for one
    page, else each for another."""
    lines = [f"POST {VERSION}/tasks.get_all HTTP/1.1", f"Host: {peer.host}", "Connection: close"]
    head = "\r\n".join([*lines, *(f"{key}: {value}" for key, value in peer.headers.items())])
    answered, until = 0, time.perf_counter() + seconds

    async def client() -> None:
        nonlocal answered
        while time.perf_counter() < until:
            reader, writer = await asyncio.open_connection(peer.host, peer.port)
            body = page_of(0 if same else answered)
            writer.write(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            if not (await reader.read()).startswith(b"HTTP/1.1 200"):
                raise RuntimeError("refused")
            writer.close()
            answered += 1

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    return answered / (time.perf_counter() - began)


def wrk_rate(peer: Peer, seconds: float, *, same: bool) -> float:
    """As `loop_rate`."""
    headers = peer.headers | {"Connection": "close"}
    told = [f"wrk.headers[{json.dumps(key)}] = {json.dumps(value)}" for key, value in headers.items()]
    page = PAGE.replace("%s", f"{key_of('project', 0)[:2]}%030x")
    lines = [
        'wrk.method = "POST"',
        *told,
        "local turn = 0",
        "function request()",
        f"  local page, project = math.floor(turn / {PROJECTS_MADE}) % {PAGES}, turn % {PROJECTS_MADE}",
        f"  turn = turn + {0 if same else 1}",
        f"  return wrk.format(nil, nil, nil, string.format({json.dumps(page)}, page, project))",
        "end",
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write("\n".join(lines))
        script.flush()
        url = f"http://{peer.host}:{peer.port}{VERSION}/tasks.get_all"
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "-s", script.name, url]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"Requests/sec:\s*([\d.]+)", said)
    if found is None or "Non-2xx" in said:
        raise RuntimeError(said)
    return float(found[1])


def rates(peer: Peer, seconds: float, rounds: int) -> dict[str, Any]:
    """The bare handler, the node asked for one page, and for another every time, in turn."""
    tool = "wrk" if shutil.which("wrk") else "loop"
    found: dict[str, list[float]] = {"bare": [], "same": [], "others": []}
    with served(run_bare) as pipe:
        pipe.send_bytes(peer.ask("tasks.get_all", json.loads(page_of(0))))
        bare = Peer(*pipe.recv(), peer.headers)
        for _ in range(rounds):
            for name, where in (("bare", bare), ("same", peer), ("others", peer)):
                same = name != "others"
                if tool == "wrk":
                    found[name].append(wrk_rate(where, seconds, same=same))
                else:
                    found[name].append(asyncio.run(loop_rate(where, seconds, same=same)))
    rate = {name: statistics.median(values) for name, values in found.items()}
    ratios = {f"{name}_ratio": round(rate[name] / rate["bare"], 3) for name in ("same", "others")}
    return {"tool": tool} | {name: round(value) for name, value in rate.items()} | ratios


def table_of(found: list[dict[str, Any]], count: int) -> Table:
    columns = ("CPU ms", "95 %", "wall ms", "95 %")
    table = Table("", *columns, f"{GOAL_MS:g} ms", title=f"Calls among {count:,} tasks")
    for item in found:
        figures = [f"{item[key]:.1f}" for key in ("cpu_ms", "cpu_95_ms", "wall_ms", "wall_95_ms")]
        table.add_row(item["call"], *figures, "under" if item["cpu_ms"] <= GOAL_MS else "over")
    return table


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
    Console(width=110).print(table_of(found, options.tasks))
    if rate is not None:
        told = {name: f"{rate[name]:,}/s ({rate[f'{name}_ratio']})" for name in ("same", "others")}
        print(
            f"tasks.get_all by {rate['tool']}, 10 tasks, a connection each: a bare one {rate['bare']:,}/s,"
            f" the node asked for one page {told['same']}, for another every time {told['others']};"
            f" goal {GOAL_RATIO}"
        )
    over = [item["call"] for item in found if item["cpu_ms"] > GOAL_MS]
    goals = {"goal_ms": GOAL_MS, "over": over, "goal_ratio": GOAL_RATIO, "rate": rate, "calls": found}
    print(json.dumps({"benchmark": "lists", "tasks": options.tasks} | goals))


if __name__ == "__main__":
    main()
