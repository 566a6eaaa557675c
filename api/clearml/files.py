"""The files that documents point to."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from node.node import Node


async def delete_files(node: Node, urls: Iterable[str]) -> None:
    """Delete those of the files that this node itself serves."""
    own = node.files_url.rstrip("/") + "/"
    await node.files.delete([unquote(url.removeprefix(own)) for url in urls if url.startswith(own)])
