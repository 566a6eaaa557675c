"""What a run in the sandbox is asked for, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

MB = 1 << 20

EndedBy = Literal["time", "memory", "processes", "disk", "stop"]


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of this machine that the program sees as `target`, an absolute path."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may take. Memory, processes and disk are those of all its processes together."""

    seconds: float = 600.0
    memory: int = 2048 * MB
    """Bytes of memory in use (a page that several of its processes share counts once)."""
    processes: int = 64
    """Processes and threads."""
    disk: int = 2048 * MB
    """Bytes that it writes to its writable mounts and its `/tmp`."""
    files: int = 100_000
    """Files and folders there."""
    open_files: int = 1024
    """Open files of one process."""
    output: int = 64 << 10
    """Bytes that are kept of each of its two outputs, from the end."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended.

    exit_code: 0 to 255, 128 + n if signal n ended it; None if the sandbox ended it: `ended_by` says why.
    output, errors: the ends of what it wrote to its standard output and standard error.
    """

    exit_code: int | None
    ended_by: EndedBy | None
    output: str
    errors: str
    seconds: float
    reason: str
    """Why it counts as failed, for people; empty if it did well."""

    @property
    def succeeded(self) -> bool:
        return not self.reason


class Stop(Protocol):
    """What ends a run from outside: an event of `threading` or `multiprocessing`."""

    def is_set(self) -> bool: ...
