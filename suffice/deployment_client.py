"""The part of :class:`suffice.client.Client` that is about deployments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from suffice.wire import Json, Wire, given, part


class DeploymentCalls(Wire):
    """Calls about deployments: models that score files for whoever holds a key."""

    def create_deployment(self, name: str, *, group_size: int = 1, price: int = 0) -> Json:
        """``price``: of each group of up to ``group_size`` records, in units of $0.001."""
        return self._post("/api/deployments", {"name": name, "group_size": group_size, "price": price})

    def deployments(self) -> list[Json]:
        return self._list("/api/deployments", "deployments")

    def deployment(self, name: str) -> Json:
        """Its terms and versions, the newest first."""
        return self._get(_path(name))

    def change_deployment(
        self, name: str, *, group_size: int | None = None, price: int | None = None
    ) -> Json:
        """Other terms for the jobs from now on."""
        return self._object("PATCH", _path(name), given(group_size=group_size, price=price))

    def delete_deployment(self, name: str) -> Json:
        return self._object("DELETE", _path(name))

    def deploy_model(
        self,
        name: str,
        project: str,
        model: str,
        *,
        version: str | None = None,
        schema: Mapping[str, Any] | None = None,
        impute: bool = False,
    ) -> Json:
        """The next version: a project's model as it is now. ``schema``: what of its schema is to be otherwise
        (``input_type``, ``input``, ``output_type``, ``output``)."""
        body = given(project=project, model=model, version=version, schema=schema, impute=impute or None)
        return self._post(f"{_path(name)}/versions", body)

    def deploy_file(
        self,
        name: str,
        file: Path,
        kind: str,
        *,
        version: str | None = None,
        schema: Mapping[str, Any] | None = None,
        **script: Any,
    ) -> Json:
        """The next version: an ``onnx`` file, or the archive of a ``script``, of which may be told ``entry``,
        ``command``, ``python``, ``seconds`` and ``memory``."""
        data = given(kind=kind, version=version, schema=schema, **script)
        return self._upload(f"{_path(name)}/files", data, file)

    def activate_version(self, name: str, version: str, active: bool = True) -> Json:
        return self._object("PATCH", f"{_path(name)}/versions/{part(version)}", {"active": active})

    def create_deployment_key(self, name: str, label: str = "") -> Json:
        """``key`` is told this once."""
        return self._post(f"{_path(name)}/keys", {"label": label})

    def deployment_keys(self, name: str) -> list[Json]:
        return self._list(f"{_path(name)}/keys", "keys")

    def revoke_deployment_key(self, name: str, key: str) -> Json:
        return self._object("DELETE", f"{_path(name)}/keys/{part(key)}")

    def usage(self, name: str | None = None, *, key: str | None = None, month: str | None = None) -> Json:
        """What was used, by month, deployment and key; of all deployments without a name (superusers)."""
        query = urlencode(given(key=key, month=month))
        path = "/api/usage" if name is None else f"{_path(name)}/usage"
        return self._get(f"{path}?{query}" if query else path)


def _path(name: str) -> str:
    return f"/api/deployments/{part(name)}"
