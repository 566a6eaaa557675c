"""Deploying an ONNX file or a script: what was uploaded becomes a version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from node.deployments.deployment import Version
from node.deployments.describing import describe
from node.deployments.service import Deployments, file_path
from node.deployments.snapshots import Snapshot, schema_of
from node.file_store import OwnPath, Upload


def uploaded_path() -> OwnPath:
    """Where the file of a new version is to be uploaded."""
    return file_path(f"{uuid4().hex}/model")


async def add_file(
    deployments: Deployments,
    name: str,
    kind: str,
    upload: Upload,
    path: OwnPath,
    *,
    file_name: str,
    owner: str,
    version: str | None,
    schema: Mapping[str, Any],
    told: Mapping[str, Any],
) -> Version:
    """The next version, of the file at a path of the upload. schema: what of it is not to be as the model
    tells; told: entry, command, python, seconds and memory of a script.

    Raises NotFound, BadRequest, AlreadyExists, Unavailable.
    """
    await deployments.get(name)
    local = await upload.received(path)
    derived = await describe({"kind": kind, "path": str(local), **told})
    origin = {"file": file_name, "size": local.stat().st_size}
    snapshot = Snapshot(kind, origin, schema_of(derived, schema), dict(told))
    return await deployments.add_uploaded(name, snapshot, owner, upload, path, version=version)
