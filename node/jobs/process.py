"""One worker process as the event loop sees it: start it, send it requests, hear what it says, end it.

What its messages mean is the runner's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from node.jobs.pipes import BrokenPipeFrameError, Message, frame, read_frame

GRACE_SECONDS = 5.0
"""How long an idle worker may take to end once its pipe is closed."""

_LIMIT = 4 << 20

OnMessage = Callable[[Message, bytes], Awaitable[None]]
OnExit = Callable[[str], None]


class WorkerProcess:
    """A child running `node.jobs.worker`. `on_exit` is called once, with why it ended.

    folder: made for what its tasks bring to this machine, and removed when it ends, however it does.
    """

    def __init__(self, folder: Path, on_message: OnMessage, on_exit: OnExit) -> None:
        self._folder = folder
        self._on_message, self._on_exit = on_message, on_exit
        self._process: asyncio.subprocess.Process | None = None
        self._life: asyncio.Task[None] | None = None
        self._sending = asyncio.Lock()
        self._ending = False

    def start(self) -> None:
        self._life = asyncio.create_task(self._live())

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def send(self, message: Message, blob: bytes = b"") -> None:
        """Send a frame. A worker that is gone is told of by `on_exit`, not here."""
        assert self._process is not None and self._process.stdin is not None  # noqa: S101
        with contextlib.suppress(ConnectionError):
            async with self._sending:
                for piece in frame(message, blob):
                    self._process.stdin.write(piece)
                    await self._process.stdin.drain()

    def kill(self) -> None:
        """End it now, whatever it is doing."""
        self._ending = True
        if self._process is not None and self._process.returncode is None:
            # Not `Process.kill`: that polls, and reaps the child away from asyncio's watcher.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Let it end: it does when its pipe closes."""
        self._ending = True
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            asyncio.get_running_loop().call_later(GRACE_SECONDS, self.kill)

    async def ended(self) -> None:
        if self._life is not None:
            await self._life

    async def _live(self) -> None:
        try:
            await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)
            reason = await self._run()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
        self._on_exit(reason)

    async def _run(self) -> str:
        environment = {**os.environ, **dict.fromkeys(_THREAD_VARIABLES, "1")}
        process = self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # a folder called `node` where we happen to be must not be taken for ours
            "-m",
            "node.jobs.worker",
            str(self._folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            limit=_LIMIT,
            start_new_session=True,  # Ctrl-C is for the node, which then ends its workers
        )
        if self._ending:
            self.kill()
        assert process.stdout is not None  # noqa: S101
        try:
            while True:
                await self._on_message(*await read_frame(process.stdout))
        except asyncio.IncompleteReadError:
            pass  # the end of its output is the end of it
        except BrokenPipeFrameError:
            self.kill()
        finally:
            if process.returncode is None:
                # Its output is closed, so it is ending, or of no use any more.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(GRACE_SECONDS):
                        await process.wait()
            if process.returncode is None:
                self.kill()
            await process.wait()
            if process.stdin is not None:
                process.stdin.close()
        return _why(process.returncode)


# Reading and learning spread over the cores themselves; BLAS threads beside them only get in the way.
_THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


def _why(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
