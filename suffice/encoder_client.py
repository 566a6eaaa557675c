"""The part of :class:`suffice.client.Client` that is about encoders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from suffice.wire import Json, Wire, part


class EncoderCalls(Wire):
    """Calls about encoders."""

    def create_encoder(
        self,
        name: str,
        *,
        kind: str = "target",
        keys: Sequence[str] = (),
        target: str | None = None,
        binary: bool = False,
        parameters: Mapping[str, Any] | None = None,
        project: str | None = None,
    ) -> Json:
        """Make an encoder that learns, or has the statistics of ``project``."""
        body = {"name": name, "kind": kind, "keys": list(keys), "binary": binary}
        body |= {"target": target, "project": project, "parameters": dict(parameters or {})}
        return self._object("POST", "/api/encoders", body)

    def encoders(self) -> list[Json]:
        return self._list("/api/encoders", "encoders")

    def encoder(self, name: str) -> Json:
        return self._get(_path(name))

    def delete_encoder(self, name: str) -> Json:
        return self._object("DELETE", _path(name))

    def change_encoder(self, name: str, rows: Mapping[str, str], *, forget: bool = False) -> Json:
        """Start learning (or forgetting) ``{"path": ...}`` on the node's machine, or ``{"source": ...}``; the
        job."""
        verb = "forget" if forget else "learn"
        return self._object("POST", f"{_path(name)}/{verb}", dict(rows))

    def encoder_values(self, name: str, key: str) -> list[Json]:
        """The values of a column, with count and sum of the target."""
        return self._list(f"{_path(name)}/values/{part(key)}", "values")

    def assign_encoder(self, project: str, encoder: str) -> Json:
        """Let the rows of a project without rows pass through an encoder, as it is now."""
        path = f"/api/projects/{part(project)}/encoder"
        return self._object("PUT", path, {"encoder": encoder})


def _path(name: str) -> str:
    return f"/api/encoders/{part(name)}"
