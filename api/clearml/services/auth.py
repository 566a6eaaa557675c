"""`auth`: signing in and out, the caller's keys, and users' roles and passwords."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web
from pydantic import Field

from api.clearml import wire
from api.clearml.endpoint import ClearmlCall, Endpoint, Request
from api.clearml.errors import ApiError
from api.clearml.identity import COOKIE
from api.clearml.services.server import API_VERSION, SERVER_BUILD, SERVER_VERSION
from api.clearml.times import iso
from node.keys import AccessKey
from node.sessions import Caller
from node.store.schema import COMPANY
from node.users import Role

CLAIMS: Final = {
    "env": "suffice",
    "auth_type": "Bearer",
    "api_version": API_VERSION,
    "server_version": SERVER_VERSION,
    "server_build": SERVER_BUILD,
    "feature_set": "basic",
}
"""What the SDK reads in a token, without a look at its signature, to know what the server can do."""


class LoginRequest(Request):
    expiration_sec: int | None = None


async def login(call: ClearmlCall[LoginRequest]) -> web.Response:
    """By key and secret, by user name and password, or by a token that is still good."""
    token = call.node.sessions.token(_caller(call), call.body.expiration_sec, CLAIMS)
    response = wire.answer(call.request, {"token": token})
    response.set_cookie(COOKIE, token, httponly=True, samesite="Lax", secure=call.request.secure)
    return response


async def logout(call: ClearmlCall[Request]) -> web.Response:
    response = wire.answer(call.request, {})
    response.del_cookie(COOKIE, httponly=True, samesite="Lax", secure=call.request.secure)
    return response


class TokenForUserRequest(Request):
    user: str
    expiration_sec: int | None = None


async def get_token_for_user(call: ClearmlCall[TokenForUserRequest]) -> dict[str, Any]:
    """It ends with what the admin showed for it."""
    user = call.node.users.need(call.body.user)
    caller = Caller(user, user.role, _caller(call).shown)
    return {"token": call.node.sessions.token(caller, call.body.expiration_sec, CLAIMS)}


class ValidateTokenRequest(Request):
    token: str


async def validate_token(call: ClearmlCall[ValidateTokenRequest]) -> dict[str, Any]:
    caller = call.node.sessions.by_token(call.body.token)
    if caller is None:
        return {"valid": False, "msg": "invalid or expired token"}
    return {"valid": True, "user": caller.user.id, "company": COMPANY, "role": caller.role.value, "msg": ""}


async def fixed_users_mode(call: ClearmlCall[Request]) -> dict[str, Any]:
    """Signing in takes a user name and a password."""
    return {"enabled": True, "guest": {"enabled": False}, "migration_warning": False}


class CreateUserRequest(Request):
    name: str
    company: str = COMPANY
    email: str
    role: str = Role.USER.value
    given_name: str = ""
    family_name: str = ""
    avatar: str = ""
    password: str | None = Field(None, repr=False)


async def create_user(call: ClearmlCall[CreateUserRequest]) -> dict[str, Any]:
    """`name` is what the user signs in by, and whose things are his in every dialect."""
    body, node = call.body, call.node
    check_company(body.company)
    hashed = None if body.password is None else await node.sessions.passwords.hash(body.password)
    profile = body.model_dump(include={"email", "given_name", "family_name", "avatar"})
    user = await node.users.create(body.name, body.role, password=hashed, **profile)
    return {"id": user.id}


class EditUserRequest(Request):
    user: str
    role: str | None = None
    password: str | None = Field(None, repr=False)


async def edit_user(call: ClearmlCall[EditUserRequest]) -> dict[str, Any]:
    """A user's role, and (for who has forgotten his) the password."""
    body, node = call.body, call.node
    fields: dict[str, Any] = {}
    node.users.need(body.user)
    hashed = None if body.password is None else await node.sessions.passwords.hash(body.password)
    if body.role is not None:
        fields["role"] = (await node.keys.set_role(body.user, body.role)).role.value
    if hashed is not None:
        await node.users.set_password(body.user, hashed)
        fields["password"] = None
    return {"updated": 1 if fields else 0, "fields": fields}


