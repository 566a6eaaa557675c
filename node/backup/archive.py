"""The file that a backup is: a tar whose first member, manifest.json, tells size and SHA-256 of all others.

Every other member is a file of the home, under its path there. A tar can be looked into with what every
machine has; the manifest tells whether it is whole.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from node.errors import NodeError

FORMAT = 1
MANIFEST = "manifest.json"
MAX_MANIFEST = 2**30
CHUNK = 2**20


class BackupError(NodeError):
    """A backup cannot be made, or a file is not a whole backup."""

    code = "bad_backup"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the home: its path there, bytes, SHA-256 in hex, and how to read it."""

    name: str
    size: int
    sha256: str
    open: Callable[[], BinaryIO]


class Archive:
    """A backup about to be written; what its parts read has to stay as it is until then."""

    def __init__(self, about: Mapping[str, Any], parts: Sequence[Part]) -> None:
        """`about` goes to the manifest as it is."""
        told = [{"name": part.name, "size": part.size, "sha256": part.sha256} for part in parts]
        manifest = json.dumps({"format": FORMAT, **about, "parts": told}).encode()
        self._parts = (Part(MANIFEST, len(manifest), "", lambda: io.BytesIO(manifest)), *parts)
        blocks = sum(len(_header(part)) + part.size + len(_padding(part.size)) for part in self._parts)
        self.size = blocks + 2 * tarfile.BLOCKSIZE  # bytes of the tar

    def chunks(self) -> Iterator[bytes]:
        """The tar, in pieces. Raises OSError, also if a part is not as long as it was."""
        for part in self._parts:
            yield _header(part)
            left = part.size
            with part.open() as stream:
                while left:
                    data = stream.read(min(CHUNK, left))
                    if not data:
                        raise OSError(f"{part.name} has {left:,} bytes less than it had")
                    left -= len(data)
                    yield data
            yield _padding(part.size)
        yield bytes(2 * tarfile.BLOCKSIZE)


def _header(part: Part) -> bytes:
    entry = tarfile.TarInfo(part.name)
    entry.size = part.size
    entry.mode = 0o600
    return entry.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself: `about` as it was made, and {name: (size, SHA-256)} of its parts."""

    about: Mapping[str, Any]
    parts: Mapping[str, tuple[int, str]]

    @classmethod
    def read(cls, data: bytes) -> Manifest:
        """Raises BackupError if it is none, or names what cannot be in a home."""
        try:
            told = json.loads(data)
            if told.pop("format") != FORMAT:
                raise BackupError(
                    "this is a backup of another version of suffice",
                    "restore it with the version that made it",
                )
            parts = {
                str(part["name"]): (int(part["size"]), str(part["sha256"])) for part in told.pop("parts")
            }
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BackupError(f"its {MANIFEST} is damaged ({error})", "use another backup") from None
        for name in parts:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or str(path) != name or "\0" in name:
                raise BackupError(f"it holds {name!r}, which is no file of a home", "use another backup")
        return cls(told, parts)
