"""`organization`: what spans all projects: tags, counts, usage, and lists as files."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, Literal

import sqlalchemy as sa
from aiohttp import hdrs, web
from pydantic import Field

from api.clearml.csv_file import Column, cells, key_of, line
from api.clearml.documents import inward, outward, with_owners
from api.clearml.endpoint import ClearmlCall, Endpoint, Request
from api.clearml.errors import ApiError
from api.clearml.wire import finish
from node.store.schema import COMPANY
from node.tracking import documents, project_statistics, vocabulary
from node.tracking.collection import MODELS, PROJECTS, TASKS, Collection
from node.tracking.documents import Document
from node.tracking.exporting import pages
from node.tracking.fields import Condition
from node.tracking.query import Query, read_query
from node.tracking.references import apart
from node.tracking.reports import REPORT
from node.tracking.usage import Usage, usages
from node.tracking.vocabulary import Scope
from node.users import COMPANY_NAME, Role

_LONGEST: Final = 2**16
"""Bytes of a request that is kept for a download at most."""


def _special(collection: Collection, tag: str) -> Condition:
    return project_statistics.labelled(collection, tag)


_KINDS: Final[Mapping[str, tuple[Collection, Condition | None]]] = {
    "projects": (PROJECTS, None),
    "tasks": (TASKS, None),
    "models": (MODELS, None),
    "datasets": (PROJECTS, _special(PROJECTS, "dataset")),
    "dataset_versions": (TASKS, _special(TASKS, "dataset")),
    "pipelines": (PROJECTS, _special(PROJECTS, "pipeline")),
    "pipeline_runs": (TASKS, _special(TASKS, "pipeline")),
    "reports": (TASKS, TASKS.table.c.type == REPORT),
}
"""What is counted and listed: where it is, and which of what is there. All but the first are hidden else."""


def _query(call: ClearmlCall[Any], kind: str, data: Mapping[str, Any]) -> Query:
    collection, only = _KINDS[kind]
    asked = inward(call.node.users, data)
    if only is not None:
        asked["search_hidden"] = True
    query = read_query(collection, asked)
    if collection is PROJECTS and asked.get("active_users"):
        query = query.also(project_statistics.with_tasks_of(asked["active_users"]))
    return query if only is None else query.also(only)


class TagsRequest(Request):
    include_system: bool = False
    filter: dict[str, list[str]] = Field(default_factory=dict)


async def get_tags(call: ClearmlCall[TagsRequest]) -> dict[str, Any]:
    body = call.body
    having = {name: values for name, values in body.filter.items() if name in ("tags", "system_tags")}
    fields = ("tags", "system_tags") if body.include_system else ("tags",)

    def read(connection: sa.Connection) -> dict[str, Any]:
        return {
            name: sorted(
                {
                    tag
                    for collection in (TASKS, MODELS)
                    for tag in vocabulary.tags(connection, collection, Scope(), name, having)
                }
            )
            for name in fields
        }

    return await call.node.store.read(read)


async def get_user_companies(call: ClearmlCall[Request]) -> dict[str, Any]:
    users = call.node.users.list()
    owners = [{"id": user.id, "name": user.name} for user in users if user.role is Role.ADMIN]
    company = {"id": COMPANY, "name": COMPANY_NAME, "allocated": len(users), "owners": owners}
    return {"companies": [company]}


class CountsRequest(Request):
    """Each part is a list call's request."""

    projects: dict[str, Any] | None = None
    tasks: dict[str, Any] | None = None
    models: dict[str, Any] | None = None
    datasets: dict[str, Any] | None = None
    dataset_versions: dict[str, Any] | None = None
    pipelines: dict[str, Any] | None = None
    pipeline_runs: dict[str, Any] | None = None
    reports: dict[str, Any] | None = None
    active_users: list[str] = Field(default_factory=list)
    search_hidden: bool = False
    allow_public: bool = True


async def get_entities_count(call: ClearmlCall[CountsRequest]) -> dict[str, Any]:
    body = call.body
    shared = {"search_hidden": body.search_hidden, "allow_public": body.allow_public}
    queries = {}
    for kind in _KINDS:
        asked: dict[str, Any] | None = getattr(body, kind)
        if asked is None:
            continue
        data = shared | asked
        if body.active_users:
            name = "active_users" if _KINDS[kind][0] is PROJECTS else "user"
            data = {name: body.active_users} | data
        queries[kind] = _query(call, kind, data)

    def read(connection: sa.Connection) -> dict[str, Any]:
        return {kind: documents.count(connection, query) for kind, query in queries.items()}

    return await call.node.store.read(read)


# --- lists as files ---------------------------------------------------------------------------------------


class ValueMapping(Request):
    key: Any
    value: Any


class FieldMapping(Request):
    field: str = Field(min_length=1)
    name: str | None = None
    values: list[ValueMapping] = Field(default_factory=list)


class PrepareRequest(Request):
    entity_type: Literal[
        "project",
        "task",
        "model",
        "dataset",
        "dataset_version",
        "pipeline",
        "pipeline_run",
        "report",
    ]
    only_fields: list[str] = Field(min_length=1)
    field_mappings: list[FieldMapping] = Field(min_length=1, max_length=500)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A download that was asked for: by whom, the list call's request, and the columns."""

    login: str
    kind: str
    data: dict[str, Any]
    columns: tuple[Column, ...]


