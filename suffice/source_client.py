"""The part of :class:`suffice.client.Client` that is about data sources."""

from __future__ import annotations

from collections.abc import Mapping

from suffice.wire import Json, Wire, part


class SourceCalls(Wire):
    """Calls about data sources: tables that are elsewhere, by name."""

    def create_source(self, name: str, type_: str, info: Mapping[str, str]) -> Json:
        """Name a table: ``localfile``, ``http``, ``s3``, ``sql`` or ``jdbc``, and what that needs."""
        return self._object("POST", "/api/sources", {"name": name, "type": type_, "info": dict(info)})

    def sources(self) -> list[Json]:
        return self._list("/api/sources", "sources")

    def source(self, name: str) -> Json:
        """Type and info of a source; what is secret in it is ``***``."""
        return self._get(_path(name))

    def replace_source(self, name: str, type_: str, info: Mapping[str, str]) -> Json:
        """Let a name mean another table; a secret given as ``***`` stays what it is."""
        return self._object("PUT", _path(name), {"type": type_, "info": dict(info)})

    def delete_source(self, name: str) -> Json:
        return self._object("DELETE", _path(name))

    def source_sample(self, name: str) -> Json:
        """The first rows as text: ``names``, ``types`` and ``rows``."""
        return self._get(f"{_path(name)}/sample")


def _path(name: str) -> str:
    return f"/api/sources/{part(name)}"
