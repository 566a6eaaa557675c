"""Reading and removing what a program in the sandbox left in its folders, which may be laid out to trick us.

A link may point anywhere on this machine, a pipe never ends, a tree may be deeper than any path. Only files
and folders proper are looked at, and no link is followed. The program has to have ended.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from node.errors import BadRequest


def plain_files(folder: Path) -> Iterator[str]:
    """The regular files below a folder, as relative paths in order; links and the like are passed over."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            if stat.S_ISREG(path.lstat().st_mode):
                yield str(path.relative_to(folder))


def drop_links(folder: Path) -> None:
    """Remove everything below a folder that is neither a regular file nor a folder: another program is going
    to look at it, which a link might lead where its maker had no access."""
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(place, name)
            mode = path.lstat().st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                path.unlink()


def read_plain(folder: Path, name: str, most: int) -> bytes:
    """The content of a regular file below a folder.

    name: its relative path, no part of which may be a link. Raises BadRequest if there is no such file, or if
    it has more than `most` bytes.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        *above, last = Path(name).parts
        for part in above:
            descriptor = _step(descriptor, part, os.O_DIRECTORY)
        descriptor = _step(descriptor, last, os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BadRequest(f"{name} is not a regular file.", "Write it as one.")
        with os.fdopen(os.dup(descriptor), "rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise BadRequest(
            f"{name} cannot be read: {error.strerror}.", "Write it as a regular file."
        ) from error
    finally:
        os.close(descriptor)
    if len(content) > most:
        raise BadRequest(f"{name} has more than {most} bytes.", "Write less into it.")
    return content


def remove_folder(folder: Path) -> None:
    """Remove a folder with all in it, whatever modes and depth a program has given it."""
    open_folder(folder)
    _with_tool("/bin/rm", "-rf", str(folder))


def open_folder(folder: Path) -> None:
    """Let us read and change all below a folder that a program has closed to its owner, whom we are."""
    _with_tool("/bin/chmod", "-R", "u+rwX", str(folder))  # which follows no link on its way


def _with_tool(tool: str, *words: str) -> None:
    """Use a tool of the system: Python's own ways recurse once a level."""
    command = [tool, *words[:-1], "--", words[-1]]
    subprocess.run(  # noqa: S603 - on a folder of ours
        command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _step(descriptor: int, part: str, flags: int) -> int:
    """Open a part of a path in an open folder, which is closed."""
    opened = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=descriptor)
    os.close(descriptor)
    return opened
