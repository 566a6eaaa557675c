"""The folder in which a worker has what it fetched and made: gone when it ends, however it does.

A worker that was killed cannot clear up; as private data may lie there, the user's next worker does.
The kernel lets go of a dead process's lock, which tells them apart.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node.sandbox import remove_folder

_PREFIX = "suffice-worker-"
_LOCK = "lock"


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder of our own, readable by nobody else."""
    place = Path(tempfile.gettempdir())
    for left in place.glob(f"{_PREFIX}*"):
        _remove_if_left(left)
    made = Path(tempfile.mkdtemp(prefix="suffice-new-", dir=place))
    with (made / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = made.rename(place / f"{_PREFIX}{made.name}")  # only now others may look whether it is in use
        try:
            yield folder
        finally:
            remove_folder(folder)


def _remove_if_left(folder: Path) -> None:
    try:
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            return
        with (folder / _LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_folder(folder)
    except OSError:
        return  # in use, or being made
