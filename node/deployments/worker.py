"""Scoring a file, as a worker process does it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.jobs.pipes import Message
from node.scoring import score_file
from node.sources import SourceError

if TYPE_CHECKING:
    from node.jobs.worker import Channel


def score(request: Message, _blob: bytes, channel: Channel) -> tuple[dict[str, Any], bytes]:
    """{"records", "results", "mime", "seconds"}; the output is with the node before this returns."""
    begun = time.perf_counter()
    scoring = dict(request["scoring"])
    source, output = channel.folder / "input", channel.folder / "output"
    _exchange(channel, "input", source)
    if request["file"] is not None:
        path = channel.folder / request["file"]
        _exchange(channel, "model", path)
        scoring["model"] = {**scoring["model"], "path": str(path)}
    found = score_file(scoring, source, output, channel.progress)
    _exchange(channel, "output", output, mime=found["mime"])
    seconds = time.perf_counter() - begun
    channel.scalar("records per second", 0, found["records"] / seconds if seconds else 0.0)
    return {**found, "seconds": seconds}, b""


def _exchange(channel: Channel, file: str, path: Path, **more: Any) -> None:
    """Have the node bring a file here, or take one from here. Raises SourceError."""
    answer = channel.ask(file=file, path=str(path), **more)
    if "error" in answer:
        raise SourceError(answer["error"])
