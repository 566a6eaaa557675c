"""How one node is asked over HTTP, and what goes wrong on the way; what is asked is in `client`."""

# ruff: noqa: N818 (the names say what happened; "Error" would add nothing)

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

Json = dict[str, Any]

SAVE_SECONDS = 600.0  # of silence, while a node makes its backup
ANSWER_SECONDS = 120.0  # the longest a node may take for an answer that is not a long poll


class SufficeError(Exception):
    """What went wrong (``message``), under a stable name (``code``), and what to do about it (``remedy``)."""

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.code = code
        self.message = message
        self.remedy = remedy


class NodeRefused(SufficeError):
    """The node answered, and said no; ``status`` is the HTTP status."""

    def __init__(self, status: int, code: str, message: str, remedy: str = "") -> None:
        super().__init__(code, message, remedy)
        self.status = status


class AuthenticationFailed(NodeRefused):
    """The node does not know this access key, or the secret does not belong to it (401)."""


class CannotReachNode(SufficeError):
    """No node answered at the address."""


@dataclass(frozen=True, slots=True)
class Content:
    """What is sent with a request: its media type, its bytes in pieces, and how many they are together."""

    type: str
    pieces: Iterable[bytes]
    length: int


class Wire:
    """One node, one access key. Not bound to a connection: usable from several threads, nothing to close.

    ``url`` is the node's address (``http://host:port``); raises :class:`SufficeError` if it is not one.
    """

    def __init__(self, url: str, access_key: str, secret_key: str) -> None:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        try:
            port = parts.port
        except ValueError:
            port = None
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or (port is None and ":" in parts.netloc)
        ):
            raise SufficeError("bad_url", f"{url!r} is not a node's address.", "Give http://HOST:PORT.")
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._scheme, self._host, self._port = parts.scheme, parts.hostname, port
        self._prefix = parts.path.rstrip("/")
        token = base64.b64encode(f"{access_key}:{secret_key}".encode()).decode()
        self._authorization = f"Basic {token}"

    def _get(self, path: str) -> Json:
        return self._object("GET", path)

    def _list(self, path: str, key: str) -> list[Json]:
        answer = self._call("GET", path)
        return list(answer.get(key, []) if isinstance(answer, dict) else answer)

    def _post(self, path: str, body: Json | None = None) -> Json:
        return self._object("POST", path, body if body is not None else {})

    def _object(
        self, method: str, path: str, body: Json | None = None, timeout: float = ANSWER_SECONDS
    ) -> Json:
        answer = self._call(method, path, body, timeout)
        return answer if isinstance(answer, dict) else {"answer": answer}

    def _call(self, method: str, path: str, body: Json | None = None, timeout: float = ANSWER_SECONDS) -> Any:
        return _decoded(self.url, self._fetch(method, path, body, timeout))

    def _fetch(
        self, method: str, path: str, body: Json | None = None, timeout: float = ANSWER_SECONDS
    ) -> bytes:
        content = None
        if body is not None:
            data = json.dumps(body, allow_nan=False).encode()
            content = Content("application/json", [data], len(data))
        return self._send(method, path, content, timeout)

    def _send(self, method: str, path: str, content: Content | None, timeout: float) -> bytes:
        with self._answer(method, path, content, timeout) as answer:
            return answer.read()

    def _save(
        self,
        path: str,
        file: IO[bytes],
        timeout: float = SAVE_SECONDS,
        most: int | None = None,
        known: str = "",
    ) -> str:
        """Write what the node answers to a file as it comes; ``timeout`` seconds of silence at most. Its tag.

        known: the tag of what the caller has; nothing is written if the node still has the same. Raises
        :class:`SufficeError` if it is more than ``most`` bytes.
        """
        with self._answer("GET", path, None, timeout, {"If-None-Match": known} if known else {}) as answer:
            if answer.status == HTTPStatus.NOT_MODIFIED:
                return known
            expected = answer.length
            size = 0
            while data := answer.read(2**20):
                size += len(data)
                if most is not None and size > most:
                    raise SufficeError("too_large", f"{path} has more than {most:,} bytes.")
                try:
                    file.write(data)
                except OSError as error:
                    raise SufficeError("bad_file", f"The file cannot be written: {error}.") from error
            if expected is not None and size != expected:
                raise http.client.IncompleteRead(b"", expected - size)
            return answer.getheader("ETag") or ""

    def _upload(self, path: str, data: Json, file: Path, timeout: float = SAVE_SECONDS) -> Json:
        """Send a form of a field `data` and a `file`, which is read as it goes."""
        try:
            with file.open("rb") as opened:
                pieces = iter(lambda: opened.read(2**20), b"")
                content = form({"data": json.dumps(data)}, "file", file.name, pieces, file.stat().st_size)
                decoded = _decoded(self.url, self._send("POST", path, content, timeout))
        except OSError as error:
            raise SufficeError("bad_file", f"{file} cannot be read: {error}.") from error
        return decoded if isinstance(decoded, dict) else {"answer": decoded}

    @contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        content: Content | None,
        timeout: float,
        conditions: Mapping[str, str] = MappingProxyType({}),
    ) -> Iterator[http.client.HTTPResponse]:
        """The answer to one request, to be read within the context."""
        headers = {"Authorization": self._authorization, "Accept": "application/json", "Connection": "close"}
        headers |= conditions
        if content is not None:
            headers["Content-Type"] = content.type
            headers["Content-Length"] = str(content.length)
        connection_type = (
            http.client.HTTPSConnection if self._scheme == "https" else http.client.HTTPConnection
        )
        connection = connection_type(self._host, self._port, timeout=timeout)
        try:
            pieces = None if content is None else content.pieces
            connection.request(method, self._prefix + path, body=pieces, headers=headers)
            answer = connection.getresponse()
            if answer.status >= 400:
                raise _refusal(self.url, answer.status, answer.read())
            yield answer
        except (OSError, http.client.HTTPException) as error:
            raise CannotReachNode(
                "cannot_reach",
                f"No node answers at {self.url} ({error or type(error).__name__}).",
                "Is it running? Start one with: suffice node start",
            ) from error
        finally:
            connection.close()


