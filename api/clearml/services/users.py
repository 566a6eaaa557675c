"""`users`: who there is, what he is called, and what his clients remember for him."""

from __future__ import annotations

from typing import Any, Final

import regex
from pydantic import Field

from api.clearml.endpoint import ClearmlCall, Endpoint, Request
from api.clearml.errors import ApiError
from api.clearml.services.auth import check_company
from api.clearml.services.server import SERVER_VERSION
from api.clearml.times import iso
from node.store.schema import COMPANY
from node.tracking import project_statistics
from node.users import COMPANY_NAME, PROFILE, Role, User

_LARGEST_PAGE: Final = 500
_PATTERN_SECONDS: Final = 0.02
"""A regular expression that takes longer with one name would stop the node."""


class UserRequest(Request):
    user: str


async def get_by_id(call: ClearmlCall[UserRequest]) -> dict[str, Any]:
    return {"user": _document(call, call.node.users.need(call.body.user))}


async def get_current_user(call: ClearmlCall[Request]) -> dict[str, Any]:
    user = call.user
    role = call.caller.role if call.caller is not None else user.role
    return {
        "user": _public(user)
        | {
            "role": role.value,
            "email": user.email or None,
            "company": {"id": COMPANY, "name": COMPANY_NAME},
            "preferences": await call.node.users.preferences(user.id),
        },
        "getting_started": None,
        "settings": {"server_version": SERVER_VERSION},
    }


class AllRequest(Request):
    id: str | list[str] | None = None
    name: str | None = None
    only_fields: str | list[str] | None = None
    order_by: str | list[str] = Field(default_factory=list)
    page: int | None = Field(None, ge=0)
    page_size: int | None = Field(None, ge=1)


class AllExRequest(AllRequest):
    active_in_projects: list[str] | None = None


async def get_all(call: ClearmlCall[AllRequest]) -> dict[str, Any]:
    """Users by id, or by a regular expression found in the name."""
    return {"users": _chosen(call.body, [_document(call, user) for user in call.node.users.list()])}


async def get_all_ex(call: ClearmlCall[AllExRequest]) -> dict[str, Any]:
    """Of those, if projects are named, who made something in them; an empty list names all projects."""
    users, projects = call.node.users.list(), call.body.active_in_projects
    if projects is not None:
        logins = await call.node.store.read(lambda c: project_statistics.owners(c, projects, children=True))
        users = [user for user in users if user.login in logins]
    return {"users": _chosen(call.body, [_document(call, user) for user in users])}


def _chosen(body: AllRequest, documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the users that a request is for, in its order, with the fields that it wants."""
    if body.id is not None:
        wanted = set(_listed(body.id))
        documents = [document for document in documents if document["id"] in wanted]
    if body.name is not None:
        documents = _matching(documents, body.name)
    for name in reversed(_listed(body.order_by)):
        field = name.removeprefix("-")
        documents.sort(key=lambda document: str(document.get(field) or ""), reverse=name.startswith("-"))
        documents.sort(key=lambda document: not document.get(field))  # those without come last, both ways
    if body.page is not None or body.page_size is not None:
        size, page = min(body.page_size or _LARGEST_PAGE, _LARGEST_PAGE), body.page or 0
        documents = documents[page * size : (page + 1) * size]
    if body.only_fields is not None:
        kept = {"id", *_listed(body.only_fields)}
        documents = [{name: document[name] for name in document if name in kept} for document in documents]
    return documents


class CreateRequest(Request):
    id: str = Field(pattern="^[0-9a-zA-Z_-]{1,32}$")
    name: str
    company: str
    role: str = Role.USER.value
    email: str = ""
    given_name: str = ""
    family_name: str = ""
    avatar: str = ""


async def create(call: ClearmlCall[CreateRequest]) -> dict[str, Any]:
    """A user with a given id; `auth.create_user` makes one up."""
    body = call.body
    check_company(body.company)
    profile = body.model_dump(include={"email", "given_name", "family_name", "avatar"})
    user = await call.node.users.create(body.name, body.role, user_id=body.id, **profile)
    return {"id": user.id}


async def delete(call: ClearmlCall[UserRequest]) -> dict[str, Any]:
    """The user and his keys; what he made stays."""
    await call.node.keys.delete_user(call.body.user)
    return {}


class UpdateRequest(Request):
    user: str
    name: str | None = None
    email: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    avatar: str | None = None


async def update(call: ClearmlCall[UpdateRequest]) -> dict[str, Any]:
    """Oneself, or for admins anybody."""
    body = call.body
    if body.user != call.user.id and (call.caller is None or call.caller.role is not Role.ADMIN):
        raise ApiError(403, 21, "only admins change other users", user=body.user)
    fields = body.model_dump(include=set(PROFILE), exclude_none=True)
    call.node.users.need(body.user)
    if fields:
        await call.node.users.update(body.user, fields)
    return {"updated": 1 if fields else 0, "fields": fields}


async def get_preferences(call: ClearmlCall[Request]) -> dict[str, Any]:
    return {"preferences": await call.node.users.preferences(call.user.id)}


class SetPreferencesRequest(Request):
    preferences: dict[str, Any]


async def set_preferences(call: ClearmlCall[SetPreferencesRequest]) -> dict[str, Any]:
    changes = call.body.preferences
    await call.node.users.set_preferences(call.user.id, changes)
    return {"updated": 1, "fields": {"preferences": changes}}


def _public(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "name": user.name,
        "given_name": user.given_name or None,
        "family_name": user.family_name or None,
        "avatar": user.avatar or None,
        "company": COMPANY,
        "created": iso(user.created),
    }


def _document(call: ClearmlCall[Any], user: User) -> dict[str, Any]:
    """A user as others see him; roles and addresses are for admins."""
    document = _public(user)
    if call.caller is not None and call.caller.role is Role.ADMIN:
        document |= {"role": user.role.value, "email": user.email or None}
    return document


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _matching(documents: list[dict[str, Any]], pattern: str) -> list[dict[str, Any]]:
    try:
        compiled = regex.compile(pattern)
        return [item for item in documents if compiled.search(item["name"], timeout=_PATTERN_SECONDS)]
    except regex.error as error:
        raise ApiError(400, 21, str(error)) from None
    except TimeoutError:
        raise ApiError(400, 21, "it takes too long") from None


ENDPOINTS: Final = (
    Endpoint("users.get_by_id", get_by_id, "A user", UserRequest),
    Endpoint("users.get_current_user", get_current_user, "The caller"),
    Endpoint("users.get_all", get_all, "All users", AllRequest),
    Endpoint("users.get_all_ex", get_all_ex, "Who there is in projects", AllExRequest),
    Endpoint("users.create", create, "Create a user with a given id", CreateRequest, access="admin"),
    Endpoint("users.delete", delete, "Delete a user and revoke his keys", UserRequest, access="admin"),
    Endpoint("users.update", update, "Change a user's name and the like", UpdateRequest),
    Endpoint("users.get_preferences", get_preferences, "What the caller's clients remember"),
    Endpoint("users.set_preferences", set_preferences, "Remember more", SetPreferencesRequest),
)