class SetPasswordRequest(Request):
    password: str = Field(repr=False)
    current_password: str = Field("", repr=False)


async def set_password(call: ClearmlCall[SetPasswordRequest]) -> dict[str, Any]:
    """The caller's own password. Who has one shows it, so that an open session is not enough to take it."""
    node, user = call.node, call.user
    if user.password is not None and not await node.sessions.passwords.matches(
        call.body.current_password, user.password
    ):
        raise ApiError(400, 12, "current_password is not the current password")
    hashed = await node.sessions.passwords.hash(call.body.password)
    await node.users.set_password(user.id, hashed)
    return {"updated": 1}


class CreateCredentialsRequest(Request):
    label: str = ""


async def create_credentials(call: ClearmlCall[CreateCredentialsRequest]) -> dict[str, Any]:
    """Of the role that the caller has; the secret is told this once."""
    key = await call.node.keys.create(call.user.login, _caller(call).role, call.body.label)
    return {
        "credentials": {
            "access_key": key.access_key,
            "secret_key": key.secret_key,
            "label": key.label or None,
        }
    }


async def get_credentials(call: ClearmlCall[Request]) -> dict[str, Any]:
    return {"credentials": [_shown(key) for key in call.node.keys.of(call.user)]}


class EditCredentialsRequest(Request):
    access_key: str
    label: str = ""


async def edit_credentials(call: ClearmlCall[EditCredentialsRequest]) -> dict[str, Any]:
    await call.node.keys.set_label(_own(call, call.body.access_key), call.body.label)
    return {"updated": 1}


class RevokeCredentialsRequest(Request):
    access_key: str = ""
    key_id: str = ""


async def revoke_credentials(call: ClearmlCall[RevokeCredentialsRequest]) -> dict[str, Any]:
    """`key_id` is the older name of `access_key`."""
    await call.node.keys.revoke(_own(call, call.body.access_key or call.body.key_id))
    return {"revoked": 1}


def check_company(company: str) -> None:
    """Raise `ApiError` 400/12 for a company that is not the node's one."""
    if company != COMPANY:
        raise ApiError(400, 12, "this server has one company", company=COMPANY)


def _caller(call: ClearmlCall[Any]) -> Caller:
    if call.caller is None:
        raise ApiError(401, 20)
    return call.caller


def _own(call: ClearmlCall[Any], access_key: str) -> str:
    key = call.node.keys.find(access_key)
    if key is None or key.user != call.user.login:
        raise ApiError(400, 10, "no such credentials of this user", access_key=access_key)
    return access_key


def _shown(key: AccessKey) -> dict[str, Any]:
    return {
        "access_key": key.access_key,
        "label": key.label or None,
        "last_used": iso(key.last_used),
        "last_used_from": key.last_used_from,
    }


ENDPOINTS: Final = (
    Endpoint("auth.login", login, "A token, by key and secret, password or token", LoginRequest),
    Endpoint("auth.logout", logout, "Drop the session's cookie", since="2.2"),
    Endpoint(
        "auth.get_token_for_user",
        get_token_for_user,
        "A token for another user",
        TokenForUserRequest,
        access="admin",
    ),
    Endpoint("auth.validate_token", validate_token, "Whose a token is", ValidateTokenRequest, access="admin"),
    Endpoint("auth.create_user", create_user, "Create a user", CreateUserRequest, access="admin"),
    Endpoint(
        "auth.edit_user", edit_user, "Change a user's role or password", EditUserRequest, access="admin"
    ),
    Endpoint("auth.set_password", set_password, "Change one's own password", SetPasswordRequest, "2.34"),
    Endpoint(
        "auth.create_credentials", create_credentials, "Create a key and secret", CreateCredentialsRequest
    ),
    Endpoint("auth.get_credentials", get_credentials, "The caller's keys, without secrets"),
    Endpoint("auth.edit_credentials", edit_credentials, "Label a key", EditCredentialsRequest, "2.19"),
    Endpoint("auth.revoke_credentials", revoke_credentials, "Revoke a key", RevokeCredentialsRequest),
    Endpoint("auth.fixed_users_mode", fixed_users_mode, "Whether users sign in by password", access="open"),
)
