"""Programs and models that arrive as archives (`.tar.gz`), and how the programs are run.

Who wrote them is not trusted: what they do, and even their archives, is let loose in the sandbox only.
"""

from __future__ import annotations

import gzip
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from node.sandbox import Ended, Limits, Mount, interpreter_prefixes, plain_files, run
from node.sandbox.asked import Stop

MOST_FILES = 10_000
"""Files and folders of one archive."""

_MB = 1 << 20
_HOME = "/program"
_UNPACK = """
import sys, tarfile
with tarfile.open("/archive", "r|gz") as archive:
    for count, member in enumerate(archive):
        if count >= int(sys.argv[1]):
            sys.exit(f"it has more than {sys.argv[1]} files")
        archive.extract(member, "/unpacked", filter="data")
"""


class Failed(Exception):  # noqa: N818 - what happened
    """An uplet's program did not do what it should. `reason`: for everybody; `said`: its own last words."""

    def __init__(self, reason: str, said: str = "") -> None:
        super().__init__(reason)
        self.reason, self.said = reason, said


class Stopped(Exception):  # noqa: N818
    """The work was ended because the worker stops, or because the uplet is not its own any more."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """How programs are run: by which Python, within which limits (for every step of an uplet).

    scratch: a folder for what runs need meanwhile.
    """

    python: Path
    prefixes: tuple[Path, ...]
    limits: Limits
    stop: Stop
    scratch: Path

    def unpack(self, what: str, archive: Path, folder: Path) -> None:
        """Unpack an archive into a folder, which is made. Raises Failed if it is none, or holds what it may
        not: too much, absolute paths, links that lead out, devices."""
        folder.mkdir()
        ended = run(
            [sys.executable, "-I", "-c", _UNPACK, str(MOST_FILES)],
            mounts=[Mount(archive, "/archive"), Mount(folder, "/unpacked", writable=True)],
            prefixes=interpreter_prefixes(Path(sys.executable)),
            limits=replace(self.limits, memory=512 * _MB, files=2 * MOST_FILES),
            stop=self.stop,
            scratch=self.scratch,
        )
        _check(f"{what} cannot be unpacked", ended)

    def run(self, what: str, program: Path, arguments: Sequence[str], mounts: Sequence[Mount]) -> str:
        """Run the program of a folder: its executable `run`, or else its `main.py`. What it said.

        Raises Failed, Stopped.
        """
        entry = program / "run"
        if entry.is_file() and not entry.is_symlink():
            command = [f"{_HOME}/run"]
        elif (program / "main.py").is_file():
            command = [str(self.python), f"{_HOME}/main.py"]
        else:
            raise Failed(f"{what} has neither a file `run` nor a `main.py` at its top")
        ended = run(
            [*command, *arguments],
            mounts=[Mount(program, _HOME), *mounts],
            prefixes=self.prefixes,
            limits=self.limits,
            environment=_ENVIRONMENT,
            folder=_HOME,
            stop=self.stop,
            scratch=self.scratch,
        )
        _check(f"{what} ({' '.join(arguments)})", ended)
        return _said(ended)


def pack(folder: Path, archive: Path) -> None:
    """Pack the regular files of a folder that a program has written. Equal files give equal bytes.

    Raises Failed if there are none.
    """
    count = 0
    with (
        archive.open("wb") as file,
        gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w|", format=tarfile.PAX_FORMAT) as packed,
    ):
        for name in plain_files(folder):
            entry = tarfile.TarInfo(name)
            with (folder / name).open("rb") as content:
                entry.size = (folder / name).stat().st_size
                packed.addfile(entry, content)
            count += 1
    if count == 0:
        raise Failed("the algorithm wrote no model")


# Each program has the machine for itself only as far as its worker has: one thread, unless it asks for more.
_ENVIRONMENT = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def _check(what: str, ended: Ended) -> None:
    if ended.ended_by == "stop":
        raise Stopped(what)
    if not ended.succeeded:
        raise Failed(f"{what}: {ended.reason}", _said(ended))


def _said(ended: Ended) -> str:
    return f"{ended.output}\n{ended.errors}".strip()
