"""Starting and stopping nodes: in front, detached, tied to another process; and two that want one folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from suffice.client import SufficeError
from suffice.node_process import NodeProcess

SECONDS = 30


def started(folder: Path, *options: str, **more: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "suffice", "node", "start", "--home", str(folder / "home"), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not met():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_node_in_front_says_one_line_and_ends_with_a_signal(
    tmp_path: Path, marked: Any, number: int
) -> None:
    environment = {**os.environ, **marked.environment}
    with started(tmp_path, "--role", "admin", "--json", env=environment) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert set(ready) == {"url", "files_url", "node_id", "nats", "credentials"}
        assert ready["nats"].startswith("tls://")
        assert Path(ready["credentials"]).stat().st_mode & 0o777 == 0o600
        process.send_signal(number)
        rest, _ = process.communicate(timeout=SECONDS)
    assert (process.returncode, rest) == (0, "")
    assert marked.processes() == []


def test_a_signal_during_the_start_leaves_nothing(tmp_path: Path, marked: Any) -> None:
    environment = {**os.environ, **marked.environment}
    with started(tmp_path, "--role", "admin", env=environment) as process:
        until(lambda: (tmp_path / "home" / "node.lock").exists())
        process.terminate()
        process.communicate(timeout=SECONDS)
    until(lambda: not marked.processes())


def test_a_second_node_in_the_same_folder_is_refused(tmp_path: Path, start_nodes: Callable[..., Any]) -> None:
    start_nodes("home")
    with started(tmp_path, "--json") as second:
        out, error = second.communicate(timeout=SECONDS)
    assert (second.returncode, out) == (1, "")
    assert "another node" in json.loads(error.splitlines()[-1])["error"]["message"]


def test_an_address_that_is_taken_is_named(tmp_path: Path, start_nodes: Callable[..., Any]) -> None:
    address = start_nodes("first")[0]["url"].removeprefix("http://")
    with started(tmp_path, "--http", address) as second:
        _, error = second.communicate(timeout=SECONDS)
    assert second.returncode == 1
    assert address in error
    assert "Traceback" not in error


def test_a_detached_node_runs_on_until_it_is_stopped_and_keeps_its_address(cli: Any, marked: Any) -> None:
    options = {"SUFFICE_HOME": "home", **marked.environment}
    compute = ("--compute", "http://127.0.0.1:9/base")
    first = cli.json("node", "start", "--detach", "--name", "ada", *compute, **options)
    assert cli.json("node", "status", **options)["name"] == "ada"
    assert cli.json("node", "stop", **options)["stopped"] is True
    assert marked.processes() == []
    cli.run("node", "status", code=3, **options)
    again = cli.json("node", "start", "--detach", **options)
    kept = ("url", "files_url", "node_id")
    assert [again[name] for name in kept] == [first[name] for name in kept]
    assert again["files_url"] != again["url"]
    assert "stopped home" in cli.run("node", "stop", **options).stdout


def test_the_size_of_a_quota_is_written_as_people_write_it(tmp_path: Path) -> None:
    from suffice.serve import FilesOptions, read_settings

    def quota(text: str) -> int | None:
        options = FilesOptions(quota=text)
        return read_settings(tmp_path, "peer", "", None, options, None, (), None, None, None).files_quota

    assert [quota(text) for text in ("10", "5kB", "20 GB", "1GiB")] == [10, 5000, 20 * 10**9, 2**30]
    with pytest.raises(Exception, match="such as 500MB"):
        quota("much")


def test_the_address_of_a_compute_service_holds_no_password(tmp_path: Path) -> None:
    from suffice.serve import FilesOptions, read_settings

    def compute(url: str) -> str | None:
        return read_settings(tmp_path, "peer", "", None, FilesOptions(), None, (), None, None, url).compute

    assert compute("http://compute.example.org:8081") == "http://compute.example.org:8081"
    for url in ("compute:8081", "http://user:secret@compute", ""):
        with pytest.raises(typer.BadParameter, match="--compute") as refused:
            compute(url)
        assert "secret" not in str(refused.value)


def test_a_node_ends_when_its_starter_is_gone(tmp_path: Path, marked: Any) -> None:
    """Also by SIGKILL, when the starter can no longer do anything about it."""
    start = (
        "import sys, time; from pathlib import Path; from suffice.node_process import NodeProcess\n"
        "node = NodeProcess(Path(sys.argv[1]), ['--role', 'admin']); node.wait_ready()\n"
        "print('ready', flush=True); time.sleep(600)"
    )
    environment = {**os.environ, **marked.environment}
    command = [sys.executable, "-c", start, str(tmp_path / "home")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"ready\n"
        assert len(marked.processes()) >= 3  # the starter, the node, nats-server
        starter.kill()
    until(lambda: not marked.processes())


def test_a_node_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "node.lock").mkdir()
    process = NodeProcess(tmp_path / "home")
    try:
        with pytest.raises(SufficeError, match=r"cannot start: .*node\.lock"):
            process.wait_ready()
    finally:
        process.stop()


def test_credentials_for_a_broker_are_told_by_what_the_file_holds(tmp_path: Path) -> None:
    from suffice.serve import FilesOptions, read_settings

    def read(text: str) -> Any:
        (tmp_path / "file").write_text(text)
        servers = ("nats://127.0.0.1:4222",)
        return read_settings(
            tmp_path, "peer", "", None, FilesOptions(), None, servers, tmp_path / "file", None, None
        ).nats

    assert read("SUAKEY\n").nkey_seed == "SUAKEY"
    assert read("-----BEGIN NATS USER JWT-----\n…").creds_file == tmp_path / "file"
    assert read('{"token": "t"}').token == "t"
    assert read('{"user": "u", "password": "p"}').password == "p"
    with pytest.raises(Exception, match="holds no credentials"):
        read("hello")
