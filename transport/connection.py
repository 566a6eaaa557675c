"""What we ask of a connection to NATS beyond nats-py: TLS before anything else, and larger reads.

nats-py encrypts when the server says that it must, in a line that comes before TLS: whoever sits in between
could leave that out. With a pinned certificate TLS comes first here, if the server can (our own does); and
where TLS was asked for in any way, nothing that tells who we are is sent without it.
"""

import asyncio
import ssl
from contextlib import suppress
from urllib.parse import ParseResult

import nats.errors
from nats.aio.client import Client
from nats.aio.transport import TcpTransport

from transport.tasks import end

_GOODBYE = 2.0  # seconds that the other side gets to end a connection; asyncio's TLS would wait for thirty
_READ = 512 * 2**10  # bytes at a time; nats-py's 32 KiB cost four rounds of the event loop for every chunk


class _Stream(TcpTransport):
    """A TCP connection, encrypted from its first byte if a pinned context is given and the server can."""

    def __init__(self, pinned: ssl.SSLContext | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._pinned = pinned

    async def connect(self, uri: ParseResult, buffer_size: int, connect_timeout: int) -> None:
        async with asyncio.timeout(connect_timeout):
            try:
                reader, writer = await self._open(uri, self._pinned)
            except ssl.SSLCertVerificationError:
                raise
            except ssl.SSLError:  # it greets before TLS, as servers do that were not told otherwise
                reader, writer = await self._open(uri, None)
        self._bare_io_reader = self._io_reader = reader
        self._bare_io_writer = self._io_writer = writer

    async def _open(
        self, uri: ParseResult, context: ssl.SSLContext | None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(uri.hostname, uri.port, limit=_READ, ssl=context)

    async def connect_tls(
        self,
        uri: str | ParseResult,
        ssl_context: ssl.SSLContext,
        buffer_size: int,
        connect_timeout: int,
    ) -> None:
        if not self.encrypted:
            await super().connect_tls(uri, ssl_context, buffer_size, connect_timeout)

    async def read(self, buffer_size: int) -> bytes:
        data: bytes = await super().read(max(buffer_size, _READ))
        return data

    def abort(self) -> None:
        """End it without a word."""
        if self._io_writer is not None:
            self._io_writer.transport.abort()

    @property
    def encrypted(self) -> bool:
        writer = self._io_writer
        return writer is not None and writer.get_extra_info("ssl_object") is not None

    def __bool__(self) -> bool:
        return True  # so that nats-py keeps this one instead of making its own


class Connection(Client):
    """A nats-py client over such a stream. `pinned`: TLS first; `encrypted`: TLS, or it says nothing."""

    def __init__(self, pinned: ssl.SSLContext | None, encrypted: bool) -> None:
        super().__init__()
        self._stream = _Stream(pinned)
        self._transport = self._stream
        self._encrypted = encrypted or pinned is not None
        self._flushes: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Close. A frozen or unreachable server is not waited for, or no node could stop without it."""
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_GOODBYE):
                    await super().close()
        finally:
            self._stream.abort()
            await end(self._flushes)

    async def flush(self, timeout: int = 10) -> None:  # noqa: ASYNC109 (nats-py's signature)
        """Return when the server has dealt with all that was sent so far.

        nats-py's own writes its PING past the commands that still wait to be written, so that its PONG says
        nothing about a subscription made just before. Nor must it hear of a cancellation: its reader would
        end the connection over a PONG that nobody waits for any more.
        """
        flush = asyncio.create_task(self._flush(timeout))
        self._flushes.add(flush)
        flush.add_done_callback(self._flushes.discard)
        await asyncio.shield(flush)

    async def _flush(self, timeout: int) -> None:  # noqa: ASYNC109
        if self.is_connected and self._flush_queue is not None:
            written = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(timeout):
                    await self._flush_queue.put(written)
                    await written
            except TimeoutError:
                raise nats.errors.FlushTimeoutError from None
        await super().flush(timeout)

    def _connect_command(self) -> bytes:
        if self._encrypted and not self._stream.encrypted:
            raise nats.errors.Error("the server does not offer TLS, which was asked for")
        command: bytes = super()._connect_command()
        return command
