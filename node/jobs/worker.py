"""A worker process: takes tasks from its pipe, one at a time, and ends when the pipe does.

It knows nothing of the store: what a task needs comes with the request, what it found goes back. A thread
reads the pipe, so that the process ends at once, whatever it is doing, when the node does. The node starts it
as `python -P -m node.jobs.worker FOLDER`, a folder for what its tasks bring here, which the node removes.
"""

from __future__ import annotations

import os
import queue
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any, BinaryIO

from node.jobs.pipes import Message, frame, read_frame_blocking

PROGRESS_SECONDS = 0.2


class Channel:
    """The worker's end of the pipe, as a running task sees it."""

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO, folder: Path) -> None:
        self.folder = folder
        """Where the running task may leave files: its own, and gone with it."""
        self._incoming, self._outgoing = incoming, outgoing
        self._inbox: queue.SimpleQueue[tuple[Message, bytes]] = queue.SimpleQueue()
        self._last_progress = 0.0
        threading.Thread(target=self._read, name="pipe", daemon=True).start()

    def _read(self) -> None:
        try:
            while True:
                self._inbox.put(read_frame_blocking(self._incoming))
        except BaseException:
            os._exit(0)  # the node has closed the pipe or is gone: nobody wants what we are doing

    def receive(self) -> tuple[Message, bytes]:
        return self._inbox.get()

    def send(self, event: str, blob: bytes = b"", **fields: Any) -> None:
        for piece in frame({"event": event, **fields}, blob):
            self._outgoing.write(piece)
        self._outgoing.flush()

    def progress(self, current: int, maximum: int) -> None:
        """Report progress, a few times a second at most."""
        now = time.monotonic()
        if now - self._last_progress >= PROGRESS_SECONDS or current >= maximum:
            self._last_progress = now
            self.send("progress", current=current, maximum=maximum)

    def log(self, message: str, level: str = "info") -> None:
        self.send("log", level=level, message=message)

    def scalar(self, metric: str, iteration: int, value: float) -> None:
        """A number of a series, such as rows per second."""
        self.send("scalar", metric=metric, iteration=iteration, value=value)

    def ask(self, **question: Any) -> Message:
        """Ask the node something that only it knows, and wait for the answer."""
        self.send("ask", **question)
        return self.receive()[0]


def main() -> None:
    # Whatever prints must not end up in the pipe: frames go to a descriptor of their own.
    outgoing = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    home = Path(sys.argv[1])
    channel = Channel(sys.stdin.buffer, outgoing, home)

    from node.jobs.work import PERFORM, refusal

    channel.send("ready")
    while True:
        request, blob = channel.receive()
        try:
            with tempfile.TemporaryDirectory(dir=home) as folder:
                channel.folder = Path(folder)
                result, found = PERFORM[request["kind"]](request, blob, channel)
            channel.send("result", found, result=result)
        except MemoryError:
            channel.send("error", error="the worker ran out of memory")
        except Exception as error:
            message = refusal(error)
            if message is None:
                traceback.print_exc()
                message = f"{type(error).__name__}: {error}"
            channel.send("error", error=message)


if __name__ == "__main__":
    main()
