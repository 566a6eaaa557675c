"""A script as a model that scores a whole file, in the sandbox.

Either it is wrapped with the package gravityai, and then run as `python main.py run INPUT OUTPUT`, or it is a
command line in which {input} and {output} stand for the files.
"""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from node.errors import BadRequest
from node.sandbox import Limits, Mount, interpreter_prefixes, run
from node.scoring.archives import unpack
from node.scoring.build_config import BuildConfig, read_config
from node.sources import SourceError

MAIN: Final = "main.py"
FOLDER: Final = "/model"
INPUT: Final = "/input/input.dat"
OUTPUT: Final = "/output/output.dat"
"""Files have no telling suffix: a wrapped script must not look at it."""

SAID: Final = 1_000
"""Characters that are told of what a script that failed wrote."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script laid out in a folder. command: the words to run, in that folder of the sandbox.

    python: the interpreter, which has what the script imports.
    """

    folder: Path
    config: BuildConfig
    command: tuple[str, ...]
    place: str
    python: Path
    limits: Limits
    scratch: Path | None

    def run(self, source: Path, results: Path) -> Path:
        """Its output for a file, in the folder `results`. Raises SourceError with what it says went wrong."""
        ended = run(
            self.command,
            mounts=[
                Mount(self.folder, FOLDER, writable=True),
                Mount(source, INPUT),
                Mount(results, str(Path(OUTPUT).parent), writable=True),
            ],
            prefixes=interpreter_prefixes(self.python),
            limits=self.limits,
            environment={"PYTHONDONTWRITEBYTECODE": "1"},
            folder=self.place,
            scratch=self.scratch,
        )
        if not ended.succeeded:
            said = (ended.errors.strip() or ended.output.strip()).replace("\0", "\ufffd")  # no store takes it
            raise SourceError(f"the script failed: {ended.reason}" + (f": {said[-SAID:]}" if said else ""))
        output = results / Path(OUTPUT).name
        if not (os.path.lexists(output) and stat.S_ISREG(output.lstat().st_mode)):
            raise SourceError("the script ended without an output file")
        return output


@contextmanager
def opened(model: Mapping[str, Any], within: Path | None = None) -> Iterator[Script]:
    """The script of {"path": an archive, or "folder": where it lies, "entry": its file, main.py if not said,
    "command": a command line with {input} and {output} if it is not wrapped, "python": an interpreter, ours
    if not said, "seconds", "memory": its limits, the latter in bytes}.

    It is laid out anew, in the folder `within` (a temporary one if not said): what it writes beside itself is
    gone afterwards. Raises BadRequest.
    """
    with tempfile.TemporaryDirectory(dir=within, ignore_cleanup_errors=True) as name:
        if model.get("path") is not None:
            folder = unpack(Path(model["path"]), Path(name))
        else:
            folder = Path(name, "copy")
            _copy(Path(model["folder"]), folder)
        yield _script(folder, model, within)


def _copy(source: Path, target: Path) -> None:
    if not source.is_dir():
        raise BadRequest(f"the script's folder {source} does not exist", "deploy it again")
    shutil.copytree(source, target, symlinks=True)


def _script(folder: Path, model: Mapping[str, Any], scratch: Path | None) -> Script:
    config = read_config(folder)
    python = Path(model.get("python") or sys.executable)
    command = model.get("command")
    if command is None and config.wrapped is False:
        command = f"python {model.get('entry') or MAIN} {{input}} {{output}}"
    if command is None:
        entry = _entry(folder, str(model.get("entry") or MAIN))
        words = [str(python), entry.name, "run", INPUT, OUTPUT]
        place = Path(FOLDER, entry.parent.relative_to(folder))
    else:
        words, place = _words(str(command), python), Path(FOLDER)
    usual = Limits()
    limits = Limits(
        seconds=float(model.get("seconds") or usual.seconds), memory=int(model.get("memory") or usual.memory)
    )
    return Script(folder, config, tuple(words), str(place), python, limits, scratch)


def _entry(folder: Path, name: str) -> Path:
    """The file that is run: where it is said to be, or in `src`."""
    for place in (folder / name, folder / "src" / name):
        if place.is_file() and place.resolve().is_relative_to(folder.resolve()):
            return place
    raise BadRequest(f"the script has no {name[:80]}", "name its file, or call it main.py")


def _words(command: str, python: Path) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise BadRequest(f"the command cannot be read: {error}", "close its quotes") from None
    if not any("{input}" in word for word in words) or not any("{output}" in word for word in words):
        raise BadRequest(
            "the command names no {input} or no {output}", "write python main.py {input} {output}"
        )
    if words[0] in ("python", "python3"):
        words[0] = str(python)
    return [word.replace("{input}", INPUT).replace("{output}", OUTPUT) for word in words]
