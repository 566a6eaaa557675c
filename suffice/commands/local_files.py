"""Files that a command itself reads and writes, here and not on the node."""

from __future__ import annotations

import json
from pathlib import Path

from suffice.client import Json, SufficeError


def read_object(path: Path, what: str, remedy: str = "") -> Json:
    """The JSON object in a file that should hold `what`. Raises SufficeError."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SufficeError("bad_file", f"{path} cannot be read: {error}.", remedy) from error
    if not isinstance(found, dict):
        raise SufficeError("bad_file", f"{path} holds no {what}.", remedy)
    return found


def write(path: Path, content: bytes) -> None:
    """Raises SufficeError."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise SufficeError("bad_file", f"{path} cannot be written: {error}.") from error


def write_json(path: Path, value: object) -> None:
    """One line of JSON. Raises SufficeError."""
    write(path, json.dumps(value, allow_nan=False).encode() + b"\n")
