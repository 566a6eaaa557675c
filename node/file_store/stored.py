"""What a stored file is, and which paths there can be. A path is a key: it is never a path on a disk."""

from __future__ import annotations

from dataclasses import dataclass

from node.errors import BadRequest, NotFound

MAX_PATH_BYTES = 2048
"""Of a path in UTF-8: more than any client makes, and what every database can index."""

OWN_FOLDER = ".node"
"""Below it lie what only the node itself reads and writes, each service by rules of its own."""


class OwnPath(str):
    """A path in the node's own folder. What a client wrote is a plain string and leads nowhere near it."""

    __slots__ = ()

    def __new__(cls, *parts: str) -> OwnPath:
        return super().__new__(cls, "/".join((OWN_FOLDER, *parts)))


@dataclass(frozen=True, slots=True)
class StoredFile:
    """`digest`: SHA-256 of the contents in hex; `size` in bytes; `modified` in unix seconds."""

    path: str
    digest: str
    size: int
    modified: float
    owner: str


def clean_path(path: str) -> str:
    """The path under which a file is kept: without leading, doubled and trailing slashes.

    Any other character is kept as it is. Raises NotFound for a path that climbs (there is nothing outside) or
    that leads to what is the node's own, BadRequest for one that is empty, too long or not text.
    """
    if isinstance(path, OwnPath):
        return path
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise NotFound("a path cannot climb out of the file host by ..", "give the path below its root")
    if parts[:1] == [OWN_FOLDER]:
        raise NotFound(f"what is below {OWN_FOLDER} is not the file host's", "give another path")
    cleaned = "/".join(parts)
    try:
        size = len(cleaned.encode())
    except UnicodeEncodeError:
        raise BadRequest("a path is not UTF-8 text", "send its name as UTF-8") from None
    if not cleaned or "\0" in cleaned:
        raise BadRequest("a path is empty or holds a NUL", "give every file a name")
    if size > MAX_PATH_BYTES:
        raise BadRequest(f"a path has {size:,} bytes, {MAX_PATH_BYTES:,} are possible", "shorten its names")
    return cleaned
