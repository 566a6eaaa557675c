"""Documents of the tracking store in ClearML's words, and its queries in the store's.

The store says of a user his login and has times in seconds; clients know ids and ISO texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import sqlalchemy as sa

from api.clearml.endpoint import ClearmlCall
from api.clearml.times import iso
from api.clearml.wire import encoded
from node.store.schema import COMPANY
from node.tracking.collection import MODELS, PROJECTS, QUEUES, TASKS, Collection
from node.tracking.documents import WHOLE, Document, Page, find
from node.tracking.projection import Projection
from node.tracking.query import Query, read_query
from node.tracking.references import apart, find_joined
from node.users import COMPANY_NAME, Users

_EMPTY: Final[Mapping[str, Mapping[str, dict[str, Any] | list[Any]]]] = {
    TASKS.name: {
        "tags": [],
        "system_tags": [],
        "execution": {},
        "execution.artifacts": [],
        "script": {},
        "output": {"destination": ""},
        "models": {},
        "models.input": [],
        "models.output": [],
        "hyperparams": {},
        "configuration": {},
        "container": {},
        "runtime": {},
        "last_metrics": {},
    },
    MODELS.name: {"tags": [], "system_tags": [], "labels": {}, "metadata": {}},
    PROJECTS.name: {"tags": [], "system_tags": []},
    QUEUES.name: {"tags": [], "system_tags": [], "metadata": {}},
}
"""Fields into which clients reach without looking whether they are there, the outer before the inner."""

_LONGEST_ASKED: Final = 4096
_LONGEST_RECALLED: Final = 32 * 2**10
"""Bytes of a request and of its answer that are remembered."""

_OWNED: Final = ("user", "active_users", "last_changed_by")


def query_of(call: ClearmlCall[Any], collection: Collection) -> Query:
    """The query of a list call. Raises what `read_query` does."""
    return read_query(collection, inward(call.node.users, call.data))


async def listed(call: ClearmlCall[Any], query: Query) -> dict[str, Any]:
    """`get_all`: the documents that a query finds, what they refer to by bare ids."""
    return await call.node.store.read(lambda c: _listed(c, call.node.users, query))


async def listed_joined(call: ClearmlCall[Any], query: Query) -> dict[str, Any]:
    """`get_all_ex`: the documents that a query finds, what they refer to as objects."""
    return await call.node.store.read(lambda c: _listed_joined(c, call.node.users, query))


async def recalled(call: ClearmlCall[Any], collection: Collection, *, joined: bool = False) -> bytes:
    """As `listed` or `listed_joined`, in JSON, of a list that pages ask for again and again: an answer that
    is not very long is remembered until something is committed."""

    def read(connection: sa.Connection) -> bytes:
        answer = _listed_joined if joined else _listed
        return encoded(answer(connection, call.node.users, query_of(call, collection)))

    asked = encoded(call.data)
    if len(asked) > _LONGEST_ASKED:
        return await call.node.store.read(read)
    key = (collection.name, joined, asked)
    return await call.node.store.recall(key, read, lambda answer: len(answer) <= _LONGEST_RECALLED)


def _listed(connection: sa.Connection, users: Users, query: Query) -> dict[str, Any]:
    page = find(connection, query)
    return page_of(query, page, shown_all(users, query, page.documents))


def _listed_joined(connection: sa.Connection, users: Users, query: Query) -> dict[str, Any]:
    page = find_joined(connection, query)
    owners = apart(query.collection, query.projection).owners
    found = shown_all(users, query, page.documents)
    return page_of(query, page, [with_owners(users, document, owners) for document in found])


def page_of(query: Query, page: Page, found: list[Document]) -> dict[str, Any]:
    """The answer of a list call."""
    answer: dict[str, Any] = {query.collection.name: found}
    return answer | ({"scroll_id": page.scroll_id} if page.scroll_id is not None else {})


def shown(users: Users, collection: Collection, document: Document) -> Document:
    """A document that was asked for, as clients see it. The given one is changed."""
    return _shown(users, collection, [document], WHOLE)[0]


def shown_all(users: Users, query: Query, found: Iterable[Document]) -> list[Document]:
    """The documents that a query found, as clients see them. The given ones are changed."""
    return _shown(users, query.collection, found, query.projection)


def _shown(
    users: Users, collection: Collection, found: Iterable[Document], projection: Projection
) -> list[Document]:
    empties = _EMPTY.get(collection.name, {})
    wanted = [
        (*path.rpartition("."), empty) for path, empty in empties.items() if _is_shown(path, projection)
    ]
    shown = []
    for document in found:
        for head, _, name, empty in wanted:
            (document[head] if head else document).setdefault(name, empty.copy())
        shown.append(outward(users, collection, document))
    return shown


def _is_shown(path: str, projection: Projection) -> bool:
    """Whether a field is wanted: itself, one around it, or one in it."""
    if any(f"{path}.".startswith(f"{gone}.") for gone in projection.exclude):
        return False
    wanted = [f"{name}." for name in projection.include]
    return not wanted or any(f"{path}.".startswith(name) or name.startswith(f"{path}.") for name in wanted)


def outward(users: Users, collection: Collection, document: Document) -> Document:
    """Fields of a document as clients see them. What is given is changed."""
    for path in collection.times:
        if document.get(path) is not None:
            document[path] = iso(document[path])
    for name in _OWNED:
        user = users.find(document[name]) if isinstance(document.get(name), str) else None
        if user is not None:
            document[name] = user.id
    return document


def with_owners(users: Users, document: Document, wanted: Mapping[str, Iterable[str]]) -> Document:
    """The document, changed: objects in the place of the ids of user and company, with the wanted fields."""
    if isinstance(document.get("user"), str):
        user = users.get(document["user"])
        fields = {name: getattr(user, name, None) for name in wanted.get("user", ()) if name in _SHOWN}
        document["user"] = {"id": document["user"]} | (fields if user else {})
    if isinstance(document.get("company"), str):
        own = document["company"] == COMPANY
        named = {"name": COMPANY_NAME if own else ""} if "name" in wanted.get("company", ()) else {}
        document["company"] = {"id": document["company"]} | named
    return document


_SHOWN: Final = frozenset({"name", "given_name", "family_name", "avatar"})


def inward(users: Users, request: Mapping[str, Any]) -> dict[str, Any]:
    """A list call's request with logins in the place of the users' ids."""
    request = dict(request)
    for name in _OWNED:
        if name in request:
            request[name] = _logins(users, request[name])
    filters = request.get("filters")
    if isinstance(filters, dict) and "user" in filters:
        request["filters"] = filters | {"user": _logins(users, filters["user"])}
    return request


def _logins(users: Users, value: Any) -> Any:
    """Every id in a condition, however deep, as the login; what is no id stays."""
    if isinstance(value, list):
        return [_logins(users, item) for item in value]
    if isinstance(value, dict):
        return {name: _logins(users, item) for name, item in value.items()}
    if not isinstance(value, str):
        return value
    user = users.get(value.removeprefix("-"))
    return value if user is None else value[: value.startswith("-")] + user.login
