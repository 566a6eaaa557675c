"""Where a Python interpreter lives, so that it can be shown to a program in the sandbox."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from node.errors import BadRequest

_ASK = "import json, sys; print(json.dumps([sys.prefix, sys.base_prefix, sys.exec_prefix]))"
_SECONDS = 30


def interpreter_prefixes(python: Path) -> tuple[Path, ...]:
    """The folders that an interpreter needs: a virtual environment's and its base's.

    Those of the system (`/usr`) are in every sandbox and not among them. Raises BadRequest if it is not an
    interpreter, or if one of its folders holds a home folder, which would then be shown as well.
    """
    if not python.is_absolute():
        raise BadRequest(f"The interpreter {python} is not an absolute path.", "Give the whole path.")
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own interpreter
            [str(python), "-I", "-c", _ASK], capture_output=True, timeout=_SECONDS, check=True
        )
        prefixes = [Path(text) for text in json.loads(done.stdout)]
    except (OSError, subprocess.SubprocessError, ValueError, TypeError) as error:
        raise BadRequest(
            f"{python} is not a Python interpreter that runs here ({error}).",
            "Give the path of one, such as a virtual environment's bin/python.",
        ) from error
    found: list[Path] = []
    # Links on the way from the interpreter to its base must lead somewhere in the sandbox too.
    for prefix in [*prefixes, *(prefix.resolve() for prefix in prefixes), *_linked(python)]:
        if Path.home().is_relative_to(prefix) and not prefix.is_relative_to("/usr"):
            raise BadRequest(
                f"The interpreter {python} lives in {prefix}, which holds the home folder {Path.home()}.",
                "Give one in a folder of its own, such as a virtual environment.",
            )
        if not any(prefix.is_relative_to(known) for known in (Path("/usr"), *found)):
            found.append(prefix)
    return tuple(found)


def _linked(python: Path) -> list[Path]:
    """The folders of the links that lead from an interpreter to its file, above their `bin`."""
    folders = []
    place = python
    while place.is_symlink():
        target = place.readlink()
        place = target if target.is_absolute() else place.parent / target
        if place.parent.name == "bin":
            folders.append(place.parent.parent)
    return folders
