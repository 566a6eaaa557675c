"""What an endpoint of the ClearML dialect is, and the call that its handler gets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from api.clearml.errors import ApiError
from api.problems import MOST_DETAILS
from api.routes import Access
from node.node import Node
from node.sessions import Caller
from node.users import User

Version = tuple[int, int]


class Request(BaseModel):
    """Base of every request: unknown keys are ignored, null is absent, numbers may stand for text."""

    model_config = ConfigDict(
        extra="ignore", coerce_numbers_to_str=True, hide_input_in_errors=True, protected_namespaces=()
    )

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: item for name, item in value.items() if item is not None}
        return value

    @classmethod
    def read(cls, data: Any) -> Self:
        """Raises `ApiError` 400/12, which names the first few mistakes by their places."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise ApiError(400, 12, _mistakes(error)) from None


def _mistakes(error: ValidationError) -> str:
    """The first few mistakes, each named by its place; never what was sent."""
    mistakes = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(
        f"{'.'.join(map(str, item['loc'])) or 'request'}: {item['msg']}" for item in mistakes[:MOST_DETAILS]
    )


R = TypeVar("R", bound=Request)


@dataclass(frozen=True, slots=True)
class ClearmlCall(Generic[R]):
    """One call, checked.

    `body` is the endpoint's request model of `data`: the JSON body with the arguments of query and form
    merged in. `items` are the lines of an NDJSON body (any JSON values), for endpoints with `batch`.
    `version` is the one asked for. `worker` is what X-ClearML-Worker names.
    """

    request: web.Request
    node: Node
    caller: Caller | None
    body: R
    data: dict[str, Any]
    items: list[Any]
    version: Version
    worker: str | None

    @property
    def user(self) -> User:
        """Who calls; only endpoints with the access "open" have calls without."""
        if self.caller is None:
            raise RuntimeError("an open endpoint has no user")
        return self.caller.user


Handler = Callable[[ClearmlCall[Any]], Awaitable[dict[str, Any] | bytes | web.StreamResponse]]
"""Returns the `data` of the answer, also in JSON, or (downloads, cookies) a whole response."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`name`: service.action. `since`: the version from which on it is so; a name may have several.

    `batch`: takes NDJSON bodies, `call.items`; a JSON object is then a batch of one.
    """

    name: str
    handler: Handler
    summary: str
    request: type[Request] = Request
    since: str = "2.1"
    access: Access = "annotator"
    batch: bool = False

    @property
    def version(self) -> Version:
        return parse_version(self.since)


def parse_version(text: str) -> Version:
    """(2, 31) of "2.31"; the minor part may be missing."""
    major, _, minor = text.partition(".")
    return int(major), int(minor or 0)
