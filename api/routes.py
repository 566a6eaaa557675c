"""The route table's row: what is registered with aiohttp, and what OpenAPI says, are both made from it.

So the documentation cannot drift from the handlers. No route is defined here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel

from node.keys import AccessKey
from node.node import Node

Dialect = Literal["native", "symetry", "morpheo", "gravity"]
Access = Literal["open", "key", "annotator", "user", "superuser", "admin"]
BodyForm = Literal["json", "encrypted", "base64", "form", "bytes"]


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request: body and query are checked against the route's models."""

    request: web.Request
    node: Node
    key: AccessKey
    body: Any
    query: Any

    def part(self, name: str) -> str:
        """A variable part of the path, decoded."""
        return self.request.match_info[name]


CallHandler = Callable[[Call], Awaitable[web.StreamResponse]]
OpenHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One call: where it is, who may make it, what it takes and what it answers.

    `handler` takes a `Call`, or the bare request where `access` is "open", or "key" (of a deployment).
    `answers` maps each documented status to what its JSON is (a model or dataclass), or to a sentence.
    `body_required` False lets an empty body through as None. A `body_form` of form (multipart) or bytes is
    read by the handler as it comes.
    """

    method: str
    path: str
    handler: CallHandler | OpenHandler
    summary: str
    dialect: Dialect = "native"
    access: Access = "annotator"
    body: type[BaseModel] | None = None
    body_required: bool = True
    body_form: BodyForm = "json"
    query: type[BaseModel] | None = None
    answers: Mapping[int, Any] = field(default_factory=dict)

    @property
    def streamed(self) -> bool:
        """Whether the body may be of any size: it is never held as a whole."""
        return self.body_form in ("form", "bytes")

    @property
    def operation(self) -> str:
        """A name for the call that is unique in the document."""
        place = self.path.strip("/").translate(str.maketrans("/{}.", "_  _")).replace(" ", "")
        return f"{self.method.lower()}_{place or 'root'}"
