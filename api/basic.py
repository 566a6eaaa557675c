"""HTTP Basic with an access key and its secret, as several dialects take it."""

from __future__ import annotations

from base64 import b64decode
from typing import Final

from aiohttp import hdrs, web

from api.problems import Problem
from node.keys import AccessKey
from node.node import Node

CHALLENGE: Final = 'Basic realm="suffice", charset="UTF-8"'


def authenticate(node: Node, header: str | None, address: str | None) -> AccessKey:
    """The key of an `Authorization: Basic` header. Raises `Problem` 401, the same for either wrong half."""
    key = node.keys.check(*_basic(header or ""), address)
    if key is None:
        raise Problem(
            401,
            "unauthorized",
            "The access key and secret key are missing or do not belong together.",
            "Send HTTP Basic with access_key and secret_key of credentials.json or `suffice keys create`.",
        )
    return key


def check_origin(request: web.Request) -> None:
    """Raise `Problem` 403 for a page of another site: its browser would send a remembered password along."""
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is not None and origin.partition("://")[2] != request.host:
        raise Problem(
            403,
            "forbidden",
            "The request comes from a page of another site.",
            "Use a page of this node, or none.",
        )


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return user, password
