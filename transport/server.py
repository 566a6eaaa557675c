"""The NATS server that an admin node brings along: its users, its supervision, its end.

In its folder (0700) lie the configuration with the users (NKEYs and what each may do), a certificate whose
fingerprint peers pin, and JetStream's data. If the server dies it is started again, on the same port, with
the same users and data; it ends with the node, also when the node is killed.
"""

import asyncio
import fcntl
import logging
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from transport import subjects
from transport.bus import BusError, PermissionDenied
from transport.credentials import NKey, write_secret
from transport.nats_bus import NatsBus
from transport.server_config import ServerConfig, ServerFiles
from transport.server_process import ServerError, ServerProcess, end_left_over
from transport.subjects import Permissions
from transport.tasks import end
from transport.tls import ensure_certificate

_READY = 30.0  # seconds that a start or a change may take: JetStream may have to look through its files
_BACK_OFF = (0.1, 5.0)  # seconds between restarts: first, longest
_STEADY = 30.0  # seconds of running after which the back-off begins anew
_POLL = 0.01  # seconds

_log = logging.getLogger(__name__)


class EmbeddedServer:
    """A supervised `nats-server`; use as an async context, or `start` and `stop`.

    `admin`: the public NKEY that may do everything. `port` 0: the one used here last time, else any free one.
    """

    def __init__(self, folder: Path, admin: str, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._files = ServerFiles(folder.absolute())
        self._admin = admin
        self._config = ServerConfig(host, port or -1)
        self._process: ServerProcess | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._lock: int | None = None
        self._changing = asyncio.Lock()
        self._probe = NKey.generate()
        self._users: dict[str, Permissions] = {}
        self._settled = False  # whether the server is known to have taken `_users` over
        self._addresses: list[str] = []
        self.fingerprint = ""
        self.restarts = 0

    async def start(self) -> None:
        """Return when the server serves, JetStream included; `ServerError` says why it cannot."""
        self._files.folder.mkdir(parents=True, exist_ok=True)
        self._files.folder.chmod(0o700)
        self._take_lock()
        try:
            await end_left_over(self._files)
            self._recall()
            self.fingerprint = ensure_certificate(self._files.certificate, self._files.key, "suffice")
            await self._launch()
        except BaseException:
            await self._end_process()
            self._drop_lock()
            raise
        self._supervisor = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        """End the server in order. Its data and users stay in the folder."""
        if self._supervisor is not None:
            await end([self._supervisor])
            self._supervisor = None
        await self._end_process()
        self._drop_lock()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @contextmanager
    def held_still(self) -> Iterator[None]:
        """Meanwhile the server's process is stopped, so that its files are of one moment; blocks.

        Its clients wait: it has to be short. A server that does not run has nothing to be held.
        """
        pid = self.pid
        try:
            if pid is not None:
                os.kill(pid, signal.SIGSTOP)
                os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            yield
        finally:
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    @property
    def port(self) -> int:
        return self._config.port

    @property
    def pid(self) -> int | None:
        """The server's process, if it runs."""
        return self._process.pid if self._process is not None and self._process.running else None

    @property
    def url(self) -> str:
        """Where this machine reaches it."""
        host = self._config.host
        if host in ("0.0.0.0", "::"):  # noqa: S104 (listening there was the caller's wish)
            host = "127.0.0.1"
        return f"tls://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def urls(self) -> list[str]:
        """Where others may reach it: every address it listens on, those of this machine alone last."""
        local = ("127.", "[::1]", "localhost", "[fe80:")
        return [f"tls://{address}" for address in sorted(self._addresses, key=lambda a: a.startswith(local))]

    @property
    def users(self) -> dict[str, Permissions]:
        """By public NKEY, the admin left out."""
        return dict(self._users)

    async def set_users(self, users: Mapping[str, Permissions]) -> None:
        """Let exactly these users in, beside the admin; returns when it is so.

        A connection whose user is no longer among them is cut; the others go on, with their new permissions.
        """
        async with self._changing:
            wanted = {key: users[key] for key in sorted(users) if key != self._admin}
            if self._settled and wanted == self._users:
                return
            self._users, self._settled = wanted, False
            self._probe = NKey.generate()
            self._write_config()
            if self._process is not None and self._process.running:
                self._process.reload()
            await self._until_serving()
            self._settled = True

    # Starting and supervising.

    async def _launch(self) -> None:
        self._write_config()
        self._process = await ServerProcess.start(self._files)
        if not await self._until_listening():
            raise self._failed("did not start")
        self._addresses = self._process.addresses()
        if self._config.port == -1:
            self._config = replace(self._config, port=int(self._addresses[0].rsplit(":", 1)[1]))
            self._write_config()
        await self._until_serving()

    async def _supervise(self) -> None:
        loop = asyncio.get_running_loop()
        shortest, longest = _BACK_OFF
        pause = shortest
        while True:
            began = loop.time()
            if self._process is not None:
                code = await self._process.wait()
                _log.warning("nats-server ended with code %s: starting it again", code)
            if loop.time() - began > _STEADY:
                pause = shortest
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)
            try:
                self._process = await ServerProcess.start(self._files)
                self.restarts += 1
            except (OSError, ServerError) as error:
                self._process = None
                _log.error("nats-server cannot be started again: %s", error)

    async def _until_listening(self) -> bool:
        """Until the process has said where it listens; False if it ended instead."""
        assert self._process is not None  # noqa: S101 (for mypy: `_launch` has just set it)
        with suppress(TimeoutError):
            async with asyncio.timeout(_READY):
                while self._process.running and not self._process.addresses():  # noqa: ASYNC110
                    await asyncio.sleep(_POLL)
        return self._process.running and bool(self._process.addresses())

    async def _until_serving(self) -> None:
        """Until the server lets the newest probe in, which it can only know from the newest configuration."""
        reason: Exception | None = None
        try:
            async with asyncio.timeout(_READY):
                while True:
                    if self._supervisor is None and self._process is not None and not self._process.running:
                        raise self._failed("ended while it was starting")
                    try:
                        return await self._knock()
                    except PermissionDenied:
                        await asyncio.sleep(_POLL)
                    except BusError as error:
                        reason = error
                        await asyncio.sleep(_POLL)
        except TimeoutError:
            raise self._failed(
                f"did not take its configuration over within {_READY:g} s ({reason})"
            ) from None

    async def _knock(self) -> None:
        bus = await NatsBus.connect(
            [self.url], self._probe, tls_fingerprint=self.fingerprint, name="probe", timeout=1, patience=1
        )
        try:
            await bus.request("$JS.API.INFO")
        finally:
            await bus.close()

    async def _end_process(self) -> None:
        if self._process is not None and self._process.running:
            await self._process.stop()
        self._process = None

    def _failed(self, what: str) -> ServerError:
        words = self._process.last_words() if self._process is not None else ""
        return ServerError(
            f"nats-server {what}: {words or 'it said nothing'}. Its folder is {self._files.folder}, its port "
            f"{self.port if self.port > 0 else 'any'}: give another port if this one is taken"
        )

    # The folder.

    def _recall(self) -> None:
        """The port and the users of the last start, if there was one."""
        if not self._files.config.exists():
            return
        try:
            known = ServerConfig.read(self._files.config)
        except ValueError as error:
            raise ServerError(str(error)) from None
        everything = subjects.admin_permissions()
        mine = {self._admin, *(key for key, may in known.users.items() if _is_probe(key, may))}
        self._users = {k: may for k, may in known.users.items() if k not in mine and may != everything}
        if self._config.port == -1:
            self._config = replace(self._config, port=known.port)

    def _write_config(self) -> None:
        everyone = {
            self._admin: subjects.admin_permissions(),
            self._probe.public: _probe_permissions(self._probe.public),
            **self._users,
        }
        self._config = replace(self._config, users=everyone)
        write_secret(self._files.config, self._config.to_bytes(self._files))

    def _take_lock(self) -> None:
        self._lock = os.open(self._files.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._drop_lock()
            raise ServerError(
                f"another node uses {self._files.folder}: stop it first, or give this one its own folder"
            ) from None

    def _drop_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _probe_permissions(key: str) -> Permissions:
    return Permissions(("$JS.API.INFO",), (f"{subjects.inbox(key)}.>",))


def _is_probe(key: str, permissions: Permissions) -> bool:
    return permissions == _probe_permissions(key)
