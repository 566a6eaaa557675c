"""Blobs of a node on this machine's disk: each is fetched once, and the least recently used goes first.

The node is asked each time whether a blob is still the same, and for this uplet: what one opens, another that
somebody made up may not.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp

from suffice.worker.calls import MorpheoCalls, Uplet


@dataclass(frozen=True, slots=True)
class _Kept:
    """size: bytes; tag: the node's, of these bytes."""

    size: int
    tag: str


class Blobs:
    """A cache in a folder, for several threads. most: bytes that it may hold."""

    def __init__(self, calls: MorpheoCalls, folder: Path, most: int) -> None:
        self._calls, self._folder, self._most = calls, folder, most
        self._turn = threading.Lock()
        self._kept: OrderedDict[Path, _Kept] = OrderedDict()

    def put(self, kind: str, uuid: str, place: Path, most: int, uplet: Uplet) -> None:
        """Have a blob of at most so many bytes, for an uplet, at a place that is free, to be read only: the
        file may be the cache's own under a second name. Raises SufficeError."""
        kept = self._folder / f"{kind}-{uuid}"
        known = self._linked(kept, place)
        descriptor, name = mkstemp(dir=self._folder)
        os.close(descriptor)
        fetched = Path(name)
        try:
            tag = self._calls.fetch(kind, uuid, fetched, most, known, uplet)
            if not known or tag != known:
                place.unlink(missing_ok=True)
                _link(fetched, place)
                self._keep(fetched, kept, tag)
        except BaseException:
            place.unlink(missing_ok=True)
            raise
        finally:
            fetched.unlink(missing_ok=True)

    def _linked(self, kept: Path, place: Path) -> str:
        """Have what is kept at a place; its tag, empty if nothing is."""
        with self._turn:
            if kept not in self._kept:
                return ""
            self._kept.move_to_end(kept)
            _link(kept, place)
            return self._kept[kept].tag

    def _keep(self, fetched: Path, kept: Path, tag: str) -> None:
        with self._turn:
            self._kept[kept] = _Kept(fetched.stat().st_size, tag)
            self._kept.move_to_end(kept)
            fetched.replace(kept)
            while sum(each.size for each in self._kept.values()) > self._most:
                oldest, _ = self._kept.popitem(last=False)
                with suppress(FileNotFoundError):
                    oldest.unlink()


def _link(file: Path, place: Path) -> None:
    try:
        place.hardlink_to(file)
    except OSError:  # a file system without links
        shutil.copyfile(file, place)
