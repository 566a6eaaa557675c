"""Answers that are sent piece by piece, from things that block."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from aiohttp import web


async def send(
    request: web.Request, response: web.StreamResponse, pieces: AsyncIterator[bytes]
) -> web.StreamResponse:
    """Send the pieces as the response's body. If they fail half-way the connection is cut.

    A client that has been told a length must not get something else to fill it up.
    """
    await response.prepare(request)
    try:
        async for piece in pieces:
            await response.write(piece)
    except ConnectionError:
        return response  # the client has left: nobody is there to be told
    except BaseException:
        if request.transport is not None:
            request.transport.abort()
        raise
    return response


async def in_thread(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """An iterator that blocks, advanced in threads."""
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
