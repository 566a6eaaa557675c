"""What happens, as it happens: Server-Sent Events and a WebSocket over the node's events.

A client that reads more slowly than things happen loses the oldest, and is told how many.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final

from aiohttp import WSCloseCode, hdrs, web
from pydantic_core import to_json

from api.app_keys import STOPPING
from api.native.binding import answer
from api.native.entities import EventFilter, JobLog
from api.passing import PASSING
from api.routes import Call, Route
from node.events import Event, Listener

HEARTBEAT_SECONDS: Final = 15.0
"""How often a stream on which nothing happens shows that it is there; a client that has gone is noticed."""

_SMALLEST_MESSAGE: Final = 1024


async def log(call: Call) -> web.Response:
    return answer({"lines": await call.node.jobs.log(call.part("job"))})


async def stream(call: Call) -> web.StreamResponse:
    """Server-Sent Events: `event` is the kind, `data` the event; `lost` tells how many are missing."""
    tasks = await _tasks(call)
    response = web.StreamResponse(headers={hdrs.CACHE_CONTROL: "no-store"})
    response.content_type = "text/event-stream"
    PASSING.get().unhurried()  # a stream ends when its client goes
    with call.node.events.listen(tasks, call.query.kind or None) as listener, suppress(ConnectionError):
        await response.prepare(call.request)
        await response.write(b": listening\n\n")
        async for messages in _heard(listener, call.request.app[STOPPING], HEARTBEAT_SECONDS):
            text = b"".join(
                b"event: %b\ndata: %b\n\n" % (message["kind"].encode(), _json(message))
                for message in messages
            )
            await response.write(text or b":\n\n")
        await response.write_eof()
    return response


async def socket(call: Call) -> web.StreamResponse:
    """The same as messages of JSON. What the client sends is not heard."""
    tasks = await _tasks(call)
    response = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS, max_msg_size=_SMALLEST_MESSAGE)
    PASSING.get().unhurried()  # a stream ends when its client goes
    with call.node.events.listen(tasks, call.query.kind or None) as listener:
        await response.prepare(call.request)
        telling = asyncio.create_task(_tell(response, listener, call.request.app[STOPPING]))
        try:
            async for _ in response:  # until the client closes it, or we do
                pass
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await telling
    return response


async def _tell(response: web.WebSocketResponse, listener: Listener, stopping: asyncio.Event) -> None:
    with suppress(ConnectionError):
        async for messages in _heard(listener, stopping, None):
            for message in messages:
                await response.send_str(_json(message).decode())
        await response.close(code=WSCloseCode.GOING_AWAY)


async def _heard(
    listener: Listener, stopping: asyncio.Event, pause: float | None
) -> AsyncIterator[list[dict[str, Any]]]:
    """What was heard since the last time, or nothing after a pause; ends when the node stops."""
    end = asyncio.ensure_future(stopping.wait())
    try:
        while not stopping.is_set():
            more = asyncio.ensure_future(listener.get())
            await asyncio.wait({more, end}, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            if not more.done():
                more.cancel()
                if not stopping.is_set():
                    yield []
                continue
            events = [more.result(), *listener.take_waiting()]
            lost = listener.take_lost()
            messages = [_message(event) for event in events]
            yield [{"kind": "lost", "lost": lost}, *messages] if lost else messages
    finally:
        end.cancel()


def _message(event: Event) -> dict[str, Any]:
    return {**event.body, "task": event.task, "kind": event.kind, "time": event.time}


def _json(message: dict[str, Any]) -> bytes:
    return to_json(message, inf_nan_mode="null")


async def _tasks(call: Call) -> list[str] | None:
    """The ids of the tasks that were named, by id or number; None if none were."""
    query: EventFilter = call.query
    named = [(await call.node.jobs.get(key)).id for key in query.task]
    return named or None


ROUTES: Final = (
    Route("GET", "/api/jobs/{job}/log", log, "What a job said", access="annotator", answers={200: JobLog}),
    Route(
        "GET",
        "/api/events",
        stream,
        "What happens, as it happens: Server-Sent Events",
        access="annotator",
        answers={
            200: "A stream of text/event-stream; a client that is too slow loses the oldest and is told so."
        },
        query=EventFilter,
    ),
    Route(
        "GET",
        "/events",
        socket,
        "The same over a WebSocket, each event a message of JSON",
        access="annotator",
        answers={101: "A WebSocket."},
        query=EventFilter,
    ),
)
