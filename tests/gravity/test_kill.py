"""kill -9 in the middle of a job: it is scored by the next process, once, and was paid for once."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from suffice.client import Client
from suffice.node_process import NodeProcess

ROWS = 400_000


def learned(folder: Path) -> Path:
    path = folder / "learned.csv"
    path.write_text("x,y,z\n" + "".join(f"{n},{n % 7},{2 * n + n % 7}\n" for n in range(50)))
    return path


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    """Start the node of the test's folder; all end with the test."""
    started: list[NodeProcess] = []

    def begin() -> tuple[NodeProcess, Client]:
        process = NodeProcess(tmp_path / "home")
        started.append(process)
        process.wait_ready()
        known = json.loads((tmp_path / "home/credentials.json").read_text())
        return process, Client(known["url"], known["access_key"], known["secret_key"])

    yield begin
    for process in started:
        with contextlib.suppress(OSError):
            process.stop()


def ask(url: str, key: str, method: str = "GET", data: bytes | None = None, **headers: str) -> Any:
    request = Request(url, data, {"x-api-key": key, **headers}, method=method)  # noqa: S310
    with urlopen(request, timeout=120) as answer:  # noqa: S310
        return json.load(answer)["data"]


def test_a_job_is_scored_once_whatever_happens_to_the_node(start: Any, tmp_path: Path) -> None:
    process, client = start()
    client.create_project("p")
    client.wait_for(client.learn("p", str(learned(tmp_path))))
    client.fit("p", "m", target="z", inputs=["x", "y"])
    client.create_deployment("d", group_size=1000, price=3)
    client.deploy_model("d", "p", "m")
    key = client.create_deployment_key("d")["key"]
    body = b'--b\r\nContent-Disposition: form-data; name="data"\r\n\r\n{"mimeType": "text/csv"}\r\n'
    body += b'--b\r\nContent-Disposition: form-data; name="file"; filename="f.csv"\r\n\r\n'
    body += b"x,y\n" + b"1,2\n" * ROWS + b"\r\n--b--\r\n"
    form = {"Content-Type": "multipart/form-data; boundary=b"}

    def submit() -> None:
        with contextlib.suppress(URLError, OSError):  # its node dies while it waits
            ask(f"{client.url}/api/v1/jobs", key, "POST", body, **form)

    submitting = threading.Thread(target=submit)
    submitting.start()
    while not (jobs := [job for job in client.jobs() if job.kind == "score"]):
        pass
    while not ((job := client.job(jobs[0].id, wait=5)).current or job.finished):
        pass
    assert not job.finished
    os.kill(process.pid, signal.SIGKILL)
    submitting.join()

    _, client = start()
    done = client.wait_for(job.id)
    assert done.result is not None and done.result["records"] == ROWS
    (told,) = ask(f"{client.url}/api/v1/jobs/latest", key)
    assert (told["status"], told["recordCount"], told["billedUsage"]) == ("success", ROWS, 1200)
    with urlopen(ask(f"{client.url}/api/v1/jobs/result-link/{job.id}", key), timeout=60) as result:  # noqa: S310
        assert sum(chunk.count(b"\n") for chunk in iter(lambda: result.read(2**20), b"")) == ROWS + 1
    assert client.usage("d")["units"] == 1200
    assert client.node()["files"]["count"] == 2  # the input and the output
