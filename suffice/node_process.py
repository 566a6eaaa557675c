"""Nodes as processes of their own: start one, wait until it is ready, let it live on or end it.

A node that was started here reads its standard input: while the pipe is open it runs, and when the pipe
breaks it ends. So whatever happens to the process that started it, be it SIGKILL, no node is left behind by
accident. One line ("stay") releases it for good.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from suffice.client import Json, SufficeError

READY_SECONDS = 60.0
STOP_SECONDS = 15.0
RELEASE = b"stay\n"
LOG_NAME = "node.log"


class NodeProcess:
    """A ``suffice node start`` in a session of its own: a terminal's Ctrl-C is for its starter to handle."""

    def __init__(
        self, home: Path, arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> None:
        """Start it; what it writes to standard error goes to ``node.log`` in its folder."""
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.home = home
        self.log = home / LOG_NAME
        command = [sys.executable, "-m", "suffice", "node", "start", "--home", str(home), "--json", "--tied"]
        with open(self.log, "ab", opener=_private) as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own options
                [*command, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_ready(self, timeout: float = READY_SECONDS) -> Json:
        """The line that the node prints when ready; raises :class:`SufficeError` if it ends or dawdles."""
        stdout = self._pipe(self._process.stdout)
        deadline = time.monotonic() + timeout
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise SufficeError(
                        "node_slow", f"The node in {self.home} was not ready in {timeout:g} s.", self._look()
                    )
                part = os.read(stdout.fileno(), 65536)
                if not part:
                    raise self._failure()
                line += part
        ready: Json = json.loads(line)
        return ready

    def release(self) -> None:
        """Let it live on when this process ends."""
        stdin = self._pipe(self._process.stdin)
        stdin.write(RELEASE)
        stdin.close()

    def ask_to_stop(self) -> None:
        """Ask it to end; :meth:`stop` waits until it has."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        if self._process.poll() is None:
            self._process.terminate()

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """End it, by force if it has not ended in time, together with every process of its session."""
        self.ask_to_stop()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _failure(self) -> SufficeError:
        """What the node said before it ended: its own error if it wrote one, else its last words."""
        code = self._process.wait()
        last = (self.log.read_text(errors="replace").strip().splitlines() or ["it wrote nothing"])[-1]
        with contextlib.suppress(ValueError, KeyError, TypeError):
            error = json.loads(last)["error"]
            return SufficeError(str(error["code"]), str(error["message"]), str(error["remedy"]))
        what = f"The node in {self.home} ended before it was ready (exit code {code}): {last[:500]}"
        return SufficeError("node_failed", what, self._look())

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        if pipe is None:
            raise RuntimeError("the process was started without this pipe")
        return pipe

    def _look(self) -> str:
        return f"Look into {self.log}."


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def stop_node_in(home: Path, timeout: float = STOP_SECONDS) -> int | None:
    """End the node that holds a folder's lock and wait until it has; its process id, or None if none runs.

    Raises :class:`SufficeError` if it does not end in time.
    """
    try:
        with (home / "node.lock").open() as lock:
            if _is_free(lock):
                return None
            pid = int(lock.readline())
            with _watched(pid) as has_ended:
                os.kill(pid, signal.SIGTERM)
                deadline = time.monotonic() + timeout
                while not (_is_free(lock) and has_ended()):
                    if time.monotonic() > deadline:
                        raise SufficeError(
                            "node_slow",
                            f"The node in {home} (process {pid}) has not ended in {timeout:g} s.",
                            f"Look into {home / LOG_NAME}, or end it with: kill -9 {pid}",
                        )
                    time.sleep(0.02)
            return pid
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    except PermissionError as error:
        raise SufficeError("forbidden", f"The node in {home} is not yours to stop.") from error


@contextlib.contextmanager
def _watched(pid: int) -> Iterator[Callable[[], bool]]:
    """Tells whether a process is gone, also one that nobody has waited for; where that is unknown, yes."""
    if not hasattr(os, "pidfd_open"):
        yield lambda: True
        return
    descriptor = os.pidfd_open(pid)
    try:
        yield lambda: bool(select.select([descriptor], [], [], 0)[0])
    finally:
        os.close(descriptor)


def _is_free(lock: IO[str]) -> bool:
    """Whether no running node holds the lock (the kernel drops it however a process ends)."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(lock, fcntl.LOCK_UN)
    return True
