"""A node with blobs to compute on, programs as archives, and the worker as a real process."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sys
import tarfile
import textwrap
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

SECONDS = 60

WORKFLOW = """
import json, pathlib, sys
task, hidden, submission = sys.argv[2], pathlib.Path(sys.argv[4]), pathlib.Path(sys.argv[6])
assert sys.argv[1::2] == ["-T", "-i", "-s"]

def items(folder):
    return [file for file in sorted(folder.iterdir()) if file.is_file()]

def error(kind, file):
    guesses = json.loads((submission / kind / "pred" / file.name).read_text())
    targets = json.loads(file.read_text())["y"]
    return -sum(abs(a - b) for a, b in zip(guesses, targets, strict=True)) / len(targets)

if task == "detarget":
    for file in items(hidden / "test"):
        (submission / "test" / file.name).write_text(json.dumps({"x": json.loads(file.read_text())["x"]}))
else:
    told = {kind: {f.name: error(kind, f) for f in items(hidden / kind)} for kind in ("train", "test")}
    test = list(told["test"].values())
    found = {"perf": sum(test) / len(test), "train_perf": told["train"], "test_perf": told["test"]}
    (hidden / "perf" / "performance.json").write_text(json.dumps(found))
"""
"""Takes `y` out of the test data; the performance is minus the mean absolute error."""

ALGORITHM = """
import json, pathlib, sys
assert sys.argv[1:4] == ["-V", "/data", "-T"]
data = pathlib.Path("/data")
kept = data / "model" / "model_trained.json"
model = json.loads(kept.read_text()) if kept.exists() else {"n": 0, "sum": 0, "seen": []}

def items(folder):
    return [file for file in sorted(folder.iterdir()) if file.is_file()]

def predict(folder):
    for file in items(folder):
        xs = json.loads(file.read_text())["x"]
        (folder / "pred" / file.name).write_text(json.dumps([model["sum"] / model["n"]] * len(xs)))

if sys.argv[4] == "train":
    for file in items(data / "train"):
        found = json.loads(file.read_text())
        model["n"] += len(found["y"])
        model["sum"] += sum(found["y"])
        model["seen"].append(file.name)
    assert all("y" not in json.loads(file.read_text()) for file in items(data / "test"))
    kept.write_text(json.dumps(model))
    predict(data / "train")
predict(data / "test")
print("the algorithm was here")
"""
"""Guesses the mean of all `y` that it was ever trained on; its model names the data that it has seen."""


def packed(files: Mapping[str, str | bytes], mode: int = 0o755) -> bytes:
    """A `.tar.gz` of files."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        for name, content in files.items():
            data = content if isinstance(content, bytes) else textwrap.dedent(content).encode()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), mode
            archive.addfile(entry, io.BytesIO(data))
    return written.getvalue()


@dataclass
class Work:
    """A worker process under way."""

    process: asyncio.subprocess.Process
    said: list[str] = field(default_factory=list)

    async def until(self, words: str) -> str:
        """The line of its messages that has these words."""
        assert self.process.stderr is not None
        async with asyncio.timeout(SECONDS):
            while line := (await self.process.stderr.readline()).decode():
                self.said.append(line)
                if words in line:
                    return line
        raise AssertionError("".join(self.said))

    async def end(self, code: int = 0) -> Any:
        """What it printed at its end."""
        async with asyncio.timeout(SECONDS):
            out, errors = await self.process.communicate()
        self.said.append(errors.decode())
        assert self.process.returncode == code, "".join(self.said)
        return json.loads(out) if out else None

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)


