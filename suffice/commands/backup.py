"""``suffice backup``: a whole node in one file, and a node made of it again."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer

from suffice.client import CannotReachNode, Json, SufficeError
from suffice.connection import home_folder, open_client
from suffice.terminal import HomeOption, JsonOption, NodeOption, emit, new_group, reporting

app = new_group("Keep a whole node in one file, and make a node of it again.")

FileArgument = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="The backup, a tar that you alone may read.", show_default=False),
]


@app.command()
def create(
    file: FileArgument,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a backup of a node, running or stopped: records, identity, keys, files, and its broker's data.

    The file is checked from end to end before it takes its name; whoever has it can be the node. A running
    node is asked with an admin's key and goes on working.

    Examples:

        suffice backup create ewr.tar --home ewr

        suffice backup create ewr.tar --node http://10.0.0.7:8080
    """
    with reporting(as_json):
        from node.backup import check

        with _appearing(file) as temporary:
            with temporary.open("wb") as stream:
                running = _from_running(node, home, stream) or _from_stopped(home_folder(home), stream)
                stream.flush()
                os.fsync(stream.fileno())
            with _refusing():
                told = check(temporary).about
        size = file.stat().st_size
        answer = {"file": str(file), "bytes": size, "running": running, **told}
        emit(answer, as_json, lambda _: f"{file}: {size:,} bytes, {told['files']:,} files, checked")


@app.command()
def restore(
    file: FileArgument,
    home: Annotated[
        Path, typer.Option("--home", metavar="DIR", help="A new or empty folder.", show_default=False)
    ],
    as_json: JsonOption = False,
) -> None:
    """Make a node's folder of a backup. Never let the restored node and the original run at the same time.

    Example:

        suffice backup restore ewr.tar --home ewr-again
    """
    with reporting(as_json):
        from node.backup import restore as unpack

        with _refusing():
            manifest = unpack(file, home)
        role = ["--role", "admin"] if "nats/server.conf" in manifest.parts else []
        start = " ".join(["suffice", "node", "start", "--home", str(home), *role])
        answer: Json = {"home": str(home), "start": start, **manifest.about}
        emit(answer, as_json, lambda _: f"{home} is the node of {manifest.about['made']}; start it: {start}")


@app.command()
def check(file: FileArgument, as_json: JsonOption = False) -> None:
    """Read a backup from end to end and say whether it is whole.

    Example:

        suffice backup check ewr.tar
    """
    with reporting(as_json):
        from node.backup import check as read

        with _refusing():
            about = read(file).about
        answer: Json = {"file": str(file), **about}
        emit(answer, as_json, lambda _: f"{file} is whole: {about['files']:,} files, made {about['made']}")


def _from_running(node: str | None, home: Path | None, stream: IO[bytes]) -> bool:
    """Whether a node runs and has given its backup; raises if the one of an address does not."""
    try:
        open_client(node, home).backup(stream)
    except CannotReachNode:
        if node is not None or (home is None and os.environ.get("SUFFICE_NODE")) or stream.tell():
            raise
        return False
    return True


def _from_stopped(home: Path, stream: IO[bytes]) -> bool:
    from node.backup import of_stopped

    with _refusing(), of_stopped(home) as archive:
        stream.writelines(archive.chunks())
    return False


@contextmanager
def _refusing() -> Iterator[None]:
    """What the node's own code refuses, as a refusal of the command line."""
    from node.errors import NodeError
    from node.files import HomeError

    try:
        yield
    except NodeError as error:
        raise SufficeError(error.code, f"{error.message}.", error.remedy) from error
    except HomeError as error:
        raise SufficeError("node_runs", f"{error}.") from error
    except OSError as error:
        raise SufficeError("bad_file", f"{error}.") from error


@contextmanager
def _appearing(file: Path) -> Iterator[Path]:
    """A path beside the file for what is to become it: it takes the name, or it is gone."""
    try:
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # made 0600
        os.close(descriptor)
    except OSError as error:
        raise SufficeError("bad_file", f"{file} cannot be written: {error}.") from error
    temporary = Path(name)
    try:
        yield temporary
        temporary.replace(file)
    except BaseException:
        temporary.unlink()
        raise
