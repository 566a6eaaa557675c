"""The node's identity on disk: 64 secret bytes, 0600, made at the first start and never shown."""

from __future__ import annotations

import os
from pathlib import Path

from federation.identity import SEED_BYTES, Identity
from node.files import HomeError, write_private


def load_or_create_identity(path: Path) -> Identity:
    """The identity whose seed is in `path`; made of the system's entropy if there is no such file.

    Raises HomeError if the file is damaged or readable by others: a new identity would be another node.
    """
    try:
        seed = path.read_bytes()
    except FileNotFoundError:
        seed = os.urandom(SEED_BYTES)
        write_private(path, seed)
    if len(seed) != SEED_BYTES:
        raise HomeError(f"{path} has {len(seed)} bytes instead of {SEED_BYTES}: restore it from a backup")
    if path.stat().st_mode & 0o077:
        raise HomeError(f"{path} can be read by others than its owner: chmod 600 it")
    return Identity.from_seed(seed)