async def prepare_download(call: ClearmlCall[PrepareRequest]) -> dict[str, Any]:
    """The id of a download of all that a list call would find on all of its pages."""
    body = call.body
    if (call.request.content_length or 0) > _LONGEST:
        raise ApiError(400, 12, f"a download is described in {_LONGEST} bytes at most")
    unknown = [item.field for item in body.field_mappings if item.field not in body.only_fields]
    if unknown:
        raise ApiError(400, 12, "only_fields has not all fields of field_mappings", fields=unknown[0][:100])
    columns = tuple(
        Column(item.field, item.name or item.field, {key_of(pair.key): pair.value for pair in item.values})
        for item in body.field_mappings
    )
    kind = f"{body.entity_type}s"
    _query(call, kind, call.data)
    prepared = Prepared(call.user.login, kind, call.data, columns)
    return {"prepare_id": call.node.events.scrolls.keep(prepared)}


class DownloadRequest(Request):
    prepare_id: str


async def download(call: ClearmlCall[DownloadRequest]) -> web.StreamResponse:
    """The list as CSV, written as it is read."""
    prepared = call.node.events.scrolls.find(call.body.prepare_id, Prepared)
    if prepared.login != call.user.login:
        raise ApiError(400, 1104, "it is somebody else's")
    query = _query(call, prepared.kind, prepared.data)
    users, collection = call.node.users, query.collection
    owners = apart(collection, query.projection).owners
    async with aclosing(pages(call.node.store, query)) as found:
        # What cannot be read is refused before the file begins.
        page: list[Document] = await anext(found, [])
        response = web.StreamResponse()
        response.content_type, response.charset = "text/csv", "utf-8"
        response.headers[hdrs.CONTENT_DISPOSITION] = f'attachment; filename="{prepared.kind}.csv"'
        finish(response)
        await response.prepare(call.request)
        await response.write(line(column.title for column in prepared.columns).encode())
        while page:
            shown = [with_owners(users, outward(users, collection, document), owners) for document in page]
            text = "".join(line(cells(collection, prepared.columns, document)) for document in shown)
            await response.write(text.encode())
            page = await anext(found, [])
    await response.write_eof()
    return response


# --- usage ------------------------------------------------------------------------------------------------


class UsagesRequest(Request):
    projects: list[str] = Field(min_length=1, max_length=100)
    from_date: float = Field(ge=0, le=1e11)
    to_date: float = Field(ge=0, le=1e11)
    include_development: bool = True


async def get_project_usages(call: ClearmlCall[UsagesRequest]) -> dict[str, Any]:
    """How long tasks ran in projects and below them, by hours or days, dates in seconds."""
    body = call.body
    if body.from_date >= body.to_date:
        raise ApiError(400, 12, "from_date is not before to_date")
    wanted = list(dict.fromkeys(body.projects))

    def read(connection: sa.Connection) -> dict[str, Any]:
        names = {key: documents.get(connection, PROJECTS, key)["name"] for key in wanted}
        found = usages(connection, wanted, body.from_date, body.to_date, development=body.include_development)
        each = [(key, names[key], usage) for key, usage in found.projects.items()]
        return {
            "total": [_total(key, name, usage) for key, name, usage in each],
            "series": [_series(key, name, usage, found.starts) for key, name, usage in each],
        }

    return {"usages": await call.node.store.read(read)}


def _total(key: str, name: str, usage: Usage) -> dict[str, Any]:
    return {
        "id": key,
        "name": name,
        "duration": round(sum(usage.duration)),
        "cpu_usage": sum(usage.cpus),
        "gpu_usage": sum(usage.gpus),
        "cpu_artificial_weights": usage.assumed_cpus,
        "gpu_artificial_weights": usage.assumed_gpus,
    }


def _series(key: str, name: str, usage: Usage, starts: list[float]) -> dict[str, Any]:
    return {
        "id": key,
        "name": name,
        "dates": starts,
        "duration": usage.duration,
        "cpu_usage": usage.cpus,
        "gpu_usage": usage.gpus,
        # The names are the API's own.
        "cpu_usage_artifical_weights": usage.assumed_cpus,
        "gpu_usage_artifical_weights": usage.assumed_gpus,
    }


ENDPOINTS: Final = (
    Endpoint("organization.get_tags", get_tags, "Tags of tasks and models", TagsRequest, "2.8"),
    Endpoint("organization.get_user_companies", get_user_companies, "The one company", since="2.12"),
    Endpoint(
        "organization.get_entities_count", get_entities_count, "How many queries find", CountsRequest, "2.20"
    ),
    Endpoint(
        "organization.prepare_download_for_get_all",
        prepare_download,
        "Ask for a list as a file",
        PrepareRequest,
        "2.26",
    ),
    Endpoint("organization.download_for_get_all", download, "A list as CSV", DownloadRequest, "2.26"),
    Endpoint(
        "organization.get_project_usages",
        get_project_usages,
        "How long tasks of projects ran",
        UsagesRequest,
        "2.34",
    ),
)
