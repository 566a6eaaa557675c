"""The few operations of NATS JetStream that latest-value payloads need, in its JSON API.

A stream per federation keeps the last message of each subject in a file and lets it be read directly
(`allow_direct`); after each commit to a state subject the server itself announces the sequence
(`republish`), so that a watcher never hears of a value before it can read it.
https://github.com/nats-io/nats-architecture-and-design (ADR-31: direct and batched direct get)
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from nats.aio.msg import Msg

from transport import subjects
from transport.bus import BusUnavailable, Mark

_WRONG_LAST_SEQUENCE = {10071, 10164}
_NAME_IN_USE = 10058
_BATCH, _BATCH_BYTES = 256, 2**20


class Conflict(Exception):  # noqa: N818
    """Somebody else wrote this subject since we read it."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A message in the stream: its place in the order of commits (from 1), and its payload."""

    mark: Mark
    payload: bytes

    @property
    def sequence(self) -> int:
        return self.mark.sequence


class Requester(Protocol):
    """Requests that are repeated through reconnects; `BusUnavailable` when that takes too long."""

    async def request(
        self, subject: str, payload: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Msg: ...

    async def request_batch(self, subject: str, payload: bytes) -> list[Msg]: ...


async def provision(requester: Requester, federation: str) -> None:
    """Make the federation's stream, or bring an existing one to this configuration."""
    name = subjects.stream(federation)
    body = json.dumps(_configuration(federation)).encode()
    try:
        answer = _json(await requester.request(f"$JS.API.STREAM.CREATE.{name}", body))
        if answer.get("error", {}).get("err_code") == _NAME_IN_USE:
            answer = _json(await requester.request(f"$JS.API.STREAM.UPDATE.{name}", body))
    except BusUnavailable as unavailable:
        raise BusUnavailable(
            f"{unavailable}. A federation needs JetStream: start nats-server with -js or a jetstream block, "
            "and let this user publish to $JS.API.>"
        ) from None
    if error := answer.get("error"):
        raise BusUnavailable(
            f"the server will not make the stream {name}: {error.get('description', error)}. It needs "
            "nats-server 2.11 or newer with JetStream on for this user's account, and room on its disk"
        )


async def last(requester: Requester, subject: str) -> Stored | None:
    """The last message of a subject, or None."""
    federation = subject.split(".", 2)[1]
    reply = await requester.request(f"$JS.API.DIRECT.GET.{subjects.stream(federation)}.{subject}")
    if _status(reply) == "404":
        return None
    return Stored(mark(reply), reply.data)


async def store(
    requester: Requester, subject: str, payload: bytes, headers: Mapping[str, str] | None = None
) -> int:
    """Publish to the stream and wait until it is committed; the sequence. `Conflict` if so asked for."""
    answer = _json(await requester.request(subject, payload, headers))
    if error := answer.get("error"):
        if error.get("err_code") in _WRONG_LAST_SEQUENCE:
            raise Conflict
        raise BusUnavailable(f"the server did not store {subject}: {error.get('description', error)}")
    return int(answer["seq"])


def only_after(sequence: int) -> dict[str, str]:
    """The header by which `store` succeeds only if the subject's last message has this sequence (0: none)."""
    return {"Nats-Expected-Last-Subject-Sequence": str(sequence)}


def gone_soon() -> dict[str, str]:
    """The header by which the server forgets the message after a second: how a member may erase."""
    return {"Nats-TTL": "1s"}


async def listing(requester: Requester, pattern: str) -> dict[str, Mark]:
    """{subject: its commit} of every state subject with a value that the pattern matches."""
    if subjects.is_literal(pattern):
        stored = await last(requester, pattern)
        return {pattern: stored.mark} if stored else {}
    api = f"$JS.API.DIRECT.GET.{subjects.stream(subjects.federation_of(pattern))}"
    found: dict[str, Mark] = {}
    start = 1
    while True:
        query = {"seq": start, "next_by_subj": pattern, "batch": _BATCH, "max_bytes": _BATCH_BYTES}
        *messages, end = await requester.request_batch(api, json.dumps(query).encode())
        for message in messages:
            found[_header(message, "Nats-Subject")] = mark(message)
        if _status(end) == "404":
            return found
        if _status(end) != "204" or not messages:
            raise BusUnavailable(f"the server cannot list {pattern}: {end.headers}; it must be 2.11 or newer")
        if int(_header(end, "Nats-Num-Pending")) == 0:
            return found
        start = _sequence(messages[-1]) + 1


def _configuration(federation: str) -> dict[str, Any]:
    kept, _ = subjects.stream_subjects(federation)
    return {
        "name": subjects.stream(federation),
        "subjects": list(subjects.stream_subjects(federation)),
        "storage": "file",
        "retention": "limits",
        "discard": "old",
        "max_msgs_per_subject": 1,
        "max_msgs": -1,
        "max_bytes": -1,
        "max_age": 0,
        "num_replicas": 1,
        "allow_direct": True,
        "allow_msg_ttl": True,
        "republish": {"src": kept, "dest": subjects.changed(kept), "headers_only": True},
    }


def mark(message: Msg) -> Mark:
    """Which commit a message of the stream is, or an announcement of one."""
    return Mark(_sequence(message), _header(message, "Nats-Time-Stamp").removesuffix("Z"))


def _json(reply: Msg) -> dict[str, Any]:
    try:
        answer = json.loads(reply.data)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise BusUnavailable(f"the server's answer to a request on {reply.subject} is not understood")
    return answer


def _status(reply: Msg) -> str | None:
    return None if reply.data else (reply.headers or {}).get("Status")


def _sequence(reply: Msg) -> int:
    return int(_header(reply, "Nats-Sequence"))


def _header(reply: Msg, name: str) -> str:
    headers = reply.headers or {}
    if name not in headers:
        raise BusUnavailable(f"the server cannot read what is stored, it says {dict(headers)}")
    return headers[name]
