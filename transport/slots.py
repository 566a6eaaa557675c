"""Latest-value payloads of any size, over a stream that keeps the last message of each subject.

A value has two sides, a and b. A writer puts the chunks of a new version on the side that the current one
does not use, and then its manifest, which names the side: so a version appears at once and whole, and a
reader of the one before is not disturbed. A reader checks the digest; if it does not fit, a writer has come
round to the same side, and it starts again from the newest manifest. Small values travel in the manifest.
"""

import asyncio
import hashlib
import hmac
import io
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from transport import frames, subjects
from transport.bus import MAX_PAYLOAD, BusUnavailable, PayloadCorrupt, PayloadTooLarge
from transport.jetstream import Conflict, Requester, Stored, gone_soon, last, only_after, store

CHUNK = 128 * 2**10  # bytes; NATS moves these at full speed
INLINE = 64 * 2**10  # bytes; a value up to this travels in its manifest
WINDOW = 32  # chunks under way at once: 4 MiB, far from where a server cuts off a slow client
_MAX_CHUNK = 2**20
_SIDES = ("a", "b")
_ATTEMPTS = 16  # of a reader overtaken by writers, or of a writer that meets another


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a state subject's message says about its value.

    `size` bytes in chunks of `chunk` bytes on side `side`, or in `inline`; `extents`: how many chunks lie on
    each side, the current version's or an older one's; `mark`: random, by which a writer knows its own.
    """

    version: int
    size: int
    digest: bytes
    side: int
    chunk: int
    extents: tuple[int, int]
    mark: bytes
    inline: bytes | None

    @property
    def chunks(self) -> int:
        return 0 if self.inline is not None else -(-self.size // self.chunk)

    def to_bytes(self) -> bytes:
        return frames.encode([getattr(self, name) for name in self.__slots__])

    @classmethod
    def from_bytes(cls, data: bytes) -> "Manifest":
        """`FrameError` if it is malformed or says what cannot be."""
        fields = frames.decode(data, frames.Limits(size=2 * INLINE, depth=2, count=32))
        if not _well_typed(fields):
            raise frames.FrameError("not a manifest")
        manifest = cls(*fields)
        held = manifest.inline
        sound = (
            manifest.version >= 1
            and 0 <= manifest.size <= MAX_PAYLOAD
            and manifest.side in (0, 1)
            and 1 <= manifest.chunk <= _MAX_CHUNK
            and all(0 <= extent <= MAX_PAYLOAD for extent in manifest.extents)
            and (len(held) == manifest.size if held is not None else manifest.size > 0)
        )
        if not sound:
            raise frames.FrameError("a manifest that cannot be")
        return manifest


def _well_typed(fields: Any) -> bool:
    match fields:
        case (int(), int(), bytes(), int(), int(), (int(), int()), bytes(), None | bytes()):
            return True
    return False


async def write(requester: Requester, subject: str, payload: bytes) -> None:
    """Commit `payload` as the latest value of a state subject."""
    if len(payload) > MAX_PAYLOAD:
        raise PayloadTooLarge(f"{len(payload)} bytes to {subject}: at most {MAX_PAYLOAD} can be put")
    subjects.slot_of(subject)
    mark = secrets.token_bytes(8)
    for _ in range(_ATTEMPTS):
        stored = await last(requester, subject)
        previous = _manifest_or_none(stored)
        if previous is not None and previous.mark == mark:
            return  # committed, only its acknowledgement was lost
        manifest = await _write_chunks(requester, subject, payload, previous, mark)
        sequence = stored.sequence if stored else 0
        try:
            await store(requester, subject, manifest.to_bytes(), only_after(sequence))
        except Conflict:
            continue
        return
    raise BusUnavailable(f"{subject} is being written by somebody else at the same time, again and again")


async def read(requester: Requester, subject: str) -> bytes | None:
    """The latest value of a state subject, or None."""
    subjects.slot_of(subject)
    failed = 0  # the sequence of the manifest that did not fit its chunks
    for _ in range(_ATTEMPTS):
        stored = await last(requester, subject)
        if stored is None:
            return None
        try:
            manifest = Manifest.from_bytes(stored.payload)
        except frames.FrameError as error:
            raise PayloadCorrupt(f"{subject} holds no value that can be read: {error}") from None
        payload = await _read_chunks(requester, subject, manifest)
        if payload is not None:
            return payload
        if failed == stored.sequence:
            raise PayloadCorrupt(f"the chunks of {subject} do not match its manifest: put it anew")
        failed = stored.sequence
    raise BusUnavailable(f"{subject} changes faster than it can be read")


def _manifest_or_none(stored: Stored | None) -> Manifest | None:
    if stored is None:
        return None
    try:
        return Manifest.from_bytes(stored.payload)
    except frames.FrameError:
        return None  # overwriting is how a broken value is mended


async def _write_chunks(
    requester: Requester, subject: str, payload: bytes, previous: Manifest | None, mark: bytes
) -> Manifest:
    side = 1 - previous.side if previous else 0
    left_over = previous.extents[side] if previous else 0
    count = 0 if len(payload) <= INLINE else -(-len(payload) // CHUNK)
    digest = hashlib.sha256()
    place = subjects.chunks(subject, _SIDES[side])

    async def send(index: int) -> None:
        if index >= count:
            await store(requester, f"{place}{index}", b"", gone_soon())
            return
        part = payload[index * CHUNK : (index + 1) * CHUNK]
        digest.update(part)  # in order: `_windowed` starts the steps in order, and this one before any await
        await store(requester, f"{place}{index}", part)

    await _windowed(max(count, left_over), send)
    extents = (count, previous.extents[1] if previous else 0)
    if side == 1 and previous:
        extents = (previous.extents[0], count)
    inline = None if count else bytes(payload)
    whole = digest.digest() if count else hashlib.sha256(payload).digest()
    version = previous.version + 1 if previous else 1
    return Manifest(version, len(payload), whole, side, CHUNK, extents, mark, inline)


async def _read_chunks(requester: Requester, subject: str, manifest: Manifest) -> bytes | None:
    """The manifest's value, or None if its chunks are not, or no longer, those that it names."""
    if manifest.inline is not None:
        is_whole = hmac.compare_digest(hashlib.sha256(manifest.inline).digest(), manifest.digest)
        return manifest.inline if is_whole else None
    early: dict[int, bytes] = {}  # chunks that came before an earlier one: never more than the window
    whole, digest, written = io.BytesIO(), hashlib.sha256(), 0
    tail = manifest.size - (manifest.chunks - 1) * manifest.chunk
    place = subjects.chunks(subject, _SIDES[manifest.side])

    async def fetch(index: int) -> None:
        nonlocal written
        stored = await last(requester, f"{place}{index}")
        expected = tail if index == manifest.chunks - 1 else manifest.chunk
        if stored is None or len(stored.payload) != expected:
            raise _Mismatch
        early[index] = stored.payload
        while (part := early.pop(written, None)) is not None:
            digest.update(part)
            whole.write(part)
            written += 1

    try:
        await _windowed(manifest.chunks, fetch)
    except _Mismatch:
        return None
    if not hmac.compare_digest(digest.digest(), manifest.digest):
        return None
    return whole.getvalue()  # shares the buffer: no copy


class _Mismatch(Exception):  # noqa: N818
    """A chunk is missing or has another length: the manifest was overtaken."""


async def _windowed(count: int, step: Callable[[int], Awaitable[None]]) -> None:
    """`step(0)` to `step(count - 1)`, begun in order, at most `WINDOW` under way; raises one error."""
    indices = iter(range(count))

    async def work() -> None:
        for index in indices:
            await step(index)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(WINDOW, count)):
                group.create_task(work())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
