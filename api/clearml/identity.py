"""Who makes a call in the ClearML dialect: key and secret, a token, a cookie; and on whose behalf."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from typing import Final

from aiohttp import hdrs, web

from api.clearml.errors import ApiError
from api.clearml.wire import header
from node.node import Node
from node.sessions import Caller
from node.users import Role

COOKIE: Final = "clearml_token_basic"
LOGIN: Final = "auth.login"


async def identify(node: Node, request: web.Request, name: str) -> Caller | None:
    """The caller of the endpoint `name`; None if nothing is shown. Raises `ApiError` 401 for what is wrong.

    A password is taken by `auth.login` alone: checking one is made to take long.
    """
    shown = request.headers.get(hdrs.AUTHORIZATION)
    if shown is None:
        token = None if _of_another_site(request) else request.cookies.get(COOKIE)
        return _by_token(node, token) if token else None
    scheme, _, value = shown.partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return _by_token(node, value.strip())
    if scheme.lower() != "basic" and value:
        raise ApiError(401, 10, type=scheme[:32])
    user, secret = _pair(value)
    if name != LOGIN and _of_another_site(request):
        # A browser sends a password that it remembers along with a link from any page.
        raise ApiError(403, 20, "the request comes from a page of another site")
    caller = node.sessions.by_key(user, secret, request.remote)
    if caller is None and name == LOGIN:
        caller = await node.sessions.by_password(user, secret)
    if caller is None:
        raise ApiError(401, 22)
    return caller


def impersonate(node: Node, request: web.Request, caller: Caller) -> Caller:
    """The caller that X-ClearML-Impersonate-As (with its role) or -Act-As (with the caller's) makes of this.

    Raises `ApiError` 400/5 for both at once, 400/6 for who may not, 400/301 for a user that there is not.
    """
    other, act = header(request, "Impersonate-As"), header(request, "Act-As")
    if other and act:
        raise ApiError(400, 5, "Impersonate-As and Act-As exclude each other")
    if not other and not act:
        return caller
    if caller.role is not Role.ADMIN:
        raise ApiError(400, 6, "the role does not allow it", role=caller.role.value)
    target = node.users.get(other or act or "")
    if target is None:
        raise ApiError(400, 301, user=other or act)
    return replace(caller, user=target, role=target.role if other else caller.role)


def _by_token(node: Node, token: str) -> Caller:
    caller = node.sessions.by_token(token)
    if caller is None:
        raise ApiError(401, 30)
    return caller


def _pair(encoded: str) -> tuple[str, str]:
    try:
        user, colon, secret = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        raise ApiError(401, 21) from None
    if not colon:
        raise ApiError(401, 21)
    return user, secret


def _of_another_site(request: web.Request) -> bool:
    """Whether a browser made the request for a page that is not this host's."""
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        return True
    origin = request.headers.get(hdrs.ORIGIN)
    return origin is not None and origin.partition("://")[2] != request.host
