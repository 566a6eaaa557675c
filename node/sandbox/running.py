"""One run: start the program, hear its outputs, keep the watch, end it, say how it ended."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import select
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from node.errors import Unavailable
from node.sandbox.asked import Ended, Limits, Mount, Stop
from node.sandbox.bubblewrap import MISSING, bubblewrap, write_settings
from node.sandbox.leftovers import open_folder, remove_folder
from node.sandbox.system_calls import seccomp_filter
from node.sandbox.watch import TICK_SECONDS, Passed, Watch

END_SECONDS = 10.0
"""How long processes that were killed may take to be gone."""

_READ = 1 << 16
_TOO_LARGE_A_FILE = 128 + signal.SIGXFSZ

_NAMESPACES = (
    "Let its user make namespaces (sysctl kernel.unprivileged_userns_clone=1, on Ubuntu also "
    "kernel.apparmor_restrict_unprivileged_userns=0); in a container: --security-opt seccomp=unconfined "
    "--security-opt systempaths=unconfined."
)


def run(
    command: Sequence[str],
    *,
    mounts: Sequence[Mount] = (),
    prefixes: Sequence[Path] = (),
    limits: Limits = Limits(),  # noqa: B008 - immutable
    environment: Mapping[str, str] | None = None,
    folder: str = "/tmp",  # noqa: S108 - the program's own
    stop: Stop | None = None,
    scratch: Path | None = None,
) -> Ended:
    """Run a command in a sandbox until it ends or is ended, with everything that it started.

    mounts: what it sees of this machine, beside the system.
    prefixes: folders shown read-only at their own place, such as those of `interpreter_prefixes`.
    environment: variables beside PATH, HOME, LANG and the like; nothing of ours is passed on.
    folder: where it starts.
    stop: ends it when set; looked at 20 times a second.
    scratch: where its `/tmp` is kept meanwhile, instead of among the machine's temporary files: for a caller
    who clears up after a crash of ours.

    What it leaves in its writable mounts is ours to read and remove afterwards, whatever modes it has set.
    Raises Unavailable if the machine cannot make a sandbox: bubblewrap is missing, or may not, or too little
    memory or disk is left.
    """
    with tempfile.TemporaryDirectory(prefix="sandbox-", dir=scratch, ignore_cleanup_errors=True) as name:
        private = Path(name)
        write_settings(private)
        writable = [private / "tmp", *(mount.source for mount in mounts if mount.writable)]
        watch = Watch(limits, writable)
        watch.check_room()
        run = _Run(limits, watch, writable, stop)
        try:
            with _descriptors() as (heard, status, seccomp):
                words = bubblewrap(
                    command,
                    mounts=mounts,
                    prefixes=prefixes,
                    limits=limits,
                    environment=environment or {},
                    folder=folder,
                    private=private,
                    status=status.fileno(),
                    seccomp=seccomp.fileno(),
                )
                with subprocess.Popen(  # noqa: S603 - what is run is kept in
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env={},
                    pass_fds=(status.fileno(), seccomp.fileno()),
                    start_new_session=True,  # Ctrl-C is for us, who then end it
                ) as process:
                    status.close()
                    return run.see_through(process, heard)
        finally:
            remove_folder(private / "tmp")


def check_sandbox() -> None:
    """Make a sandbox that does nothing. Raises Unavailable with the remedy if this machine cannot."""
    ended = run(["true"], limits=Limits(seconds=30))
    if not ended.succeeded:
        raise Unavailable(f"A sandbox for programs of others does not work: {ended.reason}.", _NAMESPACES)


@contextlib.contextmanager
def _descriptors() -> Iterator[tuple[IO[bytes], IO[bytes], IO[bytes]]]:
    """The two ends of the pipe that bubblewrap tells its status by, and the filter for it to read."""
    heard, told = os.pipe()
    filtered, filling = os.pipe()
    with (
        os.fdopen(heard, "rb", 0) as hear,
        os.fdopen(told, "wb", 0) as status,
        os.fdopen(filtered, "rb", 0) as seccomp,
        os.fdopen(filling, "wb", 0) as fill,
    ):
        fill.write(seccomp_filter(platform.machine()))
        fill.close()
        yield hear, status, seccomp


class _Tail:
    """The end of an output."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept = bytearray()

    def add(self, data: bytes) -> None:
        self._kept += data
        if len(self._kept) > 2 * self._most:
            del self._kept[: -self._most]

    def text(self) -> str:
        return self._kept[-self._most :].decode(errors="replace")


