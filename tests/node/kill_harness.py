"""A node in a process of its own, told what to do by JSON lines: `python kill_harness.py HOME`.

Each line {"id", "do", ...} is answered by a line with the same id once what it asks for is acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import sys
from pathlib import Path

from federation.statistics import Schema
from node.config import NodeConfig
from node.errors import AlreadyExists
from node.node import Node

_spec = importlib.util.spec_from_file_location("node_tables", Path(__file__).with_name("conftest.py"))
assert _spec is not None
assert _spec.loader is not None
tables = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tables)


async def perform(node: Node, order: dict) -> dict:
    match order:
        case {"do": "table", "seed": seed, "rows": rows}:
            info = await node.projects.learn("tables", tables.make_table(rows, seed))
            return {"version": info.version}
        case {"do": "file", "path": path}:
            task = await node.jobs.submit(
                "learn", actor=node.first_key, project="files", parameters={"path": path}
            )
            return {"task": task.id}
        case {"do": "finish"}:
            while unfinished := [task for task in await node.jobs.list() if not task.finished]:
                await node.jobs.wait(unfinished[0].id, 10, seen=unfinished[0])
            return {}
        case _:
            return {
                "digests": {info.name: info.digest for info in await node.projects.list()},
                "tasks": {
                    task.id: [task.parameters["path"], task.status.value] for task in await node.jobs.list()
                },
                "workers": node.runner.worker_pids(),
            }


async def main() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running = set()

    async def answer(order: dict) -> None:
        print(json.dumps({"id": order["id"], **await perform(node, order)}), flush=True)

    async with Node(NodeConfig(home=Path(sys.argv[1]), workers=1)) as node:
        for name in ("tables", "files"):
            with contextlib.suppress(AlreadyExists):
                await node.projects.create(name, owner="admin", schema=Schema.from_dict(tables.SCHEMA))
        print(json.dumps({"id": "ready"}), flush=True)
        while line := await reader.readline():
            task = asyncio.create_task(answer(json.loads(line)))
            running.add(task)
            task.add_done_callback(running.discard)


asyncio.run(main())
