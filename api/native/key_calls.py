"""Access keys in the native dialect. A secret is told once, to whoever makes the key."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api.native.binding import answer
from api.native.entities import KeyInfo, Keys, NewKey, NewKeyInfo
from api.native.paths import EMPTY
from api.routes import Call, Route
from node.keys import AccessKey


async def listed(call: Call) -> web.Response:
    return answer({"keys": [_public(key) for key in await call.node.keys.list()]})


async def create(call: Call) -> web.Response:
    body: NewKey = call.body
    key = await call.node.keys.create(body.user, body.role, body.label)
    return answer(NewKeyInfo(**_public(key).model_dump(), secret_key=key.secret_key), 201)


async def revoke(call: Call) -> web.Response:
    await call.node.keys.revoke(call.part("access_key"))
    return answer({})


def _public(key: AccessKey) -> KeyInfo:
    return KeyInfo(
        access_key=key.access_key,
        user=key.user,
        role=key.role,
        created=key.created,
        label=key.label,
        last_used=key.last_used,
        last_used_from=key.last_used_from,
    )


ROUTES: Final = (
    Route(
        "GET",
        "/api/keys",
        listed,
        "List the access keys, without secrets",
        access="admin",
        answers={200: Keys},
    ),
    Route(
        "POST",
        "/api/keys",
        create,
        "Make an access key",
        access="admin",
        answers={201: NewKeyInfo},
        body=NewKey,
    ),
    Route(
        "DELETE",
        "/api/keys/{access_key}",
        revoke,
        "Revoke an access key",
        access="admin",
        answers={200: EMPTY},
    ),
)
