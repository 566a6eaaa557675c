"""`server`: what this node is, and how it is doing."""

from __future__ import annotations

from collections import Counter
from importlib.metadata import version
from typing import Any, Final

from api.clearml.endpoint import ClearmlCall, Endpoint, Request

API_VERSION: Final = "2.34"
SERVER_VERSION: Final = "2.3.0"
"""What clients are told: the version of ClearML's server whose API this is. Their features depend on it."""
SERVER_BUILD: Final = f"suffice-{version('suffice')}"


async def info(call: ClearmlCall[Request]) -> dict[str, Any]:
    return {
        "version": SERVER_VERSION,
        "build": SERVER_BUILD,
        "commit": "",
        "uid": call.node.node_id,
        "api_version": API_VERSION,
        "full_version": f"{SERVER_VERSION}-{SERVER_BUILD}",
    }


async def config(call: ClearmlCall[Request]) -> dict[str, Any]:
    """What the node was told at its start, without anything secret."""
    settings = call.node.config
    return {
        "apiserver": {"listen": {"host": settings.http_host, "port": settings.http_port}},
        "node": {"name": call.node.name, "role": call.node.role, "workers": settings.workers},
    }


async def get_stats(call: ClearmlCall[Request]) -> dict[str, Any]:
    tasks = Counter(task.status.value for task in await call.node.jobs.list())
    return {
        "uid": call.node.node_id,
        "version": SERVER_VERSION,
        "users": len(call.node.users.list()),
        "projects": len(await call.node.projects.list()),
        "tasks": dict(tasks),
    }


class ReportStatsRequest(Request):
    enabled: bool = False


async def report_stats_option(call: ClearmlCall[ReportStatsRequest]) -> dict[str, Any]:
    """A node reports to nobody, whatever it is told."""
    return {"supported": False, "enabled": False, "enabled_time": None, "enabled_version": None}


ENDPOINTS: Final = (
    Endpoint("server.info", info, "Version and build of the server"),
    Endpoint("server.config", config, "The server's configuration, without secrets", access="admin"),
    Endpoint("server.get_stats", get_stats, "Statistics of the server", access="admin"),
    Endpoint(
        "server.report_stats_option",
        report_stats_option,
        "Whether statistics are reported",
        ReportStatsRequest,
        "2.4",
    ),
)
