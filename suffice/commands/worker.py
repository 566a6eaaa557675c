"""``suffice worker``: work for a node that runs on this machine."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from suffice.client import SufficeError
from suffice.connection import find_credentials
from suffice.terminal import (
    ExitCode,
    HomeOption,
    JsonOption,
    NodeOption,
    new_group,
    note,
    print_json,
    reporting,
)

if TYPE_CHECKING:
    from suffice.worker import Worker

app = new_group("Compute for a node: run other people's programs in a sandbox on this machine.")

_MB = 1 << 20


@app.command()
def morpheo(
    python: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="The Python that runs algorithms and workflows, with the libraries that they need. "
            "[default: the one that runs this command]",
            show_default=False,
        ),
    ] = None,
    at_once: Annotated[int, typer.Option(min=1, max=64, help="Uplets to work on at a time.")] = 1,
    seconds: Annotated[float, typer.Option(min=1, help="Limit of one program: its time.")] = 600,
    memory: Annotated[
        int, typer.Option(metavar="MB", min=64, help="Limit of one program: its memory.")
    ] = 2048,
    disk: Annotated[
        int, typer.Option(metavar="MB", min=1, help="Limit of one program: what it writes, and of one blob.")
    ] = 2048,
    processes: Annotated[
        int, typer.Option(min=1, help="Limit of one program: its processes and threads.")
    ] = 64,
    cache: Annotated[
        int, typer.Option(metavar="MB", min=0, help="Disk for blobs that are used again.")
    ] = 2048,
    poll: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0.1, help="How often to look for work where the node has no broker."
        ),
    ] = 5.0,
    once: Annotated[bool, typer.Option("--once", help="End after one uplet, or if there is none.")] = False,
    until_empty: Annotated[
        bool, typer.Option("--until-empty", help="End when no uplet is ready any more.")
    ] = False,
    post_output: Annotated[
        bool,
        typer.Option(
            "--post-output",
            help="Post what programs print to the task's log. They have seen the data, and who may read the "
            "task reads it: only for programs that you trust.",
        ),
    ] = False,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take learnuplets and preduplets of a node, run their programs here, post what came out.

    A program is an archive (.tar.gz) with an executable `run` or a `main.py` at its top. The problem's
    workflow is called with `-T detarget` or `-T perf`, and `-i /hidden_data -s /submission_data`; the
    algorithm with `-V /data` and `-T train` or `-T predict`. Each runs in a sandbox (Debian's
    package bubblewrap): without network, seeing only its own data, within limits. One that fails or passes a
    limit is reported as failed, with the reason in its task's log, and the worker goes on.

    Ctrl-C ends what runs and gives it back to the node. A node that is away for a minute ends the worker.
    The key needs the role user; data and predictions are handed to whoever has claimed their uplet.

    Examples:

        suffice worker morpheo --home ewr

        suffice worker morpheo --node http://ewr.example.org:8080 --python ~/sklearn/bin/python --at-once 4

        suffice worker morpheo --home ewr --until-empty --seconds 60 --memory 512 --json
    """
    with reporting(as_json):
        found = find_credentials(node, home)
        from node.errors import NodeError
        from node.sandbox import Limits
        from suffice.worker import MorpheoCalls, Worker, WorkerSettings

        settings = WorkerSettings(
            python=Path(sys.executable) if python is None else python.expanduser().absolute(),
            limits=Limits(seconds=seconds, memory=memory * _MB, disk=disk * _MB, processes=processes),
            at_once=1 if once else at_once,
            most=1 if once else None,
            until_empty=until_empty or once,
            poll_seconds=poll,
            cache_bytes=cache * _MB,
            post_output=post_output,
        )
        stopping = threading.Event()
        name = f"{socket.gethostname()}-{uuid4().hex[:12]}"
        calls = MorpheoCalls(found.url, found.access_key, found.secret_key, name, stopping.wait)
        working = Worker(calls, settings, note, stopping)
        note(f"worker {name} works for {found.url}")
        with _stopped_by_signals(working) as signals:
            try:
                outcome = working.run()
            except NodeError as error:
                raise SufficeError(error.code, error.message, error.remedy) from error
            except OSError as error:
                raise SufficeError("worker_failed", f"The worker cannot go on: {error}.") from error
        if as_json:
            print_json(asdict(outcome))
        else:
            sys.stdout.write(
                f"{outcome.done} done, {outcome.failed} failed, {outcome.given_back} given back\n"
            )
        if signals:
            raise typer.Exit(ExitCode.INTERRUPTED)


@contextmanager
def _stopped_by_signals(working: Worker) -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM let it give back what it has; a second one does not wait for that."""
    heard: list[int] = []

    def stop(number: int, _frame: object) -> None:
        if heard:
            raise KeyboardInterrupt
        heard.append(number)
        note("stopping")
        working.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
