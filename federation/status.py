"""What a member can say about its federation at a glance: frozen, for people and for the node's pages."""

from collections.abc import Mapping
from dataclasses import dataclass

from federation.lifecycle import State


@dataclass(frozen=True, slots=True)
class ContributionStatus:
    """`received`: unix seconds at which this node took it (or released it, if it is its own)."""

    version: int
    rows: int
    received: float


@dataclass(frozen=True, slots=True)
class MemberStatus:
    node_id: str
    name: str
    role: str
    bus_key: str
    since: int
    contributions: Mapping[str, ContributionStatus]


@dataclass(frozen=True, slots=True)
class RequestStatus:
    """A join request that waits for `approve` or `refuse`."""

    request_id: str
    node_id: str
    name: str


@dataclass(frozen=True, slots=True)
class FederationStatus:
    """`epoch` is 0 and the roster empty until this node was admitted. `refusals`: how many messages were
    refused, by reason. `waiting`: how many slots wait for a charter."""

    federation: str
    name: str
    state: State
    node_id: str
    is_admin: bool
    epoch: int
    approval: str | None
    quorum: int | None
    min_rows_margin: int | None
    projects: tuple[str, ...]
    members: tuple[MemberStatus, ...]
    requests: tuple[RequestStatus, ...]
    refusals: Mapping[str, int]
    waiting: int