def form(texts: Mapping[str, str], name: str, file: str, pieces: Iterable[bytes], size: int) -> Content:
    """A multipart form of texts and, as its last field, a file of `size` bytes under a name."""
    boundary = uuid4().hex
    file = file.encode("ascii", "replace").decode().replace('"', "'")
    fields = [
        *(f'form-data; name="{key}"\r\n\r\n{text}\r\n' for key, text in texts.items()),
        f'form-data; name="{name}"; filename="{file}"\r\n\r\n',
    ]
    head = "".join(f"--{boundary}\r\nContent-Disposition: {field}" for field in fields).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    return Content(
        f"multipart/form-data; boundary={boundary}",
        chain([head], pieces, [tail]),
        len(head) + size + len(tail),
    )


def given(**arguments: Any) -> Json:
    """The arguments that were given: a node's defaults are the node's own."""
    return {key: value for key, value in arguments.items() if value is not None}


def part(name: str) -> str:
    """A name as a part of a path."""
    return quote(name, safe="")


def _decoded(url: str, content: bytes) -> Any:
    if not content:
        return {}
    try:
        return json.loads(content)
    except ValueError as error:
        raise CannotReachNode(
            "not_a_node",
            f"What answers at {url} does not speak JSON.",
            "Check the address: a node prints its own at start.",
        ) from error


def _refusal(url: str, status: int, content: bytes) -> NodeRefused:
    """The node's error envelope as an exception; a proxy's page between us and the node is not shown.

    The native calls tell a code, a message and a remedy; Morpheo's one text.
    """
    code, message, remedy = f"http_{status}", f"{url} answered with status {status}.", ""
    with suppress(ValueError, KeyError, TypeError, StopIteration):
        told = json.loads(content)
        error = next(told[name] for name in ("error", "Error") if name in told)
        if isinstance(error, str) and status < 500:
            message = error
        else:
            code, message, remedy = str(error["code"]), str(error["message"]), str(error.get("remedy") or "")
    if status == 401:
        return AuthenticationFailed(status, code, message, remedy)
    return NodeRefused(status, code, message, remedy)
