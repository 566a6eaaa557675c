"""What the node counts for Prometheus: requests as they pass, and the node's state when it is asked.

No name of a project, federation, member or user becomes a label: /metrics needs no key.
"""

from __future__ import annotations

from collections import Counter as Count
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from node.node import Node
from node.tasks import TaskStatus

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The counters of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "suffice_http_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "suffice_http_request_seconds",
            "Time until a request was answered.",
            ["method", "route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._received = Counter(
            "suffice_http_received_bytes", "Bytes of bodies received.", registry=self.registry
        )
        self._sent = Counter("suffice_http_sent_bytes", "Bytes of bodies sent.", registry=self.registry)
        self._refusals = Counter(
            "suffice_http_refusals",
            "Requests refused, by reason.",
            ["dialect", "code"],
            registry=self.registry,
        )
        self._jobs = Gauge("suffice_jobs", "Jobs by state.", ["status"], registry=self.registry)
        self._projects = Gauge("suffice_projects", "Projects.", registry=self.registry)
        self._files = Gauge("suffice_files", "Files of the file host.", registry=self.registry)
        self._file_bytes = Gauge(
            "suffice_file_bytes", "Bytes that their contents take.", registry=self.registry
        )
        self._federations = Gauge("suffice_federations", "Federations.", registry=self.registry)
        self._members = Gauge(
            "suffice_federation_members", "Members of all federations.", registry=self.registry
        )
        self._bus = Gauge(
            "suffice_federation_bytes", "Bytes moved for federations.", ["direction"], registry=self.registry
        )
        self._contributions = Gauge(
            "suffice_federation_contributions", "Contributions moved.", ["direction"], registry=self.registry
        )
        self._refused = Gauge(
            "suffice_federation_refused_messages",
            "Messages of peers that were refused.",
            registry=self.registry,
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(
        self, method: str, route: str, status: int, seconds: float, received: int, sent: int
    ) -> None:
        """Count one answered request; `route` is the template, so that names do not become labels."""
        key = (method, route, status)
        children = self._children.get(key)
        if children is None:
            children = self._requests.labels(method, route, status), self._seconds.labels(method, route)
            self._children[key] = children
        children[0].inc()
        children[1].observe(seconds)
        if received:
            self._received.inc(received)
        self._sent.inc(sent)

    def refused(self, dialect: str, code: str) -> None:
        self._refusals.labels(dialect, code).inc()

    async def page(self, node: Node) -> bytes:
        """The exposition text, with the node's state as it is now."""
        counts = Count(task.status for task in await node.jobs.list())
        for status in TaskStatus:
            self._jobs.labels(status.value).set(counts[status])
        self._projects.set(len(await node.projects.list()))
        self._files.set(await node.files.count())
        self._file_bytes.set(node.files.used)
        federations = await node.federations.list()
        self._federations.set(len(federations))
        self._members.set(sum(len(federation.members) for federation in federations))
        stats = [await node.federations.sync_stats(federation.name) for federation in federations]
        self._bus.labels("sent").set(sum(item.bytes_sent for item in stats))
        self._bus.labels("received").set(sum(item.bytes_received for item in stats))
        self._contributions.labels("sent").set(sum(item.contributions_sent for item in stats))
        self._contributions.labels("received").set(sum(item.contributions_received for item in stats))
        self._refused.set(sum(item.refused for item in stats))
        return generate_latest(self.registry)
