"""What every command shares: its options, where its answer and its errors go, and its exit code.

Answers go to standard output (one JSON document with ``--json``), everything else to standard error, so
that a command can stand in a pipe. Nothing heavy is imported before it is needed: ``--help`` has to be
quick.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from suffice.client import AuthenticationFailed, CannotReachNode, Client, NodeRefused, SufficeError
from suffice.connection import open_client
from suffice.option_names import in_own_words

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 100  # columns of an answer that goes to a file or a pipe, and the most that a terminal gets


UNAVAILABLE = 503

T = TypeVar("T")


class ExitCode(IntEnum):
    """How a command ends; these numbers are part of the interface."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    AUTHENTICATION = 4
    INTERRUPTED = 130


NodeOption = Annotated[
    str | None,
    typer.Option("--node", metavar="URL", help="The node's address. [env: SUFFICE_NODE]", show_default=False),
]
HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="DIR",
        help="The node's folder, for its address and key. [env: SUFFICE_HOME] [default: ~/.suffice]",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


PatienceOption = Annotated[
    float,
    typer.Option(
        "--wait",
        metavar="SECONDS",
        min=0.0,
        help="How long to wait for members whose statistics have not arrived.",
    ),
]
PATIENCE_SECONDS = 10.0
RETRY_SECONDS = 0.2


def new_group(help_text: str) -> typer.Typer:
    """A group of commands that prints its help when called without one."""
    return typer.Typer(help=help_text, no_args_is_help=True, rich_markup_mode="markdown")


def console(*, stderr: bool = False) -> Console:
    """A console of the terminal's width, 100 columns at most, and of 100 columns outside a terminal."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns) if stream.isatty() else WIDTH
    return Console(stderr=stderr, width=width, highlight=False, soft_wrap=False)


def emit(value: Any, as_json: bool, render: Callable[[Any], object]) -> None:
    """Print a command's answer: as one JSON document, or as ``render`` shows it to people."""
    if as_json:
        print_json(value)
    else:
        console().print(render(value))


def print_json(value: Any) -> None:
    """One line of JSON on standard output; floats keep every bit."""
    sys.stdout.write(json.dumps(value, default=_plain) + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """A word to the person at the terminal, beside the answer."""
    sys.stderr.write(text + "\n")


def patiently(ask: Callable[[], T], seconds: float) -> T:
    """Ask again while the node says that it cannot answer yet (503), for so many seconds at most."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except NodeRefused as error:
            if error.status != UNAVAILABLE or time.monotonic() >= deadline:
                raise
        time.sleep(RETRY_SECONDS)


@contextlib.contextmanager
def connected(node: str | None, home: Path | None, as_json: bool) -> Iterator[Client]:
    """The client for a command's body; its failures become a message and the documented exit code."""
    with reporting(as_json):
        yield open_client(node, home)


@contextlib.contextmanager
def reporting(as_json: bool) -> Iterator[None]:
    """Turn what goes wrong inside into a message on standard error and an exit code."""
    try:
        yield
    except SufficeError as error:
        report(error, as_json)
        raise typer.Exit(exit_code(error)) from error
    except KeyboardInterrupt:
        note("interrupted")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def report(error: SufficeError, as_json: bool) -> None:
    """The error on standard error, as text or in the form of the node's own JSON envelope."""
    message, remedy = in_own_words(error.message), in_own_words(error.remedy)
    if as_json:
        note(json.dumps({"error": {"code": error.code, "message": message, "remedy": remedy}}))
        return
    note(f"error: {message}")
    if remedy:
        note(f"       {remedy}")


def exit_code(error: SufficeError) -> ExitCode:
    match error:
        case AuthenticationFailed():
            return ExitCode.AUTHENTICATION
        case CannotReachNode():
            return ExitCode.UNREACHABLE
        case _:
            return ExitCode.REFUSED


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
