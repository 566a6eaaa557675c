"""Blobs of a node on this machine's disk: each is fetched once, and the least recently used goes first."""

from __future__ import annotations

import os
import shutil
import threading
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

from suffice.worker.calls import MorpheoCalls

CHANGING = frozenset({"problem"})
"""Kinds whose blob another may take the place of, under the same uuid."""


class Blobs:
    """A cache in a folder, for several threads. most: bytes that it may hold."""

    def __init__(self, calls: MorpheoCalls, folder: Path, most: int) -> None:
        self._calls, self._folder, self._most = calls, folder, most
        self._turn = threading.Lock()
        self._sizes: OrderedDict[Path, int] = OrderedDict()

    def put(self, kind: str, uuid: str, place: Path, most: int) -> None:
        """Have a blob of at most so many bytes at a place that is free, to be read only: the file may be the
        cache's own under a second name. Raises SufficeError."""
        kept = self._folder / f"{kind}-{uuid}"
        if kind not in CHANGING and self._linked(kept, place):
            return
        descriptor, name = mkstemp(dir=self._folder)
        os.close(descriptor)
        fetched = Path(name)
        try:
            self._calls.fetch(kind, uuid, fetched, most)
            _link(fetched, place)
            if kind not in CHANGING:
                self._keep(fetched, kept)
        finally:
            fetched.unlink(missing_ok=True)

    def _linked(self, kept: Path, place: Path) -> bool:
        with self._turn:
            if kept not in self._sizes:
                return False
            self._sizes.move_to_end(kept)
            _link(kept, place)
            return True

    def _keep(self, fetched: Path, kept: Path) -> None:
        with self._turn:
            self._sizes[kept] = fetched.stat().st_size
            self._sizes.move_to_end(kept)
            fetched.replace(kept)
            while sum(self._sizes.values()) > self._most:
                oldest, _ = self._sizes.popitem(last=False)
                with suppress(FileNotFoundError):
                    oldest.unlink()


def _link(file: Path, place: Path) -> None:
    try:
        place.hardlink_to(file)
    except OSError:  # a file system without links
        shutil.copyfile(file, place)
