"""The part of :class:`suffice.client.Client` that is about federations."""

from __future__ import annotations

import time

from suffice.wire import Json, Wire, given, part


class FederationCalls(Wire):
    """Calls about federations."""

    def create_federation(self, name: str, *, approval: str = "automatic", quorum: int | None = None) -> Json:
        return self._post("/api/federations", {"name": name, "approval": approval, "quorum": quorum})

    def federations(self) -> list[Json]:
        return self._list("/api/federations", "federations")

    def federation(self, name: str) -> Json:
        return self._get(f"/api/federations/{part(name)}")

    def invite(self, name: str, *, password: str | None = None, lifetime: int | None = None) -> Json:
        """A one-time ``invitation`` to paste, its ``id`` and when it ``expires``; lifetime in seconds."""
        return self._post(
            f"/api/federations/{part(name)}/invitations", given(password=password, lifetime=lifetime)
        )

    def join(self, invitation: str, *, password: str | None = None, wait: float | None = None) -> Json:
        """The federation, ``joining`` or ``active``: the node waits up to ``wait`` seconds to be admitted."""
        body = given(invitation=invitation, password=password, wait=wait)
        return self._post("/api/federations/join", body)

    def wait_until_admitted(self, name: str, *, timeout: float) -> Json:
        """The federation, once this node's request to join is decided, or after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while (found := self.federation(name))["state"] == "joining" and time.monotonic() < deadline:
            time.sleep(0.1)
        return found

    def requests(self, name: str) -> list[Json]:
        return self._list(f"/api/federations/{part(name)}/requests", "requests")

    def approve(self, name: str, request: str) -> Json:
        return self._post(f"/api/federations/{part(name)}/requests/{part(request)}/approve")

    def refuse(self, name: str, request: str) -> Json:
        return self._post(f"/api/federations/{part(name)}/requests/{part(request)}/refuse")

    def expel(self, name: str, node_id: str) -> Json:
        return self._object("DELETE", f"/api/federations/{part(name)}/members/{part(node_id)}")

    def leave(self, name: str) -> Json:
        return self._post(f"/api/federations/{part(name)}/leave")

    def sync(self, name: str) -> Json:
        return self._post(f"/api/federations/{part(name)}/sync")