class _Run:
    def __init__(self, limits: Limits, watch: Watch, writable: Sequence[Path], stop: Stop | None) -> None:
        self._limits, self._watch, self._writable, self._stop = limits, watch, writable, stop
        self._begun = time.monotonic()
        self._told = b""
        self._first: int | None = None
        """A descriptor of the sandbox's first process, with which all of them end."""

    def see_through(self, process: subprocess.Popen[bytes], status: IO[bytes]) -> Ended:
        output, errors = _Tail(self._limits.output), _Tail(self._limits.output)
        passed: Passed | None = None
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(_open(process.stdout), selectors.EVENT_READ, output.add)
                selector.register(_open(process.stderr), selectors.EVENT_READ, errors.add)
                selector.register(status, selectors.EVENT_READ, self._hear)
                next_look = 0.0
                while selector.get_map():
                    for key, _ in selector.select(TICK_SECONDS):
                        data = os.read(key.fd, _READ)
                        key.data(data)
                        if not data:
                            selector.unregister(key.fileobj)
                    if passed is None and time.monotonic() >= next_look:
                        passed = self._stopped() or self._watch.passed()
                        next_look = time.monotonic() + TICK_SECONDS
                        if passed is not None:
                            self._kill(process, status)
        finally:
            self._kill(process, status)
            self._wait_for_all()
            for folder in self._writable:
                open_folder(folder)
        return self._ended(process.wait(), passed, output.text(), errors.text())

    def _stopped(self) -> Passed | None:
        return Passed("stop", "it was stopped") if self._stop and self._stop.is_set() else None

    def _hear(self, data: bytes) -> None:
        """Bubblewrap says as JSON lines which process is the first, and at the end its exit code."""
        self._told += data
        if self._first is None and (first := self._says("child-pid")) is not None:
            namespace = self._says("pid-namespace") or 0
            with contextlib.suppress(OSError):
                self._first = os.pidfd_open(first)
                if Path(f"/proc/{first}/ns/pid").stat().st_ino != namespace:
                    os.close(self._first)  # it has ended, and the number is another's now
                    self._first = None
                else:
                    self._watch.follow(first, namespace)

    def _says(self, name: str) -> int | None:
        for line in self._told.splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                return int(json.loads(line)[name])
        return None

    def _kill(self, process: subprocess.Popen[bytes], status: IO[bytes]) -> None:
        # Bubblewrap's child hangs for ever if its parent is killed before it has set it up: not before we
        # know whom to kill.
        told = select.poll()
        told.register(status, select.POLLIN)
        while self._first is None and told.poll(END_SECONDS * 1000):
            if not (data := os.read(status.fileno(), _READ)):
                break
            self._hear(data)
        if self._first is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first, signal.SIGKILL)
        process.kill()

    def _wait_for_all(self) -> None:
        """The first process is gone when the last of them is."""
        if self._first is not None:
            gone = select.poll()  # unlike `select`, also for descriptors above 1023
            gone.register(self._first, select.POLLIN)
            gone.poll(END_SECONDS * 1000)
            os.close(self._first)
            self._first = None

    def _ended(self, code: int, passed: Passed | None, output: str, errors: str) -> Ended:
        seconds = time.monotonic() - self._begun
        if passed is not None:
            return Ended(None, passed.limit, output, errors, seconds, passed.reason)
        # Bubblewrap itself can be ended from outside, as by the kernel when memory is short.
        exit_code = 128 - code if code < 0 else self._says("exit-code")
        if exit_code is None:
            said = errors.strip() or f"bubblewrap ended with {code}"
            raise Unavailable(f"No sandbox can be made here: {said}.", _remedy(said))
        passed = self._watch.wrote_too_much() if exit_code == _TOO_LARGE_A_FILE else self._watch.written()
        if passed is not None:
            return Ended(exit_code, passed.limit, output, errors, seconds, passed.reason)
        return Ended(exit_code, None, output, errors, seconds, _code_as_words(exit_code))


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise RuntimeError("the process was started without this pipe")
    return pipe


def _code_as_words(code: int) -> str:
    if code == 0:
        return ""
    if code > 128:
        with contextlib.suppress(ValueError):
            return f"it was ended by {signal.Signals(code - 128).name}"
    return f"it ended with exit code {code}"


def _remedy(said: str) -> str:
    if "Can't find source path" in said or "execvp" in said:
        return "Name only files and folders that exist."
    return f"{_NAMESPACES} Or: {MISSING}" if "nknown option" in said else _NAMESPACES
