"""What a run takes right now: memory, processes and disk, held against its limits.

The processes are read in the sandbox's own /proc, through its first process: whoever they are now, whatever
parent they have, they are all in it and nobody else is.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from node.errors import Unavailable
from node.sandbox.asked import MB, EndedBy, Limits

TICK_SECONDS = 0.05

FREE_BYTES = 256 * MB
"""What no run may take of a disk or of the machine's memory, however much its limits leave it: it is ended
when less is free. So what a program hides from the watch (memory in sockets, files only mapped) ends."""

DEPTH = 200
"""How many folders deep a program may write."""

_PAGE = os.sysconf("SC_PAGE_SIZE")
_WALK_SHARE = 10  # looking through its files may take one part of so many of our time


@dataclass(frozen=True, slots=True)
class Passed:
    """A limit that was passed, and how, for people."""

    limit: EndedBy
    reason: str


class Watch:
    """One run under watch. `folders`: those it may write to; what they hold already does not count."""

    def __init__(self, limits: Limits, folders: Sequence[Path]) -> None:
        self._limits = limits
        self._folders = folders
        self._until = time.monotonic() + limits.seconds
        self._processes: Path | None = None
        self._namespace = 0
        self._before = _Held()
        for folder in folders:
            self._before.add_below(folder)
        self._next_walk = 0.0

    def follow(self, first: int, namespace: int) -> None:
        """Look at the processes of a namespace, given by its inode, through its first process."""
        self._processes, self._namespace = Path(f"/proc/{first}/root/proc"), namespace

    def passed(self) -> Passed | None:
        """The limit that is passed now."""
        limits = self._limits
        if time.monotonic() > self._until:
            return Passed("time", f"it ran longer than {limits.seconds:g} s")
        deleted = _Held()
        processes = memory = 0
        for process in self._running():
            with contextlib.suppress(OSError, ValueError, IndexError):
                processes += len(os.listdir(process / "task"))  # noqa: PTH208 - quick, and often
                memory += int((process / "statm").read_text().split()[1]) * _PAGE
                deleted.add_open(process)
            if processes > limits.processes:
                return Passed("processes", f"it ran more than {limits.processes} processes and threads")
        if memory > limits.memory and self._shared_once() > limits.memory:
            return Passed("memory", f"it used more than {limits.memory // MB} MB of memory")
        if _available_memory() < FREE_BYTES:
            return _nothing_left("memory")
        return self._written(deleted)

    def written(self) -> Passed | None:
        """The limit that its folders pass at the end of the run."""
        self._next_walk = 0.0
        return self._written(_Held())

    def wrote_too_much(self) -> Passed:
        limits = self._limits
        return Passed(
            "disk", f"it wrote more than {limits.disk // MB} MB or {limits.files} files, or out of sight"
        )

    def check_room(self) -> None:
        """Raises Unavailable if the machine has nothing left before the run, which is not to blame."""
        for what, short in (("memory", _available_memory() < FREE_BYTES), ("disk", self._disk_is_full())):
            if short:
                raise Unavailable(
                    f"This machine has less than {FREE_BYTES // MB} MB of {what} left: no program is run.",
                    "Free some, or run programs on another machine.",
                )

    def _disk_is_full(self) -> bool:
        return any(shutil.disk_usage(folder).free < FREE_BYTES for folder in self._folders)

    def _running(self) -> Iterator[Path]:
        if self._processes is None:
            return
        try:
            # Before it is set up, what is at this place is still the whole machine's.
            if (self._processes / "1/ns/pid").stat().st_ino != self._namespace:
                return
            names = os.listdir(self._processes)  # noqa: PTH208
        except OSError:
            return
        for name in names:
            if name.isdecimal():
                yield self._processes / name

    def _shared_once(self) -> int:
        """Bytes of memory, a page of several processes counted once: exact, and slower than the sizes."""
        total = 0
        for process in self._running():
            with contextlib.suppress(OSError, ValueError, IndexError):
                try:
                    rollup = (process / "smaps_rollup").read_text()
                    total += int(rollup.split("\nPss:")[1].split()[0]) << 10
                except OSError:  # one that does not let others look (PR_SET_DUMPABLE)
                    total += int((process / "statm").read_text().split()[1]) * _PAGE
        return total

    def _written(self, held: _Held) -> Passed | None:
        """held: what it has on disk beside what its folders show."""
        now = time.monotonic()
        if now < self._next_walk:
            return self.wrote_too_much() if held.size > self._limits.disk else None
        limits, before = self._limits, self._before
        most_files = before.files + limits.files
        within = all(held.add_below(folder, most_files) for folder in self._folders)
        self._next_walk = now + _WALK_SHARE * (time.monotonic() - now)
        if not within or held.size - before.size > limits.disk:
            return self.wrote_too_much()
        if self._disk_is_full():
            return _nothing_left("disk")
        return None


def _nothing_left(limit: EndedBy) -> Passed:
    return Passed(limit, f"the machine had less than {FREE_BYTES // MB} MB of {limit} left")


def _available_memory() -> int:
    """Bytes that programs can still get on this machine without swapping (proc_meminfo(5))."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return FREE_BYTES  # a kernel that does not tell


class _Held:
    """Bytes on disk and files, summed up."""

    def __init__(self) -> None:
        self.size = self.files = 0
        self._deleted: set[tuple[int, int]] = set()

    def add_below(self, folder: Path, most: int | None = None) -> bool:
        """Add what a folder holds; False if there are more than `most` files, or folders too deep or too
        closed to be counted. Nothing is followed."""
        left = [(str(folder), 0)]
        while left:
            place, depth = left.pop()
            if depth > DEPTH:
                return False
            try:
                with os.scandir(place) as entries:
                    for entry in entries:
                        self.files += 1
                        if most is not None and self.files > most:
                            return False
                        with contextlib.suppress(FileNotFoundError):
                            self.size += entry.stat(follow_symlinks=False).st_blocks * 512
                            if entry.is_dir(follow_symlinks=False):
                                left.append((entry.path, depth + 1))
            except PermissionError:
                return False
            except OSError:
                continue  # it is gone
        return True

    def add_open(self, process: Path) -> None:
        """Add the files that a process has deleted and still holds open."""
        for name in os.listdir(process / "fd"):  # noqa: PTH208
            with contextlib.suppress(OSError):
                found = (process / "fd" / name).stat()
                place = (found.st_dev, found.st_ino)
                if found.st_nlink == 0 and stat.S_ISREG(found.st_mode) and place not in self._deleted:
                    self._deleted.add(place)
                    self.size += found.st_blocks * 512
