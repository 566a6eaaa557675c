"""Copying what lasts of an embedded server's folder, so that another can go on in its place.

The server must not write meanwhile: see `EmbeddedServer.held_still`. Then the copy is what a power cut would
leave, and a server that starts with it does what it does after one. Indexes are left out: it makes them anew.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from transport.server_config import ServerFiles

_LASTING = (".inf", ".sum", ".blk", ".dat")
"""Suffixes of JetStream's files: what a stream is, its checksum, its messages, where its consumers are."""


def copy_server(source: Path, target: Path) -> list[Path]:
    """Copy (0600) what lasts; gives the copies, none if there never was a server. Raises OSError."""
    files = ServerFiles(source)
    single = [path for path in (files.certificate, files.key, files.config) if path.exists()]
    stored = sorted(path for path in files.store.rglob("*") if path.suffix in _LASTING and path.is_file())
    copies = []
    for path in (*single, *stored):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        copy.chmod(0o600)
        copies.append(copy)
    return copies
