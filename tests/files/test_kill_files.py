"""kill -9 among uploads, replacements and deletions: what is acknowledged is there, and nothing else."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from node.config import NodeConfig
from node.node import Node

KILLS = 8

HARNESS = """
import asyncio, itertools, json, os, sys
from pathlib import Path
from node.config import NodeConfig
from node.node import Node

async def work(node, name):
    for number in itertools.count():
        data = os.urandom(20_000) if number % 3 else b"the same for all"
        async with node.files.upload("ada") as upload:
            for path in (f"{name}/1", f"{name}/2"):
                await upload.begin(path)
                await upload.write(data)
            (first, _) = await upload.commit()
        print(json.dumps([name, first.digest]), flush=True)
        if number % 4 == 3:
            print(json.dumps([name, "?"]), flush=True)
            await node.files.delete_folder(name)
            print(json.dumps([name, None]), flush=True)

async def main():
    async with Node(NodeConfig(home=Path(sys.argv[1]), workers=1)) as node:
        await asyncio.gather(*(work(node, name) for name in "abc"))

asyncio.run(main())
"""


async def test_what_was_acknowledged_is_there_and_nothing_lies_about(tmp_path: Path, read_file: Any) -> None:
    rng = random.Random(7)
    home = tmp_path / "home"
    for _ in range(KILLS):
        acknowledged = killed_after(rng.randrange(5, 60), home)
        async with Node(NodeConfig(home=home, workers=1)) as node:
            digests = set()
            for name, expected in acknowledged.items():
                paths = await node.store.read(lambda c, name=name: below(c, name))
                assert paths in ([], [f"{name}/1", f"{name}/2"])
                found = {hashlib.sha256(await read_file(node.files, path)).hexdigest() for path in paths}
                assert len(found) <= 1
                # What came after the last word of the process may have been done or not.
                if expected not in ("?", None):
                    assert found
                digests |= found
            assert on_disk(home) == digests
            assert list((home / "files" / "incoming").iterdir()) == []


def killed_after(words: int, home: Path) -> dict[str, str | None]:
    """What the harness said last of each name, after it was killed once it had said so much."""
    last: dict[str, str | None] = dict.fromkeys("abc", "?")
    with subprocess.Popen([sys.executable, "-c", HARNESS, str(home)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for number, line in enumerate(process.stdout):
            if line.endswith(b"\n"):
                name, digest = json.loads(line)
                last[name] = digest
            if number == words:
                process.kill()
    return last


def on_disk(home: Path) -> set[str]:
    return {path.name for path in (home / "files" / "contents").rglob("*") if path.is_file()}


def below(connection: Any, folder: str) -> list[str]:
    from node.file_store import rows

    return rows.below(connection, folder)
