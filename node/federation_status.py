"""How a federation stands, in words that the dialects pass on."""

from __future__ import annotations

from collections.abc import Sequence

from federation.fusion import Fused
from federation.lifecycle import State
from federation.status import FederationStatus
from node.answers import FederationInfo, JoinRequestInfo, MemberInfo, Share, SharedProject
from node.federation_driver import FederationDriver

STATES = {
    State.JOINING: "joining",
    State.MEMBER: "active",
    State.LEAVING: "leaving",
    State.REJECTED: "refused",
    State.LEFT: "left",
}


def federation_info(
    driver: FederationDriver, status: FederationStatus, shared: Sequence[SharedProject]
) -> FederationInfo:
    """What the protocol says of itself, beside what only its driver knows."""
    return FederationInfo(
        name=driver.row.name,
        federation_id=status.federation,
        state=STATES[status.state],
        is_admin=status.is_admin,
        admin=next((m.name for m in status.members if m.role == "admin"), ""),
        epoch=status.epoch,
        approval=status.approval or "",
        quorum=status.quorum,
        pulse=driver.row.pulse,
        connected=driver.connected,
        problem=driver.refusal or driver.problem,
        members=tuple(
            MemberInfo(
                m.node_id,
                m.name,
                m.role,
                {p: (c.version, c.rows, c.received) for p, c in m.contributions.items()},
            )
            for m in status.members
        ),
        requests=tuple(JoinRequestInfo(r.request_id, r.node_id, r.name) for r in status.requests),
        projects=tuple(shared),
        counters={f"refused: {reason}": count for reason, count in status.refusals.items()}
        | {"waiting for a charter": status.waiting},
    )


def shares_of(fused: Fused) -> tuple[Share, ...]:
    return tuple(Share(part.node_id, part.name, part.version, part.rows) for part in fused.contributions)