@dataclass
class Lab:
    """A node, whoever asks it, and where its workers run."""

    client: Any
    served: Any
    folder: Path
    running: list[Work] = field(default_factory=list)

    async def store(self, kind: str, blob: bytes, client: Any = None, **fields: str) -> str:
        """Upload a blob; its uuid."""
        uuid = str(uuid4())
        form = aiohttp.FormData({"uuid": uuid, **fields, "size": str(len(blob))})
        form.add_field("blob", blob, filename="blob")
        answer = await (client or self.client)("POST", f"/storage/{kind}", None, data=form)
        assert answer.status == 201, answer
        return uuid

    async def blob(self, kind: str, uuid: str) -> bytes:
        client = self.client
        headers = {"Authorization": aiohttp.encode_basic_auth(client.key.access_key, client.key.secret_key)}
        url = f"{client.url}/storage/{kind}/{uuid}/blob"
        async with client.session.get(url, headers=headers) as response:
            assert response.status == 200
            return await response.read()

    async def model(self, uuid: str) -> Any:
        """What is in a model of `ALGORITHM`."""
        with tarfile.open(fileobj=io.BytesIO(await self.blob("model", uuid)), mode="r:gz") as archive:
            assert archive.getnames() == ["model_trained.json"]
            content = archive.extractfile("model_trained.json")
            assert content is not None
            return json.load(content)

    async def data(self, ys: list[float], client: Any = None) -> str:
        blob = json.dumps({"x": list(range(len(ys))), "y": ys}).encode()
        return await self.store("data", blob, client)

    async def problem(self, tests: list[str], size: int, workflow: str | bytes = WORKFLOW) -> str:
        blob = workflow if isinstance(workflow, bytes) else packed({"main.py": workflow})
        stored = await self.store("problem", blob, name="mean", description="")
        uuid = str(uuid4())
        body = {"uuid": uuid, "workflow": stored, "test_dataset": tests, "size_train_dataset": size}
        await self.client.ok("POST", "/problem", body)
        return uuid

    async def algo(self, problem: str, program: str | bytes = ALGORITHM) -> str:
        blob = program if isinstance(program, bytes) else packed({"main.py": program})
        uuid = await self.store("algo", blob, name="guess")
        await self.client.ok("POST", "/algo", {"uuid": uuid, "problem": problem, "name": "guess"})
        return uuid

    async def register(self, data: list[str], problem: str, client: Any = None) -> None:
        await (client or self.client).ok("POST", "/data", {"uuid": data, "problems": problem})

    async def task(self, program: str | bytes = ALGORITHM, workflow: str | bytes = WORKFLOW) -> str:
        """A problem with one item of data to train on and one to be judged on, and an algorithm; its uuid."""
        problem = await self.problem([await self.data([2.0, 4.0])], 1, workflow)
        await self.register([await self.data([1.0, 3.0])], problem)
        return await self.algo(problem, program)

    async def log(self, uplet: Any) -> str:
        """What is in the log of an uplet's task."""
        body = {"task": uplet["uuid"].replace("-", "")}
        answer = await self.client.ok("POST", "/events.get_task_log", body)
        return "\n".join(event["msg"] for event in answer["data"]["events"])

    async def start(self, *options: str, key: Any = None) -> Work:
        """A worker process, by the command that people use."""
        key = key or self.client.key
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SUFFICE_")},
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "SUFFICE_ACCESS_KEY": key.access_key,
            "SUFFICE_SECRET_KEY": key.secret_key,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "suffice", "worker", "morpheo", "--node", self.client.url, "--json",
            "--memory", "512", "--disk", "16", "--poll", "0.2", *options,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment,
        )  # fmt: skip
        self.running.append(Work(process))
        return self.running[-1]

    async def work(self, *options: str, key: Any = None) -> dict[str, int]:
        """A worker that ends when there is no more to do; how many it did, by what came of them."""
        return await (await self.start("--until-empty", *options, key=key)).end()


@asynccontextmanager
async def laboratory(served: Any, folder: Path) -> AsyncIterator[Lab]:
    lab = Lab(served.client(served.node.first_key), served, folder)
    try:
        yield lab
    finally:
        for work in lab.running:
            if work.process.returncode is None:
                work.process.kill()
                await work.process.communicate()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where workers have their home and their temporary files."""
    (tmp_path / "worker").mkdir()
    return tmp_path / "worker"


@pytest.fixture
async def lab(served: Any, place: Path) -> AsyncIterator[Lab]:
    async with laboratory(served, place) as lab:
        yield lab


@pytest.fixture
async def led_lab(start: Callable[..., Any], place: Path, tmp_path: Path) -> AsyncIterator[Lab]:
    """With a node that has a broker."""
    async with (
        start(tmp_path / "home", role="admin") as served,
        laboratory(served, place) as lab,
    ):
        yield lab


@pytest.fixture(scope="session")
def pack() -> Callable[..., bytes]:
    """A `.tar.gz` of files, by name."""
    return packed


@pytest.fixture(scope="session")
def algorithm() -> str:
    return ALGORITHM
