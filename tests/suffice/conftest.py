"""The command line as a real process, nodes as real processes, and small tables to learn."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from suffice.node_process import NodeProcess

SECONDS = 60


@dataclass
class Cli:
    """Runs ``suffice`` in a folder, in an environment without anything of the caller's."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(
        self, *arguments: str | Path, code: int = 0, text: str | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run it and hold it to an exit code."""
        done = subprocess.run(
            [sys.executable, "-m", "suffice", *map(str, arguments)],
            cwd=self.folder,
            env={**clean_environment(self.folder), **self.environment, **environment},
            input=text or "",
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == code, (
            f"{arguments} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments: str | Path, **options: Any) -> Any:
        """What it prints with ``--json``: exactly one document, and nothing to standard error."""
        done = self.run(*arguments, "--json", **options)
        assert done.stdout.count("\n") == 1
        return json.loads(done.stdout)

    def error(self, *arguments: str | Path, code: int = 1, **options: Any) -> dict[str, str]:
        """The error it prints with ``--json``, and that it prints nothing else."""
        done = self.run(*arguments, "--json", code=code, **options)
        assert done.stdout == ""
        found: dict[str, str] = json.loads(done.stderr)["error"]
        assert set(found) == {"code", "message", "remedy"}
        return found


def clean_environment(home: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SUFFICE_")}
    return {**kept, "HOME": str(home), "COLUMNS": "100"}


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


@contextmanager
def nodes_in(folder: Path) -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """A function that starts nodes in folders below this one, all at once; they end with the block."""
    processes: list[NodeProcess] = []

    def start(*names: str, admin: str = "") -> list[dict[str, Any]]:
        begun = []
        for name in names:
            role = "admin" if name == admin else "peer"
            begun.append(NodeProcess(folder / name, ["--name", name, "--role", role]))
            processes.append(begun[-1])
        return [process.wait_ready() for process in begun]

    try:
        yield start
    finally:
        for process in processes:
            process.ask_to_stop()
        for process in processes:
            process.stop()


@pytest.fixture
def start_nodes(tmp_path: Path) -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Start nodes in folders below ``tmp_path``: ``start_nodes("ewr", "jfk", admin="ewr")``."""
    with nodes_in(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def one_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """The command line beside a node that lives in ``here``, named by the environment."""
    folder = tmp_path_factory.mktemp("one")
    with nodes_in(folder) as start:
        start("here")
        yield Cli(folder, {"SUFFICE_HOME": "here"})


@pytest.fixture(scope="module")
def three_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """The command line beside an admin ``ewr`` and peers ``jfk`` and ``lga``, each named by ``--home``."""
    folder = tmp_path_factory.mktemp("three")
    with nodes_in(folder) as start:
        start("ewr", "jfk", "lga", admin="ewr")
        yield Cli(folder)


@pytest.fixture(scope="session")
def write_table() -> Callable[..., Path]:
    """Write a CSV of delays: continuous, category and binary columns, and some missing values."""

    def write(path: Path, rows: int, seed: int = 1, columns: Sequence[str] = COLUMNS) -> Path:
        source = random.Random(seed)
        lines = [",".join(columns)]
        for _ in range(rows):
            carrier, distance = source.choice(["AA", "DL", "UA"]), source.randrange(100, 3000)
            delay = round(5 + distance / 100 + 3 * (carrier == "UA") + source.gauss(0, 4), 1)
            shown = "" if source.random() < 0.05 else delay
            row = {"delay": shown, "distance": distance, "carrier": carrier, "late": int(delay > 20)}
            lines.append(",".join(str(row[column]) for column in columns))
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


COLUMNS = ("delay", "distance", "carrier", "late")


@pytest.fixture(scope="module")
def learned(one_node: Cli, write_table: Callable[..., Path]) -> Cli:
    """A node whose project ``trial`` has learned 300 rows, and has a model ``m``."""
    write_table(one_node.folder / "table.csv", 300)
    one_node.run("project", "create", "trial")
    one_node.run("project", "learn", "trial", "table.csv")
    one_node.run("project", "fit", "trial", "m", "--target", "delay", "--inputs", "distance,carrier")
    return one_node


@dataclass(frozen=True)
class Marked:
    """An environment that marks every process started with it, also grandchildren."""

    mark: str

    @property
    def environment(self) -> dict[str, str]:
        return {"SUFFICE_TEST_MARK": self.mark}

    def processes(self) -> list[str]:
        """The command lines of the marked processes that run now."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if self.mark.encode() in (entry / "environ").read_bytes():
                        found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
                except OSError:
                    continue
        return found


@pytest.fixture
def marked() -> Marked:
    return Marked(uuid.uuid4().hex)
