"""All endpoints of the ClearML dialect, and which of them a version of the API means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from api.clearml.endpoint import ClearmlCall, Endpoint, Request, Version, parse_version
from api.clearml.errors import ApiError
from api.clearml.services import (
    auth,
    debug,
    events,
    login,
    models,
    organization,
    pipelines,
    projects,
    queues,
    reports,
    server,
    serving,
    storage,
    task_edits,
    task_steps,
    tasks,
    users,
    workers,
)


async def endpoints(call: ClearmlCall[Request]) -> dict[str, Any]:
    services: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        service, _, action = endpoint.name.partition(".")
        services.setdefault(service, {}).setdefault(action, []).append(
            {"min_version": endpoint.since, "description": endpoint.summary, "access": endpoint.access}
        )
    return {"endpoints": services}


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *auth.ENDPOINTS,
    *debug.ENDPOINTS,
    *events.ENDPOINTS,
    *login.ENDPOINTS,
    *models.ENDPOINTS,
    *organization.ENDPOINTS,
    *pipelines.ENDPOINTS,
    *projects.ENDPOINTS,
    *queues.ENDPOINTS,
    *reports.ENDPOINTS,
    *server.ENDPOINTS,
    Endpoint("server.endpoints", endpoints, "The endpoints that there are", access="admin"),
    *serving.ENDPOINTS,
    *storage.ENDPOINTS,
    *task_edits.ENDPOINTS,
    *task_steps.ENDPOINTS,
    *tasks.ENDPOINTS,
    *users.ENDPOINTS,
    *workers.ENDPOINTS,
)


def _by_name(endpoints: tuple[Endpoint, ...]) -> Mapping[str, list[Endpoint]]:
    """The implementations of each name, the newest first."""
    table: dict[str, list[Endpoint]] = {}
    for endpoint in sorted(endpoints, key=lambda endpoint: endpoint.version, reverse=True):
        table.setdefault(endpoint.name, []).append(endpoint)
    return table


_TABLE: Final = _by_name(ENDPOINTS)

NEWEST: Final[Version] = parse_version(server.API_VERSION)
"""What is meant by a path without a version."""


def find(name: str, asked: Version) -> Endpoint:
    """The newest implementation that is not newer than what was asked for. Raises `ApiError` 404/0."""
    for endpoint in _TABLE.get(name, ()):
        if endpoint.version <= asked:
            return endpoint
    error = ApiError(404, 0)
    # In the words that the agent knows.
    error.message = f"Unable to find endpoint for name {name} and version {asked[0]}.{asked[1]}"
    raise error
