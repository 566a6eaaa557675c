"""What the commands about one project share: where there is no such project, who offers it is named."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from suffice.client import Client, NodeRefused, SufficeError
from suffice.terminal import connected

NOT_FOUND = 404


@contextlib.contextmanager
def about(project: str, node: str | None, home: Path | None, as_json: bool) -> Iterator[Client]:
    """As :func:`connected`, for a command about this project."""
    with connected(node, home, as_json) as client:
        try:
            yield client
        except NodeRefused as error:
            federation = _offering(client, project) if error.status == NOT_FOUND else None
            if federation is None:
                raise
            remedy = (
                f"federation {federation!r} offers it; take part with: "
                f"suffice project create {project} --federation {federation}"
            )
            raise NodeRefused(error.status, error.code, error.message, remedy) from error


def _offering(client: Client, project: str) -> str | None:
    """The federation that has this project while the node has none of the name; None if there is none."""
    try:
        if project in {item["name"] for item in client.projects()}:
            return None
        for federation in client.federations():
            if any(item["name"] == project for item in federation.get("projects", [])):
                return str(federation["name"])
    except SufficeError:
        pass  # the first error is the one to tell of
    return None
