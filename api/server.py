"""The HTTP servers around the applications: a listening socket each, and an orderly end."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

from aiohttp import web

from api.app import make_app
from api.files import make_files_app
from node.node import Node

LINGER_SECONDS: Final = 30.0
"""How long the rest of a refused body is read and thrown away, so that the client gets to see the refusal:
most clients look for an answer only when they have sent all of a file."""
SHUTDOWN_SECONDS: Final = 5.0
KEEPALIVE_SECONDS: Final = 75.0


class CannotListen(Exception):  # noqa: N818 - it says what happened
    """The address is taken, or is not one of this machine."""


class Listener:
    """Serves an application at an address: `async with Listener(app, "127.0.0.1", 0) as it: it.url`."""

    def __init__(
        self,
        app: web.Application,
        host: str,
        port: int,
        *,
        keepalive: float = KEEPALIVE_SECONDS,
    ) -> None:
        self._host = host
        self._port = port
        self._runner = web.AppRunner(
            app,
            access_log=None,  # the application writes its own, without query strings
            handle_signals=False,
            keepalive_timeout=keepalive,
            lingering_time=LINGER_SECONDS,
            shutdown_timeout=SHUTDOWN_SECONDS,
        )

    @property
    def url(self) -> str:
        """Where the server listens; raises `RuntimeError` before it is started."""
        if not self._runner.addresses:
            raise RuntimeError("the server is not started")
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def start(self) -> None:
        """Bind and listen; port 0 takes a free one. Raises `CannotListen` if the address cannot be had."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except BaseException as error:
            await self._runner.cleanup()
            if isinstance(error, OSError):
                raise CannotListen(
                    f"cannot listen at {self._host}:{self._port}: {error.strerror or error}"
                ) from error
            raise

    async def stop(self) -> None:
        """Stop listening, end long polls, give running requests a few seconds, then cancel them."""
        await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


class Server(Listener):
    """Serves every dialect of a node but the file host."""

    def __init__(self, node: Node, host: str, port: int) -> None:
        super().__init__(make_app(node), host, port)


class FileServer(Listener):
    """Serves a node's files."""

    def __init__(self, node: Node, host: str, port: int) -> None:
        super().__init__(make_files_app(node), host, port, keepalive=0)
