"""The calls of a node that a worker makes: Morpheo's orchestrator and storage, and two of the node's own.

What the network or a node that restarts spoils is repeated for a while. A repeated call may have been heard
the first time; where that matters, the node is asked what is the case.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode
from uuid import uuid4

from suffice.wire import (
    ANSWER_SECONDS,
    SAVE_SECONDS,
    CannotReachNode,
    Content,
    Json,
    NodeRefused,
    Wire,
    form,
    part,
)

UpletKind = Literal["learnuplet", "preduplet"]

KINDS: tuple[UpletKind, ...] = ("learnuplet", "preduplet")

PATIENCE_SECONDS = 60.0
"""How long a call is repeated while the node cannot be reached or asks to be asked again."""

_PAUSES = (0.2, 5.0)  # seconds between two attempts: the first, and the longest
_LATER = frozenset({429, 502, 503, 504})
_PIECE = 1 << 20

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Uplet:
    """A learnuplet or preduplet as the node tells it (`document`), with what every step needs by name."""

    kind: UpletKind
    document: Json

    @property
    def uuid(self) -> str:
        return str(self.document["uuid"])

    @property
    def task(self) -> str:
        """The id of its task in the other dialects, as a part of a path."""
        return part(self.uuid.replace("-", ""))

    def __getitem__(self, name: str) -> Any:
        return self.document[name]


class MorpheoCalls(Wire):
    """One node, one worker: a name that no other has. `pause` waits between two attempts; it returns true to
    give up, as an event's `wait` does."""

    def __init__(
        self,
        url: str,
        access_key: str,
        secret_key: str,
        worker: str,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        super().__init__(url, access_key, secret_key)
        self._worker, self._pause = worker, pause

    # --- uplets ---------------------------------------------------------------------------------------------

    def ready(self) -> list[Uplet]:
        """What a worker may take now."""
        found = []
        for kind in KINDS:
            told = self._patiently(lambda kind=kind: self._list(f"/{kind}?status=todo", f"{kind}s"))  # type: ignore[misc]
            found += [
                Uplet(kind, document) for document in told if document.get("model_start", "") is not None
            ]
        return found

    def take(self, uplet: Uplet) -> bool:
        """Claim an uplet; False if another has it."""
        path = f"/worker/{uplet.kind}/{part(uplet.uuid)}"
        try:
            self._patiently(lambda: self._post(path, {"worker": self._worker}))
        except NodeRefused as error:
            if error.status not in (400, 404):
                raise
            # An attempt whose answer was lost has taken it.
            return self.holds(uplet)
        return True

    def holds(self, uplet: Uplet) -> bool:
        """Whether it is still ours: not stopped, and not given to another after a long silence."""
        return self._now(uplet) == ("pending", self._worker)

    def post_result(self, uplet: Uplet, result: Json) -> None:
        """Post what became of it. That it has ended so already is no error. Raises NodeRefused."""
        call = "learndone" if uplet.kind == "learnuplet" else "preddone"
        try:
            self._patiently(lambda: self._post(f"/{call}/{part(uplet.uuid)}", result))
        except NodeRefused:
            if self._now(uplet)[0] != result["status"]:
                raise

    def ping(self, uplet: Uplet) -> bool:
        """Say that it is worked on; False if it is not ours any more."""
        self._post(f"/api/jobs/{uplet.task}/ping")
        return self.holds(uplet)

    def release(self, uplet: Uplet) -> None:
        """Give it back: the next worker may take it."""
        self._patiently(lambda: self._post(f"/api/jobs/{uplet.task}/release"))

    def log(self, uplet: Uplet, message: str, level: str) -> None:
        """A line in the log of its task."""
        event = {"type": "log", "task": uplet.task, "level": level, "worker": "morpheo", "msg": message}
        self._patiently(lambda: self._post("/events.add", event))

    def hear(self, nkey: str) -> Json:
        """Let a public NKEY hear which uplets become ready: servers, fingerprint, subjects."""
        return self._post("/api/uplets/hearers", {"nkey": nkey})

    def algo_of_model(self, model: str) -> str:
        return str(self._patiently(lambda: self._get(f"/storage/model/{part(model)}"))["algo"])

    def _now(self, uplet: Uplet) -> tuple[str, str | None]:
        """Its status and its worker."""
        found = self._patiently(lambda: self._get(f"/{uplet.kind}/{part(uplet.uuid)}"))
        return found["status"], found["worker"]

    # --- blobs ----------------------------------------------------------------------------------------------

    def fetch(self, kind: str, uuid: str, file: Path, most: int, known: str, uplet: Uplet) -> str:
        """Write a blob that an uplet needs to a file; its tag. Nothing is written if that is the one known.

        Raises SufficeError if it is more than `most` bytes, or not for us.
        """

        # Our key may read more than who made up the uplet may have read for him.
        path = f"/storage/{kind}/{part(uuid)}/blob?{urlencode({'uplet': uplet.uuid})}"

        def save() -> str:
            with file.open("wb") as opened:
                return self._save(path, opened, most=most, known=known)

        return self._patiently(save)

    def upload_model(self, uuid: str, algo: str, file: Path) -> None:
        """Store a model. One that an earlier attempt on the same learnuplet has left is replaced."""
        path = f"/storage/model?{urlencode({'uuid': uuid, 'algo': algo})}"

        def send() -> None:
            content = Content("application/octet-stream", _pieces(file), file.stat().st_size)
            self._send("POST", path, content, SAVE_SECONDS)

        try:
            self._patiently(send)
        except NodeRefused as error:
            if error.status != 409:
                raise
            self._patiently(
                lambda: self._send("DELETE", f"/storage/model/{part(uuid)}", None, ANSWER_SECONDS)
            )
            self._patiently(send)

    def upload_prediction(self, content: bytes) -> str:
        """Store a prediction; its uuid."""
        uuid = str(uuid4())
        size = len(content)

        def send() -> None:
            blob = form({"uuid": uuid, "size": str(size)}, "blob", "blob", [content], size)
            self._send("POST", "/storage/prediction", blob, SAVE_SECONDS)

        try:
            self._patiently(send)
        except NodeRefused as error:
            if error.status != 409:  # else an attempt whose answer was lost has stored it
                raise
        return uuid

    def _patiently(self, ask: Callable[[], T]) -> T:
        deadline = time.monotonic() + PATIENCE_SECONDS
        pause, longest = _PAUSES
        while True:
            try:
                return ask()
            except (CannotReachNode, NodeRefused) as error:
                refused = isinstance(error, NodeRefused) and error.status not in _LATER
                if refused or time.monotonic() + pause > deadline or self._pause(pause):
                    raise
            pause = min(2 * pause, longest)


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while data := opened.read(_PIECE):
            yield data
